"""What is the same in every self-consistent calculation: bands, and how its convergence goes."""

from __future__ import annotations

import math
from collections.abc import Sequence

SLOPE_STEPS = 10  # SCF steps whose trend is taken


def usual_bands(electrons: float) -> int:
    """The bands that pw.x takes itself with smearing (PW/src/setup.f90): a fifth more than are filled, at least four more."""
    return max(round(0.6 * electrons), round(0.5 * electrons) + 4)


def slope(accuracies: Sequence[float]) -> float | None:
    """Least-squares slope of log10(accuracy) a step over the last steps; None for fewer than three of them."""
    values = [math.log10(value) for value in accuracies[-SLOPE_STEPS:] if 0 < value < math.inf]
    if len(values) < 3:
        return None
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    above = sum((index - middle) * (value - mean) for index, value in enumerate(values))
    return round(above / sum((index - middle) ** 2 for index in range(len(values))), 4)
