"""What must be right with a structure before any DFT code gets it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.core.frames import CONFIG_TYPE, ISOLATED_ATOM

if TYPE_CHECKING:
    from ase import Atoms

MOMENTS = "initial_magmoms"  # ASE's array, Bohr magnetons
HARD_DISTANCE = 0.5  # A: nothing cures an SCF with atoms this close; ZBL speaks there
CORE_SHARE = 0.9  # of a core's radius: Fe2 (1.06 A) is cured by paro at 1.0 A and by nothing at 0.9 A (qe_cases)
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
        value = float(charge)  # type: ignore[arg-type]
        said = f"{value:g}"
    except (TypeError, ValueError):
        value, said = math.nan, repr(charge)
    if value == 0:
        return None
    return (
        f"{what} is {said}: a charged cell gets a uniform background, whose energy depends on the cell's size; "
        "labels are of neutral cells"
    )


def too_close(atoms: Atoms, cores: Mapping[str, float]) -> str | None:
    """Why two of these atoms are too close, or None. `cores`: radius of each element's pseudopotential in A, 0 unknown."""
    from ase.neighborlist import neighbor_list

    closest = max([HARD_DISTANCE, *(CORE_SHARE * core for core in cores.values())])
    periodic = atoms.copy()
    periodic.pbc = True  # what a plane-wave code sees
    first, second, distance = neighbor_list("ijd", periodic, closest)
    symbols = atoms.get_chemical_symbols()
    for i, j, apart in sorted(zip(first, second, distance, strict=True), key=lambda pair: float(pair[2])):
        core = max(cores.get(symbols[i], 0.0), cores.get(symbols[j], 0.0))
        limit = max(HARD_DISTANCE, CORE_SHARE * core)
        if apart < limit:
            inside = (
                "inside the core of a pseudopotential" if limit > HARD_DISTANCE else "closer than any parameter cures"
            )
            return (
                f"atoms {i} and {j} ({symbols[i]}-{symbols[j]}) are {apart:.3f} A apart: below {limit:.2f} A they are {inside}, "
                "and no DFT job: there ZBL is the truth"
            )
    return None


def wrong_moments(atoms: Atoms) -> str | None:
    """Why a spin-polarised calculation cannot start with the structure's own moments, or None."""
    if not atoms.has(MOMENTS):
        return None
    moments = np.asarray(atoms.get_array(MOMENTS), dtype=float)
    if moments.ndim != 1:
        return f"{MOMENTS} has directions: labels are collinear, one moment an atom"
    bad = np.flatnonzero(~np.isfinite(moments))
    return f"the starting moment of atom {bad[0]} is not finite" if len(bad) else None


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
