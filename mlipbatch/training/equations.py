"""The linear fit's rows, kept by fold, so that every cross-validation is linear algebra on what is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.design import Rows
from mlipbatch.training.labels import Label
from mlipbatch.training.zbl import Array, Prediction


class Normal:
    """Normal equations of rows X [n, functions] and targets y [n], summed up: for forces, which are too many to keep."""

    def __init__(self, functions: int) -> None:
        self.matrix = np.zeros((functions, functions))
        self.vector = np.zeros(functions)
        self.squares = 0.0
        self.rows = 0

    def add(self, rows: Array, targets: Array) -> None:
        """More rows."""
        self.matrix += rows.T @ rows
        self.vector += rows.T @ targets
        self.squares += float(targets @ targets)
        self.rows += len(targets)

    def merge(self, other: Normal) -> None:
        """The rows of another."""
        self.matrix += other.matrix
        self.vector += other.vector
        self.squares += other.squares
        self.rows += other.rows

    def residual_squares(self, coefficients: Array) -> float:
        """Sum of squared errors of `coefficients`."""
        error = coefficients @ self.matrix @ coefficients - 2.0 * coefficients @ self.vector + self.squares
        return max(float(error), 0.0)


@dataclass
class Table:
    """Rows and targets as they are: for energies and virials, which are few."""

    functions: int
    parts: list[Array] = field(default_factory=list)  # each [n, functions]
    targets: list[Array] = field(default_factory=list)  # each [n]

    def stacked(self) -> tuple[Array, Array]:
        """All rows [n, functions] and targets [n]."""
        if not self.parts:
            return np.zeros((0, self.functions)), np.zeros(0)
        return np.concatenate(self.parts), np.concatenate(self.targets)

    @property
    def rows(self) -> int:
        """How many."""
        return sum(len(part) for part in self.targets)

    def merge(self, other: Table) -> None:
        """The rows of another."""
        self.parts += other.parts
        self.targets += other.targets


@dataclass
class Fold:
    """One fold's rows."""

    energy: Table  # total energies, eV: one row a structure
    sizes: list[int]  # [energy rows] atoms
    force: Normal  # components, eV/A
    virial: Table  # components, eV: a part a structure, in Voigt order

    def merge(self, other: Fold) -> None:
        """The rows of another."""
        self.energy.merge(other.energy)
        self.sizes += other.sizes
        self.force.merge(other.force)
        self.virial.merge(other.virial)


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
    return Fold(Table(functions), [], Normal(functions), Table(functions))


def add_label(fold: Fold, label: Label, rows: Rows, offset: Prediction) -> None:
    """Add the rows of one structure; `offset` is what is subtracted from its labels (references and ZBL)."""
    if label.energy is not None:
        fold.energy.parts.append(rows.energy[None])
        fold.energy.targets.append(np.array([label.energy - offset.energy]))
        fold.sizes.append(len(label.atoms))
    if label.virial is not None and rows.virial is not None:
        fold.virial.parts.append(rows.virial)
        fold.virial.targets.append(label.virial - offset.virial)
    kept = label.mask  # the buffer's rows are absent, not light: their forces may be anything
    forces = (label.forces - offset.forces)[kept].ravel()
    fold.force.add(rows.forces[kept].reshape(len(forces), rows.forces.shape[2]), forces)


def drop_components(folds: Folds, components: Sequence[int]) -> None:
    """Take Voigt components out of all virial rows."""
    kept = [component for component in range(6) if component not in components]
    for fold in folds.all():
        fold.virial.parts = [part[kept] for part in fold.virial.parts]
        fold.virial.targets = [targets[kept] for targets in fold.virial.targets]


def total(folds: Sequence[Fold], weights: LossWeights) -> tuple[Array, Array]:
    """Matrix and vector of the weighted loss: weight times mean square of each quantity over all rows of `folds`."""
    functions = len(folds[0].force.vector)
    matrix, vector = np.zeros((functions, functions)), np.zeros(functions)
    count = max(sum(fold.force.rows for fold in folds), 1)
    for fold in folds:
        matrix += (weights.force / count) * fold.force.matrix
        vector += (weights.force / count) * fold.force.vector
    for tables, weight in (
        ([fold.energy for fold in folds], weights.energy),
        ([fold.virial for fold in folds], weights.stress),
    ):
        count = max(sum(table.rows for table in tables), 1)
        for rows, targets in (table.stacked() for table in tables):
            matrix += (weight / count) * (rows.T @ rows)
            vector += (weight / count) * (rows.T @ targets)
    return matrix, vector
