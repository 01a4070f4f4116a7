"""How long is waited for a scheduler: between queries, before a job is called lost, after a refusal."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]  # seconds, monotonic: time.monotonic, or a test's own


@dataclass(frozen=True)
class Patience:
    """What is waited for, in seconds of the daemon's own monotonic clock."""

    interval_s: float = 15.0  # between two queries of the queue
    looks: int = 2  # complete answers without a job, before it is lost
    lost_s: float = (
        150.0  # and so long at least since the first of them: markers on NFS and accounting come up to 120 s late
    )
    unknown_s: float = 300.0  # between two looks for a token that never showed up: a late accept comes within
    overtime_s: float = 300.0  # past its wall time, by the scheduler's clock, before we kill a job ourselves
    silent_s: float = 900.0  # without a byte of output, of a kind that prints steadily
    silent_share: float = 0.15  # or so much of its wall time, where that is longer
    backoff_s: float = 15.0  # after the first refusal or failed query; twice as long after each further one
    longest_s: float = 600.0  # of a back-off
    full_disk_s: float = 600.0  # until one more try after a full disk; twice as long after each further one
    full_disk_longest_s: float = 14400.0


LOCAL = Patience(
    interval_s=0.0, lost_s=0.0, unknown_s=0.0, overtime_s=60.0, backoff_s=1.0, longest_s=60.0, full_disk_s=10.0
)
"""This machine starts a process at once or never, and its process table is never out of date."""


def patience(scheduler: str, interval_s: float | None = None) -> Patience:
    """What a scheduler needs; `interval_s` is the site's own."""
    if scheduler == "local":
        return LOCAL
    return Patience() if interval_s is None else Patience(interval_s=interval_s)


class Backoff:
    """Waits twice as long after each failure in a row, with a quarter of jitter, up to a cap; a success ends it."""

    def __init__(self, clock: Clock, first_s: float, cap_s: float, seed: str) -> None:
        self.clock, self.first_s, self.cap_s = clock, first_s, cap_s
        self.failures = 0
        self._random = random.Random(seed)  # noqa: S311  jitter, no secret
        self._until = -float("inf")

    @property
    def ready(self) -> bool:
        """May it be tried now?"""
        return self.clock() >= self._until

    def failed(self) -> None:
        """It went wrong once more."""
        delay = min(self.cap_s, self.first_s * 2.0**self.failures)
        self.failures = min(self.failures + 1, 30)
        self._until = self.clock() + delay * self._random.uniform(0.75, 1.25)

    def succeeded(self) -> None:
        """It went well."""
        self.failures = 0
        self._until = -float("inf")
