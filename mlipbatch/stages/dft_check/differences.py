"""Forces and pressure from energies of displaced and strained copies, at one mesh: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.model import DFTConfig
from mlipbatch.dft import mesh_of_spacing
from mlipbatch.stages.dft_check.plan import CUTOFF, DENSITY, Calculation, calculation, name_of
from mlipbatch.stages.dft_check.result import GPA, Result

if TYPE_CHECKING:
    from ase import Atoms

STEP = 0.01  # A
STRAIN = 0.002  # of all three lattice vectors
MOST_COMPONENTS = 3
SIGNS = {"+": 1.0, "-": -1.0}
AXES = "xyz"
WAVES = "waves"  # in names: cutoffs scaled with the cell, so that the plane waves are the same


@dataclass(frozen=True)
class Component:
    """One component of one atom's force."""

    atom: int
    axis: int

    @property
    def word(self) -> str:
        """``atom2y``."""
        return f"atom{self.atom}{AXES[self.axis]}"


def components(symbols: Sequence[str]) -> list[Component]:
    """A few of a structure: an atom of every element before a second one of any, another axis each time."""
    first = [symbols.index(symbol) for symbol in dict.fromkeys(symbols)]
    others = [atom for atom in range(len(symbols)) if atom not in first]
    return [Component(atom, turn % 3) for turn, atom in enumerate([*first, *others][:MOST_COMPONENTS])]


def calculations(atoms: Atoms, dft: DFTConfig) -> Iterator[Calculation]:
    """Copies displaced by STEP to both sides, and strained by STRAIN at the same cutoffs and with the same plane waves.

    Cutoffs that go with the inverse square of an isotropic strain keep each plane wave on its side of the cutoff.
    """
    mesh = mesh_of_spacing(atoms.cell.array, dft.kpoints_spacing)
    for component in components(atoms.get_chemical_symbols()):
        for sign, factor in SIGNS.items():
            moved = atoms.copy()
            moved.positions[component.atom, component.axis] += factor * STEP
            yield Calculation(f"{name_of(atoms)}-{component.word}{sign}", moved, mesh=mesh)
    for sign, factor in SIGNS.items():
        stretch = 1 + factor * STRAIN
        strained = atoms.copy()
        strained.set_cell(stretch * atoms.cell.array, scale_atoms=True)
        scaled = {key: float(getattr(dft, key)) / stretch**2 for key in (CUTOFF, DENSITY)}
        yield Calculation(f"{name_of(atoms)}-volume{sign}", strained, mesh=mesh)
        yield Calculation(f"{name_of(atoms)}-volume{sign}-{WAVES}", strained, scaled, mesh)


@dataclass(frozen=True)
class ForceRow:
    """A component of a force, as labelled and as the slope of the energy, eV/A."""

    component: Component
    label: float
    slope: float

    @property
    def deviation(self) -> float:
        """meV/A."""
        return 1000 * abs(self.label - self.slope)


@dataclass(frozen=True)
class Differences:
    """What finite differences of one structure say. Pressures in GPa, positive where the cell wants to expand; None: no label."""

    structure: str
    forces: list[ForceRow] = field(default_factory=list)
    pressure: float | None = None  # as labelled
    slope_waves: float | None = None  # - dE/dV with the same plane waves: what a label's stress stands for
    slope_cutoff: float | None = None  # - dE/dV at the same cutoff
    lacking: tuple[str, ...] = ()

    @property
    def force(self) -> float | None:
        """Largest deviation of a force, meV/A."""
        return max((row.deviation for row in self.forces), default=None)

    @property
    def stress(self) -> float | None:
        """Deviation of the pressure, GPa."""
        if self.pressure is None or self.slope_waves is None:
            return None
        return abs(self.pressure - self.slope_waves)

    @property
    def pulay(self) -> float | None:
        """The slope at constant cutoff less that with the same plane waves, GPa: how far the basis is from complete."""
        if self.slope_cutoff is None or self.slope_waves is None:
            return None
        return self.slope_cutoff - self.slope_waves


def differences(atoms: Atoms, results: Mapping[str, Result]) -> Differences:
    """From the labels, by name, as far as they are there."""
    name = name_of(atoms)
    own = results.get(calculation(atoms, {}).name)
    chosen = components(atoms.get_chemical_symbols())
    rows = []
    for component in chosen:
        slope = _slope(results, f"{name}-{component.word}", "", 2 * STEP)
        if own is not None and slope is not None:
            rows.append(ForceRow(component, float(own.forces[component.atom, component.axis]), -slope))
    change = float(atoms.get_volume()) * ((1 + STRAIN) ** 3 - (1 - STRAIN) ** 3)  # A^3
    waves, cutoff = (_slope(results, f"{name}-volume", end, change) for end in (f"-{WAVES}", ""))
    wanted = [f"{name}-{component.word}{sign}" for component in chosen for sign in SIGNS]
    wanted += [f"{name}-volume{sign}{end}" for end in ("", f"-{WAVES}") for sign in SIGNS]
    return Differences(
        name,
        rows,
        None if own is None else -float(np.mean(own.stress[:3])) * GPA,
        None if waves is None else -waves * GPA,
        None if cutoff is None else -cutoff * GPA,
        tuple(one for one in wanted if one not in results),
    )


def _slope(results: Mapping[str, Result], before: str, after: str, change: float) -> float | None:
    ends = [results.get(f"{before}{sign}{after}") for sign in SIGNS]
    if ends[0] is None or ends[1] is None:
        return None
    return (ends[0].energy - ends[1].energy) / change
