"""Writes that are there whole or not at all, and still there after a power cut."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ase import Atoms


T = TypeVar("T")
TOGETHER = 16  # a journal takes so many syncs for little more than the price of one

_synced = True


@contextmanager
def unsynced() -> Iterator[None]:
    """For benchmarks that measure our own work, and for nothing else: nothing written inside survives a power cut."""
    global _synced  # noqa: PLW0603  a switch of the process, never of a setting or the environment
    _synced = False
    try:
        yield
    finally:
        _synced = True


def _fsync(handle: int) -> None:
    if _synced:
        os.fsync(handle)


def together(deeds: Sequence[Callable[[], T]]) -> list[T | BaseException]:
    """Do things that have nothing to do with each other, so that their syncs wait together and not one after the other.

    Each deed keeps its own order on the disk. Returns, in their order, what they return or what they raised.
    """
    if len(deeds) < 2:
        return [_outcome(deed) for deed in deeds]
    with ThreadPoolExecutor(min(TOGETHER, len(deeds)), thread_name_prefix="durable") as threads:
        return list(threads.map(_outcome, deeds))


def _outcome(deed: Callable[[], T]) -> T | BaseException:
    try:
        return deed()
    except BaseException as error:  # noqa: BLE001  whoever asked decides, also about an interruption
        return error


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _fsync(handle)
    finally:
        os.close(handle)


def place_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: temporary file beside it, fsync, rename. The new name lasts once its folder is synced.

    Raises OSError (disk full, quota, permission); `path` then still holds what it held.
    """
    temporary = f"{path.parent}/.{path.name}.{os.getpid()}.tmp"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(handle, data)
            _fsync(handle)
        finally:
            os.close(handle)
        os.rename(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def write_bytes(path: Path, data: bytes) -> None:
    """`place_bytes`, and fsync of the folder."""
    place_bytes(path, data)
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode())


def write_new_folder(folder: Path, texts: dict[str, str]) -> None:
    """Make a folder that nobody looks at yet, with these files in UTF-8: each synced, the folder once."""
    folder.mkdir()
    for name, text in texts.items():
        place_bytes(folder / name, text.encode())
    sync_folder(folder)


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
