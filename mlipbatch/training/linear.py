"""The closed-form step: all rows of a training set, cross-validation, and the coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlipbatch.config.model import LossWeights
from mlipbatch.core.split import folds_by_root
from mlipbatch.training.basis import function_counts, roughness
from mlipbatch.training.contradiction import Contradictions, contradictions, sentence
from mlipbatch.training.equations import Fold, Folds, drop_components, new_fold
from mlipbatch.training.labels import Label
from mlipbatch.training.parallel import make_rows
from mlipbatch.training.progress import Say
from mlipbatch.training.ridge import Choice, Ridge, choose
from mlipbatch.training.zbl import Array, Prediction

FOLDS = 5
Data = Sequence[tuple[Label, Prediction]]  # labels, each with what is subtracted from it: references and ZBL


@dataclass
class LinearFit:
    """A basis with the equations of its training data."""

    basis: Any  # pyace.ACEBBasisSet
    folds: Folds
    choice: Choice
    configured: LossWeights
    dropped: Contradictions  # stress labels that are not used

    def potential(self, without: Fold | None = None) -> Any:
        """A pyace basis set with the solution on all data, or on all but one fold."""
        parts = self.folds.all() if without is None else self.folds.without(without)
        recipe = self.choice.recipe
        ridge = Ridge(parts, recipe.weights(self.configured), roughness(self.basis) ** recipe.smoothness)
        return with_coefficients(self.basis, ridge.solve(recipe.strength))


def fit_linear(basis: Any, data: Data, fold_of: Sequence[int | None], weights: LossWeights, say: Say) -> LinearFit:
    """Rows of all `data` in `basis`, and the ridge strength and weights that cross-validation chooses."""
    made = make_rows(basis, list(zip(data, fold_of, strict=True)), say)
    functions = sum(function_counts(basis))
    held_out = [made[fold] for fold in sorted(fold for fold in made if fold is not None)]
    folds = Folds(held_out, made.get(None, new_fold(functions)))
    dropped = contradictions(folds, weights, roughness(basis))
    if dropped:
        say(sentence(dropped))
        drop_components(folds, dropped)
    return LinearFit(basis, folds, choose(folds, weights, roughness(basis)), weights, dropped)


def assign_folds(labels: Sequence[Label], seed: int) -> list[int | None]:
    """Fold of every label by its root; None for what is always trained on, and for all of them where there is one root only."""
    folds = folds_by_root([label.atoms for label in labels], FOLDS, seed)
    return folds if len(set(folds) - {None}) > 1 else [None] * len(folds)


def with_coefficients(basis: Any, coefficients: Array) -> Any:
    """A copy of `basis` with other linear coefficients."""
    from pyace import ACEBBasisSet

    copy = ACEBBasisSet(basis.to_BBasisConfiguration())
    copy.basis_coeffs = coefficients
    return copy
