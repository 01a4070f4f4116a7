"""A submission whose answer never came: adopted, waited for or revoked, as a pure function of what the queue said of its token.

Nothing is sent again blindly. The attempt's own markers count first: without accounting a job may have come and gone unseen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlipbatch.core.state import IN_THE_QUEUE
from mlipbatch.engine.observe import Evidence
from mlipbatch.schedulers.base import QueueEntry
from mlipbatch.schedulers.batch import task_of


@dataclass(frozen=True)
class Answer:
    """One complete answer of `Scheduler.find`."""

    at: float  # s, monotonic
    jobs: tuple[QueueEntry, ...] = ()  # oldest first


@dataclass(frozen=True)
class AdoptIt:
    """This job of the queue is the attempt; the others of its token are to be cancelled."""

    scheduler_id: str
    cancel: tuple[str, ...] = ()


@dataclass(frozen=True)
class AskAgain:
    """Not known yet. `at`: ask the queue then (s, monotonic), or sooner where the token shows up."""

    at: float


@dataclass(frozen=True)
class Came:
    """It ran: its own markers say so, and the queue knows nothing of it any more."""


@dataclass(frozen=True)
class RevokeIt:
    """It was asked for twice, far enough apart, and never arrived."""

    why: str = field(default="its token was not in the queue")


Finding = AdoptIt | AskAgain | Came | RevokeIt


def resolve(answers: Sequence[Answer], seen: Evidence, apart_s: float) -> Finding:
    """What an unknown submission needs now. `answers` are all complete ones so far, oldest first; at least one."""
    last = answers[-1]
    if last.jobs:
        return _adopt(last.jobs, seen)
    if seen.claimed_as and not seen.revoked:
        return AdoptIt(seen.claimed_as)  # it ran, and said under which id
    if seen.began and not seen.revoked:
        return Came()
    empty = _trailing_empty(answers)
    if seen.revoked or last.at - empty[0].at >= apart_s:
        looks = f"{len(empty)} complete answers over {last.at - empty[0].at:.0f} s"
        return RevokeIt(f"its token {seen.queue_token} was not in the queue: {looks}")
    return AskAgain(empty[0].at + apart_s)


def _adopt(jobs: Sequence[QueueEntry], seen: Evidence) -> AdoptIt:
    """The one that holds the claim, else the oldest: `find` gives them in that order."""
    kept = next((job for job in jobs if seen.claimed_as and job.id == seen.claimed_as), jobs[0])
    whole = _whole(kept.id)
    others = dict.fromkeys(_whole(job.id) for job in jobs if job.state in IN_THE_QUEUE and _whole(job.id) != whole)
    mine = (
        job.id for job in jobs if _whole(job.id) == whole and seen.task is not None and task_of(job.id) == seen.task
    )
    return AdoptIt(next(mine, kept.id), tuple(others))


def _whole(scheduler_id: str) -> str:
    """The id of the array that a task belongs to: ``1234_7`` (SLURM), ``1234[7].host`` (PBS); any other id as it is."""
    return re.sub(r"_\d+$|(?<=\[)\d+(?=\])", "", scheduler_id)


def _trailing_empty(answers: Sequence[Answer]) -> list[Answer]:
    """The answers without any job since the last one that had some."""
    empty: list[Answer] = []
    for answer in reversed(answers):
        if answer.jobs:
            break
        empty.insert(0, answer)
    return empty
