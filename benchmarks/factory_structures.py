"""The structures of `factory.py`: four families with the settings that label them, one in ten absurd on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

PSEUDO = "/usr/share/espresso/pseudo"  # Debian's quantum-espresso-data
EXPECTED = "expected"  # info of an absurd structure: REFUSED, or "" where pw.x has to find out
REFUSED = "refused"
Random = np.random.Generator


@dataclass(frozen=True)
class Family:
    """Structures that have one functional and one set of parameters: one `mlipbatch label`."""

    share: float  # of the structures that are not absurd
    make: Callable[[Random], Atoms]
    pseudopotentials: dict[str, str]
    dft: dict[str, Any]  # further keys of `dft`
    crystal: str
    absurd: list[Callable[[Random], Atoms]] = field(default_factory=list)


def strained(atoms: Atoms, random: Random, strain: float, rattle: float) -> Atoms:
    """A copy with a random deformation of the cell (standard deviation of its entries) and of the positions (A)."""
    made = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    made.set_cell(made.cell.array @ (np.eye(3) + strain * random.normal(size=(3, 3))), scale_atoms=True)
    made.positions += random.normal(scale=rattle, size=made.positions.shape)
    return made


def alloy(random: Random) -> Atoms:
    """Al-Mg, fcc, 4 to 8 atoms, of any composition; one in 25 a slab of many layers, whose charge sloshes."""
    if random.random() < 0.04:
        return slab(int(random.integers(7, 10)), random)
    cells: list[Atoms] = [
        bulk("Al", a=4.05, cubic=True),
        bulk("Al", a=4.05) * (2, 2, 2),
        bulk("Al", a=4.05) * (3, 2, 1),
    ]
    atoms = cells[random.choice(3, p=[0.6, 0.2, 0.2])].copy()
    atoms.symbols[:] = np.where(random.random(len(atoms)) < random.random(), "Mg", "Al")
    scale = 1 + 0.015 * float(np.mean(atoms.symbols == "Mg")) + random.normal(scale=0.02)
    atoms.set_cell(scale * atoms.cell, scale_atoms=True)
    return strained(atoms, random, 0.02, random.choice([0.03, 0.1, 0.2]))


def slab(layers: int, random: Random) -> Atoms:
    """(001), one atom a layer, half aluminium and half magnesium, 20 A of vacuum."""
    atoms = bulk("Al", a=4.05, cubic=True)
    atoms = Atoms("AlAl", [[0, 0, 0], [1.432, 1.432, 2.025]], cell=[2.864, 2.864, 4.05], pbc=True) * (1, 1, layers)
    atoms.symbols[len(atoms) // 2 :] = "Mg"
    atoms.center(vacuum=10.0, axis=2)
    atoms.positions += random.normal(scale=0.02, size=atoms.positions.shape)
    atoms.info["kpoints"] = "2 2 1"
    return atoms


def silicon(random: Random) -> Atoms:
    """Diamond, 2 to 8 atoms, from nearly perfect to nearly molten."""
    cells = [bulk("Si", a=5.4), bulk("Si", a=5.4) * (2, 1, 1), bulk("Si", a=5.4, cubic=True)]
    return strained(cells[random.choice(3, p=[0.4, 0.3, 0.3])], random, 0.02, random.choice([0.02, 0.1, 0.3]))


def iron(random: Random) -> Atoms:
    """bcc, two atoms: the ferromagnetic start of the campaign, or moments of its own that are off; one in eight squeezed."""
    squeeze = 0.85 if random.random() < 0.125 else 1 + random.normal(scale=0.02)
    atoms = strained(bulk("Fe", "bcc", 2.83 * squeeze, cubic=True), random, 0.015, random.choice([0.0, 0.03, 0.1]))
    kind = random.choice(4, p=[0.4, 0.2, 0.2, 0.2])
    if kind:
        atoms.set_initial_magnetic_moments([[8.0, 8.0], [2.5, -2.5], [6.0, 0.5]][kind - 1])
    return atoms


def water(random: Random) -> Atoms:
    """One molecule, bent and stretched, in a box of 6 to 7 A, at gamma."""
    atoms = molecule("H2O", cell=[random.uniform(6, 7)] * 3, pbc=True)
    atoms.center()
    atoms.positions += random.normal(scale=random.choice([0.03, 0.08, 0.15]), size=atoms.positions.shape)
    atoms.info["kpoints"] = "1 1 1"
    return atoms


def absurd(
    make: Callable[[Random], Atoms], spoil: Callable[[Atoms], object], expected: str = REFUSED
) -> Callable[[Random], Atoms]:
    """A structure of `make` that `spoil` has made one for which there is no calculation."""

    def made(random: Random) -> Atoms:
        atoms = make(random)
        spoil(atoms)
        if expected:
            atoms.info[EXPECTED] = expected
        return atoms

    return made


def extreme(make: Callable[[Random], Atoms], scale: float) -> Callable[[Random], Atoms]:
    """Far from any equilibrium, yet a calculation: the cell and all distances times `scale`."""

    def made(random: Random) -> Atoms:
        atoms = make(random)
        atoms.set_cell(scale * atoms.cell, scale_atoms=True)
        return atoms

    return made


def cell(random: Random) -> Atoms:
    """A small cell of aluminium to be spoiled."""
    return strained(bulk("Al", a=4.05, cubic=True), random, 0.02, 0.05)


def dimer(distance: float) -> Callable[[Random], Atoms]:
    """Two iron atoms in a box."""
    return lambda _: Atoms("Fe2", [[0, 0, 0], [distance, 0, 0]], cell=[4, 4, 4], pbc=True)


def _onto(atoms: Atoms) -> None:
    atoms.positions[1] = atoms.positions[0]


def _near(atoms: Atoms) -> None:
    atoms.positions[1] = atoms.positions[0] + [0.3, 0, 0]


def _nowhere(atoms: Atoms) -> None:
    atoms.positions[0, 1] = np.nan


def _flat(atoms: Atoms) -> None:
    atoms.set_cell([[4, 0, 0], [0, 4, 0], [4, 4, 0]])


def _huge(atoms: Atoms) -> None:
    atoms.set_cell([60, 60, 60])


def _open(atoms: Atoms) -> None:
    atoms.pbc = [True, True, False]


def _foreign(atoms: Atoms) -> None:
    atoms.symbols[0] = "U"


def _charged(atoms: Atoms) -> None:
    atoms.info["charge"] = 1


def _endless_mesh(atoms: Atoms) -> None:
    atoms.info["kpoints"] = "99 99 99"


def _close(atoms: Atoms) -> None:
    """Not so close that it would be refused, and too close for pw.x."""
    atoms.set_cell([4, 4, 4])
    atoms.positions[:] = [[0, 0, 0], [0.96, 0, 0]]


SPIN = {"ecutwfc": 22, "ecutrho": 180, "nspin": 2, "starting_magnetization": {"Fe": 0.3}, "degauss": 0.02}
FAMILIES = {
    "Al-Mg": Family(
        0.43, alloy, {"Al": "Al.pz-vbc.UPF", "Mg": "Mg.pz-n-vbc.UPF"},
        {"ecutwfc": 16, "kpoints_spacing": 0.35, "degauss": 0.02, "electron_maxstep": 30}, "fcc",
        [absurd(cell, _onto), absurd(cell, _near), absurd(cell, _nowhere), absurd(cell, _flat), absurd(cell, _huge),
         absurd(cell, _foreign), absurd(cell, _endless_mesh), absurd(cell, _open), extreme(cell, 0.6)],
    ),
    "Si": Family(
        0.22, silicon, {"Si": "Si.pz-vbc.UPF"}, {"ecutwfc": 20, "kpoints_spacing": 0.4, "electron_maxstep": 30}, "diamond",
        [absurd(silicon, _charged), absurd(silicon, _near), absurd(silicon, _nowhere), extreme(silicon, 1.8)],
    ),
    "Fe": Family(
        0.15, iron, {"Fe": "Fe.pbe-nd-rrkjus.UPF"},
        {**SPIN, "kpoints_spacing": 1.15, "mixing_beta": 0.7, "electron_maxstep": 20}, "bcc",
        [absurd(dimer(0.9), len), dimer(1.0), absurd(iron, _close, "")],
    ),
    "H2O": Family(
        0.20, water, {"H": "H.pz-vbc.UPF", "O": "O.pz-van_ak.UPF"},
        {"ecutwfc": 25, "ecutrho": 150, "kpoints_spacing": 0.4}, "fcc",
        [absurd(water, _onto), absurd(water, _foreign), extreme(water, 1.6), absurd(water, _charged)],
    ),
}  # fmt: skip


def structures(number: int, absurd_share: float, seed: int) -> dict[str, list[Atoms]]:
    """`number` of them by family, named, of which a share is absurd; the same seed makes the same ones."""
    spoilt = round(absurd_share * number)
    wanted = [(name, family.make) for name, family in FAMILIES.items() for _ in range(round(family.share * number))]
    odd = [(name, make) for name, family in FAMILIES.items() for make in family.absurd]
    random = np.random.default_rng(seed)
    random.shuffle(wanted)
    chosen = wanted[: number - spoilt] + [
        odd[at % len(odd)] for at in random.permutation(max(spoilt, len(odd)))[:spoilt]
    ]
    found: dict[str, list[Atoms]] = {name: [] for name in FAMILIES}
    for name, make in chosen:
        atoms = make(random)
        atoms.info["name"] = f"{name}-{len(found[name]):03d}"
        found[name].append(atoms)
    return {name: made for name, made in found.items() if made}
