"""Cells for LAMMPS."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlipbatch.exploration.cells import boxed, enlarged, lower_triangular, strained


@given(arrays(float, (3, 3), elements=st.floats(-10, 10, width=32)))
def test_any_cell_becomes_lower_triangular_and_comes_back(cell):
    assume(abs(np.linalg.det(cell)) > 1e-2)
    lower, rotation = lower_triangular(cell)
    assert (np.diag(lower) > 0).all()
    assert np.triu(lower, 1) == pytest.approx(np.zeros((3, 3)), abs=1e-9)
    assert lower @ rotation == pytest.approx(cell, abs=1e-9)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-9)


def test_small_cells_are_repeated_towards_a_cube_and_remember_what_they_repeat():
    large = enlarged(bulk("Al", cubic=True) * (1, 1, 2), 250)
    assert len(large) >= 250
    assert np.ptp(large.cell.lengths()) <= 4.05
    assert large.info["unit_cell"] == pytest.approx(np.diag([4.05, 4.05, 8.1]))


def test_a_known_unit_cell_stays_known():
    atoms = bulk("Al", cubic=True) * (1, 1, 2)
    atoms.info["unit_cell"] = np.eye(3) * 4.05
    assert enlarged(atoms, 250).info["unit_cell"] == pytest.approx(np.eye(3) * 4.05)


def test_what_is_large_enough_or_not_periodic_is_left_as_it_is():
    assert len(enlarged(bulk("Al", cubic=True) * (4, 4, 4), 100)) == 256
    assert len(enlarged(molecule("CH3CH2OH"), 100)) == 9


def test_slabs_repeat_in_their_plane_only():
    slab = fcc111("Al", (2, 2, 3), vacuum=6.0)
    large = enlarged(slab, 100)
    assert len(large) >= 100
    assert large.cell[2] == pytest.approx(slab.cell[2])


def test_molecules_get_a_box_with_room():
    water = boxed(molecule("H2O"), 7.0)
    images = water.repeat((2, 2, 2))
    distances = images.get_all_distances()
    assert distances[:3, 3:].min() >= 7.0
    assert not water.pbc.any()


def test_unit_cells_follow_the_strain():
    atoms = Atoms("Al", cell=[8, 8, 8], pbc=True, info={"unit_cell": np.eye(3) * 4.0})
    assert strained(atoms, np.diag([8.8, 8.0, 7.2])).info["unit_cell"] == pytest.approx(np.diag([4.4, 4.0, 3.6]))
