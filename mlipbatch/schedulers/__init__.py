"""Batch schedulers, and the local machine as one of them."""

from __future__ import annotations

import os

from mlipbatch.schedulers.base import NoInformation, NotSubmitted, QueueEntry, Scheduler, Snapshot
from mlipbatch.schedulers.local import LocalScheduler

__all__ = ["LocalScheduler", "NoInformation", "NotSubmitted", "QueueEntry", "Scheduler", "Snapshot", "cores_here"]


def cores_here() -> int:
    """Cores of this machine that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
