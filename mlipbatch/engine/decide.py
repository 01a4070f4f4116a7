"""Decide: pure functions from what was seen to what should be done. No disk, no clock, no scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlipbatch.core.job import Ending, JobEntry
from mlipbatch.core.state import IN_THE_QUEUE, JobState, QueueState
from mlipbatch.engine import lookup
from mlipbatch.engine.observe import OVERTIME, SILENT, Evidence
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers.base import QueueEntry, Snapshot

NOT_OVER = IN_THE_QUEUE | {QueueState.UNKNOWN}
STEADY = frozenset({"scf"})  # kinds that print steadily: pw.x writes a line every SCF step
LAST_OWN_EXIT = 123  # exit codes above are a shell's word for a signal, or timeout's: the scheduler may know why


class Counted(NamedTuple):
    """What only several looks tell, all of them complete answers of this daemon's life. A tuple: every decision makes one."""

    looks: int = 0  # in a row in which the job was over or missing
    for_s: float = 0.0  # since the first of them
    silent_s: float = 0.0  # its output did not grow for so long

    def lost(self, patience: Patience) -> bool:
        """Long enough not to be a late answer or a late marker."""
        return self.looks >= patience.looks and self.for_s >= patience.lost_s


@dataclass(frozen=True)
class Started:
    """It said so itself."""


@dataclass(frozen=True)
class LookUp:
    """The scheduler's answer to its submission never came: its token has to be looked up."""


@dataclass(frozen=True)
class Adopt:
    """It is in the queue under its token; its id never reached the disk. `cancel`: further jobs of that token."""

    scheduler_id: str
    cancel: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unsent:
    """It certainly never ran: its attempt is revoked, and it waits again. No rung is spent."""

    why: str


@dataclass(frozen=True)
class Kill:
    """A zombie, by OVERTIME or SILENT."""

    scheduler_id: str  # to be cancelled; empty for a member of a batch, which the batch ends when it sees the file
    why: str
    sentence: str


@dataclass(frozen=True)
class Stuck:
    """It waits in the queue, and the scheduler says that it can never run."""

    reason: str

    @property
    def sentence(self) -> str:
        """For the user."""
        return f"it can never run, says the scheduler: {self.reason}; cancel it, or change what it asks for"


@dataclass(frozen=True)
class Ended:
    """Its attempt is over and wants a verdict, unless it was started again since `claims` were seen."""

    ending: Ending
    claims: int = 0


@dataclass(frozen=True)
class Wait:
    """Nothing to do."""

    why: str = ""


Step = Started | LookUp | Adopt | Unsent | Kill | Stuck | Ended | Wait


def next_step(entry: JobEntry, seen: Evidence, snapshot: Snapshot | None, counted: Counted, patience: Patience) -> Step:
    """What a job in the queue needs now. The job's own marker is stronger than the queue; no answer is no information."""
    own_exit = seen.exit_code is not None and seen.exit_code <= LAST_OWN_EXIT
    if own_exit or (seen.exit_code is not None and (seen.cut or seen.settled)):
        return _ended(seen, snapshot)
    if snapshot is None:
        return _started(entry, seen)
    queued = snapshot.jobs.get(seen.runs_as)
    if queued is not None and queued.state in NOT_OVER:
        return _in_queue(entry, seen, queued, counted, patience)
    if seen.exit_code is None and (not seen.scheduler_id or _lives_elsewhere(seen, snapshot)):
        return LookUp()
    if (
        seen.batch and not seen.began and counted.looks >= patience.looks
    ):  # its claim says for certain whether it is late
        return Unsent("its batch ended before its turn came")
    if seen.exit_code is None and not counted.lost(patience):
        return Wait()
    if not seen.began and seen.revoked:
        return Unsent("it never ran")
    return _ended(seen, snapshot)


def _in_queue(entry: JobEntry, seen: Evidence, queued: QueueEntry, counted: Counted, patience: Patience) -> Step:
    match queued.state:
        case QueueState.UNKNOWN:
            return Wait()
        case QueueState.STUCK:
            return Stuck(queued.reason or "no machine of it fits")
        case QueueState.RUNNING:
            return _zombie(seen, queued, counted, patience) or _started(entry, seen)
        case _:
            return _started(entry, seen)


def gone(seen: Evidence, snapshot: Snapshot) -> bool:
    """Does this complete answer have the job no more, or as one that is over?"""
    queued = snapshot.jobs.get(seen.runs_as)
    return queued is None or queued.state not in NOT_OVER


def _lives_elsewhere(seen: Evidence, snapshot: Snapshot) -> bool:
    """Is its name in the queue under another id than the one we know? It was sent twice, or its id was damaged."""
    found = snapshot.tokens.get(seen.queue_token, seen.scheduler_id)
    if seen.batch or found == seen.scheduler_id:  # the name of a batch stays as long as any task of it
        return False
    return found not in snapshot.jobs or snapshot.jobs[found].state in NOT_OVER


def of_finding(finding: lookup.Finding, seen: Evidence, counted: Counted, patience: Patience) -> Step:
    """What the look-up of a token means for the job."""
    match finding:
        case lookup.AdoptIt(scheduler_id, others):
            return Adopt(scheduler_id, others)
        case lookup.RevokeIt(why):
            return Unsent(why)
        case lookup.Came() if counted.lost(patience):
            return _ended(seen, None)
        case _:
            return Wait("the scheduler's answer to its submission never came; its token is looked for")


def _ended(seen: Evidence, snapshot: Snapshot | None) -> Ended:
    how = _how(seen, snapshot.jobs.get(seen.runs_as) if snapshot else None)
    return Ended(Ending(seen.exit_code, how, silent=seen.killed == SILENT, node=seen.node), seen.claims)


def _how(seen: Evidence, queued: QueueEntry | None) -> QueueState:
    """How it ended: by our own hand or its wrapper's, else as the scheduler says."""
    if seen.killed == OVERTIME or seen.cut:
        return QueueState.TIMED_OUT
    if queued is None or queued.state in NOT_OVER or (seen.killed and queued.state is QueueState.CANCELLED):
        return QueueState.ENDED
    return queued.state


def _zombie(seen: Evidence, queued: QueueEntry, counted: Counted, patience: Patience) -> Kill | None:
    """A running job that has to be killed. A member of a batch is ended by its batch, which keeps its time and sees `killed`."""
    silent = counted.silent_s >= max(patience.silent_s, patience.silent_share * seen.walltime_s)
    if seen.batch:
        told = f"its output did not grow for {counted.silent_s:.0f} s; its batch ends it"
        return Kill("", SILENT, told) if silent and not seen.killed else None
    if seen.killed:
        return Kill(queued.id, seen.killed, "killed already, and still there")
    if queued.elapsed_s is not None and queued.elapsed_s > seen.walltime_s + patience.overtime_s:
        return Kill(
            queued.id, OVERTIME, f"it runs for {queued.elapsed_s:.0f} s, {seen.walltime_s:.0f} s were asked for"
        )
    if silent:
        return Kill(queued.id, SILENT, f"its output did not grow for {counted.silent_s:.0f} s")
    return None


def _started(entry: JobEntry, seen: Evidence) -> Step:
    return Started() if seen.started and entry.state is JobState.SUBMITTED else Wait()
