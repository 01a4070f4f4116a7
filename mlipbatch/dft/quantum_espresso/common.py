"""What the labels of one campaign have in common, and what any other label must share to be trained on together with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.upf import read_upf
from mlipbatch.core.consistency import PSEUDOPOTENTIALS
from mlipbatch.dft.quantum_espresso.parameters import base_parameters, extra

ENERGY_KIND = "E-TS"  # of pw.x's `!` line: the free energy, whose derivatives forces and stress are
CHECKSUM = 16  # digits of SHA-256 that a label carries


def common(elements: Iterable[str], dft: DFTConfig) -> dict[str, str | int | float]:
    """By the names of `mlipbatch.core.consistency`; `degauss` is the data set's own, whatever an attempt has. Cutoffs in Ry."""
    system = extra(dft).get("system", {})
    files = {element: Path(dft.pseudo_dir) / dft.pseudopotentials[element] for element in sorted(elements)}
    functionals = {read_upf(path).functional for path in files.values()} - {None}
    found: dict[str, str | int | float] = {
        "code": "quantum_espresso",
        "functional": str(system.get("input_dft", "")).lower() or " ".join(sorted(map(str, functionals))),
        "ecutwfc": float(system.get("ecutwfc", dft.ecutwfc)),
        "ecutrho": float(system.get("ecutrho", dft.ecutrho)),
        "smearing": str(system.get("smearing", dft.smearing)),
        "degauss": float(base_parameters(dft)["degauss"]),
        "nspin": int(system.get("nspin", dft.nspin)),
        "energy_kind": ENERGY_KIND,
        PSEUDOPOTENTIALS: " ".join(f"{element}:{path.name}:{checksum(path)}" for element, path in files.items()),
    }
    return {key: value for key, value in found.items() if value != ""}


def checksum(path: Path) -> str:
    """The first digits of a file's SHA-256. Raises OSError where it cannot be read."""
    stat = path.stat()
    return _checksum(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _checksum(path: Path, _modified: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:CHECKSUM]
