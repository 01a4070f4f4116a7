"""Structures of a file through the DFT factory, by an ASE calculator."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read, write

from tests.cli.test_label_command import mb
from tests.cli.test_wrong_inputs import CASES

INPUT = (CASES / "calculator_refuses_element.yaml").read_text().replace("Fe", "Cu")


def test_labels_are_the_calculators_and_a_failure_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLIPBATCH_LOCAL_POOL", str(tmp_path))
    Path("input.yaml").write_text(INPUT)
    good, foreign = bulk("Cu", cubic=True), bulk("Fe", cubic=True)
    good.rattle(0.05, seed=1)
    write("in.extxyz", [good, foreign])
    assert mb("in.extxyz", "--config", "input.yaml", "-o", "out.extxyz") == (1, "1 labels in out.extxyz, 1 given up\n")
    (labelled,) = read("out.extxyz", ":")
    good = read("in.extxyz", "0")
    good.calc = EMT()
    assert labelled.info["REF_energy"] == pytest.approx(good.get_potential_energy(), abs=1e-6)
    assert labelled.arrays["REF_forces"] == pytest.approx(good.get_forces(), abs=1e-6)
    assert labelled.info["REF_stress"] == pytest.approx(good.get_stress(), abs=1e-8)
    assert labelled.info["dft_version"].startswith("ase.calculators.emt.EMT: ase ")
    assert "dft_accuracy_ry" not in labelled.info  # a calculator does not say, and nothing is made up
    (given_up,) = read("out.failed.extxyz", ":")
    assert "No EMT-potential for Fe" in given_up.info["reason"]
    assert len(list(Path("out.jobs/jobs/gen000/scf").glob("*/attempt-2"))) == 0  # the ladder is empty
