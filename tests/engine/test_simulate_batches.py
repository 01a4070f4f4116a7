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


def test_who_is_done_helps_and_whose_node_dies_is_judged_by_who_ran_it(project: Project) -> None:
    """A list of long jobs and one of short ones; the node of whoever helps fails once."""
    where = site(cores=1, max_queued=2)
    seconds = {f"j{n:03d}": 1800.0 if n % 2 == 0 else 60.0 for n in range(20)}
    virtual = Virtual(project, where, World(nodes=2, requeue=False), seconds, walltime_s=3600)
    simulation = virtual.simulation
    simulation.run(lambda: any(sent != ran for sent, ran in running(virtual).values()), limit_s=20 * HOUR)
    job, thief = next((job, ran) for job, (sent, ran) in running(virtual).items() if sent != ran)
    task = simulation.cluster.tasks[thief]
    assert task.running
    simulation.cluster.fail(task)
    assert virtual.finish() == {"DONE": 20}
    assert not virtual.overlaps()
    assert (virtual.folder(job) / "attempt-2").exists()
    told = (virtual.folder(job) / "history.log").read_text()
    assert "its node failed" in told
    once = [name for name, runs in virtual.runs().items() if runs != 1]
    assert not once


def running(virtual: Virtual) -> dict[str, tuple[str, str]]:
    """Of each job that runs its first attempt: the id that it was sent as, and the id that runs it."""
    found = {}
    for name in virtual.seconds:
        attempt = virtual.folder(name) / "attempt-1"
        if (attempt / "started").exists() and not (attempt / "exit").exists():
            found[name] = ((attempt / "job_id").read_text().strip(), (attempt / "claim").read_text().split()[1])
    return found


def test_folders_of_batches_go_when_nobody_needs_them(project: Project) -> None:
    where = site(cores=1, max_queued=2)
    virtual = Virtual(project, where, World(nodes=2), lengths(12), walltime_s=3600)
    assert virtual.finish() == {"DONE": 12}
    folders, offers = project.private / "batches", project.private / "offers"
    kept = sorted(folders.iterdir())
    assert len(kept) >= 2
    bad = next(iter((kept[0] / "members-0").read_text().split("\t")[2].splitlines()))
    state = project.root / Path(bad).parent / "DONE"
    state.rename(state.with_name("FAILED"))  # as a person may; what a batch says of a failed job stays
    virtual.simulation.campaign.index.refresh("/".join(Path(bad).parts[1:-1]))
    virtual.simulation.run(lambda: False, limit_s=0.9 * HOUR)
    assert sorted(folders.iterdir()) == kept
    virtual.simulation.run(lambda: False, limit_s=HOUR)
    left = sorted(folders.iterdir())
    assert kept[0] in left
    assert all(Path(bad).parent.name in "".join(p.read_text() for p in folder.glob("*-0")) for folder in left)
    assert len(left) < len(kept)
    assert all(path.name.rpartition("-")[0] in {folder.name for folder in left} for path in offers.glob("*/*"))


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
