"""The whole loop, tiny and real: pw.x, pacemaker, LAMMPS, CHGNet; killed once in the middle as a power cut would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from ase.db import connect
from ase.io import read

from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project

pytestmark = pytest.mark.engines

INPUT = """\
project_name: tiny
target_system:
  elements: [Al, Mg]
  composition: {Al: 0.75, Mg: 0.25}
  crystal_structure: fcc
simulation_goal: {type: elastic, temperature_range: [300, 900]}
resources: {dft_code: quantum_espresso, parallel_cores: 2, gpu_enabled: false}
generations: 2
generation:
  lattice_constant: 4.07
  sqs_sizes: [4, 8]
  sqs_per_composition: 2
  compositions: [{Al: 1.0}, {Al: 0.75, Mg: 0.25}, {Al: 0.5, Mg: 0.5}]
  volume_strains: [-0.08, 0.08]
  shear_strains: [0.05]
  rattle_small: [0.03]
  rattle_large: [0.1, 0.2]
selection: {number: 18, descriptor_functions: 40}
dft: {pseudopotential_table: debian-lda, ecutwfc: 12, kpoints_spacing: 0.55, degauss: 0.02, conv_thr: 1e-7}
training: {cutoff: 5.0, functions_per_element: 20, test_fraction: 0.2, refine_steps: 3}
exploration: {temperatures: [1200], atoms: 64, steps: 60, gamma_every: 5}
embedding: {core_radius: 2.5, buffer: 1.0, max_atoms: 16, boxes: 1}  # a core of one atom: what is tested is the way
"""
SURE_S = 600  # far above what it takes; only there so that a hang ends


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Run it, kill everything once in the middle of the labels, run it again to its end."""
    folder = tmp_path_factory.mktemp("loop")
    (folder / "input.yaml").write_text(INPUT)
    project = Project(folder / "tiny")
    first = start(folder)
    wait(lambda: len(done(project)) >= 3, first)
    kill_everything(first, folder)
    kept = {job: (project.jobs / job / "result.extxyz").read_bytes() for job in done(project)}
    second = start(folder)
    assert second.wait(SURE_S) == 0, (folder / "log").read_text()[-3000:]
    for job, result in kept.items():
        assert (project.jobs / job / "result.extxyz").read_bytes() == result  # no label lost, none made again
    return project


def start(folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(folder / "share"),
        "MLIPBATCH_LOCAL_POOL": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log").open("ab") as log:
        argv = [sys.executable, "-m", "mlipbatch", "run", "input.yaml"]
        return subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)


def wait(until, process: subprocess.Popen[bytes]) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + SURE_S
    while not until():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < end
        time.sleep(0.2)


def kill_everything(process: subprocess.Popen[bytes], folder: Path) -> None:
    """SIGKILL for the daemon and for all that runs below the folder."""
    process.kill()
    process.wait()
    for other in psutil.process_iter(["cwd"]):
        if str(other.info["cwd"] or "").startswith(str(folder)):
            other.kill()


def done(project: Project) -> list[str]:
    return [str(path.parent.relative_to(project.jobs)) for path in project.jobs.glob("*/scf/*/DONE")]


def test_every_job_ended_and_every_label_is_in_the_database_once(loop: Project) -> None:
    states = {folder.name: jobfolder.look(folder).state for folder in jobfolder.walk(loop.jobs)}
    assert set(states.values()) == {"DONE"}, states
    rows = [row.job for row in connect(loop.data / "mlip.db").select()]
    assert sorted(rows) == sorted(done(loop))
    assert json.loads(loop.status.read_text())["good"]


def test_held_out_labels_share_no_root_with_the_training(loop: Project) -> None:
    roots = [{atoms.info["root"] for atoms in read(loop.data / name, ":")} for name in ("train.extxyz", "test.extxyz")]
    assert roots[1]
    assert not roots[0] & roots[1]


def test_the_second_generation_learnt_from_a_masked_box(loop: Project) -> None:
    boxes = [row for row in connect(loop.data / "mlip.db").select() if row.config_type == "active_learning_gen1"]
    assert boxes
    for row in boxes:
        assert row.uncertainty_gamma >= 2
        assert set(row.data.force_mask) == {0.0, 1.0}
    report = json.loads((loop.potential(1) / "report.json").read_text())
    assert json.dumps(report).count("pacemaker")


def test_the_potential_runs_in_lammps_lines_and_in_ase(loop: Project) -> None:
    from mlipbatch import calculator

    assert "zbl" in (loop.active_potential / "in.potential").read_text()
    atoms = next(one for one in read(loop.data / "train.extxyz", ":") if len(one) > 1)
    atoms.calc = calculator(str(loop.active_potential))
    assert atoms.get_potential_energy() / len(atoms) == pytest.approx(atoms.info["REF_energy"] / len(atoms), abs=0.05)
    assert atoms.calc.results["gamma"].shape == (len(atoms),)


def test_the_report_counts_what_is_there(loop: Project) -> None:
    report = json.loads((loop.root / "reports/report.json").read_text())
    assert report["labels"] == len(done(loop))
    assert report["generations"] == 2
    assert report["masked_labels"] == report["labels_by_config_type"]["active_learning_gen1"]
    assert abs(report["lattice_constant_rel_error"]) < 0.05
    assert (loop.root / "reports/report.html").stat().st_size > 10_000
