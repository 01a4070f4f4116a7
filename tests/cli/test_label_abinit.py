"""Structures of a file through the DFT factory, by ABINIT."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from ase.build import bulk
from ase.io import read, write
from typer.testing import CliRunner

from mlipbatch.cli.plan import plan
from mlipbatch.config.errors import InputError
from mlipbatch.engine.submit import read_input
from tests.cli.test_label_command import mb
from tests.cli.test_wrong_inputs import CASES

PSP = Path("/usr/share/abinit/psp")
DFT = """\
dft:
  pseudo_dir: /usr/share/abinit/psp
  pseudopotentials: {Al: 13al.pspnc, Si: 14si.pspnc}
  ecutwfc: 20
  kpoints_spacing: 0.6
"""
INPUT = (CASES / "calculator_none.yaml").read_text().replace("Cu", "Si").replace("dft_code: ase", "dft_code: abinit")
pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(shutil.which("abinit") is None or not PSP.is_dir(), reason="apt-get install abinit abinit-data"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLIPBATCH_LOCAL_POOL", str(tmp_path))
    Path("input.yaml").write_text(INPUT + DFT)


def test_a_label_and_a_structure_that_is_refused() -> None:
    good, close = bulk("Al", a=4.0, cubic=True), bulk("Al", a=4.0, cubic=True)
    good.rattle(0.05, seed=1)
    close.positions[1] = close.positions[0] + [0.3, 0, 0]
    write("in.extxyz", [good, close])
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz") == (1, "1 labels in out.extxyz, 1 given up\n")
    (labelled,) = read("out.extxyz", ":")
    assert labelled.info["dft_version"].startswith("ABINIT ")
    assert labelled.info["dft_kpoints"] == "3x3x3"
    assert labelled.info["rung"] == "first"
    assert len(labelled.info["REF_stress"]) == 6
    attempt = Path("out.jobs/jobs/gen000/scf/structure-00000/attempt-1")
    assert list(attempt.glob("runo_*")) == []  # what nobody reads is gone
    assert (attempt / "run.abo").exists()
    (refused,) = read("out.failed.extxyz", ":")
    assert "0.300 A apart" in refused.info["reason"]


def test_plan_says_what_abinit_is_asked() -> None:
    app = typer.Typer()
    app.command()(plan)
    said = CliRunner().invoke(app, ["input.yaml", "--json"], catch_exceptions=False)
    assert '"value": "abinit"' in said.stdout
    assert "norm-conserving pseudopotentials" in said.stdout


@pytest.mark.parametrize(
    ("dft", "sentence"),
    [
        ("", "no pseudopotentials of Al, Si: name norm-conserving ones that ABINIT reads"),
        (
            DFT + "  extra: {abinit: {tsmear: 0.1}}\n",
            "'tsmear' cannot be set in 'dft.extra': set 'dft.degauss' instead",
        ),
        (DFT + "  extra: {system: {nosym: true}}\n", "write abinit"),
        (DFT.replace("14si.pspnc", "13_Al_psml.psp8"), "different functionals"),
    ],
)
def test_wrong_inputs(dft: str, sentence: str) -> None:
    Path("input.yaml").write_text(INPUT + dft)
    with pytest.raises(InputError, match=r"input\.yaml:") as error:
        read_input(Path("input.yaml"), None)
    assert sentence in str(error.value)
