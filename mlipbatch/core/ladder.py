"""The recovery ladder: which change a failed job is tried with next, as a pure function of parameters and attempts so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mlipbatch.core.failure import Diagnosis, Fact

Value: TypeAlias = bool | int | float | str
Parameters: TypeAlias = Mapping[str, Value]

FIRST = "first"  # the rung of the attempt that changes nothing


@dataclass(frozen=True)
class NextAttempt:
    """What to run next: the job's own parameters with `changes`; `sentence` says why.

    `restart_from` is the number of the attempt whose density it starts from. Two changes speak of the job and not of its input:
    ``walltime_factor`` and ``memory_factor``, times what the job's resources say.
    """

    rung: str = FIRST
    changes: Parameters = field(default_factory=dict)
    sentence: str = "the job's own parameters"
    restart_from: int | None = None


@dataclass(frozen=True)
class GiveUp:
    """Nothing is left to try; `sentence` says what was tried, and why that is all."""

    sentence: str


@dataclass(frozen=True)
class Accept:
    """The last attempt's results count; `rung` is what won them."""

    rung: str
    sentence: str


@dataclass(frozen=True)
class Attempt:
    """One try and how it ended: `failure` is a `Diagnosis` name, or None where it succeeded."""

    number: int
    rung: str = FIRST
    changes: Parameters = field(default_factory=dict)
    failure: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    restart_from: int | None = None
    sentence: str = ""

    @classmethod
    def of(cls, number: int, step: NextAttempt, diagnosis: Diagnosis) -> Attempt:
        """The attempt that `step` asked for, ended as `diagnosis` says."""
        failure = None if diagnosis.ok else diagnosis.name
        return cls(number, step.rung, step.changes, failure, diagnosis.facts, step.restart_from, diagnosis.sentence)


@dataclass(frozen=True)
class Rung:
    """One cure: the failures it handles, and the step that it takes from (base parameters, attempts so far), if it has one."""

    name: str
    handles: frozenset[str]
    step: Callable[[Parameters, Sequence[Attempt]], NextAttempt | None]


def used(attempts: Sequence[Attempt], name: str) -> bool:
    """Was the rung `name` tried already?"""
    return any(attempt.rung == name for attempt in attempts)


def tried(attempts: Sequence[Attempt]) -> str:
    """The rungs tried, in order, for a sentence."""
    return ", ".join(dict.fromkeys(attempt.rung for attempt in attempts))


def next_attempt(rungs: Sequence[Rung], base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:
    """The step of the first rung that handles the last attempt's failure and has one; `attempts` without any is a first try.

    Raises ValueError where the last attempt did not fail.
    """
    if not attempts:
        return NextAttempt()
    last = attempts[-1]
    if last.failure is None:
        raise ValueError(f"attempt {last.number} succeeded: there is no next one")
    handling = [rung for rung in rungs if last.failure in rung.handles]
    for rung in handling:
        step = rung.step(base, attempts)
        if step is not None:
            return step
    what = last.sentence or last.failure
    if not handling:
        return GiveUp(f"{what}: no change of parameters cures {last.failure}")
    return GiveUp(f"{what} (attempt {last.number}): nothing is left to try after {tried(attempts)}")
