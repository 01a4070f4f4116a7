"""Submit: from a pending job to the scheduler, exactly once. Its intent, with the token, is on disk before anything is sent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from mlipbatch.core.job import AttemptPlan, GiveUp, JobEntry
from mlipbatch.core.state import JobState
from mlipbatch.engine.act import Hands, now
from mlipbatch.schedulers.base import NotSubmitted
from mlipbatch.schedulers.render import render
from mlipbatch.stages.base import Attempt, Job, read_attempts
from mlipbatch.stages.kinds import KINDS
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import write_text


def submit(hands: Hands, entry: JobEntry) -> bool:
    """Plan the next attempt and hand it to the scheduler. False where the scheduler would not have it now."""
    job = hands.job(entry)
    attempts = read_attempts(job.folder)
    plan = KINDS[job.spec.kind].plan(job, [attempt for attempt in attempts if attempt.verdict])
    if isinstance(plan, GiveUp):
        jobfolder.move(job.folder, JobState.PENDING, JobState.FAILED, f"{plan.name}: {plan.sentence}")
        return True
    number = _number(attempts)
    folder, token = _write_attempt(hands, job, number, plan)
    (job.folder / "claim").unlink(missing_ok=True)
    jobfolder.move(
        job.folder,
        JobState.PENDING,
        JobState.SUBMITTED,
        f"attempt-{number}, {plan.rung}: {plan.why}",
        f"token: {token}\n",
    )
    try:
        scheduler_id = hands.scheduler.submit(folder / "job.sh", token, plan.resources)
    except NotSubmitted as reason:
        jobfolder.move(job.folder, JobState.SUBMITTED, JobState.PENDING, f"not submitted yet: {reason}")
        return False
    write_text(folder / "job_id", scheduler_id + "\n")
    return True


def _number(attempts: Sequence[Attempt]) -> int:
    """The next attempt's; that of a submission that was cut off or refused by a full queue, where nothing ran, is used again."""
    if not attempts:
        return 1
    last = attempts[-1]
    ran = last.verdict or (last.folder / "started").exists()
    return last.number + 1 if ran else last.number


def _write_attempt(hands: Hands, job: Job, number: int, plan: AttemptPlan) -> tuple[Path, str]:
    folder = jobfolder.attempt_folder(job.folder, number)
    folder.mkdir(exist_ok=True)
    (folder / "job_id").unlink(missing_ok=True)
    for name, text in plan.files.items():
        write_text(folder / name, text)
    jobfolder.write_record(folder / "attempt.yaml", {"rung": plan.rung, "why": plan.why, **plan.record})
    token = f"mb-{uuid.uuid4().hex[:9]}"
    script = render(
        hands.scheduler.template,
        job=job.spec.id,
        attempt=number,
        token=token,
        folder=folder,
        inbox=hands.project.inbox,
        plan=plan,
    )
    write_text(folder / "job.sh", script)
    intent = {
        "token": token,
        "scheduler": hands.scheduler.name,
        "walltime_s": plan.resources.walltime_s,
        "intent": now(),
    }
    jobfolder.write_record(folder / "submit.yaml", intent)
    return folder, token
