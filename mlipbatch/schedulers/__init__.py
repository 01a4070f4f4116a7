"""Batch schedulers, and the local machine as one of them."""

from __future__ import annotations

import os

from mlipbatch.schedulers.base import (
    NoInformation,
    NotSubmitted,
    QueueEntry,
    Refused,
    Room,
    Scheduler,
    Snapshot,
    UnknownOutcome,
)
from mlipbatch.schedulers.local import POOL, LocalScheduler

__all__ = [
    "LocalScheduler",
    "NoInformation",
    "NotSubmitted",
    "QueueEntry",
    "Refused",
    "Room",
    "Scheduler",
    "Snapshot",
    "UnknownOutcome",
    "cores_here",
    "local_scheduler",
]


def cores_here() -> int:
    """Cores of this machine that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def local_scheduler(cores: int) -> LocalScheduler:
    """This machine; $MLIPBATCH_LOCAL_POOL names a pool of its own, which does not share its cores with other projects."""
    return LocalScheduler(cores, os.environ.get("MLIPBATCH_LOCAL_POOL", POOL))
