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

CLASH = (
    0.9  # atoms come no nearer across a new boundary than this, times the frame's smallest distance of such a pair ...
)
CLASH_TYPICAL = 0.6  # ... and times the nearest-neighbour distance, even where the frame has one odd close pair
VOID = 1.5  # nearest-neighbour distances: farther than this from every atom is vacuum (a vacancy: 1.0)
PROBES = 4000  # points at which vacuum is looked for
UNSEEN = 0.8  # pairs of elements that the frame has nowhere close: times the sum of covalent radii


@dataclass(frozen=True)
class Surroundings:
    """Atoms within reach of the centre, nearest first; the centre itself is row 0."""

    vectors: Floats  # [m, 3] A, from the centre
    index: Integers  # [m] atom of the frame
    numbers: Integers  # [m] atomic numbers
    shells: Floats  # [m, shells] neighbours in the frame; too few near the rim
    typical: float  # A, the median distance to the nearest neighbour
    limits: Floats  # [119, 119] A, by atomic numbers: no nearer across a new boundary
    density: float | None  # atoms a cubic A; None where there is vacuum around, and density means nothing

    def seam_limits(self, rows: Integers, pairs: Pairs) -> Floats:
        """How near each of `pairs` (which count within `rows`) may come; what is as near in the frame itself may stay so."""
        numbers = self.numbers[rows]
        limits = self.limits[numbers[pairs.i], numbers[pairs.j]]
        own = np.linalg.norm(self.vectors[rows[pairs.i]] - self.vectors[rows[pairs.j]], axis=1)
        return np.asarray(np.where(pairs.crossing, limits, np.minimum(limits, CLASH * own)), dtype=np.float64)


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
    probes = np.random.default_rng(0).uniform(-1, 1, (PROBES, 3)) * 0.5 * reach  # a cube well inside the sphere
    solid = bool((tree.query(probes)[0] < VOID * typical).all())
    return Surroundings(
        vectors=vectors,
        index=index,
        numbers=numbers,
        shells=shells(pairs, len(vectors), typical),
        typical=typical,
        limits=_limits(numbers, pairs, typical),
        density=len(frame) / frame.cell.volume if solid and frame.cell.rank == 3 else None,
    )


def neighbours(frame: Atoms, atom: int, cutoff: float) -> tuple[Floats, Integers]:
    """Vectors [n, 3] (A) to what is within `cutoff` of an atom, itself not counted, and atomic numbers [n]."""
    vectors, index = _images(frame, atom, cutoff)
    distance = np.linalg.norm(vectors, axis=1)
    near = (distance <= cutoff) & (distance > 0)
    return vectors[near], frame.numbers[index[near]].astype(np.int64)


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
    return Pairs(i, j, np.tile(distance, 2), vectors[j] - vectors[i], np.zeros(2 * len(found), dtype=bool))


def _limits(numbers: Integers, pairs: Pairs, typical: float) -> Floats:
    radii = covalent_radii[:119]
    limits = np.full((119, 119), np.inf)
    np.minimum.at(limits, (numbers[pairs.i], numbers[pairs.j]), CLASH * pairs.distance)
    unseen = np.isinf(limits)
    limits[unseen] = (UNSEEN * (radii[:, None] + radii[None, :]))[unseen]
    return np.asarray(np.maximum(limits, CLASH_TYPICAL * typical), dtype=np.float64)
