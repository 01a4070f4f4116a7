"""Cut a small periodic box around an atom of a large frame (SPEC 7: periodic embedding)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import EmbeddingConfig
from mlipbatch.core import frames as names
from mlipbatch.embedding.fill import Filling, fill
from mlipbatch.embedding.shapes import alike, crystal_box, heights, refined, scan_directions, scan_edges, sizes, squared
from mlipbatch.embedding.surroundings import Surroundings, surroundings

Floats = NDArray[np.float64]

Size = tuple[float, float]  # r_c, delta; A

GOOD_SEAM = (
    0.5  # neighbours an atom: a repeat of the crystal with such a seam is right, whatever its density (surfaces)
)
SHRINK_COST = 0.5  # neighbours an atom that giving up the whole buffer must save
VACANCIES = 0.01  # share of sites that may be empty in a crystal
SHELL = 1.05  # nearest-neighbour distances: a core without its first shell teaches nothing
SIZE_COST = 0.02  # neighbours an atom that an edge twice too long must save
STALE = ("energy", "stress", names.MLIP_ENERGY, names.REF_ENERGY, names.REF_STRESS)  # info of the frame, not of the box
MOVING = ("momenta", "forces", names.MLIP_FORCES, names.REF_FORCES)  # arrays likewise


def cut(
    frame: Atoms, center: int, config: EmbeddingConfig, *, unit_cell: Floats | None = None, config_type: str = ""
) -> Atoms:
    """The periodic box around atom `center`, which lies in its middle and comes first; the others follow by distance.

    Edges are about 2 (r_c + delta). With a `unit_cell` ([3, 3] A, rows; default: the frame's info) the box is a repeat of it;
    else its edges are those, near the wanted ones, across which atoms find as many neighbours as in the frame. Where the box
    would have more than `max_atoms`, delta shrinks first, then r_c; info has what was used. Arrays: force_mask (1 within r_c of
    the centre), original_index, gamma if the frame has it. No atoms overlap across the boundary; vacuum stays vacuum.
    Raises InputError for a centre that the frame does not have, and where even a tiny box would have too many atoms.
    """
    if not 0 <= center < len(frame):
        raise InputError(f"--center {center}: the frame has {len(frame)} atoms, counted from 0")
    known = unit_cell if unit_cell is not None else frame.info.get(names.UNIT_CELL)
    units = squared(np.asarray(known, dtype=float).reshape(3, 3)) if known is not None else []
    around = _gather(frame, center, config, units)
    allowed = list(sizes(config.core_radius, config.buffer, around.typical * SHELL))
    found = _crystal(frame, around, units, allowed, config.max_atoms) if units else None
    found = found or _scanned(frame, around, allowed, config.max_atoms)
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


def _crystal(
    frame: Atoms, around: Surroundings, units: Sequence[Floats], allowed: Sequence[Size], max_atoms: int
) -> tuple[Filling, Size] | None:
    """The first repeat of the unit cell that is small enough; None where the frame turns out to be no such crystal."""
    for size in allowed:
        filling = fill(around, crystal_box(frame, units, *size), size[0], max_atoms)
        if filling is not None:
            expected = len(frame) / frame.cell.volume * abs(np.linalg.det(filling.cell)) if frame.pbc.all() else np.inf
            right = abs(len(filling.rows) - expected) < 0.5 + VACANCIES * expected
            return (filling, size) if right or filling.mismatch <= GOOD_SEAM else None
    return None


def _scanned(
    frame: Atoms, around: Surroundings, allowed: Sequence[Size], max_atoms: int
) -> tuple[Filling, Size] | None:
    """Of the sizes with the full core the one whose seam is best for its buffer; a smaller core only where none fits."""
    best, least = None, np.inf
    for size in allowed:
        if best is not None and size[0] < allowed[0][0]:
            break
        filling = _scan(frame, around, *size, max_atoms)
        cost = np.inf if filling is None else filling.mismatch + SHRINK_COST * (1 - size[1] / allowed[0][1])
        if filling is not None and cost < least:
            best, least = (filling, size), cost
    return best


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
            tried[lengths] = (np.inf if found is None else found.mismatch + excess, found)
        return tried[lengths][0]

    chosen = min(alike(edges), key=cost)
    for axis, step in product(range(3), (None, 0.0125)):
        lengths = edges[axis] if step is None else refined(edges[axis], chosen[axis], step)
        chosen = min(((*chosen[:axis], length, *chosen[axis + 1 :]) for length in lengths), key=cost)
    return min(tried.values(), key=lambda entry: entry[0])[1]


def _box(frame: Atoms, center: int, around: Surroundings, filling: Filling, used: Size, config_type: str) -> Atoms:
    rows = filling.rows
    box = frame[around.index[rows]]
    box.set_cell(filling.cell)
    box.pbc = True
    box.positions = around.vectors[rows] + 0.5 * filling.cell.sum(axis=0)
    box.wrap()
    for name in MOVING:
        box.arrays.pop(name, None)
    distance = np.linalg.norm(around.vectors[rows], axis=1)
    box.set_array(names.FORCE_MASK, (distance <= used[0]).astype(float))
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
