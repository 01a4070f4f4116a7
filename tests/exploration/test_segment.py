"""The embedded route (LAMMPS' lists, pyace's evaluator, LAMMPS' ZBL) against ASE's calculators, and as physics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.md.velocitydistribution import thermalize_momenta
from pyace import PyACECalculator

from mlipbatch.core.potential import read_potential
from mlipbatch.exploration.evaluator import Evaluator
from mlipbatch.exploration.segment import Conditions, Segment
from mlipbatch.training.zbl import zbl

pytestmark = pytest.mark.engines
POTENTIAL = Path(__file__).parents[1] / "data" / "potential_al_cu"


@pytest.fixture(scope="module")
def potential():
    return read_potential(POTENTIAL)


@pytest.fixture(scope="module")
def evaluator(potential):
    return Evaluator(potential)


def alloy(repeat: tuple[int, int, int], rattle: float, shear: float = 0.0) -> Atoms:
    rng = np.random.default_rng(5)
    atoms = bulk("Al", cubic=True, a=3.95) * repeat
    atoms.symbols[::3] = "Cu"
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.normal(0, shear, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(0, rattle, atoms.positions.shape) + 7.0  # outside of the cell, too
    thermalize_momenta(atoms, 500, rng=rng)
    return atoms


def by_ase(atoms: Atoms, potential) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Energy, forces, stress and gamma from pyace's own calculator and from the ZBL that training subtracts."""
    calculator = PyACECalculator(str(potential.yaml), fast_nl=False)
    calculator.set_active_set(str(potential.active_set))
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True, calculator=calculator)
    core = zbl(bare, potential.zbl_inner, potential.zbl_outer)
    energy = bare.get_potential_energy() + core.energy + sum(potential.reference_energies[s] for s in bare.symbols)
    stress = bare.get_stress() + core.virial / bare.get_volume()
    return energy, bare.get_forces() + core.forces, stress, calculator.results["gamma"]


def left_handed() -> Atoms:
    atoms = alloy((2, 2, 2), 0.15, shear=0.1)
    atoms.set_cell(atoms.cell[[1, 0, 2]])
    return atoms


def close_pair() -> Atoms:
    atoms = alloy((3, 3, 3), 0.05)
    atoms.positions[1] = atoms.positions[0] + [1.5, 0.3, 0.2]  # inside the ZBL's range
    return atoms


CELLS = {
    "cubic": lambda: alloy((3, 3, 3), 0.1),
    "triclinic": lambda: alloy((3, 2, 3), 0.2, shear=0.1),
    "left-handed": left_handed,
    "smaller than the cutoff": lambda: alloy((1, 1, 1), 0.1, shear=0.05),
    "primitive": lambda: bulk("Cu", a=3.6) * (2, 2, 2),
    "close pair": close_pair,
}


@pytest.mark.parametrize("name", CELLS)
def test_energy_forces_and_gamma_are_those_of_ase(name, potential, evaluator):
    atoms = CELLS[name]()
    with Segment(potential, evaluator, atoms, Conditions(1.0, "nve", 0.0, 1)) as segment:
        look = segment.start()
        frame = segment.snapshot()
    energy, forces, _, gamma = by_ase(atoms, potential)
    assert look.potential_energy == pytest.approx(energy, abs=1e-8)
    assert np.abs(frame.arrays["mlip_forces"] - forces).max() < 1e-8
    assert look.gamma == pytest.approx(gamma, abs=1e-8)
    assert np.abs(frame.get_momenta() - atoms.get_momenta()).max() < 1e-10
    shift = (frame.positions - atoms.positions) @ np.linalg.inv(atoms.cell)
    assert np.abs(shift - np.round(shift)).max() < 1e-10  # the same places, wrapped


def test_after_many_steps_the_lists_are_still_right(potential, evaluator):
    with Segment(potential, evaluator, alloy((3, 3, 2), 0.1, shear=0.05), Conditions(2.0, "nvt", 0.0, 1)) as segment:
        segment.start()
        look = segment.advance(150, 1500.0)  # hot: atoms leave their neighbours, the cell, and LAMMPS' order
        frame = segment.snapshot()
    energy, forces, _, gamma = by_ase(frame, potential)
    assert look.potential_energy == pytest.approx(energy, abs=1e-8)
    assert np.abs(frame.arrays["mlip_forces"] - forces).max() < 1e-8
    assert look.gamma == pytest.approx(gamma, abs=1e-8)


def test_energy_is_conserved(potential, evaluator):
    atoms = alloy((3, 3, 3), 0.1)
    with Segment(potential, evaluator, atoms, Conditions(1.0, "nve", 0.0, 1)) as segment:
        looks = [segment.start(), *(segment.advance(20, 0.0) for _ in range(20))]
    total = np.array([look.potential_energy + look.kinetic_energy for look in looks]) / len(atoms)
    potential_part = np.array([look.potential_energy for look in looks]) / len(atoms)
    assert np.ptp(total) < 1e-4  # eV/atom
    assert np.ptp(potential_part) > 20 * np.ptp(total)  # energy did flow


def test_smaller_steps_conserve_energy_to_second_order(potential, evaluator):
    def spread(timestep: float, count: int) -> float:
        with Segment(potential, evaluator, alloy((2, 2, 2), 0.1), Conditions(timestep, "nve", 0.0, 1)) as segment:
            looks = [segment.start(), *(segment.advance(count, 0.0) for _ in range(20))]
        return float(np.ptp([look.potential_energy + look.kinetic_energy for look in looks]))

    assert 2.5 < spread(4.0, 5) / spread(2.0, 10) < 6.0  # velocity Verlet: 4


def test_pressure_is_that_of_the_stress(potential, evaluator):
    atoms = alloy((3, 2, 3), 0.2, shear=0.05)
    with Segment(potential, evaluator, atoms, Conditions(1.0, "nve", 0.0, 1)) as segment:
        segment.start()
        pressure = segment.pressure()
    _, _, stress, _ = by_ase(atoms, potential)
    kinetic = 2 / 3 * atoms.get_kinetic_energy() / atoms.get_volume()
    assert pressure == pytest.approx((kinetic - stress[:3].mean()) / units.GPa, abs=1e-4)


def test_a_barostat_moves_the_cell_and_the_unit_cell_with_it(potential, evaluator):
    atoms = alloy((2, 2, 2), 0.05)
    atoms.info["unit_cell"] = np.eye(3) * 3.95
    with Segment(potential, evaluator, atoms, Conditions(2.0, "npt", 20.0, 1)) as segment:
        segment.start()
        segment.advance(400, 300.0)
        frame = segment.snapshot()
    assert frame.get_volume() < 0.95 * atoms.get_volume()  # 20 GPa
    assert np.asarray(frame.info["unit_cell"]) * 2 == pytest.approx(np.asarray(frame.cell), abs=1e-8)
    _, forces, _, _ = by_ase(frame, potential)
    assert np.abs(frame.arrays["mlip_forces"] - forces).max() < 1e-8


def test_an_explosion_is_seen_and_said(potential, evaluator):
    atoms = alloy((2, 2, 2), 0.05)
    atoms.positions[1] = atoms.positions[0] + [0.25, 0.0, 0.0]
    with Segment(potential, evaluator, atoms, Conditions(2.0, "nve", 0.0, 1)) as segment:
        assert segment.start().explosion == ""
        assert "in one step" in segment.advance(20, 0.0).explosion
