"""dft_code ase: real calculators in processes of their own, and calculators that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.base import Labels
from tests.dft.conftest import settings

ROOT = Path(__file__).parent.parent.parent
CODE = code("ase")
EMT_PATH = "ase.calculators.emt.EMT"


@pytest.fixture
def atoms() -> Atoms:
    found = bulk("Al", a=4.05, cubic=True)
    found.symbols[0] = "Cu"
    found.rattle(0.1, seed=3)
    return found


def attempt(folder: Path, atoms: Atoms, calculator: str, **arguments: Any) -> tuple[Path, int]:
    """Run one attempt as a job's script does."""
    folder.mkdir()
    dft = settings(command="python", calculator=calculator, arguments=arguments)
    prepared = CODE.prepare(atoms, dft, NextAttempt(), cores=1, walltime=60)
    for name, text in prepared.files.items():
        (folder / name).write_text(text)
    script = "\n".join([*prepared.before, prepared.command])
    environment = {**os.environ, **prepared.environment, "PYTHONPATH": str(ROOT)}
    return folder, subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=False).returncode


def label(folder: Path, atoms: Atoms, calculator: str = EMT_PATH, **arguments: Any) -> Labels:
    folder, status = attempt(folder, atoms, calculator, **arguments)
    assert CODE.diagnose(folder, status).ok
    return CODE.read_results(folder)


def test_a_label_is_what_the_calculator_gives_to_the_last_digit(tmp_path: Path, atoms: Atoms) -> None:
    found = label(tmp_path / "a", atoms)
    atoms.calc = EMT()
    assert found.energy == atoms.get_potential_energy()
    assert found.forces == atoms.get_forces().tolist()
    assert found.stress == atoms.get_stress().tolist()
    assert found.symbols == ["Cu", "Al", "Al", "Al"]
    assert found.version.startswith("ase.calculators.emt.EMT: ase 3.")
    assert (found.iterations, found.accuracy, found.magnetization) == (None, None, None)


def test_forces_and_stress_are_derivatives_of_the_energy(tmp_path: Path, atoms: Atoms) -> None:
    found, random, small = label(tmp_path / "a", atoms), np.random.default_rng(1), 1e-4
    step = small * random.normal(size=(4, 3))
    ends = []
    for number, sign in enumerate((-1, 1)):
        moved = atoms.copy()
        moved.positions += sign * step
        ends.append(label(tmp_path / f"moved-{number}", moved).energy)
    assert -(ends[1] - ends[0]) / 2 == pytest.approx(float((np.array(found.forces) * step).sum()), rel=1e-5)

    strain = random.normal(size=(3, 3))
    strain = small * (strain + strain.T) / 2
    ends = []
    for number, sign in enumerate((-1, 1)):
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + sign * strain), scale_atoms=True)
        ends.append(label(tmp_path / f"strained-{number}", strained).energy)
    xx, yy, zz, yz, xz, xy = found.stress
    stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    assert (ends[1] - ends[0]) / 2 == pytest.approx(atoms.get_volume() * float((stress * strain).sum()), rel=1e-4)


def test_the_energy_is_the_one_that_forces_belong_to_and_arguments_arrive(tmp_path: Path, atoms: Atoms) -> None:
    found = label(tmp_path / "a", atoms, "tests.dft.calculators.Warm", stiffness=3.0)
    assert found.energy == pytest.approx(1.5 * float((atoms.positions**2).sum()), rel=1e-12)  # not 2 eV more
    assert found.facts["energy_kind"] == "free_energy"
    assert found.magnetization == 1.5


