"""What `plan` says in a moment, against the simulated cluster with the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipbatch.engine.simulate.estimate import Supply, makespan
from mlipbatch.engine.simulate.world import Waits, World
from mlipbatch.store.project import Project

from .simulated import Virtual, large_project, site


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return large_project(tmp_path)


def test_rounds_on_slots() -> None:
    assert makespan([(4, 100.0)], Supply(slots=2, queued=10, wait_s=0)) == pytest.approx(200, abs=2)
    assert makespan([(4, 100.0)], Supply(slots=8, queued=10, wait_s=60)) == pytest.approx(160, abs=2)


def test_a_queue_limit_below_the_slots_costs_a_wait_for_every_job() -> None:
    """Little's law: of 2 places, each is held for 100 s of waiting and 100 s of work."""
    assert makespan([(10, 100.0)], Supply(slots=8, queued=2, wait_s=100, interval_s=0)) == pytest.approx(1000, abs=5)


def test_bundles_wait_once() -> None:
    alone = makespan([(100, 60.0)], Supply(slots=10, queued=10, wait_s=600))
    bundled = makespan([(100, 60.0)], Supply(slots=10, queued=10, wait_s=600, bundle=200))
    assert bundled == pytest.approx(600 + 10 * 60, rel=0.02)
    assert alone > 5 * bundled


@pytest.mark.parametrize(("slots", "queued", "wait_s"), [(4, 100, 0), (8, 100, 300), (8, 6, 300), (8, 8, 60)])
def test_it_agrees_with_the_simulated_cluster(project: Project, slots: int, queued: int, wait_s: float) -> None:
    lengths = {f"j{n:03d}": 60.0 + 40 * (n % 10) for n in range(40)}
    world = World(waits=Waits(wait_s, sigma=0.01))
    virtual = Virtual(project, site(cores=slots, max_queued=queued, bundle=1), world, lengths)
    assert virtual.finish() == {"DONE": 40}
    given = Supply(slots, queued, wait_s)
    said = makespan([(1, seconds) for seconds in lengths.values()], given)
    assert said == pytest.approx(virtual.simulation.clock.now, rel=0.15)


@pytest.mark.parametrize(
    ("slots", "wait_s", "number", "walltime_s"),
    [(4, 60, 100, 1800), (8, 300, 100, 1800), (4, 600, 200, 600), (4, 60, 200, 4 * 3600)],
)
def test_it_agrees_with_bundles_too(project: Project, slots: int, wait_s: float, number: int, walltime_s: int) -> None:
    lengths = {f"j{n:03d}": 60.0 + 40 * (n % 10) for n in range(number)}
    world = World(nodes=slots, waits=Waits(wait_s, sigma=0.01))
    virtual = Virtual(project, site(cores=1, max_queued=slots), world, lengths, walltime_s)
    assert virtual.finish() == {"DONE": number}
    said = makespan([(1, seconds) for seconds in lengths.values()], Supply(slots, slots, wait_s, bundle=200))
    assert said == pytest.approx(virtual.simulation.clock.now, rel=0.15)
