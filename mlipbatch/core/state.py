"""Where a job is, and which way it may go. What a queue says (`QueueState`) is never what it means for us (`JobState`)."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """The five states; each is the name of a job folder's state file."""

    PENDING = "PENDING"  # wants to run
    SUBMITTED = "SUBMITTED"  # sent to the scheduler, or perhaps sent: the intent is on disk
    RUNNING = "RUNNING"  # has said that it started
    DONE = "DONE"  # its results were checked and are on disk
    FAILED = "FAILED"  # given up or cancelled, with the reason


class QueueState(StrEnum):
    """What the scheduler says of one of its jobs."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"  # the scheduler knows how: see QueueEntry.exit_code and reason
    TIMED_OUT = "timed out"
    UNKNOWN = "unknown"  # a word that nobody knows: no information


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.SUBMITTED, JobState.FAILED}),
    JobState.SUBMITTED: frozenset({JobState.RUNNING, JobState.PENDING, JobState.DONE, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.PENDING, JobState.DONE, JobState.FAILED}),
    JobState.DONE: frozenset({JobState.PENDING}),  # by hand only: a retry was asked for
    JobState.FAILED: frozenset({JobState.PENDING}),  # by hand, or by `mlipbatch retry`
}

ENDED = frozenset({JobState.DONE, JobState.FAILED})
IN_QUEUE = frozenset({JobState.SUBMITTED, JobState.RUNNING})
