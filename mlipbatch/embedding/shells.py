"""How many neighbours an atom has, and how far: distances shared out over narrow shells, to compare a box with its frame."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FARTHEST = 1.65  # nearest-neighbour distances: first and second shell of fcc (1.41) and bcc (1.15)
SHELLS = np.arange(0.6, FARTHEST + 0.01, 0.15)  # nearest-neighbour distances


class Pairs(NamedTuple):
    """Pairs of points nearer than some limit, each in both directions."""

    i: Integers
    j: Integers
    distance: Floats  # A
    vector: Floats  # [n, 3] A, from i to j
    crossing: NDArray[np.bool_]  # they meet across the boundary of the box


def shells(pairs: Pairs, atoms: int, typical: float) -> Floats:
    """Neighbours [atoms, shells] of each point; a distance between two shells counts for both, by nearness.

    `typical` is the nearest-neighbour distance (A).
    """
    place = (pairs.distance / typical - SHELLS[0]) / (SHELLS[1] - SHELLS[0])
    lower = np.floor(place).astype(int)
    upper_share = place - lower
    counts = np.zeros((atoms, len(SHELLS) + 2))
    for shell, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        np.add.at(counts, (pairs.i, np.clip(shell, -1, len(SHELLS)) + 1), share)
    return counts[:, 1:-1]


def mismatch(one: Floats, other: Floats) -> float:
    """Mean over atoms of the neighbours that are elsewhere or missing, of two tables [atoms, shells]."""
    return float(0.5 * np.abs(one - other).sum(axis=1).mean())


def periodic_pairs(points: Floats, cell: Floats, limit: float) -> Pairs:
    """Pairs nearer than `limit` (A) of `points` [n, 3] (A) that repeat with `cell`.

    The points are taken where they are, inside the cell or not: pairs of one place do not cross the boundary.
    """
    from scipy.spatial import cKDTree

    low, high = points.min(axis=0) - limit, points.max(axis=0) + limit
    copies, index, shifted = [points], [np.arange(len(points))], [np.zeros(len(points), dtype=bool)]
    for shift in product((-1, 0, 1), repeat=3):
        if any(shift):
            image = points + np.array(shift) @ cell
            near = np.flatnonzero(((image >= low) & (image <= high)).all(axis=1))
            copies.append(image[near])
            index.append(near)
            shifted.append(np.ones(len(near), dtype=bool))
    everywhere = np.concatenate(copies)
    found = cKDTree(points).sparse_distance_matrix(cKDTree(everywhere), limit, output_type="ndarray")
    i, place = found["i"].astype(np.int64), found["j"].astype(np.int64)
    crossing, j = np.concatenate(shifted)[place], np.concatenate(index)[place]
    other = crossing | (i != j)  # not an atom with itself in the same place
    i, j, place, crossing = i[other], j[other], place[other], crossing[other]
    return Pairs(i, j, found["v"][other], everywhere[place] - points[i], crossing)
