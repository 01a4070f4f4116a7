"""Push atoms apart that come too near to each other across a new boundary: the smallest moves that do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlipbatch.embedding.shells import periodic_pairs
from mlipbatch.embedding.surroundings import Surroundings

Floats = NDArray[np.float64]

ROUNDS = 200
BEYOND = 1.001  # aim a little beyond what is asked for,
TINY = 1e-4  # A, and a little beyond that, so that rounds come to an end


def push_apart(around: Surroundings, rows: NDArray[np.int64], cell: Floats, fixed: NDArray[np.bool_]) -> Floats:
    """Positions [n, 3] (A, from the centre) of `rows` in a box `cell`, those that are not `fixed` moved as far as needed."""
    points = around.vectors[rows].copy()
    kinds = np.unique(around.numbers[rows])
    farthest = BEYOND * float(around.limits[np.ix_(kinds, kinds)].max())
    for _ in range(ROUNDS):
        pairs = periodic_pairs(points, cell, farthest)
        missing = BEYOND * around.seam_limits(rows, pairs) - pairs.distance
        near = (missing > 0) & ~fixed[pairs.i]
        if not near.any():
            break
        share = np.where(fixed[pairs.j[near]], 1.0, 0.5)  # half each, or all of it where the other may not move
        away = pairs.vector[near] / np.maximum(pairs.distance[near], 1e-3)[:, None]
        np.add.at(points, pairs.i[near], -away * (share * (missing[near] + TINY))[:, None])
    return points
