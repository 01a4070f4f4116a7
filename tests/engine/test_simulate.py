"""The engine against a simulated cluster, virtual days in seconds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from mlipbatch.engine.simulate.world import Answers, Mishaps, Others, Waits, World
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project

from .simulated import DAY, HOUR, Virtual, large_project, site


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return large_project(tmp_path)


def lengths(number: int, seed: int = 1) -> dict[str, float]:
    source = Random(seed)
    return {f"j{n:04d}": min(3600.0, source.lognormvariate(5.0, 1.0)) for n in range(number)}


def test_jobs_take_their_time_on_the_nodes_that_there_are(project: Project) -> None:
    virtual = Virtual(project, site(cores=2), World(nodes=2), {f"j{n}": HOUR for n in range(8)})
    assert virtual.finish() == {"DONE": 8}
    assert 2 * HOUR < virtual.simulation.clock.now < 2 * HOUR + 120  # two rounds on four cores, and a look or two


def test_the_same_seed_is_the_same_campaign(tmp_path: Path) -> None:
    """Tokens are random; nothing that happens may depend on them."""
    world = World(nodes=2, waits=Waits(60), mishaps=Mishaps(fails=0.2))

    def runs(name: str) -> list[tuple[str, str, int | None, float]]:
        (tmp_path / name).mkdir()
        virtual = Virtual(large_project(tmp_path / name), site(), world, lengths(12))
        virtual.finish()
        ran = virtual.simulation.programs.runs
        return sorted((run.job, run.attempt, run.exit_code, round(run.end_s - run.begin_s, 3)) for run in ran)

    assert runs("first") == runs("second")


def test_a_queue_limit_of_three_is_waited_out(project: Project) -> None:
    virtual = Virtual(project, site(cores=8, max_queued=3, bundle=1), World(), lengths(40))
    simulation = virtual.simulation
    most = 0
    while not simulation.campaign.finished:
        simulation.run(lambda: True)
        simulation.run(limit_s=15)
        most = max(most, len(simulation.cluster.live))
    assert virtual.states() == {"DONE": 40}
    assert most == 3
    assert set(virtual.runs().values()) == {1}


def test_a_day_without_the_scheduler_changes_nothing(project: Project) -> None:
    virtual = Virtual(project, site(cores=2), World(outages=((600, DAY + 600),)), {f"j{n}": 3 * DAY for n in range(4)})
    virtual.simulation.run(limit_s=590)
    before = virtual.transitions()
    virtual.simulation.run(limit_s=DAY)
    assert virtual.simulation.ticks > 200
    assert virtual.transitions() == before


@pytest.mark.parametrize("accounting", [True, False])
def test_lost_answers_never_make_a_job_run_twice(project: Project, accounting: bool) -> None:
    answers = Answers(lost=0.1, dropped=0.05, late=0.05, rejected=0.05, query_fails=0.05)
    world = World(accounting=accounting, answers=answers, waits=Waits(120))
    virtual = Virtual(project, site(cores=16), world, lengths(60))
    assert virtual.finish() == {"DONE": 60}
    assert set(virtual.runs().values()) == {1}


def test_jobs_of_others_make_us_wait(project: Project) -> None:
    virtual = Virtual(project, site(cores=8), World(others=Others(per_hour=4, cores=6, mean_s=HOUR)), lengths(30))
    assert virtual.finish() == {"DONE": 30}
    assert virtual.simulation.clock.now > sum(lengths(30).values()) / 8


@pytest.mark.parametrize(
    ("mishap", "requeue"),
    [
        (Mishaps(preempted=0.5), True),  # again and again: SLURM starts it anew, and we hear nothing of it
        (Mishaps(preempted=0.2), False),  # we put it back ourselves, under a cap of its own
        (Mishaps(node_fails=0.1), True),
        (Mishaps(node_fails=0.05), False),
    ],
)
def test_what_is_no_fault_of_the_job_costs_it_nothing(project: Project, mishap: Mishaps, requeue: bool) -> None:
    world = World(nodes=8, mishaps=mishap, requeue=requeue, requeue_s=120)
    virtual = Virtual(project, site(cores=4), world, lengths(30))
    assert virtual.finish() == {"DONE": 30}
    assert set(virtual.runs().values()) == {1}
    starts = Counter(run.job for run in virtual.simulation.programs.runs)
    assert max(starts.values()) >= 2
    assert not [line for line in virtual.history() if "command_failed" in line or "exit code" in line]


def test_a_program_that_hangs_is_ended_at_its_wall_time_and_tried_again(project: Project) -> None:
    world = World(mishaps=Mishaps(hangs=0.3))
    virtual = Virtual(project, site(cores=16), world, lengths(20), walltime_s=3600)
    ended = virtual.finish()
    assert ended["DONE"] >= 19  # three hangs in a row are given up
    assert any("its wall time was up" in line for line in virtual.history())
    for run in virtual.simulation.programs.runs:
        asked = jobfolder.read_record(project.jobs / run.job / run.attempt / "submit.yaml")["walltime_s"]
        assert run.end_s - run.begin_s <= asked + 1


@pytest.mark.engines
def test_everything_at_once_and_the_daemon_killed_every_hour(project: Project) -> None:
    world = World(
        nodes=6,
        seed=3,
        waits=Waits(300),
        others=Others(per_hour=6, cores=2, mean_s=HOUR),
        mishaps=Mishaps(node_fails=0.02, preempted=0.05, out_of_memory=0.03, hangs=0.01, fails=0.05),
        answers=Answers(rejected=0.05, lost=0.05, dropped=0.03, late=0.03, query_fails=0.05),
        outages=((2 * HOUR, 3 * HOUR), (5 * HOUR, 5 * HOUR + 600)),
        strangers=5,
    )
    virtual = Virtual(project, site(cores=4, max_queued=30, bundle=1), world, lengths(150))
    simulation = virtual.simulation
    while not simulation.campaign.finished:
        simulation.run(limit_s=HOUR)
        simulation.restart()
        simulation.tick()
        assert simulation.clock.now < 10 * DAY
        assert len(simulation.cluster.live) <= 25
    ended = virtual.states()
    assert ended["DONE"] + ended["FAILED"] == 150
    assert ended["DONE"] >= 149
    assert not virtual.overlaps()
    successes = Counter(run.job for run in simulation.programs.runs if run.exit_code == 0)
    assert max(successes.values()) == 1
