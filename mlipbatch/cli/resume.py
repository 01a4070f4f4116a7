"""`mlipbatch resume`: go on after a pause, of yours or after a refusal."""

from __future__ import annotations

from mlipbatch.cli import common
from mlipbatch.cli.pause import ProjectArgument


def resume(path: ProjectArgument = None) -> None:
    """Let a paused project go on."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store import control

    project = project_at(path)
    paused = control.resume(project)
    common.say(f"{project.name} goes on" if paused else f"{project.name} was not paused")
