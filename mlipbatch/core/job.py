"""What a job is: plain values, no disk, no scheduler."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from mlipbatch.core.state import JobState, QueueState

MEMORY_MB = 2000  # a core: what a job is taken to have had that asked for none; what most sites give
AGE_S = 360.0  # a job that has waited so much longer than another goes before it, if that is one priority higher
SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._=+-]{0,120}$")


def generation_name(generation: int) -> str:
    """``gen007``, as folders and files of that generation are called."""
    return f"gen{generation:03d}"


@dataclass(frozen=True)
class Most:
    """The most that a site gives one job; None: no limit is known."""

    walltime_s: int | None = None
    memory_mb: int | None = None


@dataclass(frozen=True)
class Resources:
    """What a job asks of the scheduler."""

    cores: int = 1
    walltime_s: int = 3600
    memory_mb: int | None = None  # of all cores together; None: whatever the site gives
    gpus: int = 0
    exclude: tuple[str, ...] = ()  # nodes that this job has died on

    def grown(self, most: Most, *, walltime: float = 1.0, memory: float = 1.0) -> Resources:
        """So many times the wall time and the memory, as far as the site has them.

        Where no memory was asked for, MEMORY_MB a core is taken.
        """
        walltime_s = round(self.walltime_s * walltime)
        memory_mb = self.memory_mb if memory == 1 else round((self.memory_mb or MEMORY_MB * self.cores) * memory)
        return replace(
            self,
            walltime_s=walltime_s if most.walltime_s is None else min(walltime_s, most.walltime_s),
            memory_mb=memory_mb if None in (memory_mb, most.memory_mb) else min(memory_mb or 0, most.memory_mb or 0),
        )


@dataclass(frozen=True)
class JobSpec:
    """A job that should exist. `files` are put beside job.yaml; `parameters` belong to its kind.

    The id, ``gen000/scf/NAME``, is also its folder below ``jobs/``: three names that are safe in a shell.
    """

    id: str
    kind: str
    resources: Resources
    priority: int = 0  # larger goes first
    parents: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an id that could leave the jobs folder or needs quoting. Raises ValueError."""
        parts = self.id.split("/")
        if len(parts) != 3 or not all(SAFE.match(part) for part in parts):
            raise ValueError(f"job id {self.id!r} is not GENERATION/KIND/NAME of letters, digits and . _ = + -")

    @property
    def generation(self) -> str:
        """``gen000``."""
        return self.id.split("/")[0]

    @property
    def name(self) -> str:
        """Last part of the id."""
        return self.id.split("/")[2]


@dataclass(frozen=True)
class JobEntry:
    """A job as the index knows it: enough to decide, nothing that has to be read from inside a file."""

    id: str
    state: JobState
    held: bool = False
    priority: int = 0
    cores: int = 1
    walltime_s: int = 3600
    since: float = 0.0  # when it was made, s, by the file server's clock: only compared with that of other jobs

    def running(self) -> JobEntry:
        """The same, RUNNING. Written out: hundreds start in one tick, and `replace` takes four times as long."""
        return JobEntry(self.id, JobState.RUNNING, self.held, self.priority, self.cores, self.walltime_s, self.since)

    @property
    def generation(self) -> str:
        """``gen000``."""
        return self.id.split("/")[0]

    @property
    def kind(self) -> str:
        """``scf``, ``train`` ..."""
        return self.id.split("/")[1]

    @property
    def name(self) -> str:
        """Last part of the id."""
        return self.id.split("/")[2]


def urgency(entry: JobEntry) -> tuple[float, str]:
    """What pending jobs are sorted by. Priority grows with the time waited, alike for all: the order never changes by itself.

    A job that was made `AGE_S` seconds before another goes before it where that is up to one priority higher: nobody starves.
    """
    return entry.since / AGE_S - entry.priority, entry.id


@dataclass(frozen=True)
class AttemptPlan:
    """One try at a job, ready to be written into its attempt folder."""

    rung: str  # which step of the ladder; "base" for the first
    why: str  # a sentence
    command: str  # bash lines, run in the attempt folder
    files: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()  # bash lines run first
    environment: dict[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    record: dict[str, Any] = field(default_factory=dict)  # what its kind wants to find again in attempt.yaml


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as far as anybody knows."""

    exit_code: int | None  # of the program, from the job's own marker; None where it left none
    how: QueueState = QueueState.ENDED  # what the scheduler says of its end
    silent: bool = False  # killed by us, because its output had stopped growing
    node: str = ""  # where it ran, as far as its start marker says

    @property
    def timed_out(self) -> bool:
        """Its wall time was up."""
        return self.how is QueueState.TIMED_OUT


@dataclass(frozen=True)
class Accept:
    """The attempt is a success; its results are on disk."""

    sentence: str
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Again:
    """One more attempt, for this reason."""

    name: str  # name of the failure
    sentence: str
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GiveUp:
    """No further attempt."""

    name: str
    sentence: str
    record: dict[str, Any] = field(default_factory=dict)


Verdict = Accept | Again | GiveUp
