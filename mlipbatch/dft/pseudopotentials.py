"""What a label says of the pseudopotentials that it was made with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.upf import read_upf

CHECKSUM = 16  # digits of SHA-256 that a label carries


def named(elements: Iterable[str], dft: DFTConfig) -> str:
    """One word an element, ELEMENT:FILE:CHECKSUM, sorted. Raises OSError where a file cannot be read."""
    return " ".join(f"{element}:{path.name}:{_checksum(path)}" for element, path in _files(elements, dft).items())


def functional(elements: Iterable[str], dft: DFTConfig) -> str:
    """The functional that the files were made with; "" where none says."""
    found = {read_upf(path).functional for path in _files(elements, dft).values()} - {None}
    return " ".join(sorted(map(str, found)))


def _files(elements: Iterable[str], dft: DFTConfig) -> dict[str, Path]:
    return {element: Path(dft.pseudo_dir) / dft.pseudopotentials[element] for element in sorted(elements)}


def _checksum(path: Path) -> str:
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _read(path: Path, _modified: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:CHECKSUM]
