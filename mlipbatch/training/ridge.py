"""The closed-form fit: ridge regression, its strength and the weights of energy and stress chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.equations import Fold, Folds, Table, total
from mlipbatch.training.zbl import Array

STRENGTHS = tuple(10.0**power for power in range(-14, -2))  # of the mean diagonal of the weighted normal equations
ROUNDS = 2  # of the search, one coordinate after the other


class Recipe(NamedTuple):
    """What cross-validation may change."""

    energy: float = 10.0  # times the configured weight of energies
    stress: float = 1.0  # times the configured weight of stresses
    smoothness: float = 1.0  # power of a function's roughness in the penalty on its coefficient
    strength: float = 1e-9  # of the ridge

    def weights(self, configured: LossWeights) -> LossWeights:
        """The weights that are fitted with."""
        factors = {"energy": configured.energy * self.energy, "stress": configured.stress * self.stress}
        return configured.model_copy(update=factors)


GRID = {"energy": (1.0, 10.0, 100.0, 1000.0), "stress": (1.0, 0.1, 0.01, 0.001), "smoothness": (1.0, 2.0, 3.0)}


@dataclass(frozen=True)
class Choice:
    """What cross-validation chose, and the errors on the folds that were left out each time."""

    recipe: Recipe
    energy_rmse: float | None = None  # eV/atom; None where nothing was cross-validated
    force_rmse: float | None = None  # eV/A
    virial_rmse: float | None = None  # eV


class Ridge:
    """Solutions for any ridge strength from one eigendecomposition of the weighted normal equations.

    The penalty on a coefficient is `roughness` [n_functions] squared, times the strength.
    """

    def __init__(self, folds: Sequence[Fold], weights: LossWeights, roughness: Array) -> None:
        matrix, vector = total(folds, weights)
        self._roughness = roughness
        values, self._modes = np.linalg.eigh(matrix / np.outer(roughness, roughness))
        self._values = np.maximum(values, 0.0)
        self._mean = float(self._values.mean())
        self._vector = self._modes.T @ (vector / roughness)

    def solve(self, strength: float) -> Array:
        """[n_functions] coefficients; `strength` is relative to the mean diagonal."""
        damped = self._values + max(strength * self._mean, 1e-300)
        return np.asarray((self._modes @ (self._vector / damped)) / self._roughness)


def choose(folds: Folds, configured: LossWeights, roughness: Array) -> Choice:
    """The recipe with the smallest geometric mean of held-out RMSE of energies, forces and stresses."""
    if len(folds.held_out) < 2:
        return Choice(Recipe())

    @cache
    def best_strength(recipe: Recipe) -> tuple[float, Choice]:
        choices = _by_strength(folds, configured, roughness, recipe)
        return min(((_score(choice), choice) for choice in choices), key=lambda pair: pair[0])

    return best_strength(_search(lambda recipe: best_strength(recipe)[0]))[1]


def _search(cost: Callable[[Recipe], float]) -> Recipe:
    """Coordinate descent on `GRID`."""
    best = Recipe()
    for _ in range(ROUNDS):
        for name, values in GRID.items():
            best = min((best._replace(**{name: value}) for value in values), key=cost)
    return best


def _by_strength(folds: Folds, configured: LossWeights, roughness: Array, recipe: Recipe) -> list[Choice]:
    weights, penalty = recipe.weights(configured), roughness**recipe.smoothness
    fits = [(fold, Ridge(folds.without(fold), weights, penalty)) for fold in folds.held_out]
    choices = []
    for strength in STRENGTHS:
        held_out = [(fold, fit.solve(strength)) for fold, fit in fits]
        choices.append(Choice(recipe._replace(strength=strength), *errors(held_out)))
    return choices


def errors(trial: Sequence[tuple[Fold, Array]]) -> tuple[float, float, float]:
    """RMSE of energies (eV/atom), forces (eV/A) and virials (eV) of coefficients on folds; 0 where there is no label."""
    energies = [_residuals(fold.energy, fit) / np.array(fold.sizes) for fold, fit in trial]
    virials = [_residuals(fold.virial, fit) for fold, fit in trial]
    squares = sum(fold.force.residual_squares(fit) for fold, fit in trial)
    rows = sum(fold.force.rows for fold, _ in trial)
    return _rms(np.concatenate(energies)), float(np.sqrt(squares / max(rows, 1))), _rms(np.concatenate(virials))


def _residuals(table: Table, coefficients: Array) -> Array:
    rows, targets = table.stacked()
    residuals: Array = rows @ coefficients - targets
    return residuals


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def score(*values: float) -> float:
    """Geometric mean of those errors that there are: scale-free, so that no unit rules."""
    there = [value for value in values if value > 0.0]
    return float(np.exp(np.mean(np.log(there)))) if there else 0.0


def _score(choice: Choice) -> float:
    return score(choice.energy_rmse or 0.0, choice.force_rmse or 0.0, choice.virial_rmse or 0.0)
