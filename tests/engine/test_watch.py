"""What is known of the jobs in the queue, between two answers that are the same and two that are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mlipbatch.config.site import LOCAL
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine import decide
from mlipbatch.engine.index import Index
from mlipbatch.engine.patience import Patience
from mlipbatch.engine.queue import Queue
from mlipbatch.engine.watch import Watch
from mlipbatch.schedulers.base import QueueEntry, Snapshot
from mlipbatch.store import attempt, jobfolder

JOB = "gen000/scf/one"


class Said:
    """A scheduler that says what it is told to; `asked` is what it was asked for last."""

    name, template, accounting, site = "said", "local.sh.j2", False, LOCAL

    def __init__(self) -> None:
        self.states: dict[str, QueueState] = {}
        self.asked: set[str] = set()

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        self.asked = set(known)
        return Snapshot({key: QueueEntry(key, state, None, f"mb-{key}") for key, state in self.states.items()})


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs"
    jobfolder.create(folder, JobSpec(JOB, "scf", Resources(1, 3600)))
    return folder


def send(jobs: Path, submit: str, scheduler_id: str = "5") -> Path:
    """As the daemon leaves a job that it has sent; its attempt."""
    made = attempt.create(jobs / JOB, 1, {"submit.yaml": submit, "job_id": scheduler_id})
    jobfolder.move(jobs / JOB, JobState.PENDING, JobState.SUBMITTED, "sent")
    return made


def watching(jobs: Path, said: Said) -> Watch:
    index = Index(jobs)
    index.load()
    return Watch(index, Queue(said, time.monotonic, Patience(interval_s=0.0)))  # type: ignore[arg-type]


def steps(watch: Watch, *markers: str) -> list[decide.Step]:
    return [step for _, _, step in watch.look(markers)[1]]


def test_a_start_is_believed_when_it_is_on_the_disk_and_looked_for_until_then(jobs: Path, said: Said) -> None:
    sent, said.states = send(jobs, "token: mb-5\n"), {"5": QueueState.QUEUED}
    watch = watching(jobs, said)
    assert steps(watch) == []
    assert steps(watch, "mb-5.started") == []  # a marker is news, no proof: over a network the file may be seen later
    (sent / "started").write_text("node 1 now\n")
    assert steps(watch) == [decide.Started()]


def test_an_end_that_comes_with_the_start_is_read(jobs: Path, said: Said) -> None:
    sent, said.states = send(jobs, "token: mb-5\n"), {"5": QueueState.QUEUED}
    watch = watching(jobs, said)
    steps(watch)
    (sent / "started").write_text("node 1 now\n")
    (sent / "exit").write_text("0\n")
    (step,) = steps(watch, "mb-5.started", "mb-5.exit")
    assert isinstance(step, decide.Ended)
    assert step.ending.exit_code == 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_member_is_followed_to_the_allocation_that_took_it(jobs: Path, said: Said, announced: bool) -> None:
    sent = send(jobs, "token: mb-one\nbatch: mb-batch\n")
    said.states = {"5": QueueState.QUEUED, "9": QueueState.RUNNING}
    watch = watching(jobs, said)
    steps(watch)
    assert said.asked == {"5"}
    (sent / "claim").write_text("mb-one 9 0\n")
    if announced:
        (sent / "started").write_text("node 1 now\n")
        assert steps(watch, "mb-one.started") == [decide.Started()]
    else:
        del said.states["5"]
        steps(watch)
    assert watch.jobs[JOB].queue is QueueState.RUNNING  # of 9
    steps(watch)
    assert said.asked == {"9"}
    del said.states["9"]
    steps(watch)
    assert watch.jobs[JOB].queue is None
