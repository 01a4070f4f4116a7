"""Decide: pure functions from what was seen to what should be done. No disk, no clock, no scheduler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlipbatch.core.job import Ending, JobEntry
from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine.observe import Evidence
from mlipbatch.schedulers.base import Snapshot

LOOKS_BEFORE_LOST = 2  # complete answers of the queue without the job, before it is called gone
OVERTIME_S = 60.0  # past its wall time, by the scheduler's own clock, before we kill it ourselves


@dataclass(frozen=True)
class Started:
    """It said so itself."""


@dataclass(frozen=True)
class Adopt:
    """It is in the queue under its token; its id never reached the disk."""

    scheduler_id: str


@dataclass(frozen=True)
class Unsent:
    """Its submission was interrupted, and it certainly never reached the queue."""


@dataclass(frozen=True)
class Kill:
    """A zombie: its wall time is long up."""

    scheduler_id: str


@dataclass(frozen=True)
class Ended:
    """Its attempt is over and wants a verdict."""

    ending: Ending


@dataclass(frozen=True)
class Wait:
    """Nothing to do; `missing` counts the complete answers in a row that did not have it."""

    missing: int = 0


Step = Started | Adopt | Unsent | Kill | Ended | Wait


def next_step(entry: JobEntry, seen: Evidence, snapshot: Snapshot | None, missing: int) -> Step:
    """What a job in the queue needs now. The job's own marker is stronger than the queue; no answer is no information."""
    queue = snapshot.jobs.get(seen.scheduler_id) if snapshot else None
    alive = queue is not None and queue.state in {QueueState.QUEUED, QueueState.RUNNING}
    how = queue.state if queue is not None and not alive else QueueState.ENDED
    if seen.exit_code is not None and (seen.exit_code == 0 or not alive):
        return Ended(Ending(seen.exit_code, how))
    if snapshot is None:
        return _started(entry, seen)
    if not seen.scheduler_id and seen.token in snapshot.tokens:
        return Adopt(snapshot.tokens[seen.token])
    if alive and queue is not None:
        overdue = queue.elapsed_s is not None and queue.elapsed_s > seen.walltime_s + OVERTIME_S
        return Kill(queue.id) if overdue else _started(entry, seen)
    if queue is not None and queue.state is QueueState.UNKNOWN:
        return Wait()
    if missing + 1 < LOOKS_BEFORE_LOST:
        return Wait(missing + 1)
    if not seen.scheduler_id and not seen.started:
        return Unsent()
    return Ended(Ending(None, how))


def _started(entry: JobEntry, seen: Evidence) -> Step:
    return Started() if seen.started and entry.state is JobState.SUBMITTED else Wait()


def to_submit(pending: Iterable[JobEntry], free_cores: int, largest: int) -> list[JobEntry]:
    """The jobs to submit now: highest priority first, then by id; none overtakes one that waits for more cores.

    `largest` is what a job may get at most (cores of the machine): one that asks for more gets that.
    """
    chosen = []
    for entry in sorted((e for e in pending if not e.held), key=lambda e: (-e.priority, e.id)):
        cores = min(entry.cores, largest)
        if cores > free_cores:
            break
        free_cores -= cores
        chosen.append(entry)
    return chosen
