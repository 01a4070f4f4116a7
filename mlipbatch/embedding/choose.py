"""Which atoms of which frames are worth a box: the most uncertain ones, and none twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.core import frames as names
from mlipbatch.embedding.surroundings import neighbours

Floats = NDArray[np.float64]

A_FRAME = 2  # boxes of one frame
SAME = 0.1  # A: environments whose sorted distances differ by less (root mean square) teach the same thing
NEAREST = 16  # distances to each element that are compared


class Choice(NamedTuple):
    """An atom to cut a box around."""

    frame: int
    atom: int
    gamma: float


def choose(frames: Sequence[Atoms], number: int, low: float, high: float, apart: float) -> list[Choice]:
    """At most `number` atoms with low <= gamma <= high, the most uncertain first.

    Of one frame at most two, at least `apart` (A) from each other; of environments that are nearly the same, only the first.
    Frames need the array gamma.
    """
    elements = sorted({int(z) for frame in frames for z in frame.numbers})
    chosen: list[Choice] = []
    prints: list[tuple[int, Floats]] = []
    for candidate in _ranked(frames, low, high):
        if len(chosen) == number:
            break
        frame = frames[candidate.frame]
        if not _room(frame, candidate, [one for one in chosen if one.frame == candidate.frame], apart):
            continue
        kind, distances = int(frame.numbers[candidate.atom]), fingerprint(frame, candidate.atom, elements, apart)
        if any(kind == other and _rms(distances - seen) < SAME for other, seen in prints):
            continue
        chosen.append(candidate)
        prints.append((kind, distances))
    return chosen


def fingerprint(frame: Atoms, atom: int, elements: Sequence[int], cutoff: float) -> Floats:
    """Sorted distances (A) to the nearest atoms of each element within `cutoff`, missing ones counted at it."""
    distance, found = neighbours(frame, atom, cutoff)
    table = np.full((len(elements), NEAREST), cutoff)
    for row, element in enumerate(elements):
        near = np.sort(distance[found == element])[:NEAREST]
        table[row, : len(near)] = near
    return table.ravel()


def _ranked(frames: Sequence[Atoms], low: float, high: float) -> list[Choice]:
    candidates = [
        Choice(number, int(atom), float(frame.arrays[names.GAMMA][atom]))
        for number, frame in enumerate(frames)
        for atom in np.flatnonzero((frame.arrays[names.GAMMA] >= low) & (frame.arrays[names.GAMMA] <= high))
    ]
    return sorted(candidates, key=lambda one: (-one.gamma, one.frame, one.atom))


def _room(frame: Atoms, candidate: Choice, others: Sequence[Choice], apart: float) -> bool:
    if len(others) >= A_FRAME:
        return False
    return all(frame.get_distance(candidate.atom, other.atom, mic=True) >= apart for other in others)


def _rms(difference: Floats) -> float:
    return float(np.sqrt(np.mean(difference**2)))
