"""Choose structures: the most diverse of many, given those that are labelled already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import SelectionConfig
from mlipbatch.core import frames as names
from mlipbatch.selection.ace import ACEDescriptor
from mlipbatch.selection.farthest import Picks, sample
from mlipbatch.selection.fingerprint import Scaling, fingerprints

if TYPE_CHECKING:
    from ase import Atoms

FPS_DISTANCE = "fps_distance"  # Atoms.info: distance to what was chosen before it (the first of all has none)
Progress = Callable[[int, int], None]  # (done, total)
ALWAYS_KEPT = (names.ISOLATED_ATOM, names.EOS_REFERENCE)  # references: wanted whatever else is chosen


def _quiet(_done: int, _total: int) -> None:
    return


def choose(
    frames: Sequence[Atoms],
    k: int,
    config: SelectionConfig,
    *,
    database: Sequence[Atoms] = (),
    start: int | None = None,
    progress: Progress = _quiet,
) -> list[Atoms]:
    """Copies of k structures in the order of choice, each with info["fps_distance"], then all references (not counted in k).

    `database`: structures to keep away from. `start`: index in `frames` of the first choice, where there is no database.
    `progress` gets the structures fingerprinted so far and their total.
    Raises InputError where k is larger than the number of choosable structures, or a structure is malformed.
    """
    open_to_choice = [index for index, frame in enumerate(frames) if not is_reference(frame)]
    if not 1 <= k <= len(open_to_choice):
        raise InputError(
            f"k = {k}: choose between 1 and {len(open_to_choice)}, the number of structures that are no references"
        )
    if start is not None and start not in open_to_choice:
        raise InputError(f"start = {start}: not the index (from 0) of a structure that can be chosen")
    known = [frame for frame in database if not is_reference(frame)]
    first = 0 if start is None else open_to_choice.index(start)
    picks = _farthest([frames[index] for index in open_to_choice], k, config, known, first, progress)
    chosen = [_with_distance(frames[open_to_choice[i]], d) for i, d in zip(picks.indices, picks.distances, strict=True)]
    return chosen + [frame.copy() for frame in frames if is_reference(frame)]


def is_reference(frame: Atoms) -> bool:
    """Is it kept without being chosen?"""
    return frame.info.get(names.CONFIG_TYPE) in ALWAYS_KEPT


def _farthest(
    frames: Sequence[Atoms],
    k: int,
    config: SelectionConfig,
    known: Sequence[Atoms],
    start: int,
    progress: Progress,
) -> Picks:
    for place, members in (("input", frames), ("database", known)):
        for index, frame in enumerate(members):
            _check(frame, f"{place}: structure {index} ({frame.info.get(names.NAME, 'without name')})")
    both = [*frames, *known]
    elements = sorted({symbol for frame in both for symbol in frame.get_chemical_symbols()})
    descriptor = ACEDescriptor(elements, config.descriptor_cutoff, config.descriptor_functions)
    points = fingerprints(_counted(both, progress), descriptor, Scaling.of(descriptor, both))
    return sample(points[: len(frames)], k, database=points[len(frames) :], start=start)


def _counted(frames: Sequence[Atoms], progress: Progress) -> Iterator[Atoms]:
    for done, frame in enumerate(frames):
        progress(done, len(frames))
        yield frame


def _check(frame: Atoms, which: str) -> None:
    if not len(frame):
        raise InputError(f"{which} has no atoms")
    if not (np.isfinite(frame.positions).all() and np.isfinite(frame.cell[:]).all()):
        raise InputError(
            f"{which} has positions or a cell that are not finite; `mlipbatch screen` sets such structures aside"
        )
    if (frame.numbers < 1).any():
        raise InputError(f"{which} has an atom of no known element")


def _with_distance(frame: Atoms, distance: float) -> Atoms:
    chosen = frame.copy()
    chosen.info.pop(FPS_DISTANCE, None)
    if np.isfinite(distance):
        chosen.info[FPS_DISTANCE] = distance
    return chosen
