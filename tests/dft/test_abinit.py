"""ABINIT behind the same seam as pw.x: real runs, and their outputs cut and changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.units import GPa

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.upf import read_upf
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.base import Labels
from tests.dft.conftest import VALUES, Runner, settings

PSP = Path("/usr/share/abinit/psp")
pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(shutil.which("abinit") is None or not PSP.is_dir(), reason="apt-get install abinit abinit-data"),
]
CODE = code("abinit")
FILES = {"Al": "13al.pspnc", "Si": "14si.pspnc", "Fe": "26fe.pspnc"}
QUICK: dict[str, Any] = {"ecutwfc": 20, "ecutrho": 80, "kpoints_spacing": 0.6, "mixing_beta": 1.0}


def lda(**changes: Any) -> DFTConfig:
    return settings(**{"command": "abinit", "pseudo_dir": str(PSP), "pseudopotentials": FILES, **QUICK, **changes})


@pytest.fixture
def al4() -> Atoms:
    atoms = bulk("Al", a=4.0, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


Attempted = Callable[..., tuple[Path, Diagnosis]]


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Attempted:
    """Run one attempt as a job's script does."""

    def run(atoms: Atoms, dft: DFTConfig, step: NextAttempt | None = None, **job: Any) -> tuple[Path, Diagnosis]:
        folder = tmp_path_factory.mktemp("attempt")
        assert CODE.check(atoms, dft) is None
        prepared = CODE.prepare(atoms, dft, step or NextAttempt(), **{"cores": 1, "walltime": 100, **job})
        for name, text in prepared.files.items():
            (folder / name).write_text(text)
        script = "\n".join([*prepared.before, prepared.command])
        environment = {**os.environ, **prepared.environment}
        status = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=False).returncode
        return folder, CODE.diagnose(folder, status)

    return run


@pytest.fixture(scope="module")
def good(attempt: Attempted) -> Path:
    """An attempt that converged; not to be changed."""
    atoms = bulk("Al", a=4.0, cubic=True)
    atoms.rattle(0.1, seed=1)
    folder, verdict = attempt(atoms, lda())
    assert verdict.ok
    return folder


def label(attempt: Attempted, atoms: Atoms, dft: DFTConfig, **job: Any) -> Labels:
    folder, verdict = attempt(atoms, dft, **job)
    assert verdict.ok, verdict
    return CODE.read_results(folder)


def test_a_label_has_all_that_pw_x_gives(good: Path, al4: Atoms) -> None:
    found = CODE.read_results(good)
    assert found.symbols == ["Al"] * 4
    assert np.shape(found.forces) == (4, 3)
    assert np.abs(np.sum(found.forces, axis=0)).max() < 1e-6
    assert found.version.startswith("ABINIT ")
    assert found.iterations is not None
    assert found.iterations > 3
    assert found.accuracy is not None
    assert found.accuracy <= 4 * 1e-8  # Ry, as conv_thr asks for
    assert found.magnetization is None


def test_forces_and_stress_are_derivatives_of_the_energy(attempt: Attempted) -> None:
    """A metal with smearing: the energy is F = E - TS. E alone would be 20 % off for forces, 3 % for stress."""
    atoms = bulk("Al", a=3.85, cubic=True)
    atoms.rattle(0.1, seed=1)
    dft, mesh = lda(ecutwfc=30, ecutrho=120, conv_thr=1e-10), (3, 3, 3)
    found = label(attempt, atoms, dft, kpoint_mesh=mesh)

    def difference(change: Callable[[Atoms, int], None]) -> float:
        """Half of the energy after the change less that after its opposite, eV."""
        ends = []
        for sign in (1, -1):
            changed = atoms.copy()
            change(changed, sign)
            ends.append(label(attempt, changed, dft, kpoint_mesh=mesh).energy)
        return (ends[0] - ends[1]) / 2

    step = 0.01 * np.random.default_rng(1).normal(size=(4, 3))
    moved = difference(lambda changed, sign: changed.set_positions(atoms.positions + sign * step))
    assert -moved == pytest.approx(float((np.array(found.forces) * step).sum()), rel=0.03)

    xx, yy, zz, yz, xz, xy = found.stress
    stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    whole = 0.002 * np.array([[1, 0.5, -0.3], [0.5, 0.6, 0.4], [-0.3, 0.4, 0.9]])
    for strain in (whole, whole - np.diag(np.diag(whole))):
        strained = difference(
            lambda changed, sign, by=strain: changed.set_cell(
                atoms.cell.array @ (np.eye(3) + sign * by), scale_atoms=True
            )
        )
        assert strained == pytest.approx(atoms.get_volume() * float((stress * strain).sum()), rel=0.01)


