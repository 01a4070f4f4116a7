"""`mlipbatch stop`: end the daemon of a project, from any login node."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.cli.pause import ProjectArgument

LOOK_S = 0.2


def stop(
    path: ProjectArgument = None,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for it.")] = 30.0,
) -> None:
    """Ask the daemon that serves a project to leave it; jobs in the queue run on, and the next daemon finds them."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store import control
    from mlipbatch.store.lease import latest, owner

    project = project_at(path)
    who, generation = owner(project), control.ask_to_stop(project)
    if generation is None:
        common.say(f"no daemon serves {project.name}")
        return
    end = time.monotonic() + wait
    while (last := latest(project.private)) and last.generation == generation and not last.released:
        if time.monotonic() > end:
            common.say(f"{who} was asked to stop and has not yet: it does at its next look, if it lives")
            raise typer.Exit(common.FAILED)
        time.sleep(LOOK_S)
    common.say(f"{who} has left {project.name}")
