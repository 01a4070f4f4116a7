"""The closed-form fit: ridge regression, its strength and the weight of energies chosen by cross-validation over roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.equations import Fold, Folds, total
from mlipbatch.training.zbl import Array

STRENGTHS = tuple(10.0**power for power in range(-12, -2))  # of the mean diagonal of the weighted normal equations
ENERGY_FACTORS = (1.0, 10.0, 100.0, 1000.0)  # times the configured weight of energies
DEFAULT_STRENGTH, DEFAULT_FACTOR = 1e-7, 10.0  # where there is too little data to cross-validate


@dataclass(frozen=True)
class Choice:
    """What cross-validation chose, and the errors on the folds that were left out each time."""

    strength: float
    energy_factor: float
    energy_rmse: float | None  # eV/atom; None where nothing was cross-validated
    force_rmse: float | None  # eV/A
    virial_rmse: float | None  # eV

    def weights(self, configured: LossWeights) -> LossWeights:
        """The weights that are fitted with."""
        return configured.model_copy(update={"energy": configured.energy * self.energy_factor})


class Ridge:
    """Solutions for any ridge strength from one eigendecomposition of the weighted normal equations.

    The penalty on a coefficient is its function's share of the data (so units drop out) times its roughness [n_functions].
    """

    def __init__(self, folds: Sequence[Fold], weights: LossWeights, roughness: Array) -> None:
        matrix, vector = total(folds, weights)
        share = np.sqrt(np.diag(matrix))
        self._scale = scale = np.maximum(share, 1e-12 * share.max()) * roughness  # unfelt functions stay at zero
        values, self._modes = np.linalg.eigh(matrix / np.outer(scale, scale))
        self._mean = float(values.mean())
        self._values = np.maximum(values, 0.0)
        self._vector = self._modes.T @ (vector / scale)

    def solve(self, strength: float) -> Array:
        """[n_functions] coefficients; `strength` is relative to the mean diagonal."""
        return np.asarray((self._modes @ (self._vector / (self._values + strength * self._mean))) / self._scale)


def choose(folds: Folds, configured: LossWeights, roughness: Array) -> Choice:
    """Ridge strength and energy factor with the smallest geometric mean of held-out RMSE of energies, forces and stresses."""
    if len(folds.held_out) < 2:
        return Choice(DEFAULT_STRENGTH, DEFAULT_FACTOR, None, None, None)
    tried = [(factor, strength, errors(trial)) for factor, strength, trial in _solutions(folds, configured, roughness)]
    factor, strength, (energy, force, virial) = min(tried, key=lambda one: score(*one[2]))
    return Choice(strength, factor, energy, force, virial)


def score(*errors: float) -> float:
    """Geometric mean of those RMSE that there are: scale-free, so that no unit rules."""
    there = [error for error in errors if error > 0.0]
    return float(np.exp(np.mean(np.log(there)))) if there else 0.0


Trial = list[tuple[Fold, Array]]  # held-out fold, and the coefficients fitted without it


def _solutions(folds: Folds, configured: LossWeights, roughness: Array) -> list[tuple[float, float, Trial]]:
    solutions = []
    for factor in ENERGY_FACTORS:
        weights = configured.model_copy(update={"energy": configured.energy * factor})
        fits = [Ridge(folds.without(fold), weights, roughness) for fold in folds.held_out]
        for strength in STRENGTHS:
            held_out = [(fold, fit.solve(strength)) for fold, fit in zip(folds.held_out, fits, strict=True)]
            solutions.append((factor, strength, held_out))
    return solutions


def errors(trial: Trial) -> tuple[float, float, float]:
    """RMSE of energies (eV/atom), forces (eV/A) and virials (eV) over all held-out folds; 0 where there is no such label."""
    return tuple(  # type: ignore[return-value]
        _rmse([(getattr(fold, name).mean_square(fit), getattr(fold, name).rows) for fold, fit in trial])
        for name in ("per_atom", "force", "virial")
    )


def _rmse(parts: Sequence[tuple[float, int]]) -> float:
    rows = sum(count for _, count in parts)
    return float(np.sqrt(sum(square * count for square, count in parts) / rows)) if rows else 0.0
