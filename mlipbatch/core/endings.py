"""Endings that are no word on the job itself, and what is done about them: pure, one row each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mlipbatch.core.job import Again, Ending, GiveUp
from mlipbatch.core.state import INFRASTRUCTURE, QueueState

MOST_REPEATS = 3  # unchanged, in a row, of what the machine spoiled; no rung and no attempt of the kind's own is spent
MOST_PREEMPTIONS = 20  # on a queue where that is usual
DEATHS = 2  # on one node, before the job is kept away from it
SPOILED = "spoiled"  # in a verdict: it says nothing of the job, its kind does not count it

SPOILS: dict[QueueState, tuple[str, str]] = {  # sentences of squeue's manual beside them
    QueueState.NODE_FAILED: (
        "scheduler_node_failure",
        "its node failed",
    ),  # terminated due to failure of a node, or of its boot
    QueueState.PREEMPTED: ("scheduler_preempted", "it was preempted"),  # terminated due to preemption
}
SILENT = ("silent", "its output had stopped growing, and it was killed")
VANISHED = ("vanished", "it ended without leaving its exit marker: killed, or its machine went down")
CANCELLED = "it was cancelled outside mlipbatch, by somebody or by the site; `mlipbatch retry` puts it back"

SCHEDULER_SAYS: dict[QueueState, str] = {
    QueueState.TIMED_OUT: "out_of_walltime",
    QueueState.OUT_OF_MEMORY: "out_of_memory",
    QueueState.NODE_FAILED: "node_failure",
    QueueState.PREEMPTED: "preempted",
}
"""The words that a DFT code's diagnosis takes (`DFTCode.diagnose`)."""


def outside(ending: Ending, round_so_far: Sequence[Mapping[str, Any]], *, vanished: bool) -> Again | GiveUp | None:
    """The verdict where the ending says nothing of the job: the same again, or no more; None where its kind has to judge.

    `round_so_far` are the verdicts since a person put the job back. `vanished`: is an end without any word one of them?
    """
    if ending.exit_code == 0:
        return None
    if ending.how is QueueState.CANCELLED:
        return GiveUp("cancelled", CANCELLED)
    spoil = SILENT if ending.silent else SPOILS.get(ending.how)
    if spoil is None and vanished and ending.exit_code is None and ending.how is QueueState.ENDED:
        spoil = VANISHED
    if spoil is None:
        return None
    name, sentence = spoil
    before = _spoiled_in_a_row(round_so_far)
    if before >= (MOST_PREEMPTIONS if ending.how is QueueState.PREEMPTED else MOST_REPEATS):
        why = f"{sentence}; {before + 1} times in a row, no fault of the job: `mlipbatch retry` it when the machine is well"
        return GiveUp(name, why)
    where = f" ({ending.node})" if ending.node else ""
    return Again(name, f"{sentence}{where}: the same again", {SPOILED: True})


def machine(ending: Ending) -> bool:
    """Did it die with its machine, as far as can be told?"""
    nothing = ending.exit_code is None and ending.how is QueueState.ENDED
    return ending.exit_code != 0 and (nothing or ending.silent or ending.how in INFRASTRUCTURE - {QueueState.PREEMPTED})


def excluded(verdicts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Nodes that the job has died on often enough to be kept away from them."""
    deaths = Counter(str(verdict["node"]) for verdict in verdicts if verdict.get("machine") and verdict.get("node"))
    return tuple(sorted(node for node, number in deaths.items() if number >= DEATHS))


def _spoiled_in_a_row(verdicts: Sequence[Mapping[str, Any]]) -> int:
    number = 0
    for verdict in reversed(verdicts):
        if not verdict.get(SPOILED):
            break
        number += 1
    return number
