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
from mlipbatch.store.durable import Steps, in_step, together, write_text

MOVED: dict[type[decide.Step], tuple[JobState, str]] = {  # steps that are a transition and nothing else
    decide.Started: (JobState.RUNNING, "started as {seen.scheduler_id}"),
    decide.Unsent: (JobState.PENDING, "its submission was interrupted before the queue had it"),
}
Done = Verdict | jobfolder.Look | None | BaseException


def carry_out(hands: Hands, decided: Sequence[Decided]) -> list[tuple[Decided, Done]]:
    """Do every step, with what came of it: a verdict, nothing, or what it raised. Each job's own order on the disk is kept."""
    moved = [one for one in decided if type(one[2]) in MOVED]
    ended = [one for one in decided if isinstance(one[2], decide.Ended)]
    rest = [one for one in decided if type(one[2]) not in {*MOVED, decide.Ended}]
    outcomes: list[Done] = [*in_step([_moving(hands, one) for one in moved])]
    outcomes += together([partial(_do, hands, one) for one in ended])
    outcomes += [together([partial(_do, hands, one)])[0] for one in rest]  # these speak to the scheduler, or of it
    return list(zip([*moved, *ended, *rest], outcomes, strict=True))


def _moving(hands: Hands, decided: Decided) -> Steps[jobfolder.Look]:
    entry, seen, step = decided
    state, why = MOVED[type(step)]
    return jobfolder.moving(hands.folder(entry), entry.state, state, why.format(seen=seen))


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
        case decide.Ended(ending):
            return act.judge(hands, entry, ending)
    return None