FAILURES = {
    "WithoutStress": ("results_missing", "WithoutStress gives no stress: a label is energy, forces and stress"),
    "Unconverged": ("electronic_convergence_not_reached", "Unconverged failed (SCFError: no convergence in 50 steps)"),
    "NotFinite": ("results_not_finite", "energy, forces or stress are not finite"),
    "Leaves": ("crashed", "it ended with exit code 7"),
    "Segfaults": ("crashed", "it died of signal 11"),
    "Nobody": ("calculator_not_found", "tests.dft.calculators has no Nobody"),
    "Warm": ("calculator_arguments", "tests.dft.calculators.Warm cannot be made with these arguments (TypeError: "),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_a_name_and_is_given_up_with_its_reason(tmp_path: Path, atoms: Atoms, name: str) -> None:
    folder, status = attempt(tmp_path / "a", atoms, f"tests.dft.calculators.{name}")
    verdict = CODE.diagnose(folder, status)
    assert not verdict.ok
    assert verdict.name == FAILURES[name][0]
    assert verdict.sentence.startswith(FAILURES[name][1])
    with pytest.raises(ValueError, match=r": "):
        CODE.read_results(folder)
    after = CODE.judge(settings(), [Attempt.of(1, NextAttempt(), verdict)])
    assert isinstance(after, GiveUp)
    assert verdict.sentence in after.sentence


def test_an_element_that_is_refused_is_said_by_its_name(tmp_path: Path) -> None:
    folder, status = attempt(tmp_path / "a", bulk("Fe", cubic=True), EMT_PATH)
    verdict = CODE.diagnose(folder, status)
    assert (verdict.name, verdict.sentence) == (
        "calculation_failed",
        "EMT failed (NotImplementedError: No EMT-potential for Fe)",
    )


def test_what_the_machine_spoiled_is_tried_again_twice(tmp_path: Path, atoms: Atoms) -> None:
    folder, status = attempt(tmp_path / "a", atoms, "tests.dft.calculators.Killed")
    verdict = CODE.diagnose(folder, status)
    assert verdict.name == "output_stdout_incomplete"
    attempts: list[Attempt] = []
    for number in (1, 2):
        attempts.append(Attempt.of(number, NextAttempt(), verdict))
        assert isinstance(CODE.judge(settings(), attempts), NextAttempt)
    attempts.append(Attempt.of(3, NextAttempt(), verdict))
    assert isinstance(CODE.judge(settings(), attempts), GiveUp)


@pytest.mark.parametrize("scheduler", ["out_of_walltime", "out_of_memory", "node_failure", "preempted"])
def test_the_scheduler_is_believed_where_there_is_no_answer(tmp_path: Path, scheduler: str) -> None:
    assert CODE.diagnose(tmp_path, None, scheduler=scheduler).name == f"scheduler_{scheduler}"


def test_an_answer_cut_anywhere_is_no_label(tmp_path: Path, atoms: Atoms) -> None:
    folder, status = attempt(tmp_path / "a", atoms, EMT_PATH)
    answer = folder / "results.json"
    whole = answer.read_text()
    for length in range(len(whole)):
        answer.write_text(whole[:length])
        assert CODE.diagnose(folder, status).name == "output_stdout_incomplete"
    answer.write_text(whole)
    assert isinstance(CODE.judge(settings(), [Attempt.of(1, NextAttempt(), CODE.diagnose(folder, status))]), Accept)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"symbols": ["Al", "Al", "Al", "Cu"]}, "output_of_another_input"),
        ({"forces": [[0.0, 0.0, 0.0]]}, "results_missing"),
        ({"forces": None}, "results_missing"),
        ({"stress": [0.0] * 5}, "results_missing"),
        ({"energy": float("nan")}, "results_missing"),
        ({"energy": "-3.1"}, "results_missing"),
    ],
)
def test_an_answer_to_another_question_is_no_label(
    tmp_path: Path, atoms: Atoms, change: dict[str, Any], name: str
) -> None:
    folder, status = attempt(tmp_path / "a", atoms, EMT_PATH)
    answer = json.loads((folder / "results.json").read_text())
    answer["results"][0] |= change
    (folder / "results.json").write_text(json.dumps(answer))
    assert CODE.diagnose(folder, status).name == name


def test_structures_that_must_not_be_submitted(atoms: Atoms) -> None:
    assert CODE.check(atoms, settings()) is None
    close = atoms.copy()
    close.positions[2] = close.positions[1] + [0, 0.4, 0]
    assert "0.400 A apart" in str(CODE.check(close, settings()))
    open_ = atoms.copy()
    open_.pbc = False
    assert "periodic" in str(CODE.check(open_, settings()))
