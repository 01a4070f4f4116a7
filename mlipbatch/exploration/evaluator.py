"""ACE on neighbour lists that somebody else keeps: energy, forces, virial, and the extrapolation grade of every atom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlipbatch.core.potential import Potential

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]


class Evaluation(NamedTuple):
    """What ACE says of the owned atoms; reference energies and ZBL are not in it."""

    energy: float  # eV
    forces: Floats  # [n_owned, 3] eV/A, those on ghosts added to their owners'
    virial: Floats  # [6] eV, xx yy zz xy xz yz, LAMMPS' sign: positive pushes outwards
    gamma: Floats | None  # [n_owned] where it was asked for


class Evaluator:
    """pyace with an active set. Neighbours are set when they change; positions come with every call."""

    def __init__(self, potential: Potential) -> None:
        from pyace.basis import ACEBBasisSet
        from pyace.calculator import ACECalculator
        from pyace.catomicenvironment import ACEAtomicEnvironment
        from pyace.evaluator import ACEBEvaluator

        # pyace keeps no hold on what it is given: basis and evaluator must live as long as the calculator
        self._basis = ACEBBasisSet(str(potential.yaml))
        self._evaluator = ACEBEvaluator(self._basis)
        self._evaluator.load_active_set(str(potential.active_set))
        self._calculator = ACECalculator(self._evaluator)
        self._new_environment = ACEAtomicEnvironment
        self._environment = ACEAtomicEnvironment()
        self._index: dict[str, int] = {str(k): int(v) for k, v in self._basis.elements_to_index_map.items()}

    def types(self, symbols: list[str]) -> Integers:
        """pyace's index of each element."""
        return np.array([self._index[symbol] for symbol in symbols], dtype=np.int32)

    def set_neighbours(self, types: Integers, neighbours: list[Integers], owners: Integers) -> None:
        """Take new lists: `types` and `owners` [n_owned + n_ghosts], `neighbours` one array an owned atom, full lists."""
        self._environment = self._new_environment()  # one whose lists grow reads beyond its own arrays
        self._environment.species_type = types.tolist()
        self._environment.origins = owners.tolist()
        self._environment.neighbour_list = [one.tolist() for one in neighbours]

    def compute(self, positions: Floats, *, grade: bool) -> Evaluation:
        """Evaluate at `positions` [n_owned + n_ghosts, 3] A."""
        self._environment.x = positions
        self._calculator.compute(self._environment, compute_projections=grade)
        return Evaluation(
            energy=float(self._calculator.energy),
            forces=np.asarray(self._calculator.forces, dtype=np.float64),
            virial=-np.asarray(self._calculator.virial, dtype=np.float64),
            gamma=np.asarray(self._calculator.gamma_grade, dtype=np.float64) if grade else None,
        )
