"""`mlipbatch resume`: go on after a pause, of yours or after a refusal."""

from __future__ import annotations

from mlipbatch.cli import common
from mlipbatch.cli.pause import JsonOption, ProjectArgument


def resume(path: ProjectArgument = None, as_json: JsonOption = False) -> None:
    """Let a paused project go on."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store import control

    project = project_at(path)
    paused = control.resume(project)
    if as_json:
        common.result_json({"project": project.name, "paused": False, "was_paused": paused})
        return
    common.say(f"{project.name} goes on" if paused else f"{project.name} was not paused")
