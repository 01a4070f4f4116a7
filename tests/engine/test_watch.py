"""What is known of the jobs in the queue, between two answers that are the same and two that are not."""

from __future__ import annotations

import errno
import shutil
import time
from pathlib import Path

import pytest

from mlipbatch.config.site import LOCAL
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine import decide, observe
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

    def find(self, _token: str) -> list[QueueEntry]:
        return []


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


def send(jobs: Path, submit: str, scheduler_id: str = "5", job: str = JOB) -> Path:
    """As the daemon leaves a job that it has sent; its attempt. Without an id the scheduler's answer was lost."""
    jobfolder.create(jobs, JobSpec(job, "scf", Resources(1, 3600)))
    answer = {"job_id": scheduler_id} if scheduler_id else {}
    made = attempt.create(jobs / job, 1, {"submit.yaml": submit, **answer})
    jobfolder.move(jobs / job, JobState.PENDING, JobState.SUBMITTED, "sent")
    return made


def leave(sent: Path, **files: str) -> None:
    """What a script leaves in its attempt."""
    for name, text in files.items():
        (sent / name.replace("_", ".")).write_text(text)


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


@pytest.mark.parametrize("markers", [["mb-5.started", "mb-5.exit"], ["mb-5.exit"]])
def test_an_end_that_comes_with_the_start_is_read(jobs: Path, said: Said, markers: list[str]) -> None:
    sent, said.states = send(jobs, "token: mb-5\n"), {"5": QueueState.QUEUED}
    watch = watching(jobs, said)
    steps(watch)
    leave(sent, claim="mb-5 5 0\n", started="node 1 now\n", exit="0\n")
    (step,) = steps(watch, *markers)
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


def test_the_claim_of_one_whose_answer_was_lost_tells_its_id(jobs: Path, said: Said) -> None:
    sent = send(jobs, "token: mb-one\n", scheduler_id="")
    watch = watching(jobs, said)
    assert steps(watch) == []
    leave(sent, claim="mb-one 7 0\n", started="node 1 now\n")
    assert steps(watch, "mb-one.started") == [decide.Adopt("7")]


def test_one_that_starts_again_is_read_again(jobs: Path, said: Said) -> None:
    sent, said.states = send(jobs, "token: mb-5\n"), {"5": QueueState.RUNNING}
    watch = watching(jobs, said)
    leave(sent, claim="mb-5 5 0\n", started="node 1 now\n")
    steps(watch, "mb-5.started")
    assert watch.jobs[JOB].seen.claims == 1
    leave(sent, claim_1="mb-5 5 1\n", started="other 2 now\n")
    steps(watch, "mb-5.started")
    assert watch.jobs[JOB].seen.claims == 2


class Failing:
    """The n-th look at an attempt sees nothing, the one after it fails: a network file system on a bad day."""

    def __init__(self, blind: int) -> None:
        self.looks, self.blind, self.real = 0, blind, observe.evidence

    def __call__(self, attempt: Path, before: observe.Evidence | None = None) -> observe.Evidence:
        self.looks += 1
        if self.looks == self.blind:
            return observe.NOTHING
        if self.looks == self.blind + 1:
            raise OSError(errno.ESTALE, "stale file handle")
        return self.real(attempt, before)


@pytest.mark.parametrize("blind", [0, 1])
def test_a_look_that_fails_loses_no_news(jobs: Path, said: Said, monkeypatch: pytest.MonkeyPatch, blind: int) -> None:
    two = "gen000/scf/two"
    sent = [send(jobs, "token: mb-5\n"), send(jobs, "token: mb-6\n", "6", two)]
    said.states = {"5": QueueState.QUEUED, "6": QueueState.QUEUED}
    watch = watching(jobs, said)
    steps(watch)
    for one in sent:
        leave(one, started="node 1 now\n")
    said.states = {"5": QueueState.RUNNING, "6": QueueState.RUNNING}
    monkeypatch.setattr(observe, "evidence", Failing(blind))
    with pytest.raises(OSError, match="stale"):
        watch.look([])
    watch.doubt()
    assert steps(watch) == [decide.Started(), decide.Started()]


def test_a_marker_of_a_job_whose_folder_was_removed_is_nobodys(jobs: Path, said: Said) -> None:
    send(jobs, "token: mb-5\n")
    said.states = {"5": QueueState.RUNNING}
    watch = watching(jobs, said)
    steps(watch)
    shutil.rmtree(jobs / JOB)
    said.states = {}
    assert steps(watch) == []
    assert steps(watch, "mb-5.exit") == []
