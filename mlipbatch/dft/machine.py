"""Endings of a job that say nothing of its calculation: their names, and the rungs that any code has for them."""

from __future__ import annotations

from collections.abc import Sequence

from mlipbatch.core.failure import DISK_FULL
from mlipbatch.core.ladder import Attempt, NextAttempt, Parameters, Rung

MOST_REPEATS = 2  # of one rung, unchanged
MOST_FULL = 8  # the same after a full disk: before each of them the project waits longer, a day in all
MOST_TIME, MOST_MEMORY = 8, 4  # times what the job was given first
CONVERGING = -0.1  # slope of log10 of the SCF's accuracy a step: above it waiting mostly does not help
OUT_OF_WALLTIME, OUT_OF_MEMORY = "scheduler_out_of_walltime", "scheduler_out_of_memory"
INCOMPLETE, CRASHED = "output_stdout_incomplete", "crashed"
KILLS = (9, 15)  # signals from outside; others are the program's own doing
SENTENCES = {
    "out_of_walltime": "its wall time was up",
    "out_of_memory": "it wanted more memory than its job had",
    "node_failure": "its node failed",
    "preempted": "it was preempted",
}
MACHINE = frozenset({INCOMPLETE, DISK_FULL, "scheduler_node_failure", "scheduler_preempted"})


def unfinished(exit_code: int | None, scheduler: str | None, last_words: str) -> tuple[str, str]:
    """Name and sentence of a run that ended without an answer."""
    tail = f": {last_words}" if last_words else ""
    if scheduler is not None:
        return f"scheduler_{scheduler}", f"{SENTENCES.get(scheduler, scheduler)}{tail}"
    if "No space left on device" in last_words or "Disk quota exceeded" in last_words:
        return DISK_FULL, f"the disk is full{tail}"
    signal = signal_of(exit_code)
    if signal in KILLS:
        return INCOMPLETE, f"it was killed by signal {signal}{tail}"
    if signal:
        return CRASHED, f"it died of signal {signal}{tail}"
    if exit_code in (None, 0):
        return INCOMPLETE, f"its answer is not whole{tail}"
    return CRASHED, f"it ended with exit code {exit_code}{tail}"


def signal_of(exit_code: int | None) -> int:
    """The signal behind an exit code, as the shell has it or as Python has it; 0 where there is none."""
    if exit_code is None:
        return 0
    return -exit_code if exit_code < 0 else max(0, exit_code - 128)


def may_repeat(spoiled: Sequence[Attempt]) -> bool:
    """Is there one more try, unchanged, after these of one rung that the machine spoiled? A full disk has a count of its own."""
    full = sum(attempt.failure == DISK_FULL for attempt in spoiled)
    if spoiled[-1].failure == DISK_FULL:
        return full <= MOST_FULL
    return len(spoiled) - full <= MOST_REPEATS


def _repeat(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    last = attempts[-1]
    if not may_repeat([attempt for attempt in attempts if attempt.rung == last.rung and attempt.failure in MACHINE]):
        return None
    return NextAttempt(last.rung, last.changes, f"the same again: {last.failure} says nothing of the input")


REPEAT = Rung("repeat", MACHINE, _repeat)


def _more_time(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """Twice the wall time for an SCF that was converging, or that had no time to show it."""
    last = attempts[-1]
    factor, trend = float(last.changes.get("walltime_factor", 1)) * 2, last.facts.get("slope")
    if factor > MOST_TIME or (isinstance(trend, float) and trend > CONVERGING):
        return None
    return NextAttempt(last.rung, {**last.changes, "walltime_factor": factor}, "its time was up: twice the wall time")


def _more_memory(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    last = attempts[-1]
    factor = float(last.changes.get("memory_factor", 1)) * 2
    if factor > MOST_MEMORY:
        return None
    return NextAttempt(last.rung, {**last.changes, "memory_factor": factor}, "more memory")


MORE_TIME = Rung("more_time", frozenset({OUT_OF_WALLTIME}), _more_time)
MORE_MEMORY = Rung("more_memory", frozenset({OUT_OF_MEMORY, "out_of_memory"}), _more_memory)
