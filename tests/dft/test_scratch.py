"""pw.x for real on a job's scratch, on several ranks, and with moments by site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import code
from tests.dft.conftest import Runner, settings

pytestmark = pytest.mark.engines
qe = code("quantum_espresso")
al4 = bulk("Al", "fcc", 4.05, cubic=True)
coarse = {"kpoints_spacing": 0.8}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's scratch, as its script exports it."""
    folder = tmp_path / "node" / "scratch"
    folder.mkdir(parents=True)
    monkeypatch.setenv("MLIPBATCH_SCRATCH", str(folder))
    return folder


def densities(folder: Path) -> list[Path]:
    return list(folder.rglob("charge-density*"))


def test_a_success_leaves_nothing_on_either_disk(run: Runner, scratch: Path) -> None:
    folder, status = run(al4, settings(**coarse))
    assert status == 0
    assert qe.diagnose(folder, status).ok
    assert list(scratch.iterdir()) == []
    assert not (folder / "out").is_symlink()
    assert [path for path in (folder / "out").rglob("*") if path.is_file()] == []


def test_a_clean_stop_is_taken_up_again_on_another_node(
    run: Runner, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, status = run(al4, settings(**coarse, electron_maxstep=5, conv_thr=1e-12))
    assert status != 0
    assert qe.diagnose(folder, status).name == "electronic_convergence_not_reached"
    assert list(scratch.iterdir()) == []
    assert densities(folder / "out")
    assert list(folder.rglob("*.wfc*")) == []  # they stay off the shared disk

    other = tmp_path / "other node"
    other.mkdir()
    monkeypatch.setenv("MLIPBATCH_SCRATCH", str(other))
    step = NextAttempt("more_steps", {"startingpot": "file"}, "on from there", restart_from=1)
    second, status = run(al4, settings(**coarse), 2, step)
    assert status == 0
    assert qe.diagnose(second, status).ok
    assert "The initial density is read from file" in (second / "pw.out").read_text()
    fresh, _ = run(al4, settings(**coarse), 3)
    assert qe.read_results(second).iterations < qe.read_results(fresh).iterations
    assert qe.read_results(second).energy == pytest.approx(qe.read_results(fresh).energy, abs=1e-5)


def test_hotter_electrons_leave_their_density_though_they_succeeded(run: Runner, scratch: Path) -> None:
    hotter, status = run(al4, settings(**coarse), 1, NextAttempt("degauss", {"degauss": 0.04}))
    assert status == 0
    assert densities(hotter / "out")
    back = NextAttempt("degauss_back", {"startingpot": "file"}, "back", restart_from=1)
    folder, status = run(al4, settings(**coarse), 2, back)
    assert (status, qe.diagnose(folder, status).ok) == (0, True)


def test_a_job_on_several_nodes_writes_where_all_can_see(
    run: Runner, scratch: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    folder, status = run(al4, settings(**coarse))
    assert status == 0
    assert densities(folder / "out")
    monkeypatch.delenv("SLURM_JOB_NUM_NODES")
    (tmp_path / "nodes").write_text("a\na\nb\nb\n")
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "nodes"))
    folder, status = run(al4, settings(**coarse), 2)
    assert densities(folder / "out")
    (tmp_path / "nodes").write_text("a\na\n")
    folder, status = run(al4, settings(**coarse), 3)
    assert not densities(folder / "out")


def test_the_exit_status_is_pw_x_s(run: Runner, scratch: Path) -> None:
    _, status = run(al4, settings(**coarse, command="sh -c 'exit 46'"))
    assert status == 46
    assert list(scratch.iterdir()) == []


def test_pools_and_serial_diagonalisation_give_the_same_label(run: Runner) -> None:
    mpi = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    words = " ".join(f"{key}={value}" for key, value in mpi.items())
    command = f"env {words} mpirun --oversubscribe -n {{cores}} pw.x"
    dft = settings(kpoints_spacing=0.3, command=command)
    two, status = run(al4, dft, 1, cores=2)
    assert status == 0
    text = (two / "pw.out").read_text()
    assert "K-points division:     npool     =       2" in text
    one, _ = run(al4, settings(kpoints_spacing=0.3), 2)
    assert qe.read_results(two).energy == pytest.approx(qe.read_results(one).energy, abs=1e-6)


def test_an_antiferromagnet_stays_one(run: Runner) -> None:
    fe2 = Atoms("Fe2", positions=[[0, 0, 0], [1.435, 1.435, 1.435]], cell=[2.87] * 3, pbc=True)
    dft = settings(nspin=2, starting_magnetization={"Fe": 0.4}, kpoints_spacing=0.7, ecutwfc=30, ecutrho=240)
    fe2.set_initial_magnetic_moments([2, -2])
    folder, status = run(fe2, dft)
    assert qe.diagnose(folder, status).ok
    labels = qe.read_results(folder)
    assert labels.symbols == ["Fe", "Fe"]
    assert labels.magnetization == pytest.approx(0, abs=0.02)
    assert labels.absolute_magnetization is not None
    assert labels.absolute_magnetization > 1
    fe2.set_initial_magnetic_moments(None)
    ferro, status = run(fe2, dft, 2)
    assert qe.read_results(ferro).magnetization is not None
    assert abs(qe.read_results(ferro).magnetization or 0) > 2
    assert np.isfinite(labels.forces).all()


MEASURE = (
    "import resource, subprocess; subprocess.run(['pw.x', '-in', 'pw.in'], stdout=open('pw.out', 'w'));"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def test_the_estimate_of_memory_is_above_what_pw_x_takes_and_not_far(tmp_path: Path) -> None:
    iron = bulk("Fe", "bcc", 2.87, cubic=True)
    iron.rattle(0.05, seed=1)
    dft = settings(
        nspin=2, starting_magnetization={"Fe": 0.4}, kpoints_spacing=0.9, ecutwfc=50, ecutrho=400, electron_maxstep=5
    )
    prepared = qe.prepare(iron, dft, NextAttempt(), cores=1, walltime=300)
    (tmp_path / "pw.in").write_text(prepared.files["pw.in"])
    command = [sys.executable, "-S", "-c", MEASURE]
    measured = int(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout) * 1.024e-3
    assert prepared.memory_mb is not None
    assert measured > 60
    assert measured < prepared.memory_mb < 2.5 * measured
