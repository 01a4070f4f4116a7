"""The linear fit's rows, kept by fold, so that every cross-validation is linear algebra on what is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Rows and targets as they are, a part a structure: for energies and virials, which are few."""

    functions: int
    parts: list[Array] = field(default_factory=list)  # each [n, functions]
    targets: list[Array] = field(default_factory=list)  # each [n]
    groups: list[str] = field(default_factory=list)  # config_type of each part
    _normal: Normal | None = None

    def add(self, rows: Array, targets: Array, group: str) -> None:
        """The rows of one structure."""
        self.parts.append(rows)
        self.targets.append(targets)
        self.groups.append(group)
        self._normal = None

    def merge(self, other: Table) -> None:
        """The rows of another."""
        for part in zip(other.parts, other.targets, other.groups, strict=True):
            self.add(*part)

    def stacked(self) -> tuple[Array, Array]:
        """All rows [n, functions] and targets [n]."""
        if not self.parts:
            return np.zeros((0, self.functions)), np.zeros(0)
        return np.concatenate(self.parts), np.concatenate(self.targets)

    def normal(self) -> Normal:
        """Their normal equations, kept once made."""
        if self._normal is None:
            self._normal = Normal(self.functions)
            self._normal.add(*self.stacked())
        return self._normal


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
        fold.energy.add(rows.energy[None], np.array([label.energy - offset.energy]), label.config_type)
        fold.sizes.append(len(label.atoms))
    if label.virial is not None and rows.virial is not None:
        fold.virial.add(rows.virial, label.virial - offset.virial, label.config_type)
    kept = label.mask  # the buffer's rows are absent, not light: their forces may be anything
    forces = (label.forces - offset.forces)[kept].ravel()
    fold.force.add(rows.forces[kept].reshape(len(forces), rows.forces.shape[2]), forces)


def drop_components(folds: Folds, dropped: Mapping[str, Sequence[int]]) -> None:
    """Take Voigt components out of the virial rows, by config_type."""
    for fold in folds.all():
        whole, fold.virial = fold.virial, Table(fold.virial.functions)
        for part, targets, group in zip(whole.parts, whole.targets, whole.groups, strict=True):
            kept = [component for component in range(6) if component not in dropped.get(group, ())]
            fold.virial.add(part[kept], targets[kept], group)


def total(folds: Sequence[Fold], weights: LossWeights) -> tuple[Array, Array]:
    """Matrix and vector of the weighted loss: weight times mean square of each quantity over all rows of `folds`."""
    functions = len(folds[0].force.vector)
    matrix, vector = np.zeros((functions, functions)), np.zeros(functions)
    for parts, weight in (
        ([fold.energy.normal() for fold in folds], weights.energy),
        ([fold.force for fold in folds], weights.force),
        ([fold.virial.normal() for fold in folds], weights.stress),
    ):
        rows = max(sum(part.rows for part in parts), 1)
        for part in parts:
            matrix += (weight / rows) * part.matrix
            vector += (weight / rows) * part.vector
    return matrix, vector