def test_a_left_handed_cell_is_labelled_as_its_mirror_image_is(attempt: Attempted, good: Path, al4: Atoms) -> None:
    """The same atoms in a cell whose vectors are named in another order."""
    left = al4.copy()
    left.set_cell(al4.cell.array[[1, 0, 2]])
    found, same = label(attempt, left, lda()), CODE.read_results(good)
    assert found.energy == pytest.approx(same.energy, abs=1e-6)
    assert np.array(found.forces) == pytest.approx(np.array(same.forces), abs=1e-5)
    assert np.array(found.stress) == pytest.approx(np.array(same.stress), abs=1e-7)


def test_iron_has_its_moment(attempt: Attempted) -> None:
    dft = lda(nspin=2, starting_magnetization={"Fe": 0.4}, ecutwfc=40, ecutrho=160, kpoints_spacing=0.4)
    found = label(attempt, bulk("Fe", a=2.87), dft)
    assert found.magnetization == pytest.approx(2.2, abs=0.3)  # Bohr magnetons, measured 2.22


def lattice_constant(volumes: list[float], energies: list[float]) -> tuple[float, float]:
    """Of diamond from its primitive cell: A, and GPa."""
    volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    return (4 * volume) ** (1 / 3), modulus / GPa


def test_silicon_is_as_large_and_as_stiff_as_by_pw_x(attempt: Attempted, run: Runner) -> None:
    """LDA by two codes and two pseudopotentials; LDA's own values are 5.38 to 5.41 A and 94 to 98 GPa."""
    volumes, mine, theirs = [], [], []
    qe = code("quantum_espresso")
    for number, a in enumerate((5.2, 5.3, 5.4, 5.5, 5.6), start=1):
        cell = bulk("Si", a=a)
        volumes.append(cell.get_volume())
        mine.append(label(attempt, cell, lda(ecutwfc=24, ecutrho=96), kpoint_mesh=(5, 5, 5)).energy)
        folder, status = run(cell, settings(ecutwfc=24, ecutrho=96), number, kpoint_mesh=(5, 5, 5))
        assert qe.diagnose(folder, status).ok
        theirs.append(qe.read_results(folder).energy)
    (a_mine, b_mine), (a_theirs, b_theirs) = lattice_constant(volumes, mine), lattice_constant(volumes, theirs)
    assert a_mine == pytest.approx(a_theirs, rel=0.005)
    assert b_mine == pytest.approx(b_theirs, rel=0.05)
    assert a_mine == pytest.approx(5.39, abs=0.03)
    assert b_mine == pytest.approx(96, abs=5)


def test_too_few_steps_are_cured_by_the_ladder(attempt: Attempted, al4: Atoms) -> None:
    dft = lda(electron_maxstep=5)
    _, verdict = attempt(al4, dft)
    assert (verdict.ok, verdict.name) == (False, "electronic_convergence_not_reached")
    assert verdict.facts["iterations"] == 5
    attempts = [Attempt.of(1, NextAttempt(), verdict)]
    step = CODE.judge(dft, attempts)
    assert isinstance(step, NextAttempt)
    assert step.changes == {"nstep": 15}
    _, verdict = attempt(al4, dft, step)
    assert isinstance(CODE.judge(dft, [*attempts, Attempt.of(2, step, verdict)]), Accept)


def test_every_rung_is_an_input_that_abinit_runs(attempt: Attempted, al4: Atoms) -> None:
    """An SCF that does not converge and is not converging climbs all of the ladder, and is then given up."""
    stuck = Diagnosis(False, "electronic_convergence_not_reached", "stuck", {"slope": 0.0})
    attempts, rungs = [Attempt.of(1, NextAttempt(), stuck)], []
    while isinstance(step := CODE.judge(lda(), attempts), NextAttempt):
        rungs.append(step.rung)
        _, verdict = attempt(al4, lda(), step)
        assert verdict.ok, (step, verdict)
        attempts.append(Attempt.of(len(attempts) + 1, step, stuck))
    assert rungs == ["diemix0.5", "diemix0.2", "iscf17"]
    assert isinstance(step, GiveUp)
    assert "nothing is left to try" in step.sentence


@pytest.mark.parametrize(
    ("scheduler", "changes"),
    [("out_of_walltime", {"walltime_factor": 2.0}), ("out_of_memory", {"memory_factor": 2.0}), ("node_failure", {})],
)
def test_time_memory_and_nodes(tmp_path: Path, good: Path, scheduler: str, changes: dict[str, float]) -> None:
    text = (good / "run.abo").read_text()
    (tmp_path / "run.abo").write_text(text[: text.index(" ETOT  5")])
    (tmp_path / "run.abi").write_text((good / "run.abi").read_text())
    verdict = CODE.diagnose(tmp_path, None, scheduler=scheduler)
    assert verdict.name == f"scheduler_{scheduler}"
    step = CODE.judge(lda(), [Attempt.of(1, NextAttempt(), verdict)])
    assert isinstance(step, NextAttempt)
    assert step.changes == changes


