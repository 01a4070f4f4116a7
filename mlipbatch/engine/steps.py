"""Carry out what was decided of one job in the queue. Each can be cut off anywhere, and is taken up again by the next tick."""

from __future__ import annotations

import logging
from contextlib import suppress

from mlipbatch.core.job import JobEntry, Verdict
from mlipbatch.core.state import JobState
from mlipbatch.engine import act, decide, observe
from mlipbatch.engine.act import Hands
from mlipbatch.engine.observe import Evidence
from mlipbatch.schedulers.base import NoInformation
from mlipbatch.store import claim, jobfolder
from mlipbatch.store.durable import Steps, write_text

log = logging.getLogger("mlipbatch")


def carry_out(hands: Hands, entry: JobEntry, seen: Evidence, step: decide.Step) -> Verdict | None:
    """Do a step; a verdict where it came to one. Starts are taken many at a time (`starting`)."""
    hands.lease.check()
    folder = hands.folder(entry)
    match step:
        case decide.Adopt():
            _adopt(hands, entry, seen, step)
        case decide.Unsent(why):
            _unsent(hands, entry, seen, why)
        case decide.Kill():
            _kill(hands, entry, seen, step)
        case decide.Stuck():
            jobfolder.note(folder, step.sentence)
        case decide.Ended(ending, claims):
            return act.judge(hands, entry, ending, claims)
        case _:
            pass
    return None


def starting(hands: Hands, entry: JobEntry, seen: Evidence) -> Steps[None]:
    """That it runs, in steps: of many jobs side by side."""
    return jobfolder.starting(
        f"{hands.project.jobs}/{entry.id}", entry.state, f"started as {seen.scheduler_id or 'unknown'}"
    )


def _adopt(hands: Hands, entry: JobEntry, seen: Evidence, step: decide.Adopt) -> None:
    """The others of its token first: as long as they cannot be cancelled it is not adopted, and they are looked for again."""
    with suppress(NoInformation):
        for other in step.cancel:
            hands.scheduler.cancel(other, seen.queue_token)
        write_text(observe.last_attempt(hands.project.jobs, entry) / "job_id", step.scheduler_id + "\n")
        told = f"; cancelled {', '.join(step.cancel)} of the same token" if step.cancel else ""
        why = f"adopted {step.scheduler_id}: it was in the queue under its token {seen.queue_token}{told}"
        jobfolder.note(hands.folder(entry), why)


def _unsent(hands: Hands, entry: JobEntry, seen: Evidence, why: str) -> None:
    """Its attempt is revoked on the disk before anything else: a late accept of it runs nothing."""
    if claim.revoke(observe.last_attempt(hands.project.jobs, entry), seen.claims, why):
        jobfolder.move(hands.folder(entry), entry.state, JobState.PENDING, f"revoked, to be sent anew: {why}")


def _kill(hands: Hands, entry: JobEntry, seen: Evidence, step: decide.Kill) -> None:
    """Why is on the disk first: its end is then told from one by another's hand. Gone it is when the queue says so."""
    if not seen.killed:
        write_text(observe.last_attempt(hands.project.jobs, entry) / observe.KILLED, step.why + "\n")
        jobfolder.note(hands.folder(entry), f"killed {seen.runs_as}: {step.sentence}")
    if step.scheduler_id:
        with suppress(NoInformation):
            hands.scheduler.cancel(step.scheduler_id, seen.queue_token)
