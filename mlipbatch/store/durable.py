"""Writes that are there whole or not at all, and still there after a power cut."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: temporary file beside it, fsync, rename, fsync of the folder.

    Raises OSError (disk full, quota, permission); `path` then still holds what it held.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode())


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
    from ase.io import read
    from ase.io.extxyz import XYZError

    try:
        frames = read(path, index=":")
    except (XYZError, RuntimeError, LookupError) as error:  # ASE's, the first of them an OSError
        raise ValueError(f"{path} cannot be read: {error!r}") from error
    return list(frames) if isinstance(frames, list) else [frames]