def test_an_output_cut_anywhere_is_no_label(tmp_path: Path, good: Path) -> None:
    for name in ("run.abi", "abinit.log", "abinit.err"):
        shutil.copy(good / name, tmp_path)
    text = (good / "run.abo").read_bytes()
    end = text.index(b"Calculation completed.") + len(b"Calculation completed.")
    for length in [*range(0, end, 256), end - 1]:
        (tmp_path / "run.abo").write_bytes(text[:length])
        assert CODE.diagnose(tmp_path, None).name == "output_stdout_incomplete", length
        assert CODE.diagnose(tmp_path, 137).name == "output_stdout_incomplete", length
        assert CODE.diagnose(tmp_path, 139).name == "crashed", length
    (tmp_path / "run.abo").write_bytes(text)
    assert CODE.diagnose(tmp_path, 0).ok
    assert not CODE.diagnose(tmp_path, 1).ok


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (" At SCF step ", " At step ", "electronic_convergence_not_reached"),
        ("cartesian forces (hartree/bohr)", "forces", "results_missing"),
        (" Cartesian components of stress tensor", " Stress", "results_missing"),
        ("total_energy        :", "energy:", "results_missing"),
        ("total_energy        : -", "total_energy        : -1", "results_missing"),
        ("tsmear:   1.0000", "tsmear:   2.0000", "output_of_another_input"),
        ("{ecut:  10.0", "{ecut:  12.0", "output_of_another_input"),
        ("occopt:   4.0", "occopt:   1.0", "output_of_another_input"),
        ("natom: 4,", "natom: 5,", "output_of_another_input"),
        ("nkpt: ", "nkpt: 1000", "kpoints_missing"),
    ],
)
def test_an_output_that_lacks_something_or_is_of_another_input(
    tmp_path: Path, good: Path, old: str, new: str, name: str
) -> None:
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    text = (good / "run.abo").read_text()
    assert old in text
    (tmp_path / "run.abo").write_text(text.replace(old, new))
    assert CODE.diagnose(tmp_path, 0).name == name
    with pytest.raises(ValueError, match=name):
        CODE.read_results(tmp_path)


def test_abinits_own_errors_have_names(attempt: Attempted, tmp_path: Path, al4: Atoms) -> None:
    _, verdict = attempt(al4, lda(extra={"abinit": {"nosuch": 5}}))
    assert verdict.name == "bad_input"
    assert "NOSUCH" in verdict.sentence
    assert isinstance(CODE.judge(lda(), [Attempt.of(1, NextAttempt(), verdict)]), GiveUp)

    torn = tmp_path / "13al.pspnc"
    torn.write_bytes((PSP / "13al.pspnc").read_bytes()[:3000])
    _, verdict = attempt(al4, lda(pseudo_dir=str(tmp_path), pseudopotentials={"Al": torn.name}))
    assert not verdict.ok
    assert isinstance(CODE.judge(lda(), [Attempt.of(1, NextAttempt(), verdict)]), GiveUp)


@pytest.mark.parametrize(
    ("file", "element", "says"),
    [
        ("13al.pspnc", "Al", ("Al", 3.0, "sla+pw+nogx+nogc", "NC")),
        ("13_Al_psml.psp8", "Al", ("Al", 3.0, "sla+pw+pbx+pbc", "NC")),
        ("13al.3.hgh", "Al", ("Al", 3.0, "sla+pw+nogx+nogc", "NC")),
        ("13al.981214.fhi", "Al", ("Al", 3.0, "sla+pw+nogx+nogc", "NC")),
    ],
)
def test_headers_of_abinits_formats(file: str, element: str, says: tuple[str, float, str, str]) -> None:
    found = read_upf(PSP / file)
    assert (found.element, found.valence, found.functional, found.kind) == says
    assert found.abinit


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"pseudopotentials": {"Si": "14si.pspnc"}}, "no pseudopotential for Al"),
        ({"pseudopotentials": {"Al": "nowhere.psp8"}}, "cannot be read"),
        ({"pseudopotentials": {"Al": "14si.pspnc"}}, "says that it is for Si"),
        ({"pseudopotentials": {"Al": "Al.GGA-PBE-paw.abinit"}}, "is PAW"),
        (
            {"pseudopotentials": VALUES["pseudopotentials"], "pseudo_dir": VALUES["pseudo_dir"]},
            "no format that ABINIT reads",
        ),
        ({"extra": {"abinit": {"nband": 6}}}, "too few bands"),
    ],
)
def test_what_never_reaches_abinit(al4: Atoms, changes: dict[str, Any], word: str) -> None:
    assert word in str(CODE.check(al4, lda(**changes)))


def test_mixed_functionals_never_reach_abinit_and_its_files_never_pw_x() -> None:
    mixed = bulk("Al", a=4.0, cubic=True)
    mixed.symbols[0] = "Si"
    files = {"Al": "13_Al_psml.psp8", "Si": "14si.pspnc"}
    assert "different functionals: Si LDA, Al PBE" in str(CODE.check(mixed, lda(pseudopotentials=files)))
    alone = bulk("Si")
    assert "pw.x reads UPF" in str(code("quantum_espresso").check(alone, lda()))
