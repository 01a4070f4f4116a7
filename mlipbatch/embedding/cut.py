"""Cut a small periodic box around an atom of a large frame (SPEC 7: periodic embedding)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import EmbeddingConfig
from mlipbatch.core import frames as names
from mlipbatch.embedding.fill import Filling
from mlipbatch.embedding.search import Size, find_box
from mlipbatch.embedding.settle import push_apart
from mlipbatch.embedding.shapes import heights, scan_directions, sizes, squared
from mlipbatch.embedding.surroundings import Surroundings, surroundings

Floats = NDArray[np.float64]

SHELL = 1.05  # nearest-neighbour distances: a core without its first shell teaches nothing
STALE = ("energy", "stress", names.MLIP_ENERGY, names.REF_ENERGY, names.REF_STRESS)  # info of the frame, not of the box
MOVING = ("momenta", "forces", names.MLIP_FORCES, names.REF_FORCES)  # arrays likewise


def cut(
    frame: Atoms, center: int, config: EmbeddingConfig, *, unit_cell: Floats | None = None, config_type: str = ""
) -> Atoms:
    """The periodic box around atom `center`, which lies in its middle and comes first; the others follow by distance.

    Edges are about 2 (r_c + delta). With a `unit_cell` ([3, 3] A, rows; default: the frame's info) the box is a repeat of it;
    else its edges are those, near the wanted ones, across which atoms find as many neighbours as in the frame. Where the box
    would have more than `max_atoms`, delta shrinks first, then r_c; info has what was used. Arrays: force_mask (1 within r_c of
    the centre), original_index, gamma if the frame has it. Buffer atoms that would overlap across the boundary are
    left out or pushed apart; the core is as it was. Vacuum stays vacuum.
    Raises InputError for a centre that the frame does not have, and where even a tiny box would have too many atoms.
    """
    if not 0 <= center < len(frame):
        raise InputError(f"--center {center}: the frame has {len(frame)} atoms, counted from 0")
    known = unit_cell if unit_cell is not None else frame.info.get(names.UNIT_CELL)
    units = squared(np.asarray(known, dtype=float).reshape(3, 3)) if known is not None else []
    around = _gather(frame, center, config, units)
    allowed = list(sizes(config.core_radius, config.buffer, around.typical * SHELL))
    found = find_box(frame, around, units, allowed, config.max_atoms)
    if found is None:
        raise InputError(
            f"no box of at most {config.max_atoms} atoms holds atom {center} and its neighbours: raise embedding.max_atoms"
        )
    return _box(frame, center, around, *found, config_type)


def _gather(frame: Atoms, center: int, config: EmbeddingConfig, units: Sequence[Floats]) -> Surroundings:
    """Everything that any box to be tried may need."""
    longest = 2 * 1.3 * (config.core_radius + config.buffer)
    extra = max((float(np.linalg.norm(unit, axis=1).max()) for unit in units), default=0.0)
    slant = float(heights(scan_directions(frame)).min())
    reach = 0.5 * np.sqrt(3) * (longest + extra) / slant + 5.0  # 5 A: neighbours of the atoms in the corners
    return surroundings(frame, center, reach)


def _box(frame: Atoms, center: int, around: Surroundings, filling: Filling, used: Size, config_type: str) -> Atoms:
    rows = filling.rows
    core = np.linalg.norm(around.vectors[rows], axis=1) <= used[0]
    box = frame[around.index[rows]]
    box.set_cell(filling.cell)
    box.pbc = True
    box.positions = push_apart(around, rows, filling.cell, core) + 0.5 * filling.cell.sum(axis=0)
    box.wrap()
    for name in MOVING:
        box.arrays.pop(name, None)
    box.set_array(names.FORCE_MASK, core.astype(float))
    box.set_array(names.ORIGINAL_INDEX, around.index[rows].astype(int))
    parent = str(frame.info.get(names.NAME, "frame"))
    box.info = {key: value for key, value in frame.info.items() if key not in STALE}
    box.info |= {
        names.NAME: f"{parent}-atom{center}",
        names.PARENTS: parent,
        names.ROOT: frame.info.get(names.ROOT, parent),
        names.CENTER: 0,
        names.CORE_RADIUS: round(used[0], 6),
        names.BUFFER: round(used[1], 6),
        names.SEAM: round(filling.mismatch, 6),
    }
    if config_type:
        box.info[names.CONFIG_TYPE] = config_type
    if names.GAMMA in box.arrays:
        box.info[names.GAMMA_MAX] = float(box.arrays[names.GAMMA][0])
    return box
