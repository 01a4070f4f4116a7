"""`mlipbatch why`: why is this job in the state it is in, and what would change that?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common


def why(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A job folder, or its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say why a job waits, runs, is done or failed, and what to do about it."""
    from mlipbatch.cli.paths import job_at
    from mlipbatch.engine.story import reason, tell
    from mlipbatch.store.jobfolder import Unreadable

    project, job = job_at(path)
    try:
        story = tell(project, job)
        state, sentences = story["state"], reason(project, story)
    except Unreadable as unreadable:
        state, sentences = "?", [f"{job} is set aside: {unreadable}"]
    if as_json:
        common.result_json({"id": job, "state": state, "why": sentences})
        return
    common.result("\n".join(sentences))
