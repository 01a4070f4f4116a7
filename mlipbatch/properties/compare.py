"""The potential's equation of state against that of the labels it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from mlipbatch.core.frames import REF_ENERGY
from mlipbatch.properties.eos import EquationOfState, NoMinimum, fit_birch_murnaghan, lattice_constant, near_minimum

WINDOW = 0.12  # |V/Vmin - 1|: +-4 % of the lattice constant; beyond it the third order alone does not carry the curve
FEWEST = 6  # points, where there are so many: two more than parameters


@dataclass(frozen=True)
class Curve:
    """Energies of one method, and the equation of state through those of them that lie in the window."""

    energies: list[float]  # [n_volumes] eV/atom
    equation: EquationOfState | None
    lattice_constant: float | None  # A
    reason: str = ""  # why there is no equation

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        equation = self.equation
        return {
            "energies_ev_per_atom": self.energies,
            "lattice_constant_a": self.lattice_constant,
            "volume_a3_per_atom": equation.volume if equation else None,
            "energy_ev_per_atom": equation.energy if equation else None,
            "bulk_modulus_gpa": equation.bulk_modulus if equation else None,
            "bulk_modulus_derivative": equation.derivative if equation else None,
            "fit_rms_mev_per_atom": 1000 * equation.rms if equation else None,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Comparison:
    """Both curves at the same volumes; errors are those of the potential, relative, with their sign."""

    formula: str
    volumes: list[float]  # [n_volumes] A^3/atom, ascending
    fitted: list[int]  # indices of the points that both fits use
    dft: Curve
    potential: Curve

    @property
    def lattice_constant_rel_error(self) -> float | None:
        """(a_potential - a_DFT) / a_DFT."""
        return _relative(self.potential.lattice_constant, self.dft.lattice_constant)

    @property
    def bulk_modulus_rel_error(self) -> float | None:
        """(B_potential - B_DFT) / B_DFT."""
        mine, theirs = self.potential.equation, self.dft.equation
        return _relative(mine.bulk_modulus, theirs.bulk_modulus) if mine and theirs else None

    @property
    def reason(self) -> str:
        """Why errors are missing; empty where they are there."""
        reasons = {"DFT": self.dft.reason, "the potential": self.potential.reason}
        return "; ".join(f"{self.formula}, {name}: {reason}" for name, reason in reasons.items() if reason)

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "formula": self.formula,
            "volumes_a3_per_atom": self.volumes,
            "fitted_points": self.fitted,
            "dft": self.dft.as_json(),
            "potential": self.potential.as_json(),
            "lattice_constant_rel_error": self.lattice_constant_rel_error,
            "bulk_modulus_rel_error": self.bulk_modulus_rel_error,
        }


def compare(reference: Sequence[Atoms], calculator: Any, *, crystal: str = "", window: float = WINDOW) -> Comparison:
    """Compare the labels `reference` (one cell at several volumes, each with REF_energy) with an ASE `calculator` at those cells.

    Both are fitted to the same points: those within `window` of the volume where the labels' energy is lowest.
    `crystal` names the lattice (`lattice_constant`). Raises ValueError where `reference` is empty.
    """
    if not reference:
        raise ValueError("there is no reference structure to compare with")
    frames = sorted(reference, key=_volume)
    volumes = [_volume(frame) for frame in frames]
    labels = [float(frame.info[REF_ENERGY]) / len(frame) for frame in frames]
    fitted = near_minimum(volumes, labels, window, FEWEST)
    shape = frames[int(np.argmin(labels))]
    return Comparison(
        formula=str(shape.symbols.formula.reduce()[0]),
        volumes=volumes,
        fitted=fitted,
        dft=_curve(volumes, labels, fitted, shape, crystal),
        potential=_curve(volumes, [_predict(frame, calculator) for frame in frames], fitted, shape, crystal),
    )


def _predict(frame: Atoms, calculator: Any) -> float:
    """eV/atom."""
    atoms = frame.copy()
    atoms.calc = calculator
    return float(atoms.get_potential_energy()) / len(atoms)


def _curve(volumes: list[float], energies: list[float], fitted: list[int], shape: Atoms, crystal: str) -> Curve:
    try:
        equation = fit_birch_murnaghan([volumes[i] for i in fitted], [energies[i] for i in fitted])
    except NoMinimum as reason:
        return Curve(energies, None, None, str(reason))
    return Curve(energies, equation, lattice_constant(equation.volume, shape, crystal))


def _volume(frame: Atoms) -> float:
    return float(frame.get_volume()) / len(frame)


def _relative(value: float | None, reference: float | None) -> float | None:
    return value / reference - 1.0 if value is not None and reference else None
