"""The ZBL repulsion of LAMMPS' `pair_style zbl`, switching included: the baseline that is subtracted before ACE learns.

Formulas and constants: LAMMPS manual, `pair_style zbl`; J. F. Ziegler, J. P. Biersack, U. Littmark, "The Stopping and Range
of Ions in Matter" (1985). Kept to the last digit of LAMMPS' own constants, so that training and simulation add up exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

Array = NDArray[np.float64]

COULOMB = 14.399645  # e^2 / (4 pi eps0), eV A: `qqr2e` of LAMMPS' units metal
SCREENING_LENGTH, SCREENING_POWER = 0.46850, 0.23  # A, 1
AMPLITUDES = np.array([0.02817, 0.28022, 0.50986, 0.18175])
DECAYS = np.array([0.20162, 0.40290, 0.94229, 3.19980])
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # ASE's order


class Prediction(NamedTuple):
    """What a model says of one structure."""

    energy: float  # eV
    forces: Array  # [n_atoms, 3] eV/A
    virial: Array  # [6] eV: d energy / d strain, ASE's sign and Voigt order; stress times volume


def zbl(atoms: Atoms, inner: float, outer: float) -> Prediction:
    """Energy, forces and virial of the ZBL baseline; `inner` and `outer` (A) as on the `pair_style zbl` line."""
    i, j, vector, distance = neighbor_list("ijDd", atoms, outer)
    numbers = atoms.numbers.astype(float)
    energy, slope = pair_energy(numbers[i], numbers[j], distance, inner, outer)
    pull = (slope / distance)[
        :, None
    ] * vector  # [n_pairs, 3], on atom i towards j where the energy rises with distance
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, i, pull)
    virial = np.array([0.5 * float(pull[:, a] @ vector[:, b]) for a, b in VOIGT])  # each pair is listed twice
    return Prediction(0.5 * float(energy.sum()), forces, virial)


def pair_energy(zi: Array, zj: Array, r: Array, inner: float, outer: float) -> tuple[Array, Array]:
    """Energy (eV) and its derivative by distance (eV/A) of pairs, all arrays of shape [n_pairs]."""
    at_outer = np.full_like(r, outer)
    e, de, d2e = _screened(zi, zj, at_outer)
    width = outer - inner
    a = (-3.0 * de + width * d2e) / width**2
    b = (2.0 * de - width * d2e) / width**3
    c = -e + 0.5 * width * de - width**2 * d2e / 12.0
    into = np.clip(r - inner, 0.0, None)  # A beyond where the switching starts
    energy, slope, _ = _screened(zi, zj, r)
    inside = r < outer
    energy = energy + a / 3.0 * into**3 + b / 4.0 * into**4 + c
    slope = slope + a * into**2 + b * into**3
    return np.where(inside, energy, 0.0), np.where(inside, slope, 0.0)


def _screened(zi: Array, zj: Array, r: Array) -> tuple[Array, Array, Array]:
    """The bare ZBL energy and its first two derivatives by distance."""
    decay = DECAYS[:, None] * (zi**SCREENING_POWER + zj**SCREENING_POWER) / SCREENING_LENGTH  # [4, n_pairs] 1/A
    terms = AMPLITUDES[:, None] * np.exp(-decay * r)
    phi, dphi, d2phi = terms.sum(0), -(decay * terms).sum(0), (decay**2 * terms).sum(0)
    charge = COULOMB * zi * zj
    energy = charge / r * phi
    slope = charge / r * (dphi - phi / r)
    curvature = charge / r * (d2phi - 2.0 * dphi / r + 2.0 * phi / r**2)
    return energy, slope, curvature
