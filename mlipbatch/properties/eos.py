"""Energy against volume: the Birch-Murnaghan equation of state and what it says of a crystal.

    E(V) = E0 + 9 V0 B0 / 16 { [(V0/V)^(2/3) - 1]^3 B' + [(V0/V)^(2/3) - 1]^2 [6 - 4 (V0/V)^(2/3)] }

Source: F. Birch, Finite elastic strain of cubic crystals, Phys. Rev. 71, 809 (1947). In x = V^(-2/3) it is a polynomial of third
degree, so the least-squares fit is linear and has one solution (K. Lejaeghere et al., Crit. Rev. Solid State 39, 1 (2014), do the
same).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from numpy.typing import ArrayLike, NDArray

from mlipbatch.core.frames import UNIT_CELL

Floats = NDArray[np.float64]

FEWEST = 4  # points, as many as the equation has parameters
ATOMS_IN_CUBE = {"sc": 1, "bcc": 2, "fcc": 4, "diamond": 8}  # of the conventional cell


class NoMinimum(ValueError):
    """These points do not determine an equation of state; the message says why."""


@dataclass(frozen=True)
class EquationOfState:
    """A fitted curve."""

    volume: float  # V0, A^3/atom
    energy: float  # E0, eV/atom
    bulk_modulus: float  # B0, GPa
    derivative: float  # B' = dB/dP at V0
    rms: float  # eV/atom, of the residuals

    def energies(self, volumes: ArrayLike) -> Floats:
        """E(V) in eV/atom at `volumes` in A^3/atom."""
        ratio = (self.volume / np.asarray(volumes, dtype=float)) ** (2 / 3)
        strain = ratio - 1.0
        prefactor = 9 * self.volume * self.bulk_modulus * units.GPa / 16
        return np.asarray(self.energy + prefactor * (strain**3 * self.derivative + strain**2 * (6 - 4 * ratio)))


def fit_birch_murnaghan(volumes: ArrayLike, energies: ArrayLike) -> EquationOfState:
    """Fit the third-order Birch-Murnaghan equation to `energies` (eV/atom) at `volumes` (A^3/atom), each of shape [n_points].

    Raises NoMinimum where there are fewer than four different volumes, a value is not finite, or the minimum of the curve is
    not among the data: V0 and B0 would be extrapolated.
    """
    volume, energy = _points(volumes, energies)
    x = volume ** (-2 / 3)
    middle, width = x.mean(), np.ptp(x) / 2
    curve = np.polynomial.Polynomial.fit(x, energy, 3, domain=(middle - width, middle + width))
    x0 = _minimum(curve, x)
    second, third = float(curve.deriv(2)(x0)), float(curve.deriv(3)(x0))
    return EquationOfState(
        volume=float(x0**-1.5),
        energy=float(curve(x0)),
        bulk_modulus=float(4 / 9 * second * x0**3.5 / units.GPa),  # V d2E/dV2, with dE/dx = 0
        derivative=float(4 + 2 / 3 * x0 * third / second),
        rms=float(np.sqrt(np.mean((curve(x) - energy) ** 2))),
    )


def _points(volumes: ArrayLike, energies: ArrayLike) -> tuple[Floats, Floats]:
    volume, energy = np.asarray(volumes, dtype=float), np.asarray(energies, dtype=float)
    if volume.ndim != 1 or volume.shape != energy.shape:
        raise NoMinimum(f"{volume.shape} volumes and {energy.shape} energies are not one energy a volume")
    if not (np.isfinite(volume).all() and np.isfinite(energy).all() and (volume > 0).all()):
        raise NoMinimum("a volume or an energy is not a finite number, or a volume is not positive")
    different = len(np.unique(np.round(volume, 6)))
    if different < FEWEST:
        raise NoMinimum(f"{different} different volumes do not determine an equation of state; {FEWEST} or more do")
    return volume, energy


def _minimum(curve: np.polynomial.Polynomial, x: Floats) -> float:
    """Where the curve has its minimum; NoMinimum if not within the range of `x`."""
    found = [root for root in _stationary(curve) if float(curve.deriv(2)(root)) > 0]
    low, high = float(x.min()), float(x.max())
    inside = [root for root in found if low <= root <= high]
    if inside:
        return min(inside, key=lambda root: float(curve(root)))
    sampled = f"the volumes sampled, {high**-1.5:.2f} to {low**-1.5:.2f} A^3/atom"
    outside = [root for root in found if root > 0]
    if outside:
        raise NoMinimum(f"the energy is lowest at {outside[0] ** -1.5:.2f} A^3/atom, outside {sampled}")
    raise NoMinimum(f"the energy has no minimum within {sampled}")


def _stationary(curve: np.polynomial.Polynomial) -> list[float]:
    """Real roots of a cubic's derivative, without cancellation: at B' = 4 its leading coefficient is nothing but rounding."""
    offset, scale = curve.mapparms()
    c, b, a = (float(value) for value in curve.deriv().coef)
    inside = b * b - 4 * a * c
    if inside < 0:
        return []
    q = -(b + math.copysign(math.sqrt(inside), b)) / 2
    roots = [c / q] if q else []
    return [(root - offset) / scale for root in ([*roots, q / a] if a else roots)]


def lattice_constant(volume: float, reference: Atoms, crystal: str = "") -> float:
    """Lattice constant a (A) at `volume` (A^3/atom) of a crystal whose cell has the shape of `reference`.

    For the cubic lattices (`crystal` sc, bcc, fcc, diamond) a^3 is the conventional cell's volume. Otherwise the unit cell (that
    of info, where the structure is a supercell; else the cell itself) is scaled to that volume, and a is the lattice parameter
    of its Bravais lattice, or the length of its first vector where it has no symmetry left.
    """
    if crystal in ATOMS_IN_CUBE:
        return float((ATOMS_IN_CUBE[crystal] * volume) ** (1 / 3))
    scale = (volume * len(reference) / reference.get_volume()) ** (1 / 3)
    unit_cell = np.asarray(reference.info.get(UNIT_CELL, reference.cell.array), dtype=float).reshape(3, 3) * scale
    bravais = Atoms(cell=unit_cell, pbc=True).cell.get_bravais_lattice()
    return float(bravais.vars().get("a", np.linalg.norm(unit_cell[0])))


def near_minimum(volumes: Sequence[float], energies: Sequence[float], window: float, fewest: int) -> list[int]:
    """Indices, by volume, of the points within `window` (relative) of the volume of lowest energy, and the nearest `fewest`."""
    volume = np.asarray(volumes, dtype=float)
    distance = np.abs(volume / volume[int(np.argmin(energies))] - 1.0)
    nearest = set(np.argsort(distance, kind="stable")[:fewest].tolist())
    chosen = [index for index in range(len(volume)) if distance[index] <= window + 1e-9 or index in nearest]
    return sorted(chosen, key=lambda index: float(volume[index]))
