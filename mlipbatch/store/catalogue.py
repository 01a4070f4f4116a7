"""A project's jobs wherever they lie: in folders of their own, or packed. For whoever only reads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlipbatch.store import archive, jobfolder, listing


def ids(jobs: Path) -> list[str]:
    """All jobs, sorted by group and name; drafts are left out."""
    found: list[str] = []
    for group in sorted({*listing.groups(jobs), *archive.groups(jobs)}):
        names = {*listing.folders(jobs / group), *(one.name for one in archive.every(jobs, group))}
        found.extend(f"{group}/{name}" for name in sorted(names))
    return found


def exists(jobs: Path, job: str) -> bool:
    """Is there such a job?"""
    return (jobs / job).is_dir() or archive.find(jobs, job) is not None


def look(jobs: Path, job: str) -> jobfolder.Look:
    """State, HOLD and attempts. Raises jobfolder.Unreadable, FileNotFoundError."""
    try:
        return jobfolder.look(jobs / job)
    except FileNotFoundError:
        packed = archive.find(jobs, job)
        if packed is None:
            raise
        return packed.look


def last_note(jobs: Path, job: str) -> str:
    """The last line of a job's history without its time."""
    packed = None if (jobs / job).is_dir() else archive.find(jobs, job)
    return packed.note if packed else jobfolder.last_note(jobs / job)


@contextmanager
def opened(jobs: Path, job: str, only: str = "") -> Iterator[Path]:
    """The job's folder to read from; of a packed one a copy, or a copy of one file's folder with only that file in it.

    Raises FileNotFoundError where there is no such job or file, archive.Damaged.
    """
    if (jobs / job).is_dir():
        yield jobs / job
        return
    with tempfile.TemporaryDirectory(prefix="mlipbatch-") as scratch:
        try:
            yield archive.extract(jobs, job, Path(scratch), only)
        except KeyError:
            raise FileNotFoundError(f"{jobs / job} is neither a folder nor in an archive") from None
