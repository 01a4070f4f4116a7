"""SLURM's words for a job and what each means, with the sentence of the manual (squeue(1), JOB STATE CODES) beside it."""

from __future__ import annotations

import re

from mlipbatch.core.state import QueueState

STATES: dict[str, QueueState] = {
    # Job is awaiting resource allocation.
    "PENDING": QueueState.QUEUED,
    # Held job is being requeued.
    "REQUEUE_HOLD": QueueState.QUEUED,
    # Completing job is being requeued.
    "REQUEUED": QueueState.QUEUED,
    # Job is being requeued by a federation.
    "REQUEUE_FED": QueueState.QUEUED,
    # Job is being held after requested reservation was deleted.
    "RESV_DEL_HOLD": QueueState.QUEUED,
    # The job was requeued in a special state. This state can be set by users, typically in EpilogSlurmctld.
    "SPECIAL_EXIT": QueueState.QUEUED,
    # Job has been allocated resources, but are waiting for them to become ready for use (e.g. booting).
    "CONFIGURING": QueueState.QUEUED,
    # Job currently has an allocation.
    "RUNNING": QueueState.RUNNING,
    # Job is in the process of completing. Some processes on some nodes may still be active.
    "COMPLETING": QueueState.RUNNING,
    # Job is about to change size.
    "RESIZING": QueueState.RUNNING,
    # Job is being signaled.
    "SIGNALING": QueueState.RUNNING,
    # Job is staging out files.
    "STAGE_OUT": QueueState.RUNNING,
    # Job has an allocation, but execution has been stopped with SIGSTOP signal. CPUS have been retained by this job.
    "STOPPED": QueueState.RUNNING,
    # Job has an allocation, but execution has been suspended and CPUs have been released for other jobs.
    "SUSPENDED": QueueState.RUNNING,
    # Job has terminated all processes on all nodes with an exit code of zero.
    "COMPLETED": QueueState.ENDED,
    # Job terminated with non-zero exit code or other failure condition.
    "FAILED": QueueState.ENDED,
    # Sibling was removed from cluster due to other cluster starting the job.
    "REVOKED": QueueState.CANCELLED,
    # Job was explicitly cancelled by the user or system administrator. The job may or may not have been initiated.
    "CANCELLED": QueueState.CANCELLED,
    # Job terminated upon reaching its time limit.
    "TIMEOUT": QueueState.TIMED_OUT,
    # Job terminated on deadline.
    "DEADLINE": QueueState.TIMED_OUT,
    # Job experienced out of memory error.
    "OUT_OF_MEMORY": QueueState.OUT_OF_MEMORY,
    # Job terminated due to failure of one or more allocated nodes.
    "NODE_FAIL": QueueState.NODE_FAILED,
    # Job terminated due to launch failure, typically due to a hardware failure (e.g. unable to boot the node or block and the
    # job can not be requeued).
    "BOOT_FAIL": QueueState.NODE_FAILED,
    # Job terminated due to preemption.
    "PREEMPTED": QueueState.PREEMPTED,
}

NEVER: tuple[str, ...] = (
    # The job's constraints can not be satisfied.
    r"BadConstraints",
    # This job has a dependency on another job that will never be satisfied.
    r"DependencyNeverSatisfied",
    # The job's account is invalid.
    r"InvalidAccount",
    # The job's QOS is invalid.
    r"InvalidQOS",
    # The job's time limit exceeds its partition's current time limit.
    r"PartitionTimeLimit",
    # The job requests a resource that violates a per-job limit on the requested association (or QOS).
    r"(Assoc|QOS)Max\w*PerJob\w*",
    # The job requests a resource that violates a per-job limit: its wall time.
    r"(Assoc|QOS)MaxWallDurationPerJobLimit",
    # The memory asked for an allocated CPU is more than the partition allows.
    r"MaxMemPerLimit",
)
"""Reasons of a pending job that no waiting will end. PartitionNodeLimit is not one: it is said of nodes that are down, too."""


def queue_state(word: str, reason: str = "") -> QueueState:
    """What a state's word means; ``CANCELLED by 1000`` (sacct) is CANCELLED. A word that nobody knows is UNKNOWN."""
    state = STATES.get(word.split(maxsplit=1)[0].rstrip("+") if word.split() else "", QueueState.UNKNOWN)
    if state is QueueState.QUEUED and any(re.fullmatch(never, reason) for never in NEVER):
        return QueueState.STUCK
    return state
