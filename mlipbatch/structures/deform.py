"""Deformation gradients, and cells and positions that follow them. Pure functions; strains are dimensionless."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # [3, 3]


def deformed(atoms: Atoms, gradient: Matrix) -> Atoms:
    """A copy whose cell and positions are multiplied by the symmetric deformation gradient [3, 3]."""
    new = atoms.copy()
    new.set_cell(atoms.cell.array @ gradient.T, scale_atoms=True)
    return new


def with_volume(atoms: Atoms, ratio: float) -> Atoms:
    """A copy scaled isotropically to `ratio` times the volume."""
    return deformed(atoms, np.eye(3) * ratio ** (1 / 3))


def volume_conserving(strain: Matrix) -> Matrix:
    """1 + strain, scaled to determinant 1: pure shear does not change the volume in first order, this removes the second."""
    gradient = np.eye(3) + strain
    return np.asarray(gradient / np.cbrt(np.linalg.det(gradient)), dtype=float)


def monoclinic(gamma: float, rng: np.random.Generator) -> Matrix:
    """Pure shear of engineering strain `gamma` in a plane normal to a random Cartesian axis, along a random direction in it.

    In a cubic crystal the directions lie between (C11 - C12) / 2 and C44, so that a few cells see both.
    """
    angle = rng.uniform(0, np.pi)
    first, second = rng.permutation(3)[:2]
    strain = np.zeros((3, 3))
    strain[first, first], strain[second, second] = np.cos(angle), -np.cos(angle)
    strain[first, second] = strain[second, first] = np.sin(angle)
    return volume_conserving(gamma / 2 * strain)


def triclinic(gamma: float, rng: np.random.Generator) -> Matrix:
    """Shear in a random direction of the five-dimensional space of traceless strains: no angle of the cell is kept.

    Its norm is that of a simple shear of engineering strain `gamma`: sum of squares gamma^2 / 2.
    """
    random = rng.standard_normal((3, 3))
    strain = random + random.T
    strain -= np.eye(3) * np.trace(strain) / 3
    return volume_conserving(gamma / np.sqrt(2) * strain / np.linalg.norm(strain))


def rattled(atoms: Atoms, sigma: float, rng: np.random.Generator) -> Atoms:
    """A copy with Gaussian displacements of standard deviation `sigma` (A) of every Cartesian component."""
    new = atoms.copy()
    new.positions += rng.normal(scale=sigma, size=new.positions.shape)  # [n_atoms, 3], A
    return new
