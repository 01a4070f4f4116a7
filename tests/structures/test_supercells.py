"""Shapes of supercells."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.structures.supercells import compact_shapes, hermite_normal_forms, near_cubic_repeats, supercell


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 7), (3, 13), (4, 35), (8, 155)])
def test_number_of_sublattices(n, count):
    forms = hermite_normal_forms(n)
    assert len(np.unique(forms.reshape(len(forms), 9), axis=0)) == count  # OEIS A001001
    assert np.allclose(np.linalg.det(forms), n)


@pytest.mark.parametrize(
    ("lattice", "n", "shortest"),
    [
        ("fcc", 4, 1.0),
        ("fcc", 16, 3**0.5),
        ("fcc", 32, 2.0),
        ("fcc", 64, 8**0.5),
        ("bcc", 2, 1.0),
        ("bcc", 54, 3.0),
        ("sc", 27, 3.0),
    ],
)
def test_the_first_shape_has_the_farthest_images(lattice, n, shortest):
    atoms = supercell(bulk("Al", lattice, 1.0), compact_shapes(bulk("Al", lattice, 1.0).cell.array, n, 1)[0])
    assert len(atoms) == n
    assert atoms.cell.lengths().min() == pytest.approx(shortest)  # in lattice constants


def test_shapes_differ():
    unit = bulk("Al", "fcc", 4.0)
    shapes = {
        tuple(np.round(sorted(supercell(unit, matrix).cell.cellpar()), 3))
        for matrix in compact_shapes(unit.cell.array, 8, 4)
    }
    assert len(shapes) == 4


@given(
    edges=st.tuples(*[st.floats(2.0, 8.0)] * 3),
    per_cell=st.integers(1, 12),
    atoms=st.integers(200, 100_000),
)
def test_large_cells_have_enough_atoms_not_many_more_and_are_near_cubic(edges, per_cell, atoms):
    repeats = near_cubic_repeats(np.diag(edges), per_cell, atoms)
    assert atoms <= np.prod(repeats) * per_cell
    lengths = np.array(edges) * repeats
    # as good as rounding every edge up from the cube, or better
    side = np.cbrt(np.prod(edges) * atoms / per_cell)
    rounded = np.ceil(side / np.array(edges) - 1e-9)
    simple = np.prod(rounded) * (edges * rounded).max() / (edges * rounded).min()
    assert np.prod(repeats) * lengths.max() / lengths.min() <= 1.35 * simple
