"""Failpoints in the process itself: at the n-th call that writes, the daemon is dead, and dead it stays: it writes nothing more.

Python's own file functions are watched, which is where all of the engine's writes pass. strace (`straced`) is the truth; this is
quick: a tick that dies here costs milliseconds, so that thousands can.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CALLS = (
    "rename",
    "replace",
    "link",
    "symlink",
    "unlink",
    "mkdir",
    "rmdir",
    "fsync",
    "fdatasync",
    "truncate",
    "chmod",
    "utime",
)


class Killed(BaseException):
    """The process is gone; nothing can catch this that catches errors."""


class Failpoint:
    """Counts the calls that write; from the `when`-th on it does what `strike` does."""

    def __init__(self, when: int, strike: Callable[[str], None]) -> None:
        self.left, self.strike = when, strike

    def __call__(self, call: str) -> None:
        self.left -= 1
        if self.left <= 0:
            self.strike(call)

    @property
    def struck(self) -> bool:
        """Did it come to that?"""
        return self.left <= 0


def die(call: str) -> None:
    """As SIGKILL."""
    raise Killed(call)


def full(call: str) -> None:
    """As a disk without room; renames and removals still work there."""
    if call in {"open", "mkdir", "fsync", "link", "symlink"}:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def failpoint(when: int, strike: Callable[[str], None] = die) -> Iterator[Failpoint]:
    """Watch the writes of this process in here."""
    point = Failpoint(when, strike)
    kept = {name: getattr(os, name) for name in CALLS}
    opened, os_opened = io.open, os.open

    def watched(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            point(name)
            return kept[name](*args, **options)

        return call

    def watched_open(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if set(mode) & set("wxa+"):
            point("open")
        return opened(file, mode, *args, **options)

    def watched_os_open(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            point("open")
        return os_opened(path, flags, *args, **options)

    for name in CALLS:
        setattr(os, name, watched(name))
    io.open, os.open = watched_open, watched_os_open  # type: ignore[assignment]
    try:
        yield point
    finally:
        for name, call in kept.items():
            setattr(os, name, call)
        io.open, os.open = opened, os_opened  # type: ignore[assignment]


def for_a_while(calls: int) -> Callable[[str], None]:
    """A disk that has room again after so many calls."""
    left = [calls]

    def strike(call: str) -> None:
        left[0] -= 1
        if left[0] >= 0:
            full(call)

    return strike


def once(deed: Callable[[], None]) -> Callable[[str], None]:
    """Do it at the first call that comes; what it writes itself does not count."""
    done = []

    def strike(_call: str) -> None:
        if not done:
            done.append(True)
            deed()

    return strike
