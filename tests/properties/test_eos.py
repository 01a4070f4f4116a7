from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.eos import birchmurnaghan
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlipbatch.core.frames import REF_ENERGY, UNIT_CELL
from mlipbatch.properties.compare import compare
from mlipbatch.properties.eos import NoMinimum, fit_birch_murnaghan, lattice_constant, near_minimum

AROUND = np.linspace(0.88, 1.12, 9)


@settings(max_examples=60, deadline=None)
@example(volume=5.0, energy=0.0, bulk_modulus=1.0, derivative=4.0)  # the cubic term vanishes
@example(volume=27.583551169596348, energy=0.0, bulk_modulus=163.6171875, derivative=4.0)
@given(
    volume=st.floats(5, 60),
    energy=st.floats(-50_000, 0),
    bulk_modulus=st.floats(1, 500),
    derivative=st.floats(2.5, 7),
)
def test_parameters_of_a_birch_murnaghan_curve_come_back(volume, energy, bulk_modulus, derivative):
    volumes = volume * AROUND
    energies = birchmurnaghan(volumes, energy, bulk_modulus * units.GPa, derivative, volume)
    found = fit_birch_murnaghan(volumes, energies)
    assert found.volume == pytest.approx(volume, rel=1e-5)
    assert found.energy == pytest.approx(energy, rel=1e-9)
    assert found.bulk_modulus == pytest.approx(bulk_modulus, rel=1e-3)
    assert found.derivative == pytest.approx(derivative, abs=0.05)


def test_its_own_curve_is_ase_s_formula():
    volumes = 16.5 * AROUND
    energies = birchmurnaghan(volumes, -3.7, 76 * units.GPa, 4.6, 16.5)
    found = fit_birch_murnaghan(volumes, energies)
    np.testing.assert_allclose(found.energies(volumes), energies, atol=1e-10)
    assert found.rms < 1e-10


def test_noise_moves_the_bulk_modulus_little():
    rng = np.random.default_rng(1)
    volumes = 16.5 * np.linspace(0.9, 1.1, 11)
    energies = birchmurnaghan(volumes, -3.7, 76 * units.GPa, 4.6, 16.5) + rng.normal(0, 1e-4, 11)
    found = fit_birch_murnaghan(volumes, energies)
    assert found.bulk_modulus == pytest.approx(76, rel=0.05)
    assert 2e-5 < found.rms < 2e-4


@pytest.mark.parametrize(
    ("volumes", "energies", "sentence"),
    [
        ([10, 11, 12], [1, 0, 1], "3 different volumes"),
        ([10, 10, 10, 10, 11], [1, 1, 1, 1, 0], "2 different volumes"),
        ([10, 11, 12, 13], [1, 0, float("nan"), 1], "not a finite number"),
        ([-1, 11, 12, 13], [1, 0, 0, 1], "not positive"),
        ([10, 11, 12, 13], [1, 0, 1], "one energy a volume"),
        ([10, 11, 12, 13, 14], [0, 1, 2, 1, 0], "lowest at 8.77"),
        ([10, 11, 12, 13, 14], [0, 1, 2, 3.5, 5], "no minimum within|outside"),
    ],
)
def test_points_that_determine_nothing_are_refused(volumes, energies, sentence):
    with pytest.raises(NoMinimum, match=sentence):
        fit_birch_murnaghan(volumes, energies)


def test_a_minimum_outside_the_data_is_not_extrapolated():
    volumes = 16.5 * np.linspace(1.02, 1.12, 6)
    energies = birchmurnaghan(volumes, -3.7, 76 * units.GPa, 4.6, 16.5)
    with pytest.raises(NoMinimum, match=r"lowest at 16\.50 A\^3/atom, outside the volumes sampled, 16\.83 to 18\.48"):
        fit_birch_murnaghan(volumes, energies)


def test_lattice_constants_follow_the_cell_s_shape():
    assert lattice_constant(16.0, bulk("Al", "fcc", a=4.2), "fcc") == pytest.approx(4.0)
    for structure, a in (("fcc", 4.05), ("bcc", 3.2), ("sc", 3.3), ("diamond", 5.4)):
        atoms = bulk("Al", structure, a=a)
        volume = atoms.get_volume() / len(atoms)
        assert lattice_constant(volume, atoms, structure) == pytest.approx(a)
        assert lattice_constant(volume, atoms) == pytest.approx(a)  # the same from the primitive cell's shape
    hcp = bulk("Mg", "hcp", a=3.2, c=5.2)
    assert lattice_constant(hcp.get_volume() / 2 * 1.1**3, hcp, "hcp") == pytest.approx(3.52)


def test_a_supercell_s_lattice_constant_is_its_unit_cell_s():
    hcp = bulk("Mg", "hcp", a=3.2, c=5.2)
    large = hcp.repeat((3, 2, 2))
    large.info[UNIT_CELL] = hcp.cell.array
    assert lattice_constant(hcp.get_volume() / 2, large) == pytest.approx(3.2)


def test_the_window_keeps_what_is_near_the_minimum_and_enough_of_it():
    volumes, energies = [20, 18, 16, 14, 12, 30], [2, 0.5, 0, 0.5, 2, 9]
    assert near_minimum(volumes, energies, 0.13, 3) == [3, 2, 1]
    assert near_minimum(volumes, energies, 0.01, 5) == [4, 3, 2, 1, 0]
    assert near_minimum(volumes, energies, 1.0, 3) == [4, 3, 2, 1, 0, 5]


def emt_labels(a, strains):
    frames = []
    for strain in strains:
        atoms = bulk("Cu", "fcc", a=a * (1 + strain) ** (1 / 3), cubic=True)
        atoms.calc = EMT()
        atoms.info[REF_ENERGY] = atoms.get_potential_energy()
        atoms.calc = None
        frames.append(atoms)
    return frames


def test_emt_copper_against_itself_is_exact_and_is_copper():
    found = compare(emt_labels(3.6, [-0.1, -0.06, -0.03, 0, 0.03, 0.06, 0.1]), EMT(), crystal="fcc")
    assert found.lattice_constant_rel_error == 0.0
    assert found.bulk_modulus_rel_error == 0.0
    assert found.formula == "Cu"
    assert found.dft.lattice_constant == pytest.approx(3.59, abs=0.01)  # what EMT was made for
    assert found.dft.equation.bulk_modulus == pytest.approx(134, abs=6)
    assert found.volumes == sorted(found.volumes)


class Softer(EMT):
    """Another lattice constant and bulk modulus: EMT's energy of the crystal scaled by 1/1.01, times 0.9."""

    def get_potential_energy(self, atoms=None, force_consistent=False):
        other = atoms.copy()
        other.set_cell(atoms.cell / 1.01, scale_atoms=True)
        other.calc = EMT()
        return 0.9 * other.get_potential_energy()


def test_a_wrong_potential_shows_how_wrong_it_is():
    found = compare(emt_labels(3.6, np.linspace(-0.12, 0.12, 9)), Softer(), crystal="fcc")
    assert found.lattice_constant_rel_error == pytest.approx(0.01, abs=5e-4)
    assert found.bulk_modulus_rel_error == pytest.approx(0.9 / 1.01**3 - 1, abs=0.01)


def test_a_potential_without_a_minimum_there_is_a_reason_not_a_number():
    found = compare(emt_labels(3.45, np.linspace(-0.1, 0.04, 8)), EMT(), crystal="fcc")
    assert found.bulk_modulus_rel_error is None
    assert "outside the volumes sampled" in found.reason
    assert found.as_json()["dft"]["bulk_modulus_gpa"] is None
