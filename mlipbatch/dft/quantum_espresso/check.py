"""What must be right before a structure costs a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.upf import Upf, read_upf
from mlipbatch.core.frames import CONFIG_TYPE, ISOLATED_ATOM
from mlipbatch.dft.quantum_espresso.parameters import OURS, extra
from mlipbatch.dft.quantum_espresso.write import species

if TYPE_CHECKING:
    from ase import Atoms

HARD_DISTANCE = 0.5  # A: nothing cures an SCF with atoms this close; ZBL speaks there
MOST_ATOMS = 1000
ISOLATED_EDGE = 6.0  # A: shortest lattice vector of an isolated atom's box


def check(atoms: Atoms, dft: DFTConfig) -> str | None:
    """Why this structure must not be submitted, or None; the sentence names the offending value."""
    for rule in (_parameters, _size, _cell, _finite, _pseudopotentials, _functionals, _distances):
        refusal = rule(atoms, dft)
        if refusal:
            return refusal
    return None


def _parameters(_atoms: Atoms, dft: DFTConfig) -> str | None:
    for namelist, keys in extra(dft).items():
        if namelist not in ("control", "system", "electrons"):
            return f"dft.extra has &{namelist}, which a static calculation has not: control, system and electrons are the choice"
        for key in keys:
            if key in OURS:
                return f"dft.extra.{namelist}.{key} must not be set: {OURS[key]}"
    occupations = extra(dft).get("system", {}).get("occupations", "smearing")
    if occupations != "smearing":
        return f"dft.extra.system.occupations is {occupations!r}: on a metal anything but smearing is silently wrong"
    return None


def _size(atoms: Atoms, _dft: DFTConfig) -> str | None:
    if not 1 <= len(atoms) <= MOST_ATOMS:
        return f"{len(atoms)} atoms: a label has 1 to {MOST_ATOMS}"
    return None


def _cell(atoms: Atoms, _dft: DFTConfig) -> str | None:
    cell = np.asarray(atoms.cell, dtype=float)
    if not np.isfinite(cell).all():
        return "the cell has a component that is not finite"
    if abs(np.linalg.det(cell)) < 1.0:
        return f"the cell's volume is {abs(np.linalg.det(cell)):.3g} A^3: the structure needs a periodic cell"
    isolated = atoms.info.get(CONFIG_TYPE) == ISOLATED_ATOM
    if not isolated and not atoms.pbc.all():
        return f"pbc is {' '.join(str(bool(value)) for value in atoms.pbc)}: plane waves need all three directions periodic"
    if isolated and len(atoms) != 1:
        return f"config_type is {ISOLATED_ATOM}, yet there are {len(atoms)} atoms"
    shortest = float(np.linalg.norm(cell, axis=1).min())
    if isolated and shortest < ISOLATED_EDGE:
        return f"the box of an isolated atom has an edge of {shortest:.2f} A: {ISOLATED_EDGE:g} A at the least"
    return None


def _finite(atoms: Atoms, _dft: DFTConfig) -> str | None:
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    return f"the position of atom {bad[0]} is not finite" if len(bad) else None


def _pseudopotentials(atoms: Atoms, dft: DFTConfig) -> str | None:
    for symbol in species(atoms):
        if symbol not in dft.pseudopotentials:
            return (
                f"no pseudopotential for {symbol}: dft.pseudopotentials has {', '.join(dft.pseudopotentials) or 'none'}"
            )
        try:
            upf = _header(symbol, dft)
        except OSError as error:
            return f"the pseudopotential of {symbol} cannot be read: {error.strerror}: {error.filename}"
        if upf.element not in (None, symbol):
            return f"the pseudopotential of {symbol}, {dft.pseudopotentials[symbol]}, says that it is for {upf.element}"
    return None


def _functionals(atoms: Atoms, dft: DFTConfig) -> str | None:
    if "input_dft" in extra(dft).get("system", {}):
        return None  # the user has said which functional all of them stand for
    found = {symbol: _header(symbol, dft).functional for symbol in species(atoms)}
    known = {symbol: functional for symbol, functional in found.items() if functional}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{symbol} {functional}" for symbol, functional in known.items())
        return f"the pseudopotentials were made with different functionals: {listed}"
    return None


def _distances(atoms: Atoms, _dft: DFTConfig) -> str | None:
    from ase.neighborlist import neighbor_list

    periodic = atoms.copy()
    periodic.pbc = True  # what pw.x sees
    first, second, distance = neighbor_list("ijd", periodic, HARD_DISTANCE)
    if not len(distance):
        return None
    closest = int(np.argmin(distance))
    return (
        f"atoms {first[closest]} and {second[closest]} are {distance[closest]:.3f} A apart: "
        f"below {HARD_DISTANCE:g} A no parameter makes the SCF converge"
    )


def _header(symbol: str, dft: DFTConfig) -> Upf:
    return read_upf(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol])
