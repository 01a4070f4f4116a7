"""How new an environment would still be if others had been learnt: gamma with an active set that grows.

Gamma is the largest |c_k| of c = B A^-1, where B are an atom's projections on the basis and the rows of A those of the active
set. Learning an environment puts it in the place of the row k that it exceeds most, as MaxVol does (Podryabinkin and Shapeev,
Comput. Mater. Sci. 140, 171 (2017)); A^-1 follows by the Sherman-Morrison formula.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.core.potential import Potential
from mlipbatch.embedding.surroundings import neighbours

Floats = NDArray[np.float64]


class ActiveSet:
    """The active set of one element, as its inverse A^-1 [n, n]."""

    def __init__(self, inverse: Floats) -> None:
        self.inverse = np.array(inverse, dtype=np.float64)

    def grades(self, projections: Floats) -> Floats:
        """Gamma [m] of `projections` [m, n]."""
        return np.asarray(np.abs(projections @ self.inverse).max(axis=1), dtype=np.float64)

    def learn(self, projection: Floats) -> None:
        """Put an environment [n] into the set, in place of the one that makes the volume largest."""
        c = projection @ self.inverse
        k = int(np.abs(c).argmax())
        change = c.copy()
        change[k] -= 1.0
        self.inverse -= np.outer(self.inverse[:, k], change) / c[k]


class Projector:
    """Projections of single atoms on a potential's basis."""

    def __init__(self, potential: Potential) -> None:
        from pyace.basis import ACEBBasisSet
        from pyace.calculator import ACECalculator
        from pyace.evaluator import ACEBEvaluator

        # pyace keeps no hold on what it is given: basis and evaluator must live as long as the calculator
        self._basis = ACEBBasisSet(str(potential.yaml))
        self._evaluator = ACEBEvaluator(self._basis)
        self._calculator = ACECalculator(self._evaluator)

    def project(self, frame: Atoms, atom: int) -> Floats:
        """B [n] of an atom with its neighbours, images included."""
        from ase.data import chemical_symbols
        from pyace.catomicenvironment import ACEAtomicEnvironment

        vectors, numbers = neighbours(frame, atom, float(self._basis.cutoffmax))
        kinds = [int(self._basis.elements_to_index_map[chemical_symbols[n]]) for n in (frame.numbers[atom], *numbers)]
        environment = ACEAtomicEnvironment()
        environment.x = np.vstack([np.zeros(3), vectors])
        environment.species_type = kinds
        environment.neighbour_list = [list(range(1, len(kinds)))]
        environment.origins = [0] * len(kinds)  # forces are of no interest
        self._calculator.compute(environment, compute_projections=True)
        return np.ravel(self._calculator.projections[0]).astype(np.float64)


def active_sets(potential: Potential) -> dict[str, ActiveSet]:
    """The active set of each element of a potential."""
    with np.load(potential.active_set) as stored:
        return {str(symbol): ActiveSet(stored[symbol]) for symbol in stored.files}
