"""The simulated cluster by itself: what it promises the engine is what the contract of tests/schedulers asks of a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState
from mlipbatch.engine.simulate.clock import Clock
from mlipbatch.engine.simulate.cluster import Cluster
from mlipbatch.engine.simulate.scheduler import SimulatedScheduler
from mlipbatch.engine.simulate.script import Programs
from mlipbatch.engine.simulate.world import Answers, Mishaps, Waits, World
from mlipbatch.schedulers.base import NoInformation, NotSubmitted, Refused, UnknownOutcome

from .simulated import site

ONE = Resources(1, 3600)


class Bench:
    """Attempt folders, and a scheduler to send them to; every program runs 100 s."""

    def __init__(self, folder: Path, where: Site, world: World) -> None:
        self.folder, self.clock = folder, Clock()
        self.cluster = Cluster(where, world, self.clock)
        self.programs = Programs(self.clock, world.mishaps, world.seed, lambda _: 100.0)
        self.scheduler = SimulatedScheduler(self.cluster, self.programs)
        (folder / ".mlipbatch" / "inbox").mkdir(parents=True)
        self.made = 0

    def attempt(self) -> Path:
        self.made += 1
        folder = self.folder / "jobs" / "gen000" / "scf" / f"j{self.made}" / "attempt-1"
        folder.mkdir(parents=True)
        return folder

    def send(self, resources: Resources = ONE, name: str = "", folder: Path | None = None, tasks: int = 0) -> str:
        return self.scheduler.submit((folder or self.attempt()) / "job.sh", name or f"mb-{self.made}", resources, tasks)

    def at(self, seconds: float) -> dict[str, QueueState]:
        """The state of all jobs, that long after the beginning."""
        self.clock.now = seconds
        self.cluster.advance()
        return {task.id: task.state for task in self.cluster.tasks.values()}


def bench(folder: Path, where: Site | None = None, **world: object) -> Bench:
    return Bench(folder, where or site(cores=2), World(**world))  # type: ignore[arg-type]


def states(bench: Bench, seconds: float) -> str:
    """One letter a job: Queued, Running, Ended."""
    return "".join(state.name[0] for state in bench.at(seconds).values())


def test_first_come_first_served_and_no_backfill(tmp_path: Path) -> None:
    b = bench(tmp_path, site(cores=4))
    for cores in (3, 2, 1):
        b.send(Resources(cores, 3600))
    assert states(b, 50) == "RQQ"  # the third would fit beside the first, but does not overtake
    assert states(b, 150) == "ERR"


def test_whole_nodes_and_several_nodes(tmp_path: Path) -> None:
    whole = Queue(name="main", max_walltime=86400, cores_per_node=4, max_nodes=2, whole_nodes=True)
    b = bench(tmp_path, Site(name="whole", scheduler="slurm", queues=[whole]), nodes=2)
    b.send(ONE)
    b.send(ONE)
    b.send(Resources(8, 3600))
    assert states(b, 50) == "RRQ"
    assert b.cluster.tasks["2"].taken == {1: 4}
    assert states(b, 150) == "EER"


def test_a_job_goes_to_the_first_queue_that_takes_it_and_one_that_none_takes_is_refused(tmp_path: Path) -> None:
    short = Queue(name="short", max_walltime=600, cores_per_node=2)
    long = Queue(name="long", max_walltime=86400, cores_per_node=2)
    b = bench(tmp_path, Site(name="two", scheduler="slurm", queues=[short, long]))
    b.send(Resources(1, 600))
    b.send(Resources(1, 601))
    assert [task.queue for task in b.cluster.tasks.values()] == ["short", "long"]
    with pytest.raises(Refused, match="64 cores"):
        b.send(Resources(64, 600))


def test_limits_count_tasks_and_jobs_that_are_not_ours(tmp_path: Path) -> None:
    limits = Limits(max_queued=6, max_running=2, max_array=3)
    b = bench(tmp_path, site(cores=8).model_copy(update={"limits": limits}), strangers=1)
    for _ in range(3):
        b.send()
    with pytest.raises(NotSubmitted):
        b.send(tasks=3)
    with pytest.raises(Refused, match="array"):
        b.send(tasks=4)
    for _ in range(2):
        b.send()
    with pytest.raises(NotSubmitted):
        b.send()
    assert b.scheduler.room(b.scheduler.snapshot({})).jobs == 0
    assert states(b, 50) == "RRQQQ"


def test_an_array_is_one_id_with_tasks(tmp_path: Path) -> None:
    b = bench(tmp_path, site(cores=8, max_array=3), waits=Waits(600))
    assert b.send(tasks=3) == "1"
    snapshot = b.scheduler.snapshot({})
    assert list(snapshot.jobs) == ["1_0", "1_1", "1_2"]
    assert snapshot.tokens == {"mb-1": "1"}
    b.scheduler.cancel("1_1", "mb-1")
    assert list(b.scheduler.snapshot({}).jobs) == ["1_0", "1_2"]
    b.scheduler.cancel("1", "mb-1")
    assert b.scheduler.snapshot({}).jobs == {}


def test_the_scheduler_starts_so_many_jobs_a_second(tmp_path: Path) -> None:
    b = bench(tmp_path, site(cores=40), turnover=2.0, submit_s=0.0)
    for _ in range(20):
        b.send()
    assert states(b, 4.9).count("R") == 10


def test_a_job_ends_at_its_wall_time_and_leaves_no_exit_marker(tmp_path: Path) -> None:
    b = bench(tmp_path)
    attempt = b.attempt()
    b.send(Resources(1, 60), folder=attempt)
    assert b.at(70) == {"1": QueueState.TIMED_OUT}
    assert {path.name for path in attempt.iterdir()} == {"claim", "started"}


def test_a_node_that_fails_takes_all_that_runs_there_with_it(tmp_path: Path) -> None:
    b = bench(tmp_path, site(cores=2), nodes=2, requeue=False)
    for _ in range(3):
        b.send()
    b.at(10)
    b.cluster.fail(b.cluster.tasks["1"])
    assert [state.name for state in b.at(20).values()] == ["NODE_FAILED", "NODE_FAILED", "RUNNING"]
    b.send()
    b.send()
    assert states(b, 30)[3:] == "RQ"  # one core left on the other node; the one that failed is being repaired


def test_a_requeued_job_starts_again_under_its_id_and_takes_its_next_claim(tmp_path: Path) -> None:
    b = bench(tmp_path, mishaps=Mishaps(preempted=0.5), requeue_s=120)
    attempts = [b.attempt() for _ in range(8)]
    for number, attempt in enumerate(attempts):
        b.send(folder=attempt, name=f"mb-{number}")
    b.at(5000)
    assert any((attempt / "claim.1").exists() for attempt in attempts)
    assert all((attempt / "exit").read_text() == "0\n" for attempt in attempts)


def test_answers_that_get_lost(tmp_path: Path) -> None:
    b = bench(tmp_path, answers=Answers(lost=1.0))
    with pytest.raises(UnknownOutcome):
        b.send(name="mb-lost")
    assert [entry.id for entry in b.scheduler.find("mb-lost")] == ["1"]
    late = bench(tmp_path / "late", answers=Answers(late=1.0, late_s=600))
    with pytest.raises(UnknownOutcome):
        late.send(name="mb-late")
    late.at(500)
    assert late.scheduler.find("mb-late") == []
    late.at(650)
    assert [entry.state for entry in late.scheduler.find("mb-late")] == [QueueState.RUNNING]


def test_in_an_outage_nothing_answers_nothing_starts_and_what_runs_goes_on(tmp_path: Path) -> None:
    b = bench(tmp_path, outages=((50, 1000),))
    for _ in range(3):
        b.send()
    assert states(b, 200) == "EEQ"
    for question in (lambda: b.scheduler.snapshot({}), lambda: b.scheduler.find("x"), lambda: b.scheduler.cancel("3")):
        with pytest.raises(NoInformation):
            question()
    with pytest.raises(NotSubmitted):
        b.send()
    assert states(b, 1001) == "EER"


def test_cancel_asks_for_the_name_and_an_ended_job_is_remembered_for_a_while(tmp_path: Path) -> None:
    b = bench(tmp_path, accounting=False, remembered_s=300)
    b.send(name="mb-mine")
    b.at(10)
    b.scheduler.cancel("1", "mb-another")
    assert states(b, 20) == "R"
    b.scheduler.cancel("1", "mb-mine")
    known = {"1": tmp_path}
    assert b.scheduler.snapshot(known).jobs["1"].state is QueueState.CANCELLED
    b.at(400)
    assert b.scheduler.snapshot(known).jobs == {}


def test_members_of_a_batch_one_after_the_other_as_long_as_there_is_time(tmp_path: Path) -> None:
    b = bench(tmp_path, site(cores=2))
    attempts = [b.attempt() for _ in range(6)]
    folder = tmp_path / ".mlipbatch" / "batches" / "mb-batch"
    folder.mkdir(parents=True)
    lines = [f"150\t1\t{attempt.relative_to(tmp_path)}\n" for attempt in attempts]
    (folder / "members-0").write_text("".join(lines))
    (folder / "batch.sh").write_text("#!/bin/bash\n")  # one that offers nothing to others
    for number, attempt in enumerate(attempts):
        (attempt / "submit.yaml").write_text(f"token: mb-{number}\nbatch: mb-batch\n")
    b.send(Resources(2, 300), name="mb-batch", folder=folder)
    b.at(310)
    ended = [(attempt / "exit").exists() for attempt in attempts]
    assert ended == [True] * 4 + [False] * 2  # two side by side, twice; for the last two the time left was too short
    assert not any((attempt / "claim").exists() for attempt in attempts[4:])
    assert b.cluster.tasks["1"].state is QueueState.ENDED
