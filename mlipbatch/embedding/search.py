"""Look for the box: a repeat of the crystal where there is one, else edges whose seam is best."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.embedding.fill import Filling, fill
from mlipbatch.embedding.shapes import alike, crystal_box, refined, scan_directions, scan_edges
from mlipbatch.embedding.surroundings import Surroundings

Floats = NDArray[np.float64]
Size = tuple[float, float]  # r_c, delta; A
Found = tuple[Filling, Size]

GOOD_SEAM = (
    0.5  # neighbours an atom: a repeat of the crystal with such a seam is right, whatever its density (surfaces)
)
DENSITY_COST = (
    30.0  # neighbours an atom: twice too dense; more than the seam itself can say, which is noisy in a liquid
)
SHRINK_COST = 0.5  # neighbours an atom that giving up the whole buffer must save
STRIDE = 3  # sizes of the buffer: edges are scanned over a wider range than one step of it
SIZE_COST = 0.02  # neighbours an atom that an edge twice too long must save


def find_box(
    frame: Atoms, around: Surroundings, units: Sequence[Floats], allowed: Sequence[Size], max_atoms: int
) -> Found | None:
    """The box, and the first of the `allowed` sizes that it is good for.

    A repeat of the crystal (`units`: cells of its lattice) with as many atoms as the frame's density says, or with a perfect
    seam, is taken at once; any other competes with the scanned boxes. None where no box has at most `max_atoms`.
    """
    crystal = _crystal(frame, around, units, allowed, max_atoms) if units else None
    if crystal is not None and (crystal[0].exact or crystal[0].mismatch <= GOOD_SEAM):
        return crystal
    scanned = _scanned(frame, around, allowed, max_atoms)
    return min(
        (one for one in (crystal, scanned) if one is not None), key=lambda one: badness(around, one[0]), default=None
    )


def badness(around: Surroundings, filling: Filling) -> float:
    """The seam's mismatch, and what a wrong density costs; in neighbours an atom."""
    if around.density is None:
        return filling.mismatch
    density = len(filling.rows) / abs(float(np.linalg.det(filling.cell)))
    return filling.mismatch + DENSITY_COST * abs(density / around.density - 1)


def _crystal(
    frame: Atoms, around: Surroundings, units: Sequence[Floats], allowed: Sequence[Size], max_atoms: int
) -> Found | None:
    """The first repeat of the unit cell that is small enough."""
    for size in allowed:
        cell = crystal_box(frame, units, *size)
        expected = None if around.density is None else round(around.density * abs(float(np.linalg.det(cell))))
        filling = fill(around, cell, size[0], max_atoms, expected)
        if filling is not None:
            return filling, size
    return None


def _scanned(frame: Atoms, around: Surroundings, allowed: Sequence[Size], max_atoms: int) -> Found | None:
    """Of the sizes with the full core the one whose seam is best for its buffer; a smaller core only where none fits."""
    whole = [size for size in allowed if size[0] == allowed[0][0]]
    first = _first(frame, around, allowed, max_atoms)
    if first is None or first[1] not in whole:
        return first
    later = whole[whole.index(first[1]) + STRIDE :: STRIDE]
    tried = [first, *((found, size) for size in later if (found := _scan(frame, around, *size, max_atoms)) is not None)]
    return min(tried, key=lambda one: badness(around, one[0]) + SHRINK_COST * (1 - one[1][1] / allowed[0][1]))


def _first(frame: Atoms, around: Surroundings, allowed: Sequence[Size], max_atoms: int) -> Found | None:
    found = ((_scan(frame, around, *size, max_atoms), size) for size in allowed)
    return next(((filling, size) for filling, size in found if filling is not None), None)


def _scan(frame: Atoms, around: Surroundings, core_radius: float, buffer: float, max_atoms: int) -> Filling | None:
    """The best edges: all three alike first, then direction by direction (each has its own seam), then finer."""
    directions = scan_directions(frame)
    edges = scan_edges(frame, directions, core_radius, buffer)
    wanted = 2 * (core_radius + buffer)
    tried: dict[tuple[float, ...], tuple[float, Filling | None]] = {}

    def cost(lengths: tuple[float, ...]) -> float:
        if lengths not in tried:
            found = fill(around, np.array(lengths)[:, None] * directions, core_radius, max_atoms)
            excess = SIZE_COST * sum(abs(length / wanted - 1) for length in lengths)
            tried[lengths] = (np.inf if found is None else badness(around, found) + excess, found)
        return tried[lengths][0]

    chosen = min(alike(edges), key=cost)
    for axis, step in product(range(3), (None, 0.0125)):
        lengths = edges[axis] if step is None else refined(edges[axis], chosen[axis], step)
        chosen = min(((*chosen[:axis], length, *chosen[axis + 1 :]) for length in lengths), key=cost)
    return min(tried.values(), key=lambda entry: entry[0])[1]
