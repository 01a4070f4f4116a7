"""What lies around an atom of a large frame: every neighbour with its periodic images, as vectors from that atom."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from mlipbatch.embedding.shells import FARTHEST, Pairs, shells

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CLASH = 0.9  # atoms that are no neighbours in the frame may come this near: times the frame's own smallest distance of such a pair
CLASH_TYPICAL = (
    0.6  # and not nearer than this many nearest-neighbour distances, even where the frame has one odd close pair
)
UNSEEN = 0.8  # pairs of elements that the frame has nowhere close: times the sum of covalent radii


@dataclass(frozen=True)
class Surroundings:
    """Atoms within reach of the centre, nearest first; the centre itself is row 0."""

    vectors: Floats  # [m, 3] A, from the centre
    index: Integers  # [m] atom of the frame
    numbers: Integers  # [m] atomic numbers
    shells: Floats  # [m, shells] neighbours in the frame; too few near the rim
    typical: float  # A, the median distance to the nearest neighbour
    clash: Floats  # [119, 119] A, by atomic numbers: what may not come nearer across a new boundary


def surroundings(frame: Atoms, center: int, reach: float) -> Surroundings:
    """Gather what is within `reach` (A) of atom `center`, images along the periodic directions included."""
    from scipy.spatial import cKDTree

    vectors, index = _images(frame, center, reach)
    distance = np.linalg.norm(vectors, axis=1)
    order = np.lexsort((index, np.round(distance, 6)))
    order = order[distance[order] <= reach]
    vectors, index = vectors[order], index[order]
    numbers = frame.numbers[index].astype(np.int64)
    tree = cKDTree(vectors)
    nearest = tree.query(vectors, k=2)[0][:, 1]
    typical = float(np.median(nearest)) if len(vectors) > 1 else reach
    pairs = _pairs(vectors, tree.query_pairs(FARTHEST * typical, output_type="ndarray"))
    return Surroundings(
        vectors, index, numbers, shells(pairs, len(vectors), typical), typical, _clash(numbers, pairs, typical)
    )


def neighbours(frame: Atoms, atom: int, cutoff: float) -> tuple[Floats, Integers]:
    """Distances (A) and atomic numbers [n] of what is within `cutoff` of an atom, itself not counted."""
    vectors, index = _images(frame, atom, cutoff)
    distance = np.linalg.norm(vectors, axis=1)
    near = (distance <= cutoff) & (distance > 0)
    return distance[near], frame.numbers[index[near]].astype(np.int64)


def _images(frame: Atoms, center: int, reach: float) -> tuple[Floats, Integers]:
    """Vectors from the centre to every atom and to as many images as can lie within `reach`."""
    vectors = frame.positions - frame.positions[center]
    cell = np.asarray(frame.cell.complete())
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    scaled = vectors @ inverse
    scaled[:, frame.pbc] -= np.round(scaled[:, frame.pbc])
    copies = [int(np.ceil(reach / heights[k] - 0.5)) if frame.pbc[k] else 0 for k in range(3)]
    shifts = np.array(list(product(*(range(-n, n + 1) for n in copies))))
    everywhere = ((scaled[None, :, :] + shifts[:, None, :]) @ cell).reshape(-1, 3)
    return everywhere, np.tile(np.arange(len(frame)), len(shifts))


def _pairs(vectors: Floats, found: Integers) -> Pairs:
    distance = np.linalg.norm(vectors[found[:, 0]] - vectors[found[:, 1]], axis=1)
    i, j = np.concatenate([found, found[:, ::-1]]).T
    return Pairs(i, j, np.tile(distance, 2), np.zeros(2 * len(found), dtype=bool))


def _clash(numbers: Integers, pairs: Pairs, typical: float) -> Floats:
    radii = covalent_radii[:119]
    clash = np.full((119, 119), np.inf)
    np.minimum.at(clash, (numbers[pairs.i], numbers[pairs.j]), CLASH * pairs.distance)
    unseen = np.isinf(clash)
    clash[unseen] = (UNSEEN * (radii[:, None] + radii[None, :]))[unseen]
    return np.maximum(clash, CLASH_TYPICAL * typical)
