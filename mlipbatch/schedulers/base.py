"""What the engine needs of a scheduler, whichever it is: the seam, and what each side may rely on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mlipbatch.config.site import Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState


class NotSubmitted(Exception):
    """The scheduler certainly did not take the job now (queue full, quota): try later. It is no failure of the job."""


class Refused(Exception):
    """The scheduler certainly did not take the job, and never will (no such account, partition or limit): tell the user."""


class UnknownOutcome(Exception):
    """The scheduler may have taken the job or not (time-out, odd answer). Look its token up; never submit it again blindly."""


class NoInformation(Exception):
    """A query failed, timed out, or printed something odd: no state changes because of it."""


@dataclass(frozen=True)
class QueueEntry:
    """What queue or accounting say of one job; a task of an array is one: ``1234_7`` (SLURM), ``1234[7].host`` (PBS)."""

    id: str
    state: QueueState
    elapsed_s: float | None = None  # seconds since it started, by the scheduler's own clock
    token: str = ""  # the job's name in the queue
    reason: str = ""  # the scheduler's own word for its state, for people
    submitted: str = ""  # when it came into the queue, as the scheduler prints it: the older of two is the smaller


@dataclass(frozen=True)
class Snapshot:
    """One complete answer of the queue: by scheduler id, and by the token that is the job's name there."""

    jobs: dict[str, QueueEntry] = field(default_factory=dict)
    tokens: dict[str, str] = field(
        default_factory=dict
    )  # token -> scheduler id; of several the oldest; an array's own id, without task
    strangers: int = 0  # the user's other jobs in the queue: they count against the site's limits


@dataclass(frozen=True)
class Room:
    """What the scheduler wants to be given now."""

    jobs: int  # jobs (or array tasks, where they count) more
    cores: int | None  # cores more; None where the queue takes any number
    running: int | None = None  # allocations more that would run side by side; None where that is not limited


class Scheduler(Protocol):
    """One batch scheduler. Every command is run by argv, never through a shell, and with a time limit."""

    name: str
    site: Site  # its queues, limits, programs
    template: str  # of the job script

    @property
    def accounting(self) -> bool:
        """Does `find` hear of jobs that have left the queue?"""

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        """Hand over a script, to run in its own folder; `tasks` > 0 makes it a job array of tasks 0 ... tasks - 1.

        Returns the scheduler's id, cleanly parsed. Raises NotSubmitted, Refused, UnknownOutcome.
        """

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """The state of the user's jobs by one query; `known` maps the scheduler ids to look for to their attempt folders.

        Ids of `known` that have left the queue may come back with how they ended, where the scheduler still knows.
        Raises NoInformation.
        """

    def find(self, token: str) -> list[QueueEntry]:
        """All jobs that were ever submitted under a token, oldest first: queue and accounting together.

        Raises NoInformation unless every source that this site has gave a complete answer.
        """

    def cancel(self, scheduler_id: str, token: str = "") -> None:
        """Kill a job and all its processes; where its name is not `token` (an id that came round again) it is left alone.

        Raises NoInformation where the scheduler does not answer: whether it lives is then not known.
        """

    def room(self, snapshot: Snapshot) -> Room:
        """How much may be submitted now."""
