"""Fill a small periodic box with the atoms around a centre, so that the new boundary joins them as the frame did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbatch.embedding.shapes import heights
from mlipbatch.embedding.shells import FARTHEST, Pairs, mismatch, periodic_pairs, shells
from mlipbatch.embedding.surroundings import Surroundings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

MARGIN = 0.45  # nearest-neighbour distances: atoms this far outside may fill a hole at the boundary
TOO_MANY = 1.2  # a box with this many times the atoms allowed inside needs no closer look
STRICTNESS = (
    1.0,
    0.9,
    0.8,
    0.7,
    1.1,
    1.2,
)  # times the allowed distances, while the number of atoms is not the expected one
NEARLY = 0.1  # an expected number that is off by more than this share says that the frame is not what it was taken for


@dataclass(frozen=True)
class Filling:
    """A box with its atoms."""

    cell: Floats  # [3, 3] A, rows
    rows: Integers  # [n] rows of the surroundings, nearest to the centre first
    mismatch: float  # neighbours an atom that are elsewhere or missing; 0 is a perfect seam
    exact: bool  # it has the number of atoms that was expected


def fill(
    around: Surroundings, cell: Floats, core_radius: float, max_atoms: int, expected: int | None = None
) -> Filling | None:
    """The filling whose seam is best, of those with the `expected` number of atoms if that can be had.

    Atoms that would overlap across the boundary are left out, the outer one of two; holes are filled from just outside.
    None where the box is too small for the core (two core atoms would meet across the boundary) or has too many atoms.
    """
    scaled = around.vectors @ np.linalg.inv(cell)
    outside = ((np.abs(scaled) - 0.5) * heights(cell)).max(axis=1)  # A; negative inside
    if (expected or 0) > max_atoms or (outside < -1e-3).sum() > TOO_MANY * max_atoms:
        return None
    rows = np.flatnonzero(outside <= MARGIN * around.typical)
    core = np.linalg.norm(around.vectors[rows], axis=1) <= core_radius
    order = np.lexsort((rows, np.round(outside[rows], 6), ~core))  # core first, then from the inside outwards
    rows, core = rows[order], core[order]
    pairs = _pairs(around, rows, cell)
    made: list[Filling] = []
    for strictness in STRICTNESS if expected is not None else STRICTNESS[:1]:
        for width in (np.inf, 1e-6):
            kept = _greedy(len(rows), pairs, around.seam_limits(rows, pairs) * strictness, outside[rows] <= width)
            if kept[core].all() and kept.sum() <= max_atoms:
                exact = expected is not None and int(kept.sum()) == expected
                made.append(Filling(cell, np.sort(rows[kept]), _seam(around, rows, pairs, kept), exact))
        if expected is not None and _settled(made, expected):
            break
    return min(made, key=lambda filling: (not filling.exact, filling.mismatch), default=None)


def _settled(made: list[Filling], expected: int) -> bool:
    """Whether other strictness is of no use: the number is right, or the expectation is wrong."""
    if not made:
        return False
    off = min(abs(len(filling.rows) - expected) for filling in made)
    return any(filling.exact for filling in made) or off > max(2.0, NEARLY * expected)


def _pairs(around: Surroundings, rows: Integers, cell: Floats) -> Pairs:
    kinds = np.unique(around.numbers[rows])
    limit = max(FARTHEST * around.typical, max(STRICTNESS) * float(around.limits[np.ix_(kinds, kinds)].max()))
    return periodic_pairs(around.vectors[rows], cell, limit)


def _seam(around: Surroundings, rows: Integers, pairs: Pairs, kept: Mask) -> float:
    both = kept[pairs.i] & kept[pairs.j]
    present = Pairs(pairs.i[both], pairs.j[both], pairs.distance[both], pairs.vector[both], pairs.crossing[both])
    return mismatch(shells(present, len(rows), around.typical)[kept], around.shells[rows[kept]])


def _greedy(count: int, pairs: Pairs, limits: Floats, wanted: Mask) -> Mask:
    """Keep rows in order, each that is wanted and comes too near to none that is kept already."""
    clashing = pairs.crossing & (pairs.distance < limits)
    against: dict[int, list[int]] = {}
    for one, other in zip(pairs.i[clashing].tolist(), pairs.j[clashing].tolist(), strict=True):
        against.setdefault(one, []).append(other)
    kept = np.zeros(count, dtype=bool)
    for row in np.flatnonzero(wanted).tolist():
        kept[row] = not any(kept[other] or other == row for other in against.get(row, ()))
    return kept
