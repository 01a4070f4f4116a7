"""Walks with a real potential: what they collect, how they turn back, how they end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import ExplorationConfig
from mlipbatch.exploration import walk

pytestmark = pytest.mark.engines
POTENTIAL = Path(__file__).parents[1] / "data" / "potential_al_cu"
BASE = ExplorationConfig(
    temperatures=[900], pressure=0, ensemble="nvt", atoms=100, steps=150, timestep=2.0, gamma_every=5, gamma_low=1.0,
    gamma_high=10.0, max_retries=2,
)  # fmt: skip


def start() -> Atoms:
    atoms = bulk("Al", cubic=True, a=3.95) * (2, 2, 1)
    atoms.symbols[::4] = "Cu"
    atoms.info |= {"name": "sqs-Al12Cu4", "root": "sqs-root", "unit_cell": np.eye(3) * 3.95}
    return atoms


def explore(temperature: float = 900.0, atoms: Atoms | None = None, seed: int = 3, **changes):
    config = BASE.model_copy(update=changes)
    return walk(POTENTIAL, atoms or start(), config, temperature=temperature, seed=seed, progress=lambda _: None)


def test_uncertain_frames_are_collected_with_what_is_needed_later():
    report = explore()
    assert report.finished
    assert report.retries == []
    assert report.steps == report.steps_computed == 150
    assert 1 <= len(report.frames) <= 7  # one for each 50 fs of 300 fs
    for frame in report.frames:
        gamma = frame.arrays["gamma"]
        assert len(frame) == 128
        assert 1.0 <= gamma.max() <= 10.0
        assert frame.info["gamma_max"] == gamma.max()
        assert frame.info["root"] == "sqs-root"
        assert frame.info["parents"] == "sqs-Al12Cu4"
        assert frame.info["config_type"] == "exploration_frame"
        assert np.asarray(frame.info["unit_cell"]) == pytest.approx(np.eye(3) * 3.95)
    assert len({frame.info["name"] for frame in report.frames}) == len(report.frames)


def test_the_thermostat_reaches_its_target_by_a_ramp():
    report = explore(1200.0, steps=400)
    temperatures = np.array([sample.temperature for sample in report.samples])
    assert temperatures[0] == pytest.approx(300, rel=0.15)
    assert temperatures[len(temperatures) // 2 :].mean() == pytest.approx(1200, rel=0.15)
    assert report.samples[0].target == 300
    assert report.samples[-1].target == 1200


def test_nothing_uncertain_nothing_collected():
    report = explore(300.0, gamma_low=5.0, steps=50)
    assert report.finished
    assert report.frames == []
    assert report.histogram.sum() == 128 * 11  # every atom at every look


def test_danger_sends_the_walk_back_and_in_the_end_it_gives_up():
    report = explore(2500.0, gamma_low=0.9, gamma_high=1.1, max_retries=2, steps=400)
    assert report.ended.startswith("given up at step ")
    assert "gamma" in report.ended
    assert "after 2 retries" in report.ended
    assert len(report.retries) == 2
    assert report.timestep == BASE.timestep / 4
    assert all(frame.info["gamma_max"] <= 1.1 for frame in report.frames)  # what was dangerous is not collected
    steps = [sample.step for sample in report.samples]
    assert steps == sorted(set(steps))  # what was thrown away is not in the series
    assert report.steps < report.steps_computed


def test_a_start_that_is_dangerous_itself_is_given_up_at_once():
    atoms = start() * (2, 2, 4)
    atoms.positions[1] = atoms.positions[0] + [0.8, 0.0, 0.0]
    report = explore(atoms=atoms)
    assert report.ended.startswith("given up at step 0: gamma")
    assert report.retries == []
    assert [frame.info["step"] for frame in report.frames] == [0]  # made without the potential: DFT may see it


def test_the_same_seed_makes_the_same_walk_and_another_one_another():
    one, same, other = (explore(seed=seed, steps=40).samples[-1].potential_energy for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_slabs_keep_their_vacuum():
    slab = fcc111("Al", (4, 4, 4), a=3.95, vacuum=6.0)
    report = explore(600.0, atoms=slab, gamma_low=0.1, gamma_high=1e6, steps=50)
    frame = report.frames[-1]
    assert not frame.pbc[2]
    assert np.ptp(frame.positions[:, 2]) < 10.0
    assert frame.cell[2, 2] - np.ptp(frame.positions[:, 2]) > 6.0


def test_elements_that_the_potential_does_not_know_are_refused():
    with pytest.raises(InputError, match=r"has Ni, but the potential in .* knows only Al, Cu"):
        explore(atoms=bulk("Ni", cubic=True))


def test_the_report_is_json_without_frames():
    value = json.loads(json.dumps(explore(steps=20).as_json(), allow_nan=False))
    assert value["finished"] is True
    assert len(value["series"]["gamma_max"]) == len(value["series"]["time_fs"]) == 5
    assert len(value["gamma_histogram"]["from"]) == len(value["gamma_histogram"]["atoms"])
    assert value["steps_per_second"] > 0
