"""What must be right with a structure before any DFT code gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.core.frames import CONFIG_TYPE, ISOLATED_ATOM

if TYPE_CHECKING:
    from ase import Atoms

HARD_DISTANCE = 0.5  # A: nothing cures an SCF with atoms this close; ZBL speaks there
MOST_ATOMS = 1000
MOST_VOLUME = 100_000.0  # A^3
ISOLATED_EDGE = 6.0  # A: shortest lattice vector of an isolated atom's box


def refusal(atoms: Atoms) -> str | None:
    """Why this structure must not be submitted, whatever the code, or None; the sentence names the offending value."""
    return (
        charged("the structure's charge", atoms.info.get("charge", 0)) or _size(atoms) or _cell(atoms) or _finite(atoms)
    )


def charged(what: str, charge: object) -> str | None:
    """Why a cell with this charge, which `what` gives it, must not be submitted; None where it is neutral."""
    try:
        neutral = float(charge) == 0  # type: ignore[arg-type]
    except (TypeError, ValueError):
        neutral = False
    if neutral:
        return None
    return (
        f"{what} is {charge!r}: a charged cell gets a uniform background, whose energy depends on the cell's size; "
        "labels are of neutral cells"
    )


def too_close(atoms: Atoms) -> str | None:
    """Why two of these atoms are too close for a code whose cores are not known, or None."""
    from ase.neighborlist import neighbor_list

    periodic = atoms.copy()
    periodic.pbc = True  # what a plane-wave code sees
    first, second, distance = neighbor_list("ijd", periodic, HARD_DISTANCE)
    if not len(distance):
        return None
    nearest = int(np.argmin(distance))
    i, j = int(first[nearest]), int(second[nearest])
    return (
        f"atoms {i} and {j} ({atoms.symbols[i]}-{atoms.symbols[j]}) are {distance[nearest]:.3f} A apart: below "
        f"{HARD_DISTANCE:.2f} A they are closer than any parameter cures, and no DFT job: there ZBL is the truth"
    )


def _size(atoms: Atoms) -> str | None:
    if not 1 <= len(atoms) <= MOST_ATOMS:
        return f"{len(atoms)} atoms: a label has 1 to {MOST_ATOMS}"
    return None


def _cell(atoms: Atoms) -> str | None:
    cell = np.asarray(atoms.cell, dtype=float)
    if not np.isfinite(cell).all():
        return "the cell has a component that is not finite"
    if abs(np.linalg.det(cell)) < 1.0:
        return f"the cell's volume is {abs(np.linalg.det(cell)):.3g} A^3: the structure needs a periodic cell"
    if atoms.get_volume() > MOST_VOLUME:
        return f"the cell's volume is {atoms.get_volume():.3g} A^3: a label has at most {MOST_VOLUME:g}"
    isolated = atoms.info.get(CONFIG_TYPE) == ISOLATED_ATOM
    if not isolated and not atoms.pbc.all():
        return f"pbc is {' '.join(str(bool(value)) for value in atoms.pbc)}: plane waves need all three directions periodic"
    if isolated and len(atoms) != 1:
        return f"config_type is {ISOLATED_ATOM}, yet there are {len(atoms)} atoms"
    shortest = float(np.linalg.norm(cell, axis=1).min())
    if isolated and shortest < ISOLATED_EDGE:
        return f"the box of an isolated atom has an edge of {shortest:.2f} A: {ISOLATED_EDGE:g} A at the least"
    return None


def _finite(atoms: Atoms) -> str | None:
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    return f"the position of atom {bad[0]} is not finite" if len(bad) else None
