"""Do: judge, cancel, retry. Each step leaves the disk in a state from which the next tick goes on, wherever it is cut off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from mlipbatch.config.model import Config
from mlipbatch.config.site_file import on_site
from mlipbatch.core import endings
from mlipbatch.core.job import Accept, Again, Ending, GiveUp, JobEntry, Most, Verdict
from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine import observe
from mlipbatch.schedulers.base import NoInformation, Scheduler
from mlipbatch.stages.base import Attempt, Job, read_attempts
from mlipbatch.stages.kinds import KINDS
from mlipbatch.store import archive, claim, jobfolder
from mlipbatch.store.lease import Lease, Unfenced
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
    lease: Lease = field(default_factory=Unfenced)  # looked at before anything is written, sent or cancelled

    def folder(self, entry: JobEntry) -> Path:
        """The job's folder."""
        return self.project.jobs / entry.id

    def job(self, entry: JobEntry) -> Job:
        """The job as its kind wants it. Raises jobfolder.Unreadable."""
        config = on_site(self.config, self.scheduler.site)
        return Job(self.project, config, jobfolder.read_spec(self.folder(entry)), self.most)

    @property
    def most(self) -> Most:
        """What the largest queue of the site gives, where it names any."""
        queues = getattr(getattr(self.scheduler, "site", None), "queues", None) or []
        memory = [queue.memory_per_node for queue in queues if queue.memory_per_node]
        longest = max((queue.max_walltime for queue in queues), default=None)
        return Most(longest, max(memory) if queues and len(memory) == len(queues) else None)


def judge(hands: Hands, entry: JobEntry, ending: Ending, claims: int) -> Verdict | None:
    """Ask the job's kind what came of its last attempt, and move the job accordingly.

    None where there is no verdict yet: the attempt, of which `claims` were known, was started again meanwhile.
    """
    hands.lease.check()
    job = hands.job(entry)
    attempts = read_attempts(job.folder)
    last = attempts[-1]
    if ending.exit_code != 0:
        if not claim.revoke(last.folder, claims, "it is over"):
            return None
        if ending.how is QueueState.ENDED and not ending.silent:
            ending = replace(ending, how=observe.said(last.folder))
    verdict = KINDS[job.spec.kind].judge(job, attempts, ending)
    if not last.verdict:
        record = {"decision": DECISIONS[type(verdict)], "exit_code": ending.exit_code, "ended": now()}
        if endings.machine(ending):
            record |= {"node": ending.node, "machine": True}
        name = {} if isinstance(verdict, Accept) else {"name": verdict.name}
        jobfolder.write_record(
            last.folder / "verdict.yaml", {**record, **name, "sentence": verdict.sentence, **verdict.record}
        )
    state = {Accept: JobState.DONE, Again: JobState.PENDING, GiveUp: JobState.FAILED}[type(verdict)]
    hands.lease.check()
    jobfolder.move(job.folder, entry.state, state, f"attempt-{last.number}: {verdict.sentence}", _story(attempts))
    return verdict


def _story(attempts: Sequence[Attempt]) -> str:
    return "".join(f"attempt-{a.number}: {a.record.get('rung', '?')}\n" for a in attempts)


def cancel(hands: Hands, entry: JobEntry, scheduler_id: str, token: str) -> None:
    """Take a job out of the queue and close it as FAILED: cancelled. Its attempt is revoked: it cannot come back."""
    hands.lease.check()
    if scheduler_id:
        with suppress(NoInformation):  # what cannot be cancelled now is, as long as the job is not sent anew, revoked
            hands.scheduler.cancel(scheduler_id, token)
    close(hands, entry, "cancelled", "cancelled by the user")


def close(hands: Hands, entry: JobEntry, name: str, sentence: str) -> None:
    """End a job as FAILED for a reason that its kind has no part in."""
    hands.lease.check()
    folder = hands.folder(entry)
    attempts = read_attempts(folder)
    if attempts and not attempts[-1].verdict:
        claim.revoke(attempts[-1].folder, claim.count_claims(attempts[-1].folder), sentence)
        record = {"decision": "give up", "name": name, "sentence": sentence, "ended": now()}
        jobfolder.write_record(attempts[-1].folder / "verdict.yaml", record)
    jobfolder.move(folder, entry.state, JobState.FAILED, sentence)


def retry(hands: Hands, entry: JobEntry) -> None:
    """Put an ended job back: its attempts stay, its ladder starts afresh."""
    again(hands, entry, "retry asked for by the user")


def again(hands: Hands, entry: JobEntry, why: str) -> None:
    """Put an ended job back for this reason; a packed one gets its folder again first."""
    hands.lease.check()
    archive.bring_back(hands.project.jobs, entry.id)
    jobfolder.move(hands.folder(entry), entry.state, JobState.PENDING, why)


def now() -> str:
    """The time as all records have it: UTC, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
