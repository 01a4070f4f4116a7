"""Carry out what was decided. Jobs have nothing to do with each other, so many wait for the disk together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mlipbatch.core.job import Verdict
from mlipbatch.engine import decide, steps
from mlipbatch.engine.act import Hands
from mlipbatch.engine.watch import Decided
from mlipbatch.store.durable import in_step, together

SPEAKING = (decide.Kill, decide.Adopt)  # to the scheduler: one after the other
Done = Verdict | None | BaseException


def carry_out(hands: Hands, decided: Sequence[Decided]) -> list[tuple[Decided, Done]]:
    """Do every step, with what came of it: a verdict, nothing, or what it raised. Each job's own order on the disk is kept."""
    if not decided:
        return []
    hands.lease.check()
    moved = [one for one in decided if isinstance(one[2], decide.Started)]
    alone = [one for one in decided if isinstance(one[2], SPEAKING)]
    rest = [one for one in decided if not isinstance(one[2], (decide.Started, *SPEAKING))]
    outcomes: list[Done] = [*in_step([steps.starting(hands, entry, seen) for entry, seen, _ in moved])]
    outcomes += together([partial(steps.carry_out, hands, *one) for one in rest])
    outcomes += [together([partial(steps.carry_out, hands, *one)])[0] for one in alone]
    return list(zip([*moved, *rest, *alone], outcomes, strict=True))
