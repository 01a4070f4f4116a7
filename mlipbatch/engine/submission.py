"""Submit: from a pending job to the scheduler, exactly once, whatever dies when.

1. The attempt's folder, with its intent (a unique token, the daemon's generation), is made whole and durable; then the job is
   SUBMITTED.
2. The lease is looked at once more, and the scheduler is called.
3. Only a cleanly parsed id is written down. Certainly not taken: back to PENDING, and the same attempt is sent the next time.
   Refused for good: the project pauses with the reason. Anything else, a crash too, leaves a job that is SUBMITTED without an
   id: its token is looked up (`lookup`), it is never sent again blindly.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

import yaml

from mlipbatch.core.job import AttemptPlan, GiveUp, JobEntry
from mlipbatch.core.state import JobState
from mlipbatch.engine import observe
from mlipbatch.engine.act import Hands, now
from mlipbatch.schedulers.base import NotSubmitted, Refused, UnknownOutcome
from mlipbatch.schedulers.render import render
from mlipbatch.stages.base import Attempt, Job, read_attempts
from mlipbatch.stages.kinds import KINDS
from mlipbatch.store import attempt as attempts_on_disk
from mlipbatch.store import claim, control, drafts, jobfolder
from mlipbatch.store.durable import write_text

log = logging.getLogger("mlipbatch")

UNSENT = "unsent"  # beside an attempt that the scheduler certainly did not take: it may be sent as it is


@dataclass(frozen=True)
class Ready:
    """An attempt on the disk, to be handed over."""

    folder: Path
    token: str
    plan: AttemptPlan


def submit(hands: Hands, entry: JobEntry) -> bool:
    """Make the next attempt and hand it to the scheduler. False where it did not take it, or did not say so."""
    ready = prepare(hands, entry)
    return True if ready is None else send(hands, entry, ready)


def prepare(hands: Hands, entry: JobEntry, batch: str = "", task: int | None = None) -> Ready | None:
    """Put the next attempt of a pending job on the disk. None where it is not to be sent: given up, or running after all.

    `batch` is the token of the array or bundle that it goes in, `task` its task there.
    """
    hands.lease.check()
    job = hands.job(entry)
    attempts = read_attempts(job.folder)
    plan = KINDS[job.spec.kind].plan(job, [attempt for attempt in attempts if attempt.verdict])
    if isinstance(plan, GiveUp):
        jobfolder.move(job.folder, JobState.PENDING, JobState.FAILED, f"{plan.name}: {plan.sentence}")
        return None
    last = attempts[-1] if attempts else None
    if last is not None and not last.verdict:
        drafts.clear_attempt(last.folder)
        if not batch and (again := _as_it_is(hands, job, last, plan)):
            return again
        if not claim.revoke(last.folder, observe.evidence(last.folder).claims, "another attempt is made"):
            why = f"attempt-{last.number} has started after all"
            jobfolder.move(job.folder, JobState.PENDING, JobState.SUBMITTED, why)
            return None
    return _write(hands, job, last.number + 1 if last else 1, plan, {"batch": batch, "task": task} if batch else {})


def send(hands: Hands, entry: JobEntry, ready: Ready) -> bool:
    """Hand an attempt to the scheduler. False as for `submit`."""
    folder = hands.folder(entry)
    (ready.folder / UNSENT).unlink(missing_ok=True)
    why = f"{ready.folder.name}, {ready.plan.rung}: {ready.plan.why}"
    jobfolder.move(folder, JobState.PENDING, JobState.SUBMITTED, why, f"token: {ready.token}\n")
    hands.lease.check()
    try:
        scheduler_id = hands.scheduler.submit(ready.folder / "job.sh", ready.token, ready.plan.resources)
    except NotSubmitted as reason:
        return _put_back(hands, entry, ready, f"not submitted yet: {reason}")
    except Refused as reason:
        control.pause(hands.project, control.Pause(str(reason), control.SCHEDULER, control.config_stamp(hands.project)))
        return _put_back(hands, entry, ready, f"the scheduler refused it: {reason}")
    except UnknownOutcome as reason:
        jobfolder.note(folder, f"no clear answer ({reason}): its token {ready.token} will be looked for in the queue")
        return False
    write_text(ready.folder / "job_id", scheduler_id + "\n")
    return True


def _put_back(hands: Hands, entry: JobEntry, ready: Ready, why: str) -> bool:
    """The scheduler certainly has not got it: PENDING again, and the same attempt is sent the next time."""
    (ready.folder / UNSENT).write_text(why + "\n")
    jobfolder.move(hands.folder(entry), JobState.SUBMITTED, JobState.PENDING, why)
    return False


def _as_it_is(hands: Hands, job: Job, last: Attempt, plan: AttemptPlan) -> Ready | None:
    """An attempt that this daemon made and the scheduler did not take, where it would be made the same today."""
    seen = observe.evidence(last.folder)
    mine = (last.folder / UNSENT).exists() and seen.generation == hands.lease.generation
    if not mine or seen.began or seen.revoked or seen.scheduler_id or seen.batch:
        return None
    same = (last.folder / "job.sh").read_text() == _script(hands, job, last.number, seen.token, plan)
    same = same and all((last.folder / name).read_text() == text for name, text in plan.files.items())
    return Ready(last.folder, seen.token, plan) if same else None


def _write(hands: Hands, job: Job, number: int, plan: AttemptPlan, more: dict[str, object]) -> Ready:
    token = f"mb-{uuid.uuid4().hex[:9]}"
    intent = {
        "token": token,
        **more,
        "scheduler": hands.scheduler.name,
        "walltime_s": plan.resources.walltime_s,
        "intent": now(),
        "generation": hands.lease.generation,
    }
    files = {
        **plan.files,
        "attempt.yaml": _yaml({"rung": plan.rung, "why": plan.why, **plan.record}),
        "job.sh": _script(hands, job, number, token, plan),
        "submit.yaml": _yaml(intent),
    }
    hands.lease.check()
    return Ready(attempts_on_disk.create(job.folder, number, files), token, plan)


def _script(hands: Hands, job: Job, number: int, token: str, plan: AttemptPlan) -> str:
    folder = jobfolder.attempt_folder(job.folder, number)
    return render(
        hands.scheduler.template,
        job=job.spec.id,
        attempt=number,
        token=token,
        folder=folder,
        inbox=hands.project.inbox,
        plan=plan,
        site=hands.scheduler.site,
    )


def _yaml(record: dict[str, object]) -> str:
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True)
