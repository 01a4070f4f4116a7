"""Labels: their units and signs against ASE's reader, and against pw.x itself by finite differences."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.units import Rydberg

from mlipbatch.core.ladder import Accept, Attempt, NextAttempt
from mlipbatch.dft import Labels, code
from mlipbatch.dft.quantum_espresso.results import read_output_labels
from tests.dft.conftest import DATA, Runner, settings
from tests.dft.test_diagnose import CASES, GOOD

qe = code("quantum_espresso")
NOT_LISTED = {"qe_more/stars": 281}  # k-points, from the folder's README
HYBRID = {
    "qe_more/hybrid": -15.71048730
}  # Ry, of its `!!` line; ASE takes the energy from before the loop over the exchange


@pytest.mark.parametrize("case", GOOD)
def test_labels_are_what_ase_reads(case: str) -> None:
    output = DATA / f"{case}.pwo"
    labels, other = read_output_labels(output), read(output, format="espresso-out")
    energy = HYBRID[case] * Rydberg if case in HYBRID else other.get_potential_energy()
    assert labels.energy == pytest.approx(energy, rel=2e-7)  # ASE's constants are of 2006
    assert np.allclose(labels.forces, other.get_forces(), rtol=1e-6, atol=1e-8)
    assert np.allclose(labels.stress, other.get_stress(), rtol=1e-6, atol=1e-9)
    assert labels.symbols == other.get_chemical_symbols()
    assert labels.iterations > 0
    listed = other.calc.ibz_kpts  # pw.x lists its k-points up to 99; beyond that ASE's reader knows none
    assert labels.kpoints == (len(listed) if listed is not None else NOT_LISTED[case])


@pytest.mark.parametrize("case", sorted(set(CASES) - set(GOOD)))
def test_nothing_is_read_from_what_is_not_good(case: str) -> None:
    with pytest.raises(ValueError, match=CASES[case][1]):
        read_output_labels(DATA / f"{case}.pwo")


def test_what_else_is_known_of_a_label(tmp_path: Path) -> None:
    shutil.copy(DATA / "qe_cases/spin_nomag/v_b03.pwo", tmp_path / "pw.out")
    labels = qe.read_results(tmp_path)
    assert (labels.magnetization, labels.absolute_magnetization) == (7.36, 7.36)
    assert (labels.iterations, labels.kpoints, labels.version) == (22, 4, "6.7MaX")
    assert labels.wall_s == pytest.approx(6.74)
    assert labels.accuracy == pytest.approx(7e-7)
    assert read_output_labels(DATA / "qe_cases/walltime/ref.pwo").magnetization is None


def label(run: Runner, atoms: Atoms, number: int, mesh: tuple[int, int, int] = (2, 2, 2)) -> Labels:
    dft = settings(conv_thr=1e-12, degauss=0.05, extra={"system": {"nosym": True}})
    folder, exit_code = run(atoms, dft, number, kpoint_mesh=mesh)
    assert qe.diagnose(folder, exit_code).ok
    return qe.read_results(folder)


@pytest.mark.engines
def test_forces_and_stress_are_derivatives_of_the_energy(run: Runner) -> None:
    """Central differences of the `!` energy; ASE's stress is + dE/d(strain) / V."""
    atoms = bulk("Al", "fcc", 4.05) * (2, 1, 1)
    atoms.symbols[1] = "Mg"
    atoms.positions[1] += [0.15, -0.1, 0.2]
    middle = label(run, atoms, 1)
    step, strain, force, stress = 0.01, 0.004, [], []
    for sign in (1, -1):
        displaced = atoms.copy()
        displaced.positions[1, 2] += sign * step
        force.append(label(run, displaced, 10 + sign).energy)
        for voigt, (i, j) in enumerate([(0, 0), (1, 2)]):
            deformation = np.eye(3)
            deformation[i, j] += sign * strain / (1 if i == j else 2)
            deformation[j, i] = deformation[i, j]
            strained = atoms.copy()
            strained.set_cell(atoms.cell @ deformation, scale_atoms=True)
            stress.append((voigt, label(run, strained, 20 + 5 * voigt + sign).energy))
    assert middle.forces[1][2] == pytest.approx(-(force[0] - force[1]) / (2 * step), rel=0.01)
    assert abs(middle.forces[1][2]) > 0.1
    volume = atoms.get_volume()
    for voigt, component in ((0, 0), (1, 3)):
        plus, minus = [energy for which, energy in stress if which == voigt]
        slope = (plus - minus) / (2 * strain * volume)
        assert middle.stress[component] == pytest.approx(
            slope, abs=0.0015
        )  # Pulay: the plane waves change with the cell
    assert abs(middle.stress[0]) > 0.01


def test_two_releases_give_the_same_label() -> None:
    """close_Fe_1.0 with paro, by pw.x 6.7 and by 7.2: 0.1 meV an atom, and forces and stress alike."""
    old, new = (read_output_labels(DATA / f"{name}.pwo") for name in ("qe_cases/close_Fe_1.0/paro", "qe_7.2/paro"))
    assert (old.version, new.version) == ("6.7MaX", "7.2")
    assert abs(new.energy - old.energy) / len(old.symbols) < 1e-4
    assert np.allclose(new.forces, old.forces, atol=1e-3)
    assert np.allclose(new.stress, old.stress, atol=1e-4)


@pytest.mark.engines
def test_a_real_recovery(run: Runner) -> None:
    """bcc iron whose SCF does not converge at beta 0.7, and does at 0.3 (spin_nomag)."""
    iron = bulk("Fe", "bcc", 2.83, cubic=True)
    iron.set_initial_magnetic_moments(None)  # ASE's own would win over the dataset's
    dft = settings(
        pseudopotentials={"Fe": "Fe.pbe-nd-rrkjus.UPF"}, ecutwfc=22, ecutrho=180, nspin=2, starting_magnetization={"Fe": 1.0},
        conv_thr=5e-7, electron_maxstep=20,
    )  # fmt: skip
    attempts: list[Attempt] = []
    step: object = qe.next_attempt(dft, [])
    while isinstance(step, NextAttempt):
        number = len(attempts) + 1
        folder, exit_code = run(iron, dft, number, step, kpoint_mesh=(2, 2, 2))
        attempts.append(Attempt.of(number, step, qe.diagnose(folder, exit_code)))
        step = qe.judge(dft, attempts)
    assert isinstance(step, Accept)
    assert step.rung == "beta0.3"
    assert [attempt.failure for attempt in attempts] == ["electronic_convergence_not_reached", None]
    labels = qe.read_results(folder)
    assert labels.energy == pytest.approx(-111.4577708 * 13.6056931, abs=1e-4)
    assert labels.magnetization == pytest.approx(7.36, abs=0.02)


@pytest.mark.engines
def test_out_of_steps_goes_on_from_its_density(run: Runner) -> None:
    atoms = bulk("Al", "fcc", 4.05, cubic=True)
    atoms.rattle(0.1, seed=1)
    dft = settings(kpoints_spacing=0.6, electron_maxstep=5)
    folder, exit_code = run(atoms, dft, 1)
    stopped = qe.diagnose(folder, exit_code)
    assert stopped.name == "electronic_convergence_not_reached"
    step = qe.judge(dft, [Attempt.of(1, NextAttempt(), stopped)])
    assert isinstance(step, NextAttempt)
    assert step.restart_from == 1
    folder, exit_code = run(atoms, dft, 2, step)
    assert qe.diagnose(folder, exit_code).ok
    assert "The initial density is read from file" in (folder / "pw.out").read_text()
