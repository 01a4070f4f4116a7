"""Carry out what was decided. Jobs have nothing to do with each other, so many wait for the disk together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mlipbatch.core.job import Verdict
from mlipbatch.core.state import JobState
from mlipbatch.engine import act, decide
from mlipbatch.engine.act import Hands
from mlipbatch.engine.watch import Decided
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import together, write_text

ALONE = (decide.Kill, decide.Adopt)  # these speak to the scheduler, or of it: one after the other
Done = Verdict | None | BaseException


def carry_out(hands: Hands, decided: Sequence[Decided]) -> list[tuple[Decided, Done]]:
    """Do every step, with what came of it: a verdict, nothing, or what it raised. Each job's own order on the disk is kept."""
    apart = [one for one in decided if isinstance(one[2], ALONE)]
    rest = [one for one in decided if not isinstance(one[2], ALONE)]
    outcomes = [together([partial(_do, hands, one)])[0] for one in apart]
    outcomes += together([partial(_do, hands, one) for one in rest])
    return list(zip([*apart, *rest], outcomes, strict=True))


def _do(hands: Hands, decided: Decided) -> Verdict | None:
    entry, seen, step = decided
    folder = hands.folder(entry)
    match step:
        case decide.Kill(scheduler_id):
            hands.scheduler.cancel(scheduler_id)
        case decide.Adopt(scheduler_id):
            attempt = jobfolder.attempt_folder(folder, jobfolder.look(folder).attempts)
            write_text(attempt / "job_id", scheduler_id + "\n")
            jobfolder.note(folder, f"adopted {scheduler_id}: it was in the queue under its token {seen.token}")
        case decide.Started():
            jobfolder.move(folder, entry.state, JobState.RUNNING, f"started as {seen.scheduler_id}")
        case decide.Unsent():
            why = "its submission was interrupted before the queue had it"
            jobfolder.move(folder, entry.state, JobState.PENDING, why)
        case decide.Ended(ending):
            return act.judge(hands, entry, ending)
    return None
