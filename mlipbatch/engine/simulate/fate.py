"""What chance has in store: the same for the same seed and the same thing, in whatever order it is asked."""

from __future__ import annotations

from dataclasses import fields
from math import log
from random import Random

from mlipbatch.engine.simulate.world import Answers, Mishaps, Waits


def chance(*what: object) -> Random:
    """A source of its own for one thing: a text seed is hashed by ``Random`` itself, and not by Python's salted hash."""
    return Random("/".join(map(str, what)))  # noqa: S311  a simulation, no secret


def wait(waits: Waits, source: Random) -> float:
    """Seconds that a job waits in the queue at the least."""
    if waits.median_s <= 0:
        return 0.0
    return source.lognormvariate(log(waits.median_s), waits.sigma)


def pick(chances: Mishaps | Answers, source: Random) -> str:
    """Which of the fields whose value is a chance comes true; empty where none does."""
    left = source.random()
    for field in fields(chances):
        if field.name.endswith("_s"):
            continue
        left -= getattr(chances, field.name)
        if left < 0:
            return field.name
    return ""
