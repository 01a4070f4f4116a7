"""`mlipbatch show`: a job's whole story."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlipbatch.cli import common


def show(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A job folder, or its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show a job: what was asked, every attempt, what came of it."""
    from mlipbatch.cli.paths import job_at
    from mlipbatch.config.errors import InputError
    from mlipbatch.engine.story import tell
    from mlipbatch.store.jobfolder import Unreadable

    project, job = job_at(path)
    try:
        story = tell(project, job)
    except Unreadable as reason:
        raise InputError(f"{job} is set aside: {reason}") from None
    if as_json:
        common.result_json(story)
        return
    common.result(_text(story))


def _text(story: dict[str, Any]) -> str:
    lines = [f"{story['id']}  {story['state']}{'  (held)' if story['held'] else ''}", f"  {story['folder']}"]
    lines += [f"  {key}: {value}" for key, value in story["parameters"].items() if value not in ("", [], {})]
    for attempt in story["attempts"]:
        lines.append(f"  attempt-{attempt['number']}  {attempt['rung']}: {attempt['why']}")
        lines.append(f"      {attempt['outcome']}")
    lines += [f"  {key}: {value}" for key, value in story["result"].items()]
    lines += ["  history:", *(f"    {line}" for line in story["history"])]
    return "\n".join(lines)
