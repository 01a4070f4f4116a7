"""What lies on the disk for a job, and what of it goes the moment it is of no more use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlipbatch.stages.base import Attempt

BLOCK = 512  # bytes of st_blocks, whatever the file system's own blocks are (man 2 stat)


def used(path: Path) -> int:
    """Bytes that a file, or a folder with all below it, takes on the disk; links are not followed, hard links count once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for status in _statuses(path):
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            total += BLOCK * status.st_blocks
    return total


def _statuses(path: Path) -> Iterator[os.stat_result]:
    """Of everything there; what goes away meanwhile is left out."""
    try:
        yield os.lstat(path)
        if path.is_symlink() or not path.is_dir():
            return
        below = list(path.iterdir())
    except OSError:
        return
    for one in below:
        yield from _statuses(one)


def matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """What matches in an attempt's folder; also a link into a scratch that is gone, which is not globbed."""
    found = {path for pattern in patterns for path in {folder / pattern, *folder.glob(pattern)}}
    return sorted(path for path in found if os.path.lexists(path))


def clean(
    attempts: Sequence[Attempt], patterns: Sequence[str], restart_from: int | None = None, kept: Sequence[str] = ()
) -> int:
    """Take away what matches `patterns`, but of attempt `restart_from` what matches `kept`. Returns the bytes that were freed.

    Links are taken away, not what they lead to. What cannot be removed is left for `mlipbatch clean`.
    """
    freed = 0
    for attempt in attempts:
        wanted = set(matching(attempt.folder, kept)) if attempt.number == restart_from else set()
        freed += sum(_remove(path, wanted) for path in matching(attempt.folder, patterns))
    return freed


def _remove(path: Path, wanted: set[Path]) -> int:
    """Remove all but what is wanted, and the folders that it lies in."""
    if path in wanted:
        return 0
    if any(path in one.parents for one in wanted):
        return sum(_remove(one, wanted) for one in list(path.iterdir()))
    size = used(path)
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return max(0, size - used(path))
    return size
