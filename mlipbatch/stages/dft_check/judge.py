"""What the labels of a scan say: errors against its finest value, and which values are fine enough. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.model import DFTConfig
from mlipbatch.stages.dft_check.plan import Scan, calculation
from mlipbatch.stages.dft_check.result import GPA, Result
from mlipbatch.stages.numbers import num

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Tolerance:
    """The errors that are small enough."""

    energy: float = 1.0  # meV/atom, of energy differences between structures
    force: float = 10.0  # meV/A, largest error of an atom's force
    stress: float = 0.1  # GPa, largest error of a component


@dataclass(frozen=True)
class Errors:
    """Against the reference, over all structures."""

    energy: float  # meV/atom, largest error of a total energy: a shift that all structures share is no harm
    difference: float  # meV/atom, largest error of an energy difference between two structures
    force: float  # meV/A, largest length of the error of an atom's force
    force_rms: float  # meV/A, root mean square over components
    stress: float  # GPa, largest error of a component
    moment: float | None = None  # Bohr magnetons an atom, largest change of the magnetization

    def too_large(self, tolerance: Tolerance) -> list[str]:
        """Those of energy differences, forces and stress that are not within it, as words of a sentence."""
        found = (
            (self.difference, tolerance.energy, "meV/atom in energy differences"),
            (self.force, tolerance.force, "meV/A in forces"),
            (self.stress, tolerance.stress, "GPa in stress"),
        )
        return [f"{num(error, 2)} {words}" for error, allowed, words in found if error > allowed]


@dataclass(frozen=True)
class Row:
    """One value of a scan. `errors` is None where a label is lacking, or there is no reference."""

    value: float
    errors: Errors | None
    kpoints: tuple[str, ...]  # mesh of each structure
    smearing: float | None  # meV/atom, largest -TS
    seconds: float | None  # wall time of a label, mean
    lacking: tuple[str, ...] = ()  # names of calculations without a label


@dataclass(frozen=True)
class Judged:
    """A scan with what came of it; rows from coarse to fine."""

    scan: Scan
    rows: tuple[Row, ...]
    reference: float | None  # the finest value with a label of every structure
    enough: float | None  # the coarsest value within the tolerance, as all finer ones are; None: none but the reference

    def row(self, value: float) -> Row:
        """The row of a value."""
        return next(row for row in self.rows if row.value == value)

    @property
    def campaign(self) -> Row:
        """The row of the campaign's own value."""
        return self.row(self.scan.campaign)

    @property
    def good(self) -> bool:
        """Is the campaign's own value fine enough? What nothing finer was labelled beside of is not known to be."""
        mine, known = self.scan.campaign, self.campaign.errors is not None and self.reference != self.scan.campaign
        return known and self.enough is not None and not self.scan.quantity.finer(self.enough, mine)


def judge(
    scan: Scan,
    structures: Sequence[Atoms],
    dft: DFTConfig,
    results: Mapping[str, Result],
    tolerance: Tolerance,
) -> Judged:
    """A scan from its labels by name, as far as they are there. It takes two values with all their labels to judge any."""
    names = {
        value: [calculation(atoms, scan.settings(value, dft)).name for atoms in structures] for value in scan.values
    }
    whole = [value for value in scan.values if all(name in results for name in names[value])]
    reference = whole[-1] if whole else None
    there = {value: [results[name] for name in names[value] if name in results] for value in scan.values}
    rows = tuple(
        Row(
            value,
            compare(there[value], there[reference]) if reference is not None and value in whole else None,
            tuple(one.kpoints for one in there[value]),
            _largest_smearing(there[value]),
            float(np.mean([one.seconds for one in there[value]])) if there[value] else None,
            tuple(name for name in names[value] if name not in results),
        )
        for value in scan.values
    )
    return Judged(scan, rows, reference, _enough(rows, reference, tolerance))


def _enough(rows: Sequence[Row], reference: float | None, tolerance: Tolerance) -> float | None:
    """From the value beside the reference to coarser ones: the last before one that is off, or has no labels."""
    if reference is None:
        return None
    enough = None
    coarser = rows[: [row.value for row in rows].index(reference)]
    for row in reversed(coarser):
        if row.errors is None or row.errors.too_large(tolerance):
            break
        enough = row.value
    return enough


def compare(found: Sequence[Result], reference: Sequence[Result]) -> Errors:
    """The errors of some labels against those of the same structures."""
    pairs = list(zip(found, reference, strict=True))
    energies = [1000 * (one.energy - other.energy) / len(one.forces) for one, other in pairs]  # meV/atom
    forces = [1000 * (one.forces - other.forces) for one, other in pairs]  # meV/A
    moments = [
        abs(one.magnetization - other.magnetization) / len(one.forces)
        for one, other in pairs
        if one.magnetization is not None and other.magnetization is not None
    ]
    return Errors(
        energy=max(abs(error) for error in energies),
        difference=max(energies) - min(energies),
        force=max(float(np.linalg.norm(error, axis=1).max()) for error in forces),
        force_rms=float(np.sqrt(np.mean(np.concatenate([error.ravel() ** 2 for error in forces])))),
        stress=max(float(np.abs(one.stress - other.stress).max()) * GPA for one, other in pairs),
        moment=max(moments, default=None),
    )


def _largest_smearing(found: Sequence[Result]) -> float | None:
    shares = [1000 * one.smearing / len(one.forces) for one in found if one.smearing is not None]
    return max(shares, key=abs, default=None)
