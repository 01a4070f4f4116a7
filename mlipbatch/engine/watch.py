"""The jobs in the queue and what is known of each: looked at again where a marker, the queue, or a slow round gives a reason."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import QueueState
from mlipbatch.engine import decide, observe
from mlipbatch.engine.index import Index
from mlipbatch.engine.observe import Evidence
from mlipbatch.engine.pace import Pace
from mlipbatch.engine.queue import Queue
from mlipbatch.schedulers.base import Snapshot
from mlipbatch.store import jobfolder

ROUND_S = 60.0  # markers can be lost: every attempt is looked at again this often
DECIDED_S = 10.0  # a job of which nothing new is known: time alone may tell something (its wall time is up)
JUST_STARTED = {"started"}
Decided = tuple[JobEntry, Evidence, decide.Step]


@dataclass
class Watched:
    """A job in the queue."""

    folder: Path  # of the attempt
    seen: Evidence
    queue: QueueState | None = None  # what the queue said of it last
    runs_as: str = field(init=False)  # `Evidence.runs_as`, which is asked of every job in every tick

    def __post_init__(self) -> None:
        """With what was seen."""
        self.learn(self.seen)

    def learn(self, seen: Evidence) -> None:
        """Something was seen since: only so are both kept in step."""
        self.seen, self.runs_as = seen, seen.runs_as


class Watch:
    """Evidence of all jobs in the queue, kept between ticks."""

    def __init__(self, index: Index, queue: Queue) -> None:
        self.index, self.queue = index, queue
        self.jobs: dict[str, Watched] = {}
        self._tokens: dict[str, str] = {}  # token -> job
        self._ids: dict[str, Path] = {}  # what `_known` gives, kept between ticks; empty where it has to be made anew
        self._open: dict[str, set[str]] = {}  # job -> markers that were announced and are not visible yet (NFS)
        self._unanswered: set[str] = set()  # jobs whose scheduler id is not known
        self._news: set[str] = set()  # jobs that may need something now; all that were looked at since the last answer
        self._said: dict[str, QueueState] = {}  # that answer
        self._pace, self._all = Pace(ROUND_S), -inf
        self._round: Iterator[str] = iter(())

    def look(self, markers: Iterable[str]) -> tuple[Snapshot | None, list[Decided]]:
        """One query of the queue, and what each job needs now. Jobs that need nothing are left out."""
        self._follow_index()
        for marker in markers:
            token, _, what = marker.rpartition(".")
            if self._tokens.get(token) in self.jobs:
                self._open.setdefault(self._tokens[token], set()).add(what)
        for job in list(self._open):
            if not self._just_started(job):
                self._look_again(job)
        for job in self._due():
            if job in self.jobs:  # it may have left the queue since the round began
                self._read(job)
        snapshot = self.queue.ask(self._known)
        if snapshot is not None:
            self._compare(snapshot)
        now = self.queue.clock()
        if snapshot is not None and now - self._all > DECIDED_S:
            self._news, self._all = set(self.jobs), now
        asked, self._news = self._news, set() if snapshot else self._news
        return snapshot, [decided for job in sorted(asked) if (decided := self._decide(job, snapshot))]

    def batches(self) -> set[str]:
        """Tokens of the batches that jobs in the queue were sent in."""
        return {one.seen.batch for one in self.jobs.values() if one.seen.batch}

    def doubt(self) -> None:
        """Something was not carried out: the next look decides on all jobs."""
        self._all = -inf

    def forget(self, job: str) -> None:
        """What is known of a job is of the past: it was sent anew, or is out of the queue."""
        self._open.pop(job, None)
        self._unanswered.discard(job)
        one = self.jobs.pop(job, None)
        if one is not None:
            self._tokens.pop(one.seen.token, None)
            self._ids = {}

    def _known(self) -> dict[str, Path]:
        """Scheduler ids with an attempt folder each, as the query of the queue wants them."""
        if not self._ids:
            self._ids = {one.runs_as: one.folder for one in self.jobs.values()}
            self._ids.pop("", None)
        return self._ids

    def _follow_index(self) -> None:
        """Jobs that came into the queue are read, those that left it are forgotten."""
        queue = self.index.queue
        if queue.keys() != self.jobs.keys():
            for job in self.jobs.keys() - queue.keys():
                self.forget(job)
            for job in queue.keys() - self.jobs.keys():
                self._read(job)

    def _read(self, job: str) -> None:
        """Read a job's last attempt. Where it is gone the index is told to look: somebody took the job away."""
        folder = self._attempt(job)
        seen = observe.evidence(folder)
        if not seen.token and not folder.is_dir():
            self.index.refresh(job)
            if job not in self.index.queue:
                return self.forget(job)
            folder = self._attempt(job)
            seen = observe.evidence(folder)
        before = self.jobs.get(job)
        if before is not None:
            self._tokens.pop(before.seen.token, None)
        self.jobs[job] = Watched(folder, seen, before.queue if before else None)
        self._keep(job, self.jobs[job])
        return None

    def _keep(self, job: str, one: Watched) -> None:
        if one.seen.token:
            self._tokens[one.seen.token] = job
        if one.seen.scheduler_id:
            self._unanswered.discard(job)
        else:
            self._unanswered.add(job)
        self._ids = {}
        self._news.add(job)

    def _attempt(self, job: str) -> Path:
        return jobfolder.attempt_folder(self.index.jobs / job, self.index.attempts(job))

    def _just_started(self, job: str) -> bool:
        """Is its first start all that it announced, and on the disk? Hundreds start in one tick: they are not listed.

        Everything else is: of a member of a batch, and of a job whose id is not known, the claim has to be read, which tells
        who took it; of one that starts again they have to be counted. An end has a marker of its own.
        """
        one = self.jobs[job]
        unread = one.seen.batch or one.seen.began or one.seen.claims or not one.seen.scheduler_id
        if unread or self._open[job] != JUST_STARTED or not observe.has_started(one.folder):
            return False
        one.learn(one.seen._replace(started=True, claims=1))  # it claimed the attempt before
        self._news.add(job)
        del self._open[job]
        return True

    def _look_again(self, job: str) -> None:
        """Look for what the job itself may have left since."""
        one = self.jobs[job]
        seen = observe.evidence(one.folder, one.seen)
        if not seen.token:  # what was known stays, until it is certain that the attempt is gone
            self._read(job)
            return
        one.learn(seen)
        self._keep(job, one)
        announced = self._open.pop(job, set())
        visible = one.seen.exit_code is not None or (one.seen.started and "exit" not in announced)
        if announced and not visible:
            self._open[job] = announced

    def _due(self) -> list[str]:
        """The next of the slow round."""
        number = self._pace.due(len(self.jobs))
        if not number:
            return []
        begun, chosen = time.monotonic(), []
        for _ in range(number):
            job = next(self._round, None)
            if job is None:
                self._round = iter(list(self.jobs))
                break
            if job in self.jobs:  # it may have left the queue since the round began
                chosen.append(job)
        self._pace.done(number, time.monotonic() - begun + number * 1e-4)
        return chosen

    def _compare(self, snapshot: Snapshot) -> None:
        """Look again at what the queue now says something else of.

        Where it says the same as the last time, that can only be a job that was looked at since.
        """
        said = {scheduler_id: entry.state for scheduler_id, entry in snapshot.jobs.items()}
        among = self._news & self.jobs.keys() if said == self._said else self.jobs
        changed = [job for job in among if said.get(self.jobs[job].runs_as) is not self.jobs[job].queue]
        self._news |= self._unanswered | (self.queue.counted() & self.jobs.keys())
        for job in changed:
            self._look_again(job)
            if job in self.jobs:  # under the id that was seen now: another allocation may have taken it
                self.jobs[job].queue = said.get(self.jobs[job].runs_as)
        self._said = said  # not where a look failed: all are compared again then

    def _decide(self, job: str, snapshot: Snapshot | None) -> Decided | None:
        """What a job needs. Before more than its start is believed the disk is asked again: a marker may have come meanwhile."""
        if job not in self.jobs:
            return None
        step = self._step(job, snapshot)
        if not isinstance(step, decide.Started | decide.Wait):
            self._look_again(job)
            if job not in self.jobs:
                return None
            step = self._step(job, snapshot)
        return None if isinstance(step, decide.Wait) else (self.index.queue[job], self.jobs[job].seen, step)

    def _step(self, job: str, snapshot: Snapshot | None) -> decide.Step:
        one = self.jobs[job]
        return self.queue.next_step(self.index.queue[job], one.seen, snapshot, one.folder)
