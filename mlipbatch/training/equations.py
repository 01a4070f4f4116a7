"""The linear fit's rows, kept by fold, so that every cross-validation is linear algebra on what is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.design import Rows
from mlipbatch.training.labels import Label
from mlipbatch.training.zbl import Array, Prediction


@dataclass
class Fold:
    """Normal equations of one fold, apart for each quantity: matrix X'X, vector X'y, y'y and the number of rows."""

    energy: Normal  # total energies, eV
    per_atom: Normal  # the same divided by the number of atoms: only measured, not fitted
    force: Normal  # components, eV/A
    virial: Normal  # components, eV


class Normal:
    """Normal equations of rows X [n, functions] and targets y [n], summed up."""

    def __init__(self, functions: int) -> None:
        self.matrix = np.zeros((functions, functions))
        self.vector = np.zeros(functions)
        self.square = 0.0
        self.rows = 0

    def add(self, rows: Array, targets: Array) -> None:
        """More rows."""
        self.matrix += rows.T @ rows
        self.vector += rows.T @ targets
        self.square += float(targets @ targets)
        self.rows += len(targets)

    def mean_square(self, coefficients: Array) -> float:
        """Mean squared error of `coefficients`; 0 where there are no rows."""
        if not self.rows:
            return 0.0
        error = coefficients @ self.matrix @ coefficients - 2.0 * coefficients @ self.vector + self.square
        return max(float(error), 0.0) / self.rows


@dataclass
class Folds:
    """The rows of a training set: folds that take turns in being held out, and what is always trained on."""

    held_out: list[Fold]
    always: Fold

    def all(self) -> list[Fold]:
        """Everything."""
        return [self.always, *self.held_out]

    def without(self, fold: Fold) -> list[Fold]:
        """Everything but `fold`."""
        return [self.always, *(other for other in self.held_out if other is not fold)]


def new_fold(functions: int) -> Fold:
    """An empty fold."""
    return Fold(*(Normal(functions) for _ in range(4)))


def add_label(fold: Fold, label: Label, rows: Rows, offset: Prediction) -> None:
    """Add the rows of one structure; `offset` is what is subtracted from its labels (references and ZBL)."""
    if label.energy is not None:
        target = np.array([label.energy - offset.energy])
        size = len(label.atoms)
        fold.energy.add(rows.energy[None], target)
        fold.per_atom.add(rows.energy[None] / size, target / size)
    if label.virial is not None and rows.virial is not None:
        fold.virial.add(rows.virial, label.virial - offset.virial)
    kept = label.mask  # the buffer's rows are absent, not light: their forces may be anything
    forces = (label.forces - offset.forces)[kept].ravel()
    fold.force.add(rows.forces[kept].reshape(len(forces), rows.forces.shape[2]), forces)


def total(folds: Sequence[Fold], weights: LossWeights) -> tuple[Array, Array]:
    """Matrix and vector of the weighted loss: `weights` times the mean square of each quantity over all rows of `folds`."""
    functions = len(folds[0].force.vector)
    matrix, vector = np.zeros((functions, functions)), np.zeros(functions)
    for quantity in ("energy", "force", "virial"):
        parts: list[Normal] = [getattr(fold, quantity) for fold in folds]
        rows = sum(part.rows for part in parts)
        weight = getattr(weights, {"virial": "stress"}.get(quantity, quantity)) / max(rows, 1)
        for part in parts:
            matrix += weight * part.matrix
            vector += weight * part.vector
    return matrix, vector
