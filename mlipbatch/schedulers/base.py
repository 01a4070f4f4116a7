"""What the engine needs of a scheduler, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState


class NotSubmitted(Exception):
    """The scheduler certainly did not take the job (queue full, quota): try later. It is no failure of the job."""


class NoInformation(Exception):
    """A query failed, timed out, or printed something odd: no state changes because of it."""


@dataclass(frozen=True)
class QueueEntry:
    """What the queue says of one job."""

    id: str
    state: QueueState
    elapsed_s: float | None = None  # seconds since it started, by the scheduler's own clock


@dataclass(frozen=True)
class Snapshot:
    """One complete answer of the queue: by scheduler id, and by the token that is the job's name there."""

    jobs: dict[str, QueueEntry] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # token -> scheduler id


class Scheduler(Protocol):
    """One batch scheduler."""

    name: str
    template: str  # of the job script

    def submit(self, script: Path, token: str, resources: Resources) -> str:
        """Hand over a script, to run in its own folder. Returns the scheduler's id. Raises NotSubmitted."""

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """The state of our jobs; `known` maps the scheduler ids to look for to their attempt folders. Raises NoInformation."""

    def cancel(self, scheduler_id: str) -> None:
        """Kill a job and all its processes."""

    def free_cores(self, snapshot: Snapshot) -> int:
        """Cores that jobs submitted now would find, as far as the scheduler wants to be given jobs."""
