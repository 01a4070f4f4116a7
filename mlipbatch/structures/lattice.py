"""The crystal lattice that alloys live on: its sites, who may sit where, and its volume at each composition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from mlipbatch.config.elements import LATTICES, elemental_volume, volume_per_atom

if TYPE_CHECKING:
    from mlipbatch.config.model import Config

Composition = Mapping[str, float]  # atomic fractions
SAME = 1e-6  # difference of atomic fractions that is none


@dataclass(frozen=True)
class Lattice:
    """A lattice as the configuration has it.

    `conventional`: the crystal's customary cell. `volume`: A^3 an atom at composition `target`. `ordered`: its symbols say who
    sits where (a structure file); else they mean nothing (fcc, bcc, hcp, sc, diamond).
    """

    conventional: Atoms
    volume: float
    target: Composition
    ordered: bool

    def volume_at(self, composition: Composition) -> float:
        """A^3 an atom by Vegard's law: linear in the elements' own volumes, exact at the target."""
        return self.volume * _mean_volume(composition) / _mean_volume(self.target)


@dataclass(frozen=True)
class Sites:
    """The lattice at one composition: `cell` holds `label` on every site where the elements of `mixed` (fractions) are spread."""

    cell: Atoms
    label: str
    mixed: Composition

    def counts(self, atoms: Atoms) -> dict[str, int]:
        """How many of the mixed sites of `atoms` each element gets: nearest whole numbers (largest remainders)."""
        free = atoms.get_chemical_symbols().count(self.label)
        exact = {symbol: share * free for symbol, share in self.mixed.items()}
        counts = {symbol: int(value + SAME) for symbol, value in exact.items()}
        by_remainder = sorted(exact, key=lambda symbol: (counts[symbol] - exact[symbol], symbol))
        for symbol in by_remainder[: free - sum(counts.values())]:
            counts[symbol] += 1
        return counts


def lattice_of(config: Config) -> Lattice:
    """The lattice of `config.target_system.crystal_structure` with the volume that `generation.lattice_constant` stands for."""
    system, section = config.target_system, config.generation
    name = system.crystal_structure
    if name not in LATTICES:  # the lattice constant of a file is that of an fcc lattice with its volume an atom
        volume = volume_per_atom("fcc", section.lattice_constant, section.covera)
        return Lattice(_from_file(name), volume, system.composition, ordered=True)
    from ase.build import bulk

    shape = {"orthorhombic": True} if name == "hcp" else {"cubic": True}
    covera = section.covera if name == "hcp" else None
    cell = bulk(system.elements[0], name, a=section.lattice_constant, covera=covera, **shape)
    cell.set_initial_magnetic_moments(
        None
    )  # ASE gives iron some of its own; the campaign's are in dft.starting_magnetization
    volume = volume_per_atom(name, section.lattice_constant, section.covera)
    return Lattice(cell, volume, system.composition, ordered=False)


def sites(lattice: Lattice, composition: Composition) -> Sites:
    """Who sits where at `composition`, in the lattice's conventional cell at the volume of that composition.

    On the lattice of a structure file, elements that the composition has in the file's own proportion keep their sites; the
    others share what is left.
    """
    wanted = {symbol: share for symbol, share in composition.items() if share > SAME}
    symbols = lattice.conventional.get_chemical_symbols()
    own = {symbol: symbols.count(symbol) / len(symbols) for symbol in symbols} if lattice.ordered else {}
    kept = [symbol for symbol, share in own.items() if abs(wanted.get(symbol, 0.0) - share) < SAME]
    spread = {symbol: share for symbol, share in wanted.items() if symbol not in kept}
    label = min(spread, default=symbols[0])
    cell = lattice.conventional.copy()
    cell.symbols[:] = [symbol if symbol in kept else label for symbol in symbols]
    total = sum(spread.values())
    return Sites(
        scaled(cell, lattice.volume_at(wanted)), label, {symbol: share / total for symbol, share in spread.items()}
    )


def scaled(atoms: Atoms, volume: float) -> Atoms:
    """A copy with that volume (A^3) an atom."""
    new = atoms.copy()
    new.set_cell(atoms.cell.array * np.cbrt(volume * len(atoms) / atoms.get_volume()), scale_atoms=True)
    return new


def primitive(cell: Atoms) -> Atoms:
    """The smallest cell of the same crystal, in the same orientation (spglib)."""
    import spglib

    from mlipbatch.structures.crystal import SYMPREC

    found = spglib.standardize_cell(
        (cell.cell.array, cell.get_scaled_positions(), cell.numbers),
        to_primitive=True,
        no_idealize=True,
        symprec=SYMPREC,
    )
    if found is None:
        return cell.copy()
    lattice, positions, numbers = found
    return Atoms(numbers=numbers, cell=lattice, scaled_positions=positions, pbc=True)


def _from_file(path: str) -> Atoms:
    """Bare atoms of the file: numbers, positions, cell."""
    from mlipbatch.config.structure_file import read_structure

    atoms = read_structure(path)
    return Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def _mean_volume(composition: Composition) -> float:
    return sum(share * elemental_volume(symbol)[0] for symbol, share in composition.items())
