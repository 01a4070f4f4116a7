"""The potential as physics: derivatives, extensivity, symmetry, references, grades."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch import calculator
from mlipbatch.config.errors import InputError
from mlipbatch.core.potential import read_potential


def alloy(seed: int = 3) -> Atoms:
    atoms = bulk("Al", "fcc", a=3.9, cubic=True)  # 4 atoms: the cell is smaller than the cutoff
    atoms.symbols[1] = "Cu"
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_forces_are_derivatives_of_the_energy(potential):
    atoms = alloy()
    atoms.calc = calculator(potential)
    forces = atoms.get_forces()
    numeric = np.zeros_like(forces)
    for index in np.ndindex(forces.shape):
        energies = []
        for step in (1e-4, -1e-4):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[index] += step
            energies.append(moved.get_potential_energy())
        numeric[index] = -(energies[0] - energies[1]) / 2e-4
    assert np.abs(forces - numeric).max() < 1e-5
    assert np.abs(forces.sum(axis=0)).max() < 1e-10


def test_stress_is_the_derivative_by_strain(potential):
    atoms = alloy()
    atoms.calc = calculator(potential)
    stress = atoms.get_stress()
    for voigt, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        energies = []
        for step in (1e-4, -1e-4):
            strain = np.eye(3)
            strain[a, b] += step / 2
            strain[b, a] += step / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell @ strain, scale_atoms=True)
            strained.calc = atoms.calc
            energies.append(strained.get_potential_energy())
        derivative = (energies[0] - energies[1]) / 2e-4 / atoms.get_volume()
        assert stress[voigt] == pytest.approx(derivative, abs=1e-6)


def test_a_supercell_has_as_many_times_the_energy_and_the_same_grades(potential):
    atoms = alloy()
    larger = atoms * (3, 2, 2)
    atoms.calc, larger.calc = calculator(potential), calculator(potential)
    assert larger.get_potential_energy() == pytest.approx(12 * atoms.get_potential_energy(), rel=1e-12)
    assert larger.get_stress() == pytest.approx(atoms.get_stress(), abs=1e-10)
    assert larger.calc.results["gamma"] == pytest.approx(np.tile(atoms.calc.results["gamma"], 12), rel=1e-6)


def test_rotation_and_wrapping_change_nothing(potential):
    atoms = alloy()
    atoms.calc = calculator(potential)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    moved = atoms.copy()
    moved.positions += moved.cell[0] * 3 - moved.cell[2] * 2  # atoms far outside their cell
    moved.rotate(37.0, (1, 2, 3), rotate_cell=True)
    moved.calc = atoms.calc
    assert moved.get_potential_energy() == pytest.approx(energy, rel=1e-12)
    assert np.linalg.norm(moved.get_forces(), axis=1) == pytest.approx(np.linalg.norm(forces, axis=1), abs=1e-9)


def test_a_lone_atom_has_its_reference_energy_and_open_boundaries_are_fine(potential):
    references = read_potential(potential).reference_energies
    atom = Atoms("Cu", cell=np.eye(3) * 20, pbc=True)
    atom.calc = calculator(potential)
    assert atom.get_potential_energy() == pytest.approx(references["Cu"])

    cluster = Atoms("AlCu", positions=[[0, 0, 0], [0, 0, 2.6]])
    boxed = Atoms("AlCu", positions=cluster.positions, cell=[30, 31, 32], pbc=True)
    slab = Atoms("AlCu", positions=cluster.positions, cell=[30, 31, 0], pbc=[True, True, False])
    energies = []
    for atoms in (cluster, boxed, slab):
        atoms.calc = calculator(potential)
        energies.append(atoms.get_potential_energy())
    assert energies == pytest.approx([energies[0]] * 3, rel=1e-12)


def test_grades_are_low_on_what_was_learnt_and_high_on_what_was_not(potential, labels):
    grades = []
    for atoms in labels:
        known = atoms.copy()
        known.calc = calculator(potential)
        known.get_potential_energy()
        grades.append(known.calc.results["gamma"])
    assert np.concatenate(grades).max() < 1.1  # the active set spans the training data
    squeezed = alloy()
    squeezed.set_cell(squeezed.cell * 0.85, scale_atoms=True)
    squeezed.rattle(0.3, seed=5)
    squeezed.calc = calculator(potential)
    squeezed.get_potential_energy()
    assert squeezed.calc.results["gamma"].shape == (4,)
    assert squeezed.calc.results["gamma"].max() > 2


def test_what_it_does_not_know_is_said_in_a_sentence(potential, tmp_path):
    atoms = bulk("Ni", cubic=True)
    atoms.calc = calculator(potential)
    with pytest.raises(InputError, match=r"has Ni, but the potential in .* knows only Al, Cu"):
        atoms.get_potential_energy()
    with pytest.raises(InputError, match="is no potential: it has no potential"):
        calculator(tmp_path)
