"""What is done with what was seen: tables, without disk, clock or scheduler."""

from __future__ import annotations

import pytest

from mlipbatch.core.job import Ending, JobEntry
from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine.decide import (
    Adopt,
    Counted,
    Ended,
    Kill,
    LookUp,
    Started,
    Step,
    Stuck,
    Unsent,
    Wait,
    next_step,
    of_finding,
)
from mlipbatch.engine.lookup import AdoptIt, Answer, AskAgain, Came, Finding, RevokeIt, resolve
from mlipbatch.engine.observe import Evidence
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers.base import QueueEntry, Snapshot

RUN, SUB = JobState.RUNNING, JobState.SUBMITTED
Q = QueueState
PATIENCE = Patience(lost_s=30, overtime_s=60, silent_s=900, silent_share=0.15)
ONCE, LONG, LOST = Counted(1, 0.0), Counted(1, 500.0), Counted(2, 30.0)
TOO_SOON = Counted(5, 29.0)


def entry(state: JobState) -> JobEntry:
    return JobEntry("gen000/scf/a", state)


def seen(scheduler_id: str = "7", exit_code: int | None = None, **rest: object) -> Evidence:
    claims = 1 if rest.get("started") or exit_code is not None else 0
    made = Evidence("mb-1", scheduler_id, False, exit_code, walltime_s=100, claims=claims, node="n1")
    return made._replace(**rest)


STARTED = seen(started=True)


def queue(state: QueueState, elapsed_s: float = 1, reason: str = "") -> Snapshot:
    return Snapshot({"7": QueueEntry("7", state, elapsed_s, reason=reason)}, {"mb-1": "7"})


def ended(exit_code: int | None, how: QueueState = Q.ENDED, silent: bool = False, claims: int = 1) -> Ended:
    return Ended(Ending(exit_code, how, silent, "n1"), claims)


def allocations(own: QueueState, other: QueueState, elapsed_s: float = 1) -> Snapshot:
    """That of its own batch, 7, and another, 8."""
    return Snapshot({"7": QueueEntry("7", own, elapsed_s), "8": QueueEntry("8", other, elapsed_s)})


