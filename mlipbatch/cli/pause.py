"""`mlipbatch pause`: let nothing more be submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common

ProjectArgument = Annotated[
    Path | None, typer.Argument(metavar="[PROJECT]", help="A project; the one here unless given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


def pause(
    path: ProjectArgument = None,
    why: Annotated[str, typer.Option("--because", metavar="TEXT", help="What `status` will say.")] = "by you",
    as_json: JsonOption = False,
) -> None:
    """Submit nothing more of a project; what is in the queue goes on and is looked after. `resume` ends it."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store import control

    project = project_at(path)
    because = " ".join(why.split())
    control.pause(project, control.Pause(because))
    if as_json:
        common.result_json({"project": project.name, "paused": True, "because": because})
        return
    common.say(f"{project.name} is paused: nothing more is submitted, what runs goes on; `mlipbatch resume` ends it")
