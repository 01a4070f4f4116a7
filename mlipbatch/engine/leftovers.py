"""Scratch that was left behind, found and taken away: `mlipbatch clean`.

It needs no lease. Looked at are only attempts of a round that is over, whose job has ended and whose program is over for certain.
No later attempt starts from their density (a retry starts afresh), and nobody writes there any more. A job that is put back
meanwhile makes a new attempt folder, so whoever serves the project and this command never touch the same file; a daemon that
deleted gigabytes by itself would stand still for all its projects.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlipbatch import dft
from mlipbatch.config.model import Config
from mlipbatch.core.state import ENDED
from mlipbatch.engine import observe
from mlipbatch.stages import disk, label
from mlipbatch.stages.base import Attempt, read_attempts
from mlipbatch.store import claim, jobfolder, listing
from mlipbatch.store.project import Project

GRACE_S = 900.0  # after its wall time a program that left no exit marker is over: schedulers are some minutes late


@dataclass(frozen=True)
class Leftover:
    """Something in an attempt's folder that nobody needs."""

    job: str
    attempt: int
    path: Path
    bytes: int


@dataclass(frozen=True)
class Found:
    """What a look at all job folders came to."""

    bytes: int = 0  # of all job folders
    leftovers: list[Leftover] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # ``JOB/attempt-N`` -> why its scratch is left


def look(project: Project, config: Config) -> Found:
    """All that is left behind; nothing is changed. What is packed holds no scratch."""
    patterns = dft.code(config.resources.dft_code).disposable
    now = _now(project)
    leftovers: list[Leftover] = []
    refused: dict[str, str] = {}
    for job in _jobs(project):
        for attempt in _with_scratch(project.jobs / job, patterns):
            why = _needed(project.jobs / job, attempt, now)
            if why:
                refused[f"{job}/{attempt.folder.name}"] = why
                continue
            leftovers += [
                Leftover(job, attempt.number, path, disk.used(path))
                for path in [*disk.matching(attempt.folder, patterns), *_workspace(attempt, patterns)]
            ]
    return Found(disk.used(project.jobs), leftovers, refused)


def take_away(project: Project, config: Config, leftovers: list[Leftover]) -> list[Leftover]:
    """Remove them, each looked at once more just before. Returns those that are gone; `bytes` is what that freed."""
    patterns = dft.code(config.resources.dft_code).disposable
    now, gone = _now(project), []
    for one in sorted(leftovers, key=lambda one: project.jobs in one.path.parents):  # links last: they show the way
        folder = project.jobs / one.job
        attempt = next((found for found in _with_scratch(folder, patterns) if found.number == one.attempt), None)
        if attempt is not None and not _needed(folder, attempt, now):
            if one.path.parent != attempt.folder:
                shutil.rmtree(one.path, ignore_errors=True)
            else:
                disk.clean([attempt], [one.path.name])
            if not os.path.lexists(one.path):
                gone.append(one)
    return gone


def _jobs(project: Project) -> Iterator[str]:
    """Jobs of a DFT code that have a folder."""
    for group in listing.groups(project.jobs):
        if group.endswith(f"/{label.KIND}"):
            yield from (f"{group}/{name}" for name in listing.folders(project.jobs / group))


def _with_scratch(folder: Path, patterns: tuple[str, ...]) -> list[Attempt]:
    """Attempts that hold something disposable; records are read only where there is one."""
    try:
        last = jobfolder.look(folder).attempts
        paths = (jobfolder.attempt_folder(folder, number) for number in range(1, last + 1))
        return read_attempts(folder) if any(disk.matching(path, patterns) for path in paths) else []
    except (jobfolder.Unreadable, OSError):
        return []


def _workspace(attempt: Attempt, patterns: tuple[str, ...]) -> list[Path]:
    """What a killed job left in the site's scratch, as far as it is seen from here: a folder with the attempt's token."""
    token = observe.evidence(attempt.folder).token
    links = [path for path in disk.matching(attempt.folder, patterns) if path.is_symlink()]
    places = {path.readlink().parent for path in links}
    return [place for place in places if token and place.name == token and place.is_dir() and not place.is_symlink()]


def _needed(folder: Path, attempt: Attempt, now: float | None) -> str:
    """Why the scratch of an attempt must stay; empty where nobody needs it."""
    try:
        seen = jobfolder.look(folder)
    except (jobfolder.Unreadable, OSError) as reason:
        return str(reason)
    later = (jobfolder.attempt_folder(folder, number) for number in range(attempt.number, seen.attempts + 1))
    closed = any(
        jobfolder.read_record(path / "verdict.yaml").get("decision") in {"accept", "give up"} for path in later
    )
    if not closed and seen.state not in ENDED:
        return f"the job is {seen.state}: a restart may want it"
    return _running(attempt, now)


def _running(attempt: Attempt, now: float | None) -> str:
    """Why its program may be running still: it was taken up, left no exit marker, and nobody judged its end."""
    seen = observe.evidence(attempt.folder)
    over = seen.exit_code is not None or seen.settled or "exit_code" in attempt.verdict
    if over or not seen.began:
        return ""
    try:
        since = max((attempt.folder / claim.slot(number)).stat().st_mtime for number in range(seen.claims))
    except (OSError, ValueError):
        return "it was started, and when is not known"
    if now is not None and now > since + seen.walltime_s + GRACE_S:
        return ""
    return "it may be running: it left no exit marker, and its wall time is not up"


def _now(project: Project) -> float | None:
    """By the clock of the file server, which the times of files are of; None where nothing may be written."""
    try:
        with tempfile.TemporaryFile(dir=project.private) as fresh:
            return os.fstat(fresh.fileno()).st_mtime
    except OSError:
        return None