EMPTY = Snapshot()
TAKEN = seen(started=True, batch="mb-b", claimed_as="8")  # a member that another allocation took
NOTHING = Counted()
ROWS: list[tuple[str, JobState, Evidence, Snapshot | None, Counted, Step]] = [
    ("queued", SUB, seen(), queue(Q.QUEUED), NOTHING, Wait()),
    ("says that it started", SUB, STARTED, queue(Q.RUNNING), NOTHING, Started()),
    ("runs", RUN, STARTED, queue(Q.RUNNING), NOTHING, Wait()),
    ("its own word is stronger than the queue's", RUN, seen(exit_code=0), queue(Q.RUNNING), NOTHING, ended(0)),
    (
        "ended well although its node failed",
        RUN,
        seen(exit_code=0),
        queue(Q.NODE_FAILED),
        NOTHING,
        ended(0, Q.NODE_FAILED),
    ),
    ("failed by itself", RUN, seen(exit_code=3), queue(Q.RUNNING), NOTHING, ended(3)),
    ("killed by a signal, still in the queue: why?", RUN, seen(exit_code=143), queue(Q.RUNNING), NOTHING, Wait()),
    ("its wall time was up", RUN, seen(exit_code=143), queue(Q.TIMED_OUT), NOTHING, ended(143, Q.TIMED_OUT)),
    ("out of memory", RUN, seen(exit_code=137), queue(Q.OUT_OF_MEMORY), NOTHING, ended(137, Q.OUT_OF_MEMORY)),
    ("gone, and it had said how", RUN, seen(exit_code=2), EMPTY, NOTHING, ended(2)),
    ("gone, and it had been killed", RUN, seen(exit_code=137), EMPTY, NOTHING, ended(137)),
    ("its wrapper cut it", RUN, seen(exit_code=143, cut=True), queue(Q.RUNNING), NOTHING, ended(143, Q.TIMED_OUT)),
    ("missing for the first time", RUN, STARTED, EMPTY, ONCE, Wait()),
    ("one complete answer is not enough, however old", RUN, STARTED, EMPTY, LONG, Wait()),
    ("many answers in a short time are not either", RUN, STARTED, EMPTY, TOO_SOON, Wait()),
    ("vanished", RUN, STARTED, EMPTY, LOST, ended(None)),
    ("over, its marker may be late", RUN, STARTED, queue(Q.ENDED), ONCE, Wait()),
    ("over, without a marker", RUN, STARTED, queue(Q.ENDED), LOST, ended(None)),
    ("node failed", RUN, STARTED, queue(Q.NODE_FAILED), LOST, ended(None, Q.NODE_FAILED)),
    ("preempted", RUN, STARTED, queue(Q.PREEMPTED), LOST, ended(None, Q.PREEMPTED)),
    ("cancelled by somebody", RUN, STARTED, queue(Q.CANCELLED), LOST, ended(None, Q.CANCELLED)),
    ("a word that nobody knows", RUN, STARTED, queue(Q.UNKNOWN), LOST, Wait()),
    ("can never run", SUB, seen(), queue(Q.STUCK, reason="PartitionNodeLimit"), NOTHING, Stuck("PartitionNodeLimit")),
    # members of batches
    ("its own batch is over, who took it runs", RUN, TAKEN, allocations(Q.ENDED, Q.RUNNING), LOST, Wait()),
    ("taken while its own batch waits", SUB, TAKEN, allocations(Q.QUEUED, Q.RUNNING), NOTHING, Started()),
    (
        "who took it lost its node, its own batch runs",
        RUN,
        TAKEN,
        allocations(Q.RUNNING, Q.NODE_FAILED),
        LOST,
        ended(None, Q.NODE_FAILED),
    ),
    ("who took it is gone, not yet for certain", RUN, TAKEN, allocations(Q.RUNNING, Q.ENDED), ONCE, Wait()),
    (
        "its batch is over, nobody began it: its claim decides, two looks are enough",
        SUB,
        seen(batch="mb-b"),
        allocations(Q.ENDED, Q.RUNNING),
        Counted(2, 1.0),
        Unsent("its batch ended before its turn came"),
    ),
    ("nobody began it, seen once", SUB, seen(batch="mb-b"), allocations(Q.ENDED, Q.RUNNING), LONG, Wait()),
    (
        "a silent member is ended by its batch, which is not cancelled",
        RUN,
        TAKEN,
        allocations(Q.RUNNING, Q.RUNNING, 5000),
        Counted(silent_s=900),
        Kill("", "silent", "its output did not grow for 900 s; its batch ends it"),
    ),
    (
        "told already",
        RUN,
        TAKEN._replace(killed="silent"),
        allocations(Q.RUNNING, Q.RUNNING, 5000),
        Counted(silent_s=950),
        Wait(),
    ),
    (
        "killed as silent by its batch",
        RUN,
        TAKEN._replace(killed="silent", exit_code=143, settled=True),
        allocations(Q.RUNNING, Q.RUNNING),
        NOTHING,
        ended(143, silent=True),
    ),
    # zombies
    ("a little over its time", RUN, STARTED, queue(Q.RUNNING, 159), NOTHING, Wait()),
    (
        "past its wall time",
        RUN,
        STARTED,
        queue(Q.RUNNING, 1000),
        NOTHING,
        Kill("7", "overtime", "it runs for 1000 s, 100 s were asked for"),
    ),
    (
        "killed, and gone",
        RUN,
        seen(started=True, killed="overtime"),
        queue(Q.CANCELLED),
        LOST,
        ended(None, Q.TIMED_OUT),
    ),
    (
        "killed, and still there",
        RUN,
        seen(started=True, killed="silent"),
        queue(Q.RUNNING),
        NOTHING,
        Kill("7", "silent", "killed already, and still there"),
    ),
    ("silent for a while", RUN, STARTED, queue(Q.RUNNING), Counted(silent_s=899), Wait()),
    (
        "silent",
        RUN,
        STARTED,
        queue(Q.RUNNING),
        Counted(silent_s=900),
        Kill("7", "silent", "its output did not grow for 900 s"),
    ),
    (
        "a long job may be silent for longer",
        RUN,
        seen(started=True, walltime_s=14400),
        queue(Q.RUNNING),
        Counted(silent_s=2000),
        Wait(),
    ),
    (
        "silent, killed, gone",
        RUN,
        seen(started=True, killed="silent"),
        queue(Q.CANCELLED),
        LOST,
        ended(None, silent=True),
    ),
    (
        "a member's time is its batch's business",
        RUN,
        seen(started=True, batch="mb-b"),
        queue(Q.RUNNING, 9e9),
        NOTHING,
        Wait(),
    ),
    # batches
    (
        "its batch ended before its turn came",
        SUB,
        seen(batch="mb-b"),
        queue(Q.TIMED_OUT),
        LOST,
        Unsent("its batch ended before its turn came"),
    ),
    ("its batch ended while it ran", RUN, seen(started=True, batch="mb-b"), EMPTY, LOST, ended(None)),
    # submissions without an answer
    ("no id", SUB, seen(""), EMPTY, NOTHING, LookUp()),
    ("no id, but it ended", SUB, seen("", exit_code=0), EMPTY, NOTHING, ended(0)),
    ("revoked, not put back yet", SUB, seen("7", revoked=True, claims=1), EMPTY, LOST, Unsent("it never ran")),
    (
        "sent twice, and the other one runs",
        RUN,
        STARTED,
        Snapshot({"7": QueueEntry("7", Q.ENDED)}, {"mb-1": "6"}),
        LOST,
        LookUp(),
    ),
    # the scheduler did not answer: nothing but the job's own word counts
    ("no answer", SUB, seen(), None, LOST, Wait()),
    ("no answer, no id", SUB, seen(""), None, LOST, Wait()),
    ("no answer, runs", RUN, STARTED, None, LOST, Wait()),
    ("no answer, started", SUB, STARTED, None, LOST, Started()),
    ("no answer, ended well", RUN, seen(exit_code=0), None, NOTHING, ended(0)),
    ("no answer, failed by itself", RUN, seen(exit_code=1), None, NOTHING, ended(1)),
    ("no answer, killed by a signal", RUN, seen(exit_code=137), None, NOTHING, Wait()),
]


