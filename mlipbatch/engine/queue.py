"""The queue as one project's engine sees it: one query a tick at most, back-off, and what has to be counted over several answers.

Nothing of it is on disk: a daemon that starts counts afresh, so a job is never lost, and a zombie never killed, on an old sight.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import IN_THE_QUEUE, JobState
from mlipbatch.engine import decide, lookup, observe
from mlipbatch.engine.observe import Evidence
from mlipbatch.engine.patience import Backoff, Clock, Patience
from mlipbatch.schedulers.base import NoInformation, Scheduler, Snapshot
from mlipbatch.schedulers.batch import KILL_AFTER_S, LOOK_S

ENDED_BY_BATCH_S = (
    60 + LOOK_S + KILL_AFTER_S
)  # a batch has seen by then, over a network too, that a member was given up


class Queue:
    """One scheduler's queue, asked on behalf of one project."""

    def __init__(self, scheduler: Scheduler, clock: Clock, patience: Patience, seed: str = "") -> None:
        self.scheduler, self.clock, self.patience = scheduler, clock, patience
        self.asking = Backoff(clock, max(patience.interval_s, patience.backoff_s), patience.longest_s, f"ask {seed}")
        self.sending = Backoff(clock, patience.backoff_s, patience.longest_s, f"send {seed}")
        self.unwell = ""  # since when the scheduler does not answer, and what it says; empty while it does
        self.stuck: dict[str, str] = {}  # job -> why it can never run, as the scheduler says
        self._found: tuple[Snapshot | None, dict[str, lookup.Answer | None]] = (None, {})  # by token, of one look
        self._late: set[str] = set()  # tokens of attempts that were revoked because they were not in the queue
        self._told: dict[str, str] = {}  # of those its history tells
        self._asked = -float("inf")
        self._gone: dict[
            str, tuple[int, float, Snapshot | None]
        ] = {}  # complete answers without it, first time, last answer
        self._claims: dict[str, int] = {}  # claims of its attempt at the look before
        self._sizes: dict[
            str, tuple[int, float]
        ] = {}  # job -> bytes of output, when they were first seen to be so many
        self._ending: dict[
            str, float
        ] = {}  # member of a batch that was put back while it ran -> since when that is known
        self._answers: dict[str, list[lookup.Answer]] = {}  # job -> what was found under its token

    def ask(self, known: Callable[[], dict[str, Path]]) -> Snapshot | None:
        """One query; `known` gives ids with attempt folders. None where it is too early, or there is no usable answer."""
        if not self.asking.ready or self.clock() - self._asked < self.patience.interval_s:
            return None
        self._asked = self.clock()
        try:
            snapshot = self.scheduler.snapshot(known())
        except NoInformation as reason:
            self.asking.failed()
            since = self.unwell.partition(": ")[0] or f"the scheduler does not answer since {utc()}"
            self.unwell = f"{since}: {reason}"
            return None
        self.asking.succeeded()
        self.unwell = ""
        self._cancel_late(snapshot)
        return snapshot

    def next_step(self, entry: JobEntry, seen: Evidence, snapshot: Snapshot | None, attempt: Path) -> decide.Step:
        """What a job in the queue needs now, with what was counted so far; the same when it is asked twice of one answer."""
        before = self._claims.get(entry.id, seen.claims)
        self._claims[entry.id] = seen.claims
        counted = self._counted(entry, seen, snapshot, attempt) if snapshot else decide.Counted()
        step = decide.next_step(entry, seen, snapshot, counted, self.patience)
        if isinstance(step, decide.LookUp) and snapshot is not None:
            step = self._look_up(entry, seen, snapshot, counted)
        if isinstance(step, decide.Unsent) and not seen.batch:
            self._late.add(seen.token)
        if isinstance(step, decide.Ended):  # one that was started again since has a claim more, and is not over
            return replace(step, claims=min(before, seen.claims))
        return self._once(entry.id, step) if snapshot is not None else step

    def _once(self, job: str, step: decide.Step) -> decide.Step:
        """That it can never run is told once (`told`), until it is no longer so."""
        if not isinstance(step, decide.Stuck):
            self.stuck.pop(job, None)
            self._told.pop(job, None)
            return step
        self.stuck[job] = step.reason
        return decide.Wait(step.sentence) if self._told.get(job) == step.reason else step

    def told(self, job: str, step: decide.Stuck) -> None:
        """Its user was told."""
        self._told[job] = step.reason

    def still_there(self, entry: JobEntry, seen: Evidence, snapshot: Snapshot) -> bool:
        """Is the last attempt of a job that was put back, by hand or by a cut, still in the queue? Then it is cancelled first."""
        if seen.elsewhere:
            return False
        if seen.batch:
            return self._still_in_batch(entry, seen, snapshot)
        if seen.queue_token and seen.queue_token in snapshot.tokens:
            self._gone.pop(entry.id, None)
            with suppress(NoInformation):
                self.scheduler.cancel(snapshot.tokens[seen.queue_token], seen.queue_token)
            return True
        if not seen.began or seen.exit_code is not None or seen.revoked:
            return False
        return not self._counted(entry, seen, snapshot, Path()).lost(self.patience)

    def _still_in_batch(self, entry: JobEntry, seen: Evidence, snapshot: Snapshot) -> bool:
        """May a member that was put back while it ran still run? Its batch ends one that is given up, when it next looks."""
        here = not decide.gone(seen, snapshot) or seen.batch in snapshot.tokens
        if not here or not seen.began or seen.exit_code is not None or seen.settled:
            return False
        return self.clock() - self._ending.setdefault(entry.id, self.clock()) < ENDED_BY_BATCH_S

    def _cancel_late(self, snapshot: Snapshot) -> None:
        """What was given up as never arrived, and is in the queue after all, would run nothing: it need not wait its turn."""
        for token in self._late & snapshot.tokens.keys():
            with suppress(NoInformation):
                self.scheduler.cancel(snapshot.tokens[token], token)

    def counted(self) -> set[str]:
        """Jobs of which something is counted from answer to answer, so that the next one may be the last that was wanted."""
        return self._gone.keys() | self._answers.keys()

    def forget(self, job: str) -> None:
        """A job changed: what was counted of it belongs to the past."""
        for memory in (self._gone, self._sizes, self._answers, self._claims, self._ending, self.stuck, self._told):
            memory.pop(job, None)

    def _counted(self, entry: JobEntry, seen: Evidence, snapshot: Snapshot, attempt: Path) -> decide.Counted:
        looks, first, last = self._gone.get(entry.id, (0, self.clock(), None))
        if not decide.gone(seen, snapshot):
            self._gone.pop(entry.id, None)
            return decide.Counted(silent_s=self._silent(entry, seen, snapshot, attempt))
        if snapshot is not last:
            looks += 1
        self._gone[entry.id] = (looks, first, snapshot)
        return decide.Counted(looks, self.clock() - first)

    def _silent(self, entry: JobEntry, seen: Evidence, snapshot: Snapshot, attempt: Path) -> float:
        """Seconds for which the output of a running job that prints steadily did not grow, as far as we have watched it."""
        running = entry.state is JobState.RUNNING and seen.started  # not in the tick that hears of its start
        queued = snapshot.jobs.get(seen.runs_as) if running and entry.kind in decide.STEADY else None
        if queued is None or queued.state not in IN_THE_QUEUE:
            self._sizes.pop(entry.id, None)
            return 0.0
        size = observe.output_bytes(attempt)
        if self._sizes.get(entry.id, (-1, 0.0))[0] != size:
            self._sizes[entry.id] = (size, self.clock())
        return self.clock() - self._sizes[entry.id][1]

    def _look_up(self, entry: JobEntry, seen: Evidence, snapshot: Snapshot, counted: decide.Counted) -> decide.Step:
        answers = self._answers.setdefault(entry.id, [])
        finding = lookup.resolve(answers, seen, self.patience.unknown_s) if answers else lookup.AskAgain(self.clock())
        shown = seen.queue_token in snapshot.tokens and not isinstance(finding, lookup.AdoptIt)
        if shown or (isinstance(finding, lookup.AskAgain) and self.clock() >= finding.at):
            answer = self._find(seen.queue_token, snapshot)
            if answer is None:
                return decide.Wait("the scheduler does not say whether it has the job")
            answers.append(answer)
            finding = lookup.resolve(answers, seen, self.patience.unknown_s)
        return decide.of_finding(finding, seen, counted, self.patience)

    def _find(self, token: str, snapshot: Snapshot) -> lookup.Answer | None:
        """What the scheduler has under a token, asked once a look for all members of a batch; None where it does not say.

        Where it does not answer once, it is not asked again until the next look: each try may take its whole time limit.
        """
        if self._found[0] is not snapshot:
            self._found = (snapshot, {})
        known = self._found[1]
        if None in known.values():
            return None
        if token not in known:
            try:
                known[token] = lookup.Answer(self.clock(), tuple(self.scheduler.find(token)))
            except NoInformation:
                known[token] = None
        return known[token]


def utc() -> str:
    """The time as people read it; nothing is decided by it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}"
