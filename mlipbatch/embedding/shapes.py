"""Which boxes to try: repeats of the crystal's cell, or edges scanned along the frame's own directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SLACK = 0.97  # a box may be this much smaller than asked for
WHOLE = 0.9  # a frame that is hardly longer than the box is taken whole along that direction: no seam there
SQUARE = 0.2  # cosine up to which two cell vectors count as orthogonal
SCAN = np.arange(0.9, 1.26, 0.025)  # edges tried, as multiples of the one asked for
KINDS = 12  # different cells of one lattice that are tried
SHRINK_STEPS = 10  # delta goes to 0 in so many steps, then r_c down by 5 % each


def heights(cell: Floats) -> Floats:
    """Distances [3] between opposite faces of a cell [3, 3]."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0), dtype=np.float64)


def sizes(core_radius: float, buffer: float, smallest: float) -> Iterator[tuple[float, float]]:
    """(r_c, delta) to try, in order: as asked for; delta shrinks to 0; then r_c shrinks to `smallest` (A)."""
    for step in range(SHRINK_STEPS + 1):
        yield core_radius, buffer * (1 - step / SHRINK_STEPS)
    while core_radius * 0.95 >= smallest:
        core_radius *= 0.95
        yield core_radius, 0.0


def crystal_box(frame: Atoms, units: Sequence[Floats], core_radius: float, buffer: float) -> Floats:
    """Of the repeats of `units` (cells [3, 3] of one crystal) with room for core and, nearly, buffer, the smallest."""
    needed = max(SLACK * 2 * (core_radius + buffer), 2 * core_radius)
    boxes = [_repeat(frame, unit, needed) for unit in units]
    return min(boxes, key=lambda box: round(float(np.linalg.det(box)), 3))


def _repeat(frame: Atoms, unit: Floats, needed: float) -> Floats:
    repeats = np.maximum(1, np.ceil(needed / heights(unit) - 1e-9)).astype(int)
    box = repeats[:, None] * unit
    for axis in range(3):
        own = _same_direction(frame, unit[axis])
        if own is not None and np.linalg.norm(own) <= np.linalg.norm(box[axis]) * 1.05:
            box[axis] = own
    return np.asarray(box, dtype=np.float64)


def scan_directions(frame: Atoms) -> Floats:
    """Unit vectors [3, 3] along the frame's cell where that is not too oblique, else along x, y, z."""
    cell = np.asarray(frame.cell.complete())
    directions = cell / np.linalg.norm(cell, axis=1)[:, None]
    cosines = np.abs(directions @ directions.T - np.eye(3))
    return directions if cosines.max() < 0.55 else np.eye(3)


def scan_edges(frame: Atoms, directions: Floats, core_radius: float, buffer: float) -> list[list[float]]:
    """Edges (A) to try along each direction; the frame's own length where that is not much longer than the box."""
    slant = heights(directions)  # of a box with unit edges
    edges = []
    for axis in range(3):
        wanted = 2 * (core_radius + buffer) / slant[axis]
        lengths = SCAN * wanted
        lengths = lengths[lengths * slant[axis] >= 2 * core_radius]
        own = _same_direction(frame, directions[axis])
        if own is not None and np.linalg.norm(own) * WHOLE <= wanted:
            lengths = np.array([np.linalg.norm(own)])
        edges.append([float(length) for length in lengths])
    return edges


def alike(edges: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    """Of the edges to try, those where all three directions are stretched by the same factor."""
    most = max(len(lengths) for lengths in edges)
    return [tuple(lengths[min(n, len(lengths) - 1)] for lengths in edges) for n in range(most)]


def refined(lengths: Sequence[float], chosen: float, step: float) -> list[float]:
    """The chosen edge and its neighbours a relative `step` away, within the range of `lengths`."""
    options = (chosen * (1 - step), chosen, chosen * (1 + step))
    return [option for option in options if lengths[0] <= option <= lengths[-1]]


def squared(unit: Floats) -> list[Floats]:
    """Small cells of the same lattice with nearly orthogonal vectors, right-handed; `unit` itself where there are none."""
    lattice = np.array([n for n in product(range(-2, 3), repeat=3) if n > (0, 0, 0)]) @ unit
    lattice = lattice[np.argsort(np.linalg.norm(lattice, axis=1).round(6), kind="stable")][:40]
    cells = sorted(_square_triples(lattice), key=lambda cell: round(abs(float(np.linalg.det(cell))), 3))[:KINDS]
    own = [unit] if _is_square(unit) or not cells else []
    return [-cell if np.linalg.det(cell) < 0 else cell for cell in [*own, *cells]]


def _square_triples(lattice: Floats) -> Iterator[Floats]:
    directions = lattice / np.linalg.norm(lattice, axis=1)[:, None]
    orthogonal = np.abs(directions @ directions.T) < SQUARE
    for a, b in combinations(range(len(lattice)), 2):
        if orthogonal[a, b]:
            for c in np.flatnonzero(orthogonal[a] & orthogonal[b]):
                if c > b:
                    yield lattice[[a, b, int(c)]]


def _is_square(cell: Floats) -> bool:
    directions = cell / np.linalg.norm(cell, axis=1)[:, None]
    return bool(np.abs(directions @ directions.T - np.eye(3)).max() < SQUARE)


def _same_direction(frame: Atoms, direction: Floats) -> Floats | None:
    """The frame's periodic cell vector along `direction`, if it has one."""
    for axis in range(3):
        vector = np.asarray(frame.cell[axis])
        length = np.linalg.norm(vector)
        if frame.pbc[axis] and length and abs(vector @ direction) > 0.995 * length * np.linalg.norm(direction):
            return np.asarray(np.sign(vector @ direction) * vector, dtype=np.float64)
    return None