@pytest.mark.parametrize(
    ("state", "evidence", "snapshot", "counted", "step"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_next_step(
    state: JobState, evidence: Evidence, snapshot: Snapshot | None, counted: Counted, step: Step
) -> None:
    assert next_step(entry(state), evidence, snapshot, counted, PATIENCE) == step


def job(scheduler_id: str, state: QueueState = Q.QUEUED) -> QueueEntry:
    return QueueEntry(scheduler_id, state, None, "mb-1")


NONE_AT_0, NONE_AT_299, NONE_AT_300 = Answer(0), Answer(299), Answer(300)
LOOKUPS: list[tuple[str, list[Answer], Evidence, Finding]] = [
    ("found", [Answer(0, (job("7"),))], seen(""), AdoptIt("7")),
    ("found late", [NONE_AT_0, Answer(300, (job("7"),))], seen(""), AdoptIt("7")),
    ("found, and over already", [Answer(0, (job("7", Q.ENDED),))], seen(""), AdoptIt("7")),
    ("several: the oldest", [Answer(0, (job("7"), job("8"), job("9", Q.ENDED)))], seen(""), AdoptIt("7", ("8",))),
    (
        "several: the one that holds the claim",
        [Answer(0, (job("7"), job("8", Q.RUNNING)))],
        seen("", started=True, claimed_as="8"),
        AdoptIt("8", ("7",)),
    ),
    ("none yet", [NONE_AT_0], seen(""), AskAgain(300)),
    ("none, too soon after", [NONE_AT_0, NONE_AT_299], seen(""), AskAgain(300)),
    (
        "none, twice",
        [NONE_AT_0, NONE_AT_300],
        seen(""),
        RevokeIt("its token mb-1 was not in the queue: 2 complete answers over 300 s"),
    ),
    ("it was there in between", [NONE_AT_0, Answer(299, (job("7"),)), NONE_AT_300], seen(""), AskAgain(600)),
    ("came and went, and said as whom", [NONE_AT_0], seen("", started=True, claimed_as="7"), AdoptIt("7")),
    ("came and went, markers left", [NONE_AT_0, NONE_AT_300], seen("", started=True), Came()),
    ("claimed, not started yet", [NONE_AT_0, NONE_AT_300], seen("", claims=1), Came()),
    (
        "revoked already, by a daemon that died then",
        [NONE_AT_0],
        seen("", claims=1, revoked=True),
        RevokeIt("its token mb-1 was not in the queue: 1 complete answers over 0 s"),
    ),
    (
        "two arrays under one token, of which this is task 3",
        [Answer(0, tuple(job(name) for name in ("70_2", "70_3", "81_2", "81_3")))],
        seen("", batch="mb-1", task=3),
        AdoptIt("70_3", ("81",)),
    ),
    (
        "the same on PBS",
        [Answer(0, (job("70[3].vm"), job("81[3].vm")))],
        seen("", batch="mb-1", task=3),
        AdoptIt("70[3].vm", ("81[].vm",)),
    ),
]


@pytest.mark.parametrize(("answers", "evidence", "finding"), [r[1:] for r in LOOKUPS], ids=[r[0] for r in LOOKUPS])
def test_a_submission_without_an_answer(answers: list[Answer], evidence: Evidence, finding: Finding) -> None:
    assert resolve(answers, evidence, 300.0) == finding


def test_on_this_machine_one_look_is_enough() -> None:
    assert isinstance(resolve([NONE_AT_0], seen(""), 0.0), RevokeIt)


@pytest.mark.parametrize(
    ("finding", "counted", "step"),
    [
        (AdoptIt("7", ("8",)), NOTHING, Adopt("7", ("8",))),
        (RevokeIt("why"), NOTHING, Unsent("why")),
        (Came(), ONCE, Wait),
        (Came(), LOST, ended(None)),
        (AskAgain(9), LOST, Wait),
    ],
)
def test_what_a_look_up_means(finding: Finding, counted: Counted, step: Step | type[Step]) -> None:
    found = of_finding(finding, STARTED, counted, PATIENCE)
    assert found == step or (isinstance(step, type) and isinstance(found, step))
