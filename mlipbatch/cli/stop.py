"""`mlipbatch stop`: end the daemon of a project, from any login node."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.cli.pause import JsonOption, ProjectArgument

if TYPE_CHECKING:
    from mlipbatch.store.project import Project

LOOK_S = 0.2


def stop(
    path: ProjectArgument = None,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for it.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Ask the daemon that serves a project to leave it; jobs in the queue run on, and the next daemon finds them."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store import control
    from mlipbatch.store.lease import owner

    project = project_at(path)
    who, generation = owner(project), control.ask_to_stop(project)
    end = time.monotonic() + wait
    while serving := generation is not None and _serves(project, generation):
        if time.monotonic() > end:
            break
        time.sleep(LOOK_S)
    if as_json:
        served_by = None if generation is None else who
        common.result_json({"project": project.name, "served_by": served_by, "stopped": not serving})
    elif generation is None:
        common.say(f"no daemon serves {project.name}")
    elif serving:
        common.say(f"{who} was asked to stop and has not yet: it does at its next look, if it lives")
    else:
        common.say(f"{who} has left {project.name}")
    if serving:
        raise typer.Exit(common.FAILED)


def _serves(project: Project, generation: int) -> bool:
    from mlipbatch.store.lease import latest

    last = latest(project.private)
    return last is not None and last.generation == generation and not last.released
