"""What a surrogate is: anything that gives energies and forces of structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

SURROGATE_ENERGY = "surrogate_energy"  # Atoms.info: eV, total
SURROGATE_FORCES = "surrogate_forces"  # Atoms.arrays [n_atoms, 3]: eV/A
SURROGATE_MODEL = "surrogate_model"  # Atoms.info: which model they are from

Progress = Callable[[int, int], None]  # (done, total)


@dataclass(frozen=True)
class Evaluation:
    """Energy and forces of one structure."""

    energy: float  # eV, total
    forces: NDArray[np.float64]  # [n_atoms, 3], eV/A


@dataclass(frozen=True)
class Refusal:
    """The model has no answer for a structure, and why."""

    why: str


class Surrogate(Protocol):
    """A model that is loaded and ready."""

    name: str

    def evaluate(self, frames: Sequence[Atoms]) -> Iterator[Evaluation | Refusal]:
        """One answer a frame, in their order, as they become known."""
