"""`mlipbatch diagnose` as a user's script sees it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from mlipbatch.cli.diagnose import diagnose
from tests.dft.conftest import DATA

app = typer.Typer()
app.command()(diagnose)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_line_each_and_nothing_else() -> None:
    good, bad = DATA / "qe_cases/walltime/ref.pwo", DATA / "qe_cases/spin_nomag/v_b07.pwo"
    result = call(good, bad)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == f"{good}\tok"
    assert second.split("\t")[:3] == [str(bad), "failed", "electronic_convergence_not_reached"]
    assert len(second.split("\t")) == 4
    assert "mixing_beta 0.3" in second  # what to do about it
    assert result.stderr == ""


def test_all_good_is_exit_code_0() -> None:
    assert call(DATA / "qe_cases/walltime/ref.pwo", DATA / "qe_7.2/ok.pwo").exit_code == 0


@pytest.mark.parametrize("exit_code", ["137", "-9", "2"])
def test_the_exit_code_is_evidence(exit_code: str) -> None:
    result = call(DATA / "qe_cases/walltime/ref.pwo", "--exit-code", exit_code)
    assert result.exit_code == 1
    assert result.stdout.split("\t")[1:3] == ["failed", "exit_code_nonzero"]
    assert call(DATA / "qe_cases/walltime/ref.pwo", "--exit-code", "0").exit_code == 0


def test_json_has_the_facts() -> None:
    result = call("--json", DATA / "qe_cases/slosh_AlMg20/b01.pwo", DATA / "qe_7.2/ok.pwo")
    assert result.exit_code == 1
    failed, good = json.loads(result.stdout)
    assert (failed["ok"], failed["name"]) == (False, "electronic_convergence_not_reached")
    assert failed["facts"]["iterations"] == 30
    assert "mixing_beta 0.3" in failed["advice"]
    assert good["advice"] == ""
    assert (good["ok"], good["facts"]["version"]) == (True, "7.2")


def test_a_file_that_is_not_there_and_an_attempt_folder(tmp_path: Path) -> None:
    folder = tmp_path / "attempt-1"
    folder.mkdir()
    result = call(tmp_path / "nothing.pwo", folder)
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["output_stdout_missing"] * 2
    shutil.copy(DATA / "qe_7.2/ok.pwo", folder / "pw.out")
    assert call(folder).stdout == f"{folder}\tok\n"


def test_a_path_keeps_to_its_column(tmp_path: Path) -> None:
    output = tmp_path / "tab\tand\nline.pwo"
    shutil.copy(DATA / "qe_7.2/ok.pwo", output)
    assert call(output).stdout == f"{tmp_path}/tab\\tand\\nline.pwo\tok\n"
