"""Structures of a file through the DFT factory alone, with real pw.x."""

from __future__ import annotations

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


def test_what_was_given_up_after_attempts_says_why() -> None:
    Path("input.yaml").write_text(Path("input.yaml").read_text() + "  electron_maxstep: 5\n  max_attempts: 1\n")
    atoms = bulk("Al", a=4.0, cubic=True)
    atoms.rattle(0.1, seed=1)
    write("in.extxyz", atoms)
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz") == (1, "0 labels in out.extxyz, 1 given up\n")
    (given_up,) = read("out.failed.extxyz", ":")
    assert given_up.info["reason"].startswith("attempt-1: the SCF did not converge in 5 steps")


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
