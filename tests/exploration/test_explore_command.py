"""`mlipbatch explore` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from ase.build import bulk
from ase.io import read
from typer.testing import CliRunner

from mlipbatch.cli.explore import explore
from mlipbatch.config.errors import InputError

POTENTIAL = Path(__file__).parents[1] / "data" / "potential_al_cu"
INPUT = """\
project_name: tiny
target_system:
  elements: [Al, Cu]
  composition: {Al: 0.75, Cu: 0.25}
  crystal_structure: fcc
simulation_goal: {type: elastic, temperature_range: [300, 900]}
resources: {dft_code: quantum_espresso, parallel_cores: 2, gpu_enabled: false}
exploration: {temperatures: [500, 900], ensemble: nvt, atoms: 100, steps: 60, timestep: 2.0, gamma_low: 0.8}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("input.yaml").write_text(INPUT)
    atoms = bulk("Al", cubic=True, a=3.95) * (2, 2, 1)
    atoms.symbols[::4] = "Cu"
    atoms.info |= {"name": "sqs", "unit_cell": np.eye(3) * 3.95}
    atoms.write("start.extxyz")
    return tmp_path


def mlipbatch(*words: object):
    app = typer.Typer()
    app.command()(explore)
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.engines
def test_explore_writes_frames_and_how_it_went(here):
    said = mlipbatch(POTENTIAL, "start.extxyz", "-o", "frames.extxyz", "--config", "input.yaml")
    frames = read("frames.extxyz", ":")
    assert f"{len(frames)} frames in frames.extxyz" in said.stdout
    assert "500 K: finished" in said.stderr
    walks = json.loads(Path("frames.walk.json").read_text())["walks"]
    assert [one["temperature"] for one in walks] == [500, 900]
    assert sum(one["frames"] for one in walks) == len(frames) > 0
    assert {frame.info["parents"] for frame in frames} == {"sqs"}
    assert frames[0].arrays["gamma"].max() == pytest.approx(frames[0].info["gamma_max"], abs=1e-6)
    assert np.shape(frames[0].info["unit_cell"]) == (3, 3)


@pytest.mark.engines
def test_one_temperature_fewer_steps_another_seed(here):
    words = (POTENTIAL, "start.extxyz", "--config", "input.yaml", "--temperature", 700, "--steps", 20)
    mlipbatch(*words, "-o", "a.extxyz", "--seed", 1)
    mlipbatch(*words, "-o", "b.extxyz", "--seed", 1)
    mlipbatch(*words, "-o", "c.extxyz", "--seed", 2)
    (walk,) = json.loads(Path("a.walk.json").read_text())["walks"]
    assert (walk["temperature"], walk["steps"], walk["seed"]) == (700, 20, 1)
    assert Path("a.extxyz").read_bytes() == Path("b.extxyz").read_bytes()
    assert json.loads(Path("c.walk.json").read_text())["walks"][0]["series"] != walk["series"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing", "start.extxyz"], "nothing is no potential: it has no potential.json"),
        ([POTENTIAL, "missing.extxyz"], "missing.extxyz: no such file"),
        ([POTENTIAL, "start.extxyz", "--index", "1"], "--index 1: the file has 1 structures, counted from 0"),
        ([POTENTIAL, "start.extxyz", "--steps", "0"], "--steps 0: at least 1 is needed"),
        ([POTENTIAL, "start.extxyz", "--temperature", "-5"], "--temperature -5 is no temperature"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(here, words, sentence):
    with pytest.raises(InputError) as refusal:
        mlipbatch(*words, "-o", "out.extxyz", "--config", "input.yaml")
    assert sentence in str(refusal.value)
    assert not Path("out.extxyz").exists()
