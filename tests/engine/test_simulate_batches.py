"""Arrays and bundles against the simulated cluster: the real engine packs, and what never started waits again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from mlipbatch.engine.simulate.world import Answers, Mishaps, Waits, World
from mlipbatch.store.project import Project

from .simulated import HOUR, Virtual, large_project, site


def lengths(number: int) -> dict[str, float]:
    source = Random(1)
    return {f"j{n:04d}": min(3600.0, source.lognormvariate(5.0, 1.0)) for n in range(number)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return large_project(tmp_path)


def test_a_hundred_jobs_under_a_limit_of_five_wait_a_few_times_only(project: Project) -> None:
    where = site(cores=1, max_queued=5)
    virtual = Virtual(project, where, World(nodes=5, waits=Waits(600)), lengths(100), walltime_s=3600)
    assert virtual.finish() == {"DONE": 100}
    assert set(virtual.runs().values()) == {1}
    assert len(virtual.simulation.cluster.tasks) < 60
    one_by_one_s = (100 * 600 + sum(lengths(100).values())) / 5  # every job waits, and its place in the queue with it
    assert virtual.simulation.clock.now < one_by_one_s


def test_an_allocation_that_is_too_short_for_all_sends_the_rest_anew(project: Project) -> None:
    where = site(cores=1, max_queued=2, bundle_walltime=2 * 3600)
    virtual = Virtual(project, where, World(nodes=2), {f"j{n:03d}": 0.9 * HOUR for n in range(12)}, walltime_s=3600)
    assert virtual.finish() == {"DONE": 12}
    assert set(virtual.runs().values()) == {1}


@pytest.mark.engines
def test_batches_through_a_storm(project: Project) -> None:
    world = World(
        nodes=3,
        waits=Waits(120),
        mishaps=Mishaps(node_fails=0.01, preempted=0.02, fails=0.05, hangs=0.005),
        answers=Answers(rejected=0.1, lost=0.1, dropped=0.05, late=0.1, query_fails=0.05),
        outages=((HOUR, 1.5 * HOUR),),
    )
    where = site(cores=4, max_queued=4, max_array=10)
    virtual = Virtual(project, where, world, lengths(80), walltime_s=7200)
    simulation = virtual.simulation
    while not simulation.campaign.finished:
        simulation.run(limit_s=HOUR)
        simulation.restart()
        simulation.tick()
        assert simulation.clock.now < 400 * HOUR
    ended = virtual.states()
    assert ended["DONE"] + ended["FAILED"] == 80
    assert ended["DONE"] >= 78
    assert not virtual.overlaps()
    successes = Counter(run.job for run in simulation.programs.runs if run.exit_code == 0)
    assert max(successes.values()) == 1
