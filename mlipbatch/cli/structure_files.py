"""Structure files as commands read them, and the line that tells how far long work is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

EVERY = 5.0  # s between two progress lines


def read_structures(path: Path) -> list[Atoms]:
    """All structures of a file that ASE reads; InputError where it is missing, unreadable or empty."""
    from ase.io.formats import UnknownFileTypeError

    from mlipbatch.store.durable import read_frames

    if not path.is_file():
        raise InputError("no such file", file=str(path))
    if path.stat().st_size == 0:
        raise InputError("the file is empty; structures are expected", file=str(path))
    try:
        structures = read_frames(path)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        StopIteration,
        TypeError,
        ValueError,
        UnknownFileTypeError,
    ) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"not readable as structures ({why}); extended XYZ is expected", file=str(path)) from error
    if not structures:
        raise InputError("it holds no structures", file=str(path))
    return structures


def check_output(path: Path, *inputs: Path | None) -> None:
    """InputError where `path` cannot be written or would replace an input."""
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}; make it first", file=str(path))
    for source in inputs:
        if source is not None and source.exists() and path.exists() and path.samefile(source):
            raise InputError("the output would replace the input; choose another name", file=str(path))


class ProgressLine:
    """`(done, total)` -> now and then a line on stderr: how many are done, how long the rest takes."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._first: tuple[float, int] | None = None  # when the first call came, and what was done by then
        self._said = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Say it, if it is time to."""
        now = time.monotonic()
        if self._first is None:  # loading a model is no measure of its speed: count from here
            self._first, self._said = (now, done), now
        begun, already = self._first
        if now - self._said < EVERY or done >= total or done <= already:
            return
        self._said = now
        left = (now - begun) * (total - done) / (done - already)
        common.say(f"{self._what}: {done} of {total}, about {duration(left)} left")


def duration(seconds: float) -> str:
    """45 s, 12 min, 3.4 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
