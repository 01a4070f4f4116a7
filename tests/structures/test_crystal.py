"""Roots: the same crystal is recognised in any cell, different ones are told apart."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from mlipbatch.core.frames import CONFIG_TYPE, NAME, ROOT
from mlipbatch.structures.crystal import fingerprint
from mlipbatch.structures.supercells import tidy


def l1_2(a: float = 4.0) -> Atoms:
    cell = bulk("Al", "fcc", a, cubic=True)
    cell.symbols[0] = "Mg"
    return cell


def d0_22() -> Atoms:
    cell = bulk("Al", "fcc", 4.0, cubic=True).repeat((1, 1, 2))
    cell.symbols[[0, 6]] = "Mg"  # the corner, and the body centre of the doubled cell
    return cell


@pytest.mark.parametrize(
    "matrix", [[[2, 0, 0], [0, 2, 0], [0, 0, 2]], [[1, 1, 0], [-1, 1, 0], [0, 0, 1]], [[1, 0, 0], [3, 1, 0], [1, 2, 1]]]
)
def test_a_supercell_is_the_same_crystal(matrix):
    assert fingerprint(tidy(make_supercell(l1_2(), matrix))) == fingerprint(l1_2())


def test_scale_and_orientation_do_not_matter():
    turned = l1_2(5.1)
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    turned.translate((0.3, 0.1, 0.2))
    assert fingerprint(turned) == fingerprint(l1_2())


def test_other_orderings_elements_and_lattices_are_other_crystals():
    swapped = l1_2()
    swapped.symbols[:] = ["Al", "Mg", "Mg", "Mg"]
    crystals = [
        l1_2(),
        d0_22(),
        swapped,
        bulk("Al", "fcc", 4.0),
        bulk("Mg", "fcc", 4.0),
        bulk("Al", "bcc", 4.0),
        bulk("Al", "hcp", 3.0, c=4.9),
    ]
    assert len({fingerprint(crystal) for crystal in crystals}) == len(crystals)


def test_all_sizes_of_a_pure_element_share_one_root_and_alloys_do_not(example):
    cells = [atoms for atoms in example[0] if atoms.info[CONFIG_TYPE] == "sqs"]
    pure = [cell for cell in cells if set(cell.get_chemical_symbols()) == {"Al"}]
    assert [len(cell) for cell in pure] == [4, 8, 16]  # one cell a size: more would be repetitions
    assert {cell.info[ROOT] for cell in pure} == {pure[0].info[NAME]}
    mixed = [cell for cell in cells if len(set(cell.get_chemical_symbols())) == 2]
    assert len(mixed) == 2 * 3 * 2
    assert len({cell.info[ROOT] for cell in mixed}) == len({fingerprint(cell) for cell in mixed}) == len(mixed)
