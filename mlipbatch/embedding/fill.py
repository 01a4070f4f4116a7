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


@dataclass(frozen=True)
class Filling:
    """A box with its atoms."""

    cell: Floats  # [3, 3] A, rows
    rows: Integers  # [n] rows of the surroundings, nearest to the centre first
    mismatch: float  # neighbours an atom that are elsewhere or missing; 0 is a perfect seam


def fill(around: Surroundings, cell: Floats, core_radius: float, max_atoms: int) -> Filling | None:
    """The better of two fillings: with holes at the boundary filled from just outside, or without.

    None where the box is too small for the core (two core atoms would meet across the boundary) or has too many atoms.
    """
    scaled = around.vectors @ np.linalg.inv(cell)
    outside = ((np.abs(scaled) - 0.5) * heights(cell)).max(axis=1)  # A; negative inside
    if (outside < -1e-3).sum() > TOO_MANY * max_atoms:
        return None
    rows = np.flatnonzero(outside <= MARGIN * around.typical)
    core = np.linalg.norm(around.vectors[rows], axis=1) <= core_radius
    order = np.lexsort((rows, np.round(outside[rows], 6), ~core))  # core first, then from the inside outwards
    rows, core = rows[order], core[order]
    limit = max(
        FARTHEST * around.typical, float(around.clash[np.ix_(around.numbers[rows], around.numbers[rows])].max())
    )
    pairs = periodic_pairs(around.vectors[rows], cell, limit)
    allowed = around.clash[around.numbers[rows[pairs.i]], around.numbers[rows[pairs.j]]]
    clashing = pairs.crossing & (pairs.distance < allowed)
    fillings = []
    for width in (np.inf, 1e-6):
        kept = _greedy(len(rows), pairs.i[clashing], pairs.j[clashing], outside[rows] <= width)
        if kept[core].all() and kept.sum() <= max_atoms:
            fillings.append(Filling(cell, np.sort(rows[kept]), _seam(around, rows, pairs, kept)))
    return min(fillings, key=lambda filling: filling.mismatch, default=None)


def _seam(around: Surroundings, rows: Integers, pairs: Pairs, kept: Mask) -> float:
    both = kept[pairs.i] & kept[pairs.j]
    present = Pairs(*(values[both] for values in pairs))
    return mismatch(shells(present, len(rows), around.typical)[kept], around.shells[rows[kept]])


def _greedy(count: int, i: Integers, j: Integers, wanted: Mask) -> Mask:
    """Keep rows in order, each that is wanted and clashes (pairs `i`, `j`) with none that is kept already."""
    against: dict[int, list[int]] = {}
    for one, other in zip(i.tolist(), j.tolist(), strict=True):
        against.setdefault(one, []).append(other)
    kept = np.zeros(count, dtype=bool)
    for row in np.flatnonzero(wanted).tolist():
        kept[row] = not any(kept[other] or other == row for other in against.get(row, ()))
    return kept
