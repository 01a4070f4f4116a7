"""A label as the check needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.core import frames

if TYPE_CHECKING:
    from ase import Atoms

GPA = 160.21766208  # an eV/A^3


@dataclass(frozen=True)
class Result:
    """Energy (eV, E - TS), forces [n_atoms, 3] (eV/A), stress [6] (eV/A^3, Voigt), and what else its label says."""

    energy: float
    forces: np.ndarray
    stress: np.ndarray
    kpoints: str = ""  # 6x6x6
    smearing: float | None = None  # eV, -TS
    magnetization: float | None = None  # Bohr magnetons a cell
    seconds: float = 0.0  # wall time of the attempt that counted


def result_of(label: Atoms) -> Result:
    """From the structure that the DFT factory gives back."""
    info = label.info
    return Result(
        energy=float(info[frames.REF_ENERGY]),
        forces=np.asarray(label.get_array(frames.REF_FORCES), dtype=float),
        stress=np.asarray(info[frames.REF_STRESS], dtype=float),
        kpoints=str(info.get("dft_kpoints", "")),
        smearing=_number(info.get("dft_smearing_ev")),
        magnetization=_number(info.get("dft_magnetization")),
        seconds=float(info.get("dft_wall_s", 0.0)),
    )


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
