"""Drafts that a killed daemon left: hidden names beside what they were to become. Only the holder of the lease clears them.

A daemon that was followed while it stood still finds its draft gone, and, before it writes anything else, the newer lease. What
a running job may be writing is never touched.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mlipbatch.store.project import FOLDERS, Project

OLD_S = 86400.0  # in folders that not only the holder writes to, a draft so old is nobody's

OF_FILE = r"\..+\.\d+\.tmp"  # durable.drafting
IN_JOB = re.compile(rf"{OF_FILE}|\.attempt-\d+\.[0-9a-f]{{8}}")  # and attempt.create
OF_JOB = re.compile(r"\.[^.].*\.(tmp|back)")  # among the job folders: jobfolder.creating, archive.bring_back
IN_ATTEMPT = re.compile(  # what the daemon writes there; jobs have drafts of their own in it
    r"\.(job_id|verdict\.yaml|killed|elsewhere|\.revoked\.[0-9a-f]{8})\.\d+\.tmp|\.revoked\.[0-9a-f]{8}"
)
ELSEWHERE = re.compile(rf"{OF_FILE}|\.lease\.[0-9a-f]{{8}}|\.beat\.\d+")


def among(names: Iterable[str], pattern: re.Pattern[str] = IN_JOB) -> list[str]:
    """Those names that are drafts; of a job folder unless told otherwise."""
    return [name for name in names if name.startswith(".") and pattern.fullmatch(name)]


def clear_job(path: Path) -> None:
    """Remove a job folder that is itself a draft, or the drafts in one. Raises nothing: what cannot go now goes another time."""
    if OF_JOB.fullmatch(path.name):
        shutil.rmtree(path, ignore_errors=True)
    else:
        _clear(path, IN_JOB)


def clear_attempt(attempt: Path) -> None:
    """Remove what a daemon was writing into an attempt when it died."""
    _clear(attempt, IN_ATTEMPT)


def clear_project(project: Project, lease: int) -> None:
    """Remove old drafts outside jobs/. Old by the file server's clock alone: beside the lease, `lease` its generation."""
    with suppress(OSError):
        now = (project.private / f"lease.{lease:06d}").stat().st_mtime
        for folder in (project.root, project.private, *(project.root / name for name in FOLDERS if name != "jobs")):
            for name in among(_names(folder), ELSEWHERE):
                with suppress(OSError):
                    if (folder / name).lstat().st_mtime < now - OLD_S:
                        _remove(folder / name)


def _clear(folder: Path, pattern: re.Pattern[str]) -> None:
    for name in among(_names(folder), pattern):
        _remove(folder / name)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
