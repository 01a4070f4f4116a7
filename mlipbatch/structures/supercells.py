"""Supercells of a lattice, ranked by how far apart their periodic images are."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice, product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

MOST = 50_000  # shapes looked at; beyond it an even sample of them is
CHUNK = 500
Integers = NDArray[np.int64]


def hermite_normal_forms(n: int) -> Integers:
    """All distinct sublattices of index `n` as integer row vectors, [m, 3, 3] (Hart and Forcade, PRB 77, 224115, 2008)."""
    pairs = [
        (a, d, n // (a * d)) for a in range(1, n + 1) if n % a == 0 for d in range(1, n // a + 1) if (n // a) % d == 0
    ]
    forms = (
        ((a, b, c), (0, d, e), (0, 0, f)) for a, d, f in pairs for b, c, e in product(range(d), range(f), range(f))
    )
    step = -(-sum(d * f * f for _, d, f in pairs) // MOST)
    return np.array(list(islice(forms, 0, None, step)), dtype=np.int64)


def short_vectors(cell: NDArray[np.float64], radius: float) -> Integers:
    """Integer coordinates [v, 3] of the lattice vectors up to `radius` (A), shortest first, one of each +- pair, without zero."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)  # distances between lattice planes, A
    reach = [range(-int(radius / height) - 1, int(radius / height) + 2) for height in heights]
    grid = np.array([t for t in product(*reach) if t > (0, 0, 0)], dtype=np.int64)
    lengths = np.linalg.norm(grid @ cell, axis=1)
    order = np.argsort(lengths, kind="stable")
    return np.asarray(grid[order][lengths[order] <= radius])


def compact_shapes(cell: NDArray[np.float64], n: int, number: int) -> list[Integers]:
    """Up to `number` supercells of `n` cells that differ in shape, as integer matrices [3, 3]: farthest images first."""
    unscaled = cell / np.cbrt(abs(np.linalg.det(cell)))
    return _ranked_shapes(tuple(map(tuple, np.round(unscaled, 9).tolist())), n)[:number]


@lru_cache(maxsize=32)
def _ranked_shapes(rows: tuple[tuple[float, ...], ...], n: int) -> list[Integers]:
    """One supercell of each shape; the cell has volume 1. Remembered: the same shapes serve all compositions."""
    cell = np.array(rows)
    if n == 1:
        return [np.eye(3, dtype=np.int64)]
    # no lattice has a shortest vector above 2^(1/6) V^(1/3) (fcc); a fifth more tells shapes apart
    vectors = short_vectors(cell, 1.2 * 2 ** (1 / 6) * np.cbrt(n))
    lengths = np.round(np.linalg.norm(vectors @ cell, axis=1), 4)
    shapes: dict[tuple[float, ...], Integers] = {}
    forms = hermite_normal_forms(n)
    for start in range(0, len(forms), CHUNK):
        part = forms[start : start + CHUNK]
        adjugates = np.rint(np.linalg.inv(part) * n)  # v is in the sublattice if v adj(H) = 0 mod n
        inside = ~np.any((vectors @ adjugates).astype(np.int32) % n, axis=2)  # [chunk, v]
        for form, mask in zip(part, inside, strict=True):
            shapes.setdefault(tuple(lengths[mask]), form)
    # among equals the more symmetric, which has more images at that distance: conventional cubic for 4 atoms of fcc
    return [shapes[key] for key in sorted(shapes, key=lambda found: (-found[0], -found.count(found[0]), found))]


def tidy(atoms: Atoms) -> Atoms:
    """The same crystal with the shortest cell vectors, right-handed (as LAMMPS wants them), atoms inside; orientation is kept."""
    from ase.geometry import minkowski_reduce

    reduced, _ = minkowski_reduce(atoms.cell.array, pbc=[True, True, True])
    new = atoms.copy()
    new.set_cell(reduced if np.linalg.det(reduced) > 0 else -reduced, scale_atoms=False)
    new.pbc = True
    new.wrap(eps=1e-6)
    return new


def supercell(primitive: Atoms, matrix: Integers) -> Atoms:
    """The supercell of that integer matrix [3, 3], tidied."""
    from ase.build import make_supercell

    return tidy(make_supercell(primitive, matrix))


def near_cubic_repeats(cell: NDArray[np.float64], per_cell: int, atoms: int) -> tuple[int, int, int]:
    """Repeats along the three cell vectors: at least `atoms` atoms, few more, and edges of nearly the same length."""
    edges = np.linalg.norm(cell, axis=1)
    cells = -(-atoms // per_cell)
    widest = int(2 * np.cbrt(cells * edges.prod()) / edges[0]) + 1
    candidates = [
        (i, j, -(-cells // (i * j)))
        for i in range(1, widest + 1)
        for j in range(max(1, int(i * edges[0] / edges[1])), int(i * edges[0] / edges[1]) + 3)
    ]

    def cost(repeats: tuple[int, int, int]) -> float:
        lengths = edges * repeats
        return float(np.prod(repeats) * lengths.max() / lengths.min())

    return min(candidates, key=cost)
