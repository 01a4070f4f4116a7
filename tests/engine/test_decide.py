"""What is done with what was seen: a table, without disk, clock or scheduler."""

from __future__ import annotations

import pytest

from mlipbatch.core.job import Ending, JobEntry
from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine.decide import Adopt, Ended, Kill, Started, Step, Unsent, Wait, next_step, to_submit
from mlipbatch.engine.observe import Evidence
from mlipbatch.schedulers.base import QueueEntry, Snapshot

RUN, SUB = JobState.RUNNING, JobState.SUBMITTED


def entry(state: JobState) -> JobEntry:
    return JobEntry("gen000/scf/a", state)


def seen(scheduler_id: str = "7", *, started: bool = False, exit_code: int | None = None) -> Evidence:
    return Evidence("mb-1", scheduler_id, started, exit_code, walltime_s=100)


def queue(state: QueueState, elapsed_s: float = 1) -> Snapshot:
    return Snapshot({"7": QueueEntry("7", state, elapsed_s)}, {"mb-1": "7"})


EMPTY = Snapshot()


@pytest.mark.parametrize(
    ("state", "evidence", "snapshot", "missing", "step"),
    [
        (SUB, seen(), queue(QueueState.QUEUED), 0, Wait()),
        (SUB, seen(started=True), queue(QueueState.RUNNING), 0, Started()),
        (RUN, seen(started=True), queue(QueueState.RUNNING), 0, Wait()),
        (RUN, seen(started=True, exit_code=0), queue(QueueState.RUNNING), 0, Ended(Ending(0))),
        (
            RUN,
            seen(started=True, exit_code=143),
            queue(QueueState.RUNNING),
            0,
            Wait(),
        ),  # its wall time may be up: ask again
        (
            RUN,
            seen(started=True, exit_code=143),
            queue(QueueState.TIMED_OUT),
            0,
            Ended(Ending(143, QueueState.TIMED_OUT)),
        ),
        (RUN, seen(started=True, exit_code=2), EMPTY, 0, Ended(Ending(2))),
        (RUN, seen(started=True), EMPTY, 0, Wait(1)),
        (RUN, seen(started=True), EMPTY, 1, Ended(Ending(None))),
        (RUN, seen(started=True), queue(QueueState.UNKNOWN), 5, Wait()),
        (RUN, seen(started=True), queue(QueueState.RUNNING, 1000), 0, Kill("7")),
        (SUB, seen(""), queue(QueueState.RUNNING), 0, Adopt("7")),
        (SUB, seen(""), EMPTY, 1, Unsent()),
        (SUB, seen("", started=True), EMPTY, 1, Ended(Ending(None))),
        # the scheduler did not answer: nothing but the job's own word counts
        (SUB, seen(), None, 9, Wait()),
        (SUB, seen(""), None, 9, Wait()),
        (RUN, seen(started=True), None, 9, Wait()),
        (SUB, seen(started=True), None, 9, Started()),
        (RUN, seen(started=True, exit_code=0), None, 0, Ended(Ending(0))),
    ],
)
def test_next_step(state: JobState, evidence: Evidence, snapshot: Snapshot | None, missing: int, step: Step) -> None:
    assert next_step(entry(state), evidence, snapshot, missing) == step


def test_a_large_job_is_not_overtaken_for_ever() -> None:
    jobs = [
        JobEntry("g/k/big", JobState.PENDING, priority=2, cores=4),
        JobEntry("g/k/small", JobState.PENDING, priority=1),
    ]
    assert to_submit(jobs, free_cores=2, largest=4) == []
    assert [e.name for e in to_submit(jobs, free_cores=5, largest=4)] == ["big", "small"]


def test_a_job_that_asks_for_more_than_there_is_gets_all_there_is() -> None:
    jobs = [JobEntry("g/k/huge", JobState.PENDING, cores=64)]
    assert [e.name for e in to_submit(jobs, free_cores=2, largest=2)] == ["huge"]


def test_held_jobs_stay() -> None:
    assert to_submit([JobEntry("g/k/a", JobState.PENDING, held=True)], 8, 8) == []
