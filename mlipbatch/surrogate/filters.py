"""What the model's answer says against a structure: exploded forces, energies far above its like."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.model import ScreeningConfig
from mlipbatch.surrogate.base import Evaluation
from mlipbatch.surrogate.reasons import Rejection

if TYPE_CHECKING:
    from ase import Atoms


def composition(frame: Atoms) -> str:
    """The reduced formula in alphabetical order: Al3Mg for cells of 4, 8 and 16 atoms alike."""
    symbols, counts = np.unique(frame.get_chemical_symbols(), return_counts=True)
    divisor = math.gcd(*counts.tolist())
    return "".join(
        f"{symbol}{count // divisor if count > divisor else ''}" for symbol, count in zip(symbols, counts, strict=True)
    )


def exploded(evaluation: Evaluation, limit: float) -> Rejection | None:
    """Forces or energy that are not finite, or a force component above `limit` eV/A."""
    if not np.isfinite(evaluation.energy) or not np.isfinite(evaluation.forces).all():
        return Rejection("not_finite", "the model's energy or forces are not finite")
    sizes = np.abs(evaluation.forces).max(axis=1)
    worst = int(np.argmax(sizes))
    if sizes[worst] <= limit:
        return None
    return Rejection(
        "exploded_forces",
        f"the largest force component is {sizes[worst]:.1f} eV/A, on atom {worst}; allowed are {limit:g}",
    )


def too_high(
    frames: Mapping[int, Atoms], evaluations: Mapping[int, Evaluation], config: ScreeningConfig
) -> dict[int, Rejection]:
    """Energy per atom above the median of the same composition, by key of `frames`."""
    groups: dict[str, list[int]] = defaultdict(list)
    for key, frame in frames.items():
        groups[composition(frame)].append(key)
    found: dict[int, Rejection] = {}
    for name, keys in groups.items():
        energies = [evaluations[key].energy / len(frames[key]) for key in keys]  # eV/atom
        found |= _outliers(name, keys, energies, config.max_energy_above_median)
    return found


def _outliers(name: str, keys: Sequence[int], energies: Sequence[float], limit: float) -> dict[int, Rejection]:
    median = float(np.median(energies))
    return {
        key: Rejection(
            "high_energy",
            f"its energy is {energy - median:.2f} eV/atom above {median:.2f}, the median of {len(keys)} {name}; "
            f"allowed are {limit:g}",
        )
        for key, energy in zip(keys, energies, strict=True)
        if energy - median > limit
    }
