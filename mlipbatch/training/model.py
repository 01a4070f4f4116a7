"""A potential in memory: references + ZBL + ACE, with the extrapolation grade of every atom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from mlipbatch.core.potential import Potential, read_potential
from mlipbatch.training.basis import load_basis
from mlipbatch.training.environment import environment
from mlipbatch.training.zbl import Array, Prediction, zbl

PYACE_VOIGT = [0, 1, 2, 5, 4, 3]  # pyace: xx yy zz xy xz yz -> ASE: xx yy zz yz xz xy


class Model:
    """Predicts total energies (as in the labels), forces, virials and grades. Small cells and open boundaries are fine."""

    def __init__(self, basis: Any, potential: Potential, *, graded: bool = True) -> None:
        from pyace import ACEBEvaluator, ACECalculator

        self.potential = potential
        self._basis = basis  # pyace keeps no hold on what it is given
        self._evaluator = ACEBEvaluator(basis)
        if graded:
            self._evaluator.load_active_set(str(potential.active_set))
        self._graded = graded
        self._calculator = ACECalculator(self._evaluator)

    def predict(self, atoms: Atoms) -> tuple[Prediction, Array]:
        """Energy (eV), forces, virial, and gamma [n_atoms] (zeros without an active set) of `atoms`.

        Raises InputError for an element that the potential does not know.
        """
        self.potential.need_elements(set(atoms.symbols), "the structure")
        core = zbl(atoms, self.potential.zbl_inner, self.potential.zbl_outer)
        self._calculator.compute(environment(atoms, self._basis), compute_projections=self._graded)
        energy = (
            self._calculator.energy
            + core.energy
            + sum(self.potential.reference_energies[symbol] for symbol in atoms.symbols)
        )
        forces = np.array(self._calculator.forces) + core.forces
        virial = np.array(self._calculator.virial)[PYACE_VOIGT] + core.virial
        gamma = np.array(self._calculator.gamma_grade) if self._graded else np.zeros(len(atoms))
        return Prediction(float(energy), forces, virial), gamma


def load_model(folder: Path) -> Model:
    """The potential in `folder`; InputError where there is none."""
    potential = read_potential(folder)
    return Model(load_basis(potential.yaml), potential)
