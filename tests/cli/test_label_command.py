"""Structures of a file through the DFT factory alone, with real pw.x."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from ase.build import bulk
from ase.io import read, write
from typer.testing import CliRunner

from mlipbatch.cli.label import label
from mlipbatch.config.errors import InputError
from tests.engine.conftest import INPUT

pytestmark = pytest.mark.engines


def mb(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(label)
    outcome = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return outcome.exit_code, outcome.stdout


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLIPBATCH_LOCAL_POOL", str(tmp_path))
    Path("input.yaml").write_text(INPUT + "  ecutwfc: 12\n  kpoints_spacing: 0.6\n  degauss: 0.02\n")


def test_labels_and_what_was_given_up_come_back_in_files() -> None:
    good, close = bulk("Al", a=4.0, cubic=True), bulk("Al", a=4.0, cubic=True)
    close.positions[1] = close.positions[0] + [0.3, 0, 0]
    write("in.extxyz", [good, close])
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz") == (1, "1 labels in out.extxyz, 1 given up\n")
    (labelled,) = read("out.extxyz", ":")
    assert labelled.info["REF_energy"] == pytest.approx(-228, abs=2)  # eV: 4 atoms of 3 valence electrons, LDA
    assert labelled.arrays["REF_forces"] == pytest.approx(0, abs=1e-3)  # by symmetry
    assert len(labelled.info["REF_stress"]) == 6
    (refused,) = read("out.failed.extxyz", ":")
    assert "0.300 A apart" in refused.info["reason"]
    done = Path("out.jobs/jobs/gen000/scf/structure-00000/result.extxyz").stat().st_mtime_ns
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz")[0] == 1  # again: nothing is made twice
    assert Path("out.jobs/jobs/gen000/scf/structure-00000/result.extxyz").stat().st_mtime_ns == done


def test_where_nothing_was_labelled_there_is_no_file_and_the_reason_is_the_last_attempts() -> None:
    with Path("input.yaml").open("a") as lines:
        lines.write("  electron_maxstep: 5\n  mixing_beta: 0.05\n  max_attempts: 1\n")
    write("in.extxyz", bulk("Al", a=4.0, cubic=True))
    Path("out.extxyz").write_text("labels of an earlier run\n")
    said = (1, "no labels: out.extxyz is not written, 1 given up\n")
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz") == said
    assert Path("out.extxyz").read_text() == "labels of an earlier run\n"  # not ours to take away
    (given_up,) = read("out.failed.extxyz", ":")
    assert given_up.info["reason"].startswith("attempt-1: the SCF did not converge in 5 steps")


def test_stopped_before_the_end_it_says_so_and_goes_on() -> None:
    write("in.extxyz", [bulk("Al", a=4.0 + n / 100, cubic=True) for n in range(12)])
    argv = [sys.executable, "-m", "mlipbatch", "label", "in.extxyz", "--config", "input.yaml", "-o", "out.extxyz"]
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(Path().glob("out.jobs/jobs/gen000/scf/*/attempt-1/started")):
        assert running.poll() is None
        time.sleep(0.05)
    running.terminate()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1, said
    assert re.search(r"stopped before \d+ structures had ended: the same command goes on", said)
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz") == (0, "12 labels in out.extxyz, 0 given up\n")


def test_other_structures_do_not_mix_with_what_is_there() -> None:
    write("in.extxyz", bulk("Al", a=4.0, cubic=True))
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz")[0] == 0
    write("in.extxyz", bulk("Al", a=4.1, cubic=True))
    with pytest.raises(InputError, match="made from another input"):
        mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz")


@pytest.mark.parametrize("name", ["../x", "a b", ""])
def test_names_that_cannot_be_folders_are_refused(name: str) -> None:
    atoms = bulk("Al", a=4.0, cubic=True)
    atoms.info["name"] = name or "$(rm)"
    write("in.extxyz", atoms)
    with pytest.raises(InputError, match="cannot be a folder's"):
        mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz")
    assert not Path("out.jobs").exists()
