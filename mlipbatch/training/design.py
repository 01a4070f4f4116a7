"""What every basis function contributes to the energy, the forces and the virial of a structure: rows of the linear fit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from scipy.sparse import csr_array

from mlipbatch.training.basis import function_counts
from mlipbatch.training.environment import environment, with_free_images
from mlipbatch.training.zbl import VOIGT, Array


class Rows(NamedTuple):
    """The linear fit's rows of one structure."""

    energy: Array  # [n_functions] eV per unit coefficient
    forces: Array  # [n_atoms, 3, n_functions] eV/A
    virial: Array | None  # [6, n_functions] eV, ASE's sign and Voigt order
    projections: dict[int, Array]  # by species: [atoms of it, functions of it]
    owners: dict[int, Any]  # by species: [atoms of it] their indices


class Projector:
    """Evaluates a pyace basis. It keeps basis and evaluator alive: pyace itself holds no reference, and crashes without them."""

    def __init__(self, basis: Any) -> None:
        from pyace import ACEBEvaluator, ACECalculator

        self.basis = basis
        self._evaluator = ACEBEvaluator(basis)
        self._calculator = ACECalculator(self._evaluator)
        self.counts = function_counts(basis)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])

    @property
    def n_functions(self) -> int:
        """Columns of the fit: functions of all elements."""
        return int(self.starts[-1])

    def rows(self, atoms: Atoms, *, virial: bool) -> Rows:
        """Rows of `atoms`; those of the virial only where asked for."""
        env = environment(atoms, self.basis)
        size = len(atoms)
        gradients = self._gradients(with_free_images(env) if virial else env)  # [size or more, n_functions, 3]
        projections, owners = self._projections(env, size)
        energy = np.zeros(self.n_functions)
        for species, values in projections.items():
            energy[self.starts[species] : self.starts[species + 1]] = values.sum(axis=0)
        if not virial:
            return Rows(energy, gradients.transpose(0, 2, 1), None, projections, owners)
        flat = gradients.reshape(len(gradients), -1)
        owner = csr_array((np.ones(len(flat)), (np.asarray(env.origins), np.arange(len(flat)))), (size, len(flat)))
        forces = (owner @ flat).reshape(size, self.n_functions, 3)
        strain = (np.asarray(env.x).T @ flat).reshape(3, self.n_functions, 3)
        return Rows(
            energy, forces.transpose(0, 2, 1), np.stack([-strain[a, :, b] for a, b in VOIGT]), projections, owners
        )

    def projections(self, atoms: Atoms) -> tuple[dict[int, Array], dict[int, Any]]:
        """Basis functions on every atom, without gradients: by species, with the atoms' indices."""
        env = environment(atoms, self.basis)
        self._calculator.compute(env, compute_projections=True, compute_b_grad=False)
        return self._projections(env, len(atoms))

    def _gradients(self, env: Any) -> Array:
        self._calculator.compute(env, compute_projections=True, compute_b_grad=True)
        return np.asarray(self._calculator.forces_bfuncs)

    def _projections(self, env: Any, size: int) -> tuple[dict[int, Array], dict[int, Any]]:
        species = np.asarray(env.species_type)[:size]
        values = self._calculator.projections
        owners = {int(kind): np.flatnonzero(species == kind) for kind in np.unique(species)}
        return {kind: np.array([values[i] for i in atoms]) for kind, atoms in owners.items()}, owners
