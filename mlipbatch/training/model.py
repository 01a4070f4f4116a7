"""A potential in memory: references + ZBL + ACE, with the extrapolation grade of every atom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from mlipbatch.config.errors import InputError
from mlipbatch.training.basis import load_basis
from mlipbatch.training.environment import environment
from mlipbatch.training.potential import ACTIVE_SET, BASIS, Facts, read_facts
from mlipbatch.training.zbl import Array, Prediction, zbl

PYACE_VOIGT = [0, 1, 2, 5, 4, 3]  # pyace: xx yy zz xy xz yz -> ASE: xx yy zz yz xz xy


class Model:
    """Predicts total energies (as in the labels), forces, virials and grades. Small cells and open boundaries are fine."""

    def __init__(self, basis: Any, facts: Facts, active_set: Path | None = None) -> None:
        from pyace import ACEBEvaluator, ACECalculator

        self.facts = facts
        self._basis = basis  # pyace keeps no hold on what it is given
        self._evaluator = ACEBEvaluator(basis)
        if active_set is not None:
            self._evaluator.load_active_set(str(active_set))
        self._graded = active_set is not None
        self._calculator = ACECalculator(self._evaluator)

    def predict(self, atoms: Atoms) -> tuple[Prediction, Array]:
        """Energy (eV), forces, virial, and gamma [n_atoms] (zeros without an active set) of `atoms`.

        Raises InputError for an element that the potential does not know.
        """
        check_elements(atoms, self.facts.elements)
        core = zbl(atoms, self.facts.zbl["inner"], self.facts.zbl["outer"])
        self._calculator.compute(environment(atoms, self._basis), compute_projections=self._graded)
        energy = (
            self._calculator.energy
            + core.energy
            + sum(self.facts.reference_energies[symbol] for symbol in atoms.symbols)
        )
        forces = np.array(self._calculator.forces) + core.forces
        virial = np.array(self._calculator.virial)[PYACE_VOIGT] + core.virial
        gamma = np.array(self._calculator.gamma_grade) if self._graded else np.zeros(len(atoms))
        return Prediction(float(energy), forces, virial), gamma


def load_model(folder: Path) -> Model:
    """The potential in `folder`; InputError where there is none."""
    facts = read_facts(folder)
    for name in (BASIS, ACTIVE_SET):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is not a whole potential: {name} is missing; make it again by `mlipbatch fit`")
    return Model(load_basis(folder / BASIS), facts, folder / ACTIVE_SET)


def check_elements(atoms: Atoms, known: Sequence[str]) -> None:
    """InputError for the first element that is not in `known`."""
    unknown = sorted(set(atoms.get_chemical_symbols()) - set(known))
    if unknown:
        raise InputError(
            f"the potential knows {', '.join(known)}, not {unknown[0]}: train one with {unknown[0]} in its data"
        )
