"""Which atoms of which frames are worth a box: the most uncertain ones, and none twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.core import frames as names
from mlipbatch.core.potential import Potential
from mlipbatch.embedding.novelty import ActiveSet, Projector, active_sets

Floats = NDArray[np.float64]

KNOWN = 1.1  # gamma of what is in the active set is 1: less than a tenth more teaches nothing
A_FRAME = 2  # boxes of one frame
MOST = 5000  # candidates looked at, the most uncertain ones


class Choice(NamedTuple):
    """An atom to cut a box around."""

    frame: int
    atom: int
    gamma: float


def choose(
    frames: Sequence[Atoms], potential: Potential, number: int, low: float, high: float, apart: float
) -> list[Choice]:
    """At most `number` atoms with low <= gamma <= high, the most uncertain first.

    The upper limit is for what a simulation has reached: the start of a walk may be as unknown as it likes.

    Of one frame at most two, at least `apart` (A) from each other. After each choice the others get the gamma that they
    would have if it had been learnt; what would then be known is not chosen. Frames need the array gamma.
    """
    candidates = ranked(frames, low, high)[:MOST]
    projector, active = Projector(potential), active_sets(potential)
    projections = [projector.project(frames[one.frame], one.atom) for one in candidates]
    symbols = [str(frames[one.frame].symbols[one.atom]) for one in candidates]
    chosen: list[int] = []
    left = list(range(len(candidates)))
    while left and len(chosen) < number:
        grades = _grades(left, symbols, projections, active) if chosen else [candidates[n].gamma for n in left]
        best = int(np.argmax(grades))
        if grades[best] < KNOWN:
            break
        chosen.append(left[best])
        active[symbols[left[best]]].learn(projections[left[best]])
        taken = [candidates[n] for n in chosen]
        left = [n for n in left if has_room(frames[candidates[n].frame], candidates[n], taken, apart)]
    return [candidates[n] for n in chosen]


def ranked(frames: Sequence[Atoms], low: float, high: float) -> list[Choice]:
    """All atoms with low <= gamma <= high (a start has no upper limit), most uncertain first; ties in order of frames."""
    candidates = []
    for number, frame in enumerate(frames):
        gamma = frame.arrays[names.GAMMA]
        highest = np.inf if frame.info.get(names.STEP) == 0 else high
        wanted = np.flatnonzero((gamma >= low) & (gamma <= highest))
        candidates += [Choice(number, int(atom), float(gamma[atom])) for atom in wanted]
    return sorted(candidates, key=lambda one: (-one.gamma, one.frame, one.atom))


def has_room(frame: Atoms, candidate: Choice, taken: Sequence[Choice], apart: float) -> bool:
    """Whether another box may be cut out of the frame, there."""
    others = [other.atom for other in taken if other.frame == candidate.frame]
    if not others:
        return True
    near = frame.get_distances(candidate.atom, others, mic=True).min() < apart
    return len(others) < A_FRAME and not near


def _grades(
    rows: Sequence[int], symbols: Sequence[str], projections: Sequence[Floats], active: dict[str, ActiveSet]
) -> list[float]:
    return [float(active[symbols[row]].grades(projections[row][None, :])[0]) for row in rows]
