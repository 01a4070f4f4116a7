"""Stress labels that cannot be the derivative of the energies: a wrong order of components, or a wrong sign.

Codes disagree on both, and data sets have been converted wrongly, in parts even. A fit to energies and forces alone predicts
held-out virials well enough to tell; a component of a config_type that has nothing to do with what is predicted is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.equations import Folds
from mlipbatch.training.ridge import Recipe, Ridge
from mlipbatch.training.zbl import Array

NAMES = ("xx", "yy", "zz", "yz", "xz", "xy")
FEWEST = 10  # structures of a config_type with stress, to say anything
LEAST = 0.3  # correlation of labels with what energies and forces predict
SMALL = (
    0.05  # components whose labels are this small a part of all stress are left alone: crystals have zeros by symmetry
)

Contradictions = dict[str, list[int]]  # config_type -> Voigt components
Pairs = list[tuple[Array, Array]]  # each [6] eV: predicted, labelled


def contradictions(folds: Folds, configured: LossWeights, roughness: Array) -> Contradictions:
    """The stress labels that contradict energies and forces."""
    if len(folds.held_out) < 2:
        return {}
    groups = _predictions(folds, configured, roughness)
    found = {name: _components(pairs) for name, pairs in sorted(groups.items()) if len(pairs) >= FEWEST}
    return {name: components for name, components in found.items() if components}


def sentence(found: Mapping[str, Sequence[int]]) -> str:
    """What is said about them."""
    places = "; ".join(f"{name}: {', '.join(NAMES[one] for one in components)}" for name, components in found.items())
    return (
        f"REF_stress contradicts energies and forces and is not used there ({places}): "
        "check its sign and the order of its components (xx yy zz yz xz xy)"
    )


def _predictions(folds: Folds, configured: LossWeights, roughness: Array) -> dict[str, Pairs]:
    weights = Recipe(stress=0.0).weights(configured)
    groups: dict[str, Pairs] = defaultdict(list)
    for fold in folds.held_out:
        fit = Ridge(folds.without(fold), weights, roughness).solve(Recipe().strength)
        for rows, targets, group in zip(fold.virial.parts, fold.virial.targets, fold.virial.groups, strict=True):
            groups[group].append((rows @ fit, targets))
    return groups


def _components(pairs: Pairs) -> list[int]:
    predicted, labelled = (np.array(side) for side in zip(*pairs, strict=True))  # [n_structures, 6]
    usual = float(np.sqrt(np.mean(labelled**2)))
    return [
        component
        for component in range(6)
        if np.sqrt(np.mean(labelled[:, component] ** 2)) > SMALL * usual
        and _correlation(predicted[:, component], labelled[:, component]) < LEAST
    ]


def _correlation(first: Array, second: Array) -> float:
    """About zero, not about the mean: a pressure that is always too high is no contradiction."""
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / norm) if norm else 0.0
