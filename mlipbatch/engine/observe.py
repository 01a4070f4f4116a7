"""Look: what the disk and the queue say of the jobs that are in the queue. Changes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mlipbatch.core.job import JobEntry
from mlipbatch.schedulers.base import NoInformation, Scheduler, Snapshot
from mlipbatch.store import jobfolder


@dataclass(frozen=True)
class Evidence:
    """What is known of a job's last attempt."""

    token: str  # empty where no intent was written
    scheduler_id: str  # empty where the scheduler's answer never came
    started: bool
    exit_code: int | None  # of the job's own exit marker
    walltime_s: float  # that this attempt asked for


NOTHING = Evidence(token="", scheduler_id="", started=False, exit_code=None, walltime_s=0.0)


def evidence(attempt: Path, before: Evidence | None = None) -> Evidence:
    """What the attempt folder itself says; NOTHING where there is none.

    `before` is what it said a while ago: only what the job itself adds is then looked for.
    """
    try:  # one listing: over a network it is also what brings our view of the folder up to date
        names = os.listdir(attempt)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    if before is None or not before.scheduler_id:
        intent = jobfolder.read_record(attempt / "submit.yaml")
        token, walltime_s = str(intent.get("token", "")), float(intent.get("walltime_s", 0))
        before = replace(NOTHING, token=token, scheduler_id=_read(attempt / "job_id"), walltime_s=walltime_s)
    exit_code = _exit_code(attempt / "exit") if "exit" in names else None
    return replace(before, started="started" in names, exit_code=exit_code)


def ask_queue(scheduler: Scheduler, jobs: dict[str, Evidence], folders: dict[str, Path]) -> Snapshot | None:
    """One query for all of them; None where the scheduler gave no usable answer."""
    known = {seen.scheduler_id: folders[job] for job, seen in jobs.items() if seen.scheduler_id}
    try:
        return scheduler.snapshot(known)
    except NoInformation:
        return None


def last_attempt(jobs: Path, entry: JobEntry) -> Path:
    """The folder of a job's last attempt."""
    folder = jobs / entry.id
    return jobfolder.attempt_folder(folder, jobfolder.look(folder).attempts)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _exit_code(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text.lstrip("-").isdigit() else None
