"""Writes that are there whole or not at all, and still there after a power cut."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ase import Atoms


T = TypeVar("T")
Steps = Generator[int, None, T]  # a deed that yields the handle of what has to be durable before it goes on

ODD = frozenset(
    {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENOTEMPTY, errno.EEXIST, errno.ENAMETOOLONG}
)
"""What is wrong with one path, because somebody put something else there; all other errors are the disk's."""

TOGETHER = 16  # a journal takes so many syncs for little more than the price of one
OPEN_AT_ONCE = 256  # files

_synced = True


def is_odd(error: BaseException) -> bool:
    """Is this the trouble of one path, and no reason to stop for anything else?"""
    return isinstance(error, OSError) and error.errno in ODD


@contextmanager
def unsynced() -> Iterator[None]:
    """For benchmarks that measure our own work, and for nothing else: nothing written inside survives a power cut."""
    global _synced  # noqa: PLW0603  a switch of the process, never of a setting or the environment
    _synced = False
    try:
        yield
    finally:
        _synced = True


def durably(steps: Steps[T]) -> T:
    """Take the steps of one deed, each sync where it stands."""
    return _value(in_step([steps])[0])


def in_step(deeds: Sequence[Steps[T]]) -> list[T | BaseException]:
    """Take the steps of many deeds that have nothing to do with each other side by side: their syncs wait together.

    A deed yields the handle of what has to be durable before it goes on, so its own order on the disk is kept.
    Returns, in their order, what the deeds return or what they raised.
    """
    outcomes: list[T | BaseException] = []
    for low in range(0, len(deeds), OPEN_AT_ONCE):
        outcomes += _side_by_side(deeds[low : low + OPEN_AT_ONCE])
    return outcomes


def _side_by_side(deeds: Sequence[Steps[T]]) -> list[T | BaseException]:
    outcomes: dict[int, T | BaseException] = {}
    waiting = dict.fromkeys(range(len(deeds)))  # deed -> what its last sync raised
    while waiting:
        handles: dict[int, int] = {}
        for number, error in waiting.items():
            try:
                handles[number] = deeds[number].throw(error) if error else next(deeds[number])
            except StopIteration as done:
                outcomes[number] = done.value
            except BaseException as error:  # noqa: BLE001  whoever asked decides, also about an interruption
                outcomes[number] = error
        waiting = dict(zip(handles, _sync_all(list(handles.values())), strict=True))
    return [outcomes[number] for number in range(len(deeds))]


def _sync_all(handles: Sequence[int]) -> list[BaseException | None]:
    if not _synced:
        return [None] * len(handles)
    return [
        one if isinstance(one, BaseException) else None for one in together([partial(os.fsync, h) for h in handles])
    ]


def together(deeds: Sequence[Callable[[], T]]) -> list[T | BaseException]:
    """Do things that wait for the disk and have nothing to do with each other in threads.

    Returns, in their order, what they return or what they raised.
    """
    if len(deeds) < 2:
        return [_outcome(deed) for deed in deeds]
    with ThreadPoolExecutor(min(TOGETHER, len(deeds)), thread_name_prefix="durable") as threads:
        return list(threads.map(_outcome, deeds))


def all_of_them(deeds: Sequence[Callable[[], T]]) -> list[T]:
    """`together`; where one fails the others are done, and what it raised is raised."""
    return [_value(outcome) for outcome in together(deeds)]


def _outcome(deed: Callable[[], T]) -> T | BaseException:
    try:
        return deed()
    except BaseException as error:  # noqa: BLE001  whoever asked decides, also about an interruption
        return error


def _value(outcome: T | BaseException) -> T:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def syncing(folder: Path | str) -> Steps[None]:
    """Make renames and new names in `folder` durable."""
    if not _synced:  # it would be opened for nothing
        return
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """`syncing`, at once."""
    durably(syncing(folder))


def sync_tree(folder: Path) -> None:
    """Make a folder, and all that is in it, durable."""
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink():
            sync_folder(path)


def placing(path: Path | str, data: bytes) -> Steps[None]:
    """Replace `path` by `data`: temporary file beside it, fsync, rename. The new name lasts once its folder is synced.

    Raises OSError (disk full, quota, permission); `path` then still holds what it held.
    """
    draft = yield from drafting(path, data)
    try:
        os.rename(draft, path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise


def drafting(path: Path | str, data: bytes) -> Steps[str]:
    """A temporary file beside `path` that holds `data`, synced; its name. Raises OSError, and leaves none then."""
    parent, _, name = str(path).rpartition("/")
    temporary = (
        f"{parent or '.'}/.{name}.{get_native_id()}.tmp"  # two threads may write one file: job folders get copied
    )
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(handle, data)
            yield handle
        finally:
            os.close(handle)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def write_bytes(path: Path, data: bytes) -> None:
    """`placing`, and fsync of the folder, at once."""
    durably(placing(path, data))
    sync_folder(path.parent)


def read_small(path: str) -> bytes:
    """A file of a few lines, in three system calls: this is done for hundreds of jobs in one tick."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, 65536)
    finally:
        os.close(handle)


def append(path: str, line: str) -> None:
    """Add a line to a log; it lasts when the system gets to it."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode())


def making_folder(folder: Path, texts: Mapping[str, str]) -> Steps[None]:
    """Make a folder that nobody looks at yet, with these files in UTF-8: each synced, the folder once."""
    folder.mkdir()
    for name, text in texts.items():
        yield from placing(f"{folder}/{name}", text.encode())
    yield from syncing(folder)


def write_frames(path: Path, frames: Sequence[Atoms]) -> None:
    """Write structures as extended XYZ, atomically; info and arrays go along (`mlipbatch.core.frames` has their names)."""
    write_text(path, render_frames(frames))


def render_frames(frames: Sequence[Atoms]) -> str:
    """Structures as extended XYZ. Empty texts are left out: ASE writes `key=` and reads the next entry as its value."""
    from ase.io.extxyz import write_extxyz

    buffer = io.StringIO()
    for frame in frames:
        bare = frame.copy()  # no calculator: labels live under their REF_ names only
        bare.info = {key: value for key, value in bare.info.items() if not (isinstance(value, str) and not value)}
        write_extxyz(buffer, [bare], write_results=False)
    return buffer.getvalue()


def read_frames(path: Path) -> list[Atoms]:
    """All structures of an extended XYZ file (or any file that ASE reads). Raises ValueError where it is torn."""
    return list(iter_frames(path))


def iter_frames(path: Path) -> Iterator[Atoms]:
    """`read_frames`, one after the other: there may be more than memory holds."""
    from ase.io import iread
    from ase.io.extxyz import XYZError

    try:
        yield from iread(path, index=":")
    except (XYZError, RuntimeError, LookupError) as error:  # ASE's, the first of them an OSError
        raise ValueError(f"{path} cannot be read: {error!r}") from error


def frame_sizes(path: Path) -> Iterator[int]:
    """Atoms of each structure in an extended XYZ file, without parsing it: there may be millions."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.strip().isdigit():
                break
            yield int(line)
            for _ in range(int(line) + 1):
                next(lines, "")


def count_frames(path: Path) -> int:
    """Structures in an extended XYZ file."""
    return sum(1 for _ in frame_sizes(path))
