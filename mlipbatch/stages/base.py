"""What the engine asks of the science: which jobs should exist, how one is tried, what came of a try."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlipbatch.config.model import Config
from mlipbatch.core.endings import SPOILED
from mlipbatch.core.job import AttemptPlan, Ending, GiveUp, JobEntry, JobSpec, Most, Verdict
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project


@dataclass(frozen=True)
class Job:
    """A job with all that its kind may want to look at."""

    project: Project
    config: Config
    spec: JobSpec
    most: Most = field(default_factory=Most)  # that the site gives

    @property
    def folder(self) -> Path:
        """Its job folder."""
        return self.project.jobs / self.spec.id


@dataclass(frozen=True)
class Attempt:
    """One try as the disk has it: what was asked (attempt.yaml), and what came of it (verdict.yaml, empty while open)."""

    number: int
    folder: Path
    record: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """Where the work stands once nothing is left to run."""

    good: bool
    sentence: str


@dataclass(frozen=True)
class Goal:
    """What a project is for: the jobs that should exist and do not, and what to say when all have ended."""

    wanted: Callable[[Project, Config, Mapping[str, JobEntry]], Iterable[JobSpec]]
    outcome: Callable[[Project, Config, Mapping[str, JobEntry]], Outcome]
    labels_alone: bool = False  # no stage but DFT: for the forecast


class Kind(Protocol):
    """A kind of job (scf, train, explore ...)."""

    def plan(self, job: Job, attempts: Sequence[Attempt]) -> AttemptPlan | GiveUp:
        """The next attempt: a pure function of the job and of the attempts so far."""

    def judge(self, job: Job, attempts: Sequence[Attempt], ending: Ending) -> Verdict:
        """What came of the last attempt. Publishes its results before it says Accept; may be called again after a crash."""


def read_attempts(folder: Path) -> list[Attempt]:
    """All attempts of a job folder, oldest first."""
    last = jobfolder.look(folder).attempts
    found = []
    for number in range(1, last + 1):
        path = jobfolder.attempt_folder(folder, number)
        if path.is_dir():
            record = jobfolder.read_record(path / "attempt.yaml")
            found.append(Attempt(number, path, record, jobfolder.read_record(path / "verdict.yaml")))
    return found


def this_round(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts since the last one that ended the job: a retry asked for by a person starts afresh."""
    start = 0
    for position, attempt in enumerate(attempts):
        if attempt.verdict.get("decision") in {"accept", "give up"}:
            start = position + 1
    return list(attempts[start:])


def counted(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those of this round that say something of the job: judged, and not spoiled by the machine or by the scheduler."""
    return [attempt for attempt in this_round(attempts) if attempt.verdict and not attempt.verdict.get(SPOILED)]


def verdicts(attempts: Sequence[Attempt]) -> list[Mapping[str, Any]]:
    """All verdicts of this round, oldest first."""
    return [attempt.verdict for attempt in this_round(attempts) if attempt.verdict]
