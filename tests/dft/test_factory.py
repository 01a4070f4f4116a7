"""The short form of benchmarks/factory.py: a dozen mixed structures, half of them absurd, through the factory with real pw.x."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engines

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "factory.py"
NUMBER = 12
Report = dict[str, Any]


def measure(folder: Path, *places: str) -> Report:
    report = folder / "report.json"
    argv = [sys.executable, str(SCRIPT), *places, "--number", str(NUMBER), "--absurd", "0.5", "--seed", "1"]
    run = subprocess.run(
        [*argv, "--folder", str(folder), "--json", str(report)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(report.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("factory")


@pytest.fixture(scope="module")
def local(folder: Path) -> Report:
    return measure(folder, "--local")["local"]


def test_each_is_labelled_or_refused_with_its_reason(local: Report) -> None:
    assert local["structures"] == NUMBER
    assert set(local["families"]) == {"Al-Mg", "Si", "Fe", "H2O"}
    assert local["refused before pw.x"] == local["absurd"] >= 4
    assert local["labelled"] == NUMBER - local["absurd"] - local["given up after attempts"]
    assert len(local["given up"]) == NUMBER - local["labelled"]
    assert all("refused_input: " in reason for reason in local["given up"].values())


def test_no_label_is_unconverged(local: Report, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's own check finds none, and it would find one."""
    assert local["wrong"] == []
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import factory_figures as benchmark

    place = folder / "local" / "Si"
    labels = benchmark.frames(place / "out.extxyz")
    outcomes = benchmark.read_outcomes("Si", place / "out.jobs" / "jobs", labels, [])
    assert benchmark.wrong_labels(outcomes) == []
    other = [replace(one, energy=(one.energy or 0.0) + 1e-4) for one in outcomes]
    assert benchmark.wrong_labels(other) == [f"{one.name}: energy" for one in outcomes]
    output = outcomes[0].tries[-1].folder / "pw.out"
    text = output.read_text()
    output.write_text(text.replace("convergence has been achieved", "convergence NOT achieved"))
    found = benchmark.wrong_labels(outcomes)
    output.write_text(text)
    assert found == [f"{outcomes[0].name}: {what}" for what in ("convergence has been achieved", "no other run")]


def test_what_it_took_is_said(local: Report) -> None:
    assert 0 < local["cpu_hours of pw.x"] <= local["core_hours"]
    assert local["disk_peak_mb"] >= local["disk_left_mb"] > 0
    assert local["cost"]["jobs"] == local["paths of labels"]["first"]
    assert all(local["cost"]["cpu"][kind] is not None for kind in ("prior", "learned"))


@pytest.mark.slurm
def test_a_real_slurm_gives_the_same_labels(local: Report, folder: Path, slurm_folder: Path) -> None:
    """`slurm_folder` says where SLURM is missing; the benchmark starts its own."""
    found = measure(folder, "--local", "--slurm")
    assert found["slurm"]["labelled"] == local["labelled"] == found["disagreement"]["labelled by both"]
    assert found["disagreement"]["labelled by one only"] == found["disagreement"]["another path"] == []
    assert found["disagreement"]["largest_difference_mev"] < 1e-3
