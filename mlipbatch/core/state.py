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
    """What the scheduler says of one of its jobs, in its queue or its accounting."""

    QUEUED = "queued"
    STUCK = "can never run"  # queued, and the scheduler says that no machine of its own fits
    RUNNING = "running"
    ENDED = "ended"  # over; how, only the job's own exit marker can tell
    TIMED_OUT = "timed out"  # TIMEOUT, DEADLINE: its wall time was up
    OUT_OF_MEMORY = "out of memory"
    NODE_FAILED = "node failed"  # NODE_FAIL, BOOT_FAIL: no fault of the job
    PREEMPTED = "preempted"  # no fault of the job
    CANCELLED = "cancelled"  # by a person, or by us
    UNKNOWN = "unknown"  # a word that nobody knows: no information


IN_THE_QUEUE = frozenset({QueueState.QUEUED, QueueState.STUCK, QueueState.RUNNING})
INFRASTRUCTURE = frozenset({QueueState.NODE_FAILED, QueueState.PREEMPTED})
"""Endings that say nothing about the job: it is repeated unchanged, under a cap of its own."""

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.SUBMITTED, JobState.FAILED}),
    JobState.SUBMITTED: frozenset({JobState.RUNNING, JobState.PENDING, JobState.DONE, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.PENDING, JobState.DONE, JobState.FAILED}),
    JobState.DONE: frozenset({JobState.PENDING}),  # by hand only: a retry was asked for
    JobState.FAILED: frozenset({JobState.PENDING}),  # by hand, or by `mlipbatch retry`
}

ENDED = frozenset({JobState.DONE, JobState.FAILED})
IN_QUEUE = frozenset({JobState.SUBMITTED, JobState.RUNNING})
