"""The text of a pw.x input: our own few lines, as ASE's writer drops requested properties and changes the caller's dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlipbatch.core.ladder import Value
from mlipbatch.dft.base import Mesh
from mlipbatch.dft.kpoints import GAMMA
from mlipbatch.dft.quantum_espresso.parameters import Namelists
from mlipbatch.dft.quantum_espresso.spin import Kinds

if TYPE_CHECKING:
    from ase import Atoms

ORDER = ("control", "system", "electrons")


def species(atoms: Atoms) -> list[str]:
    """The species in the order of their first atom."""
    return list(dict.fromkeys(atoms.get_chemical_symbols()))


def pw_input(atoms: Atoms, kinds: Kinds, namelists: Namelists, pseudopotentials: Mapping[str, str], mesh: Mesh) -> str:
    """The whole input; atoms keep the structure's order."""
    names = [*ORDER, *(name for name in namelists if name not in ORDER)]
    parts = [_namelist(name, namelists[name]) for name in names]
    parts += [
        _species_card(atoms, kinds, pseudopotentials),
        _kpoints_card(mesh),
        _cell_card(atoms),
        _positions_card(atoms, kinds),
    ]
    return "\n".join(parts)


def fortran(value: Value) -> str:
    """A value as Fortran reads it; floats keep all their digits."""
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value).replace("e", "d") if isinstance(value, float) else str(value)


def _namelist(name: str, keys: Mapping[str, Value]) -> str:
    lines = [f"  {key} = {fortran(value)}" for key, value in keys.items()]
    return "\n".join([f"&{name.upper()}", *lines, "/", ""])


def _species_card(atoms: Atoms, kinds: Kinds, pseudopotentials: Mapping[str, str]) -> str:
    masses = dict(zip(atoms.get_chemical_symbols(), atoms.get_masses(), strict=True))
    lines = [f"{label} {masses[symbol]:.5f} {pseudopotentials[symbol]}" for label, symbol in kinds.symbols.items()]
    return "\n".join(["ATOMIC_SPECIES", *lines, ""])


def _kpoints_card(mesh: Mesh) -> str:
    if mesh == GAMMA:
        return "K_POINTS gamma\n"  # real wavefunctions: half the time and memory of `automatic 1 1 1`
    return "K_POINTS automatic\n{} {} {} 0 0 0\n".format(*mesh)


def _cell_card(atoms: Atoms) -> str:
    return "\n".join(["CELL_PARAMETERS angstrom", *(_vector(row) for row in atoms.cell), ""])


def _positions_card(atoms: Atoms, kinds: Kinds) -> str:
    rows = zip(kinds.labels, atoms.positions, strict=True)
    return "\n".join(["ATOMIC_POSITIONS angstrom", *(f"{label:3s} {_vector(row)}" for label, row in rows), ""])


def _vector(row: Sequence[float]) -> str:
    """Three lengths in A: 12 decimals, so that a cell's symmetry is found again (pw.x wants 1e-5) and no energy is lost."""
    return " ".join(f"{value:18.12f}" for value in row)
