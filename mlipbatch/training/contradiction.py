"""Stress labels that cannot be the derivative of the energies: a wrong order of components, or a wrong sign.

Codes disagree on both, and data sets have been converted wrongly. A fit to energies and forces alone predicts held-out
virials well enough to tell; a component that has nothing to do with what is predicted is left out, and said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.equations import Fold, Folds
from mlipbatch.training.ridge import Recipe, Ridge
from mlipbatch.training.zbl import Array

NAMES = ("xx", "yy", "zz", "yz", "xz", "xy")
FEWEST = 30  # structures with stress, to say anything
LEAST = 0.3  # correlation of labels with what energies and forces predict
SMALL = (
    0.05  # components whose labels are this small a part of all stress are left alone: crystals have zeros by symmetry
)


def contradicting_components(folds: Folds, configured: LossWeights, roughness: Array) -> list[int]:
    """Voigt components whose labels contradict energies and forces."""
    if len(folds.held_out) < 2 or sum(len(fold.virial.parts) for fold in folds.held_out) < FEWEST:
        return []
    pairs = [_held_out(folds, fold, configured, roughness) for fold in folds.held_out if fold.virial.parts]
    predicted = np.concatenate([pair[0] for pair in pairs])  # [n_structures, 6] eV
    labelled = np.concatenate([pair[1] for pair in pairs])
    usual = np.sqrt(np.mean(labelled**2))
    return [
        component
        for component in range(6)
        if np.sqrt(np.mean(labelled[:, component] ** 2)) > SMALL * usual
        and _correlation(predicted[:, component], labelled[:, component]) < LEAST
    ]


def sentence(components: Sequence[int]) -> str:
    """What is said about them."""
    names = ", ".join(NAMES[component] for component in components)
    return (
        f"REF_stress contradicts energies and forces in {names} and is not used there: "
        "check its sign and the order of its components (xx yy zz yz xz xy)"
    )


def _held_out(folds: Folds, fold: Fold, configured: LossWeights, roughness: Array) -> tuple[Array, Array]:
    weights = Recipe(stress=0.0).weights(configured)
    fit = Ridge(folds.without(fold), weights, roughness).solve(Recipe().strength)
    rows, targets = fold.virial.stacked()
    return (rows @ fit).reshape(-1, 6), targets.reshape(-1, 6)


def _correlation(first: Array, second: Array) -> float:
    """About zero, not about the mean: a pressure that is always too high is no contradiction."""
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / norm) if norm else 0.0
