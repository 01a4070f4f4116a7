"""Do: judge, cancel, retry. Each step leaves the disk in a state from which the next tick goes on, wherever it is cut off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlipbatch.config.model import Config
from mlipbatch.core.job import Accept, Again, Ending, GiveUp, JobEntry, Verdict
from mlipbatch.core.state import JobState
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.stages.base import Attempt, Job, read_attempts
from mlipbatch.stages.kinds import KINDS
from mlipbatch.store import archive, jobfolder
from mlipbatch.store.project import Project

log = logging.getLogger("mlipbatch")

DECISIONS = {Accept: "accept", Again: "again", GiveUp: "give up"}


@dataclass(frozen=True)
class Hands:
    """What acting needs: one project, its configuration, one scheduler."""

    project: Project
    config: Config
    scheduler: Scheduler
    largest: int  # cores that a job may get at most

    def folder(self, entry: JobEntry) -> Path:
        """The job's folder."""
        return self.project.jobs / entry.id

    def job(self, entry: JobEntry) -> Job:
        """The job as its kind wants it. Raises jobfolder.Unreadable."""
        return Job(self.project, self.config, jobfolder.read_spec(self.folder(entry)))


def judge(hands: Hands, entry: JobEntry, ending: Ending) -> Verdict:
    """Ask the job's kind what came of its last attempt, and move the job accordingly."""
    job = hands.job(entry)
    attempts = read_attempts(job.folder)
    verdict = KINDS[job.spec.kind].judge(job, attempts, ending)
    last = attempts[-1]
    if not last.verdict:
        record = {"decision": DECISIONS[type(verdict)], "exit_code": ending.exit_code, "ended": now()}
        name = {} if isinstance(verdict, Accept) else {"name": verdict.name}
        jobfolder.write_record(
            last.folder / "verdict.yaml", {**record, **name, "sentence": verdict.sentence, **verdict.record}
        )
    state = {Accept: JobState.DONE, Again: JobState.PENDING, GiveUp: JobState.FAILED}[type(verdict)]
    jobfolder.move(job.folder, entry.state, state, f"attempt-{last.number}: {verdict.sentence}", _story(attempts))
    return verdict


def _story(attempts: Sequence[Attempt]) -> str:
    return "".join(f"attempt-{a.number}: {a.record.get('rung', '?')}\n" for a in attempts)


def cancel(hands: Hands, entry: JobEntry, scheduler_id: str) -> None:
    """Take a job out of the queue and close it as FAILED: cancelled."""
    if scheduler_id:
        hands.scheduler.cancel(scheduler_id)
    close(hands, entry, "cancelled", "cancelled by the user")


def close(hands: Hands, entry: JobEntry, name: str, sentence: str) -> None:
    """End a job as FAILED for a reason that its kind has no part in."""
    folder = hands.folder(entry)
    attempts = read_attempts(folder)
    if attempts and not attempts[-1].verdict:
        record = {"decision": "give up", "name": name, "sentence": sentence, "ended": now()}
        jobfolder.write_record(attempts[-1].folder / "verdict.yaml", record)
    jobfolder.move(folder, entry.state, JobState.FAILED, sentence)


def retry(hands: Hands, entry: JobEntry) -> None:
    """Put an ended job back: its attempts stay, its ladder starts afresh."""
    again(hands, entry, "retry asked for by the user")


def again(hands: Hands, entry: JobEntry, why: str) -> None:
    """Put an ended job back for this reason; a packed one gets its folder again first."""
    archive.bring_back(hands.project.jobs, entry.id)
    jobfolder.move(hands.folder(entry), entry.state, JobState.PENDING, why)


def now() -> str:
    """The time as all records have it: UTC, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
