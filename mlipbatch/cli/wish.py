"""retry and cancel: done at once where no daemon serves the project, else handed to it. There is only one writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError
from mlipbatch.core.state import JobState

if TYPE_CHECKING:
    from mlipbatch.store.project import Project


def wish(action: str, paths: list[Path], states: set[JobState], *, dry_run: bool, as_json: bool) -> None:
    """Do `action` to those jobs at or below `paths` that are in one of `states`. Raises InputError where there is none."""
    from mlipbatch.cli.paths import jobs_below
    from mlipbatch.engine.requests import obey

    project, jobs = jobs_below(paths)
    chosen = [job for job in jobs if _state(project, job) in states]
    if not chosen:
        raise InputError(f"no job there is {' or '.join(sorted(states))}: nothing to {action}")
    handed = False if dry_run else obey(project, action, chosen)
    if not dry_run:
        common.say("handed to the daemon" if handed else "done")
    if as_json:
        common.result_json({"action": action, "jobs": chosen, "dry_run": dry_run, "handed_to_daemon": handed})
        return
    for job in chosen:
        common.result(job)


def _state(project: Project, job: str) -> JobState | None:
    """None, and a message, where its folder cannot be understood: nothing else stops for it."""
    from mlipbatch.store import catalogue, jobfolder

    try:
        return catalogue.look(project.jobs, job).state
    except jobfolder.Unreadable as reason:
        common.say(f"{job} is left alone: {reason}")
        return None
