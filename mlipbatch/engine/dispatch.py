"""From what waits to the scheduler: as many as the limits have room for, alone, in arrays or in bundles (`pack`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

from mlipbatch.config.site import Site
from mlipbatch.core.job import JobEntry, Verdict
from mlipbatch.core.state import JobState
from mlipbatch.engine import observe, submission
from mlipbatch.engine.act import Hands
from mlipbatch.engine.batches import Batches
from mlipbatch.engine.index import Index
from mlipbatch.engine.pack import Demand, Unit, pack, worth_a_look
from mlipbatch.engine.pruning import Pruning
from mlipbatch.engine.queue import Queue
from mlipbatch.engine.watch import Watch
from mlipbatch.schedulers.base import Snapshot
from mlipbatch.store import claim, jobfolder
from mlipbatch.store.durable import together

NO_ARRAYS_S = 3600.0  # after one was not taken: a limit that is not in the site file may have room for fewer tasks
Settle = Callable[[JobEntry, "Verdict | bool | BaseException | None"], BaseException | None]


class Dispatch:
    """Sends a project's pending jobs. `settle` lets the index follow, and returns what is no fault of the job's."""

    def __init__(self, index: Index, watch: Watch, queue: Queue, settle: Settle) -> None:
        self.index, self.watch, self.queue, self.settle = index, watch, queue, settle
        self.batches = Batches()
        self.pruning = Pruning(queue.clock)
        self._arrays_from = -inf

    def send(self, hands: Hands, snapshot: Snapshot) -> int:
        """Submit what may go now. Returns how many jobs. After a refusal it backs off by itself."""
        self.pruning.prune(hands, self.index, snapshot, lambda: self.watch.batches() | self.batches.unsent)
        waiting = self.index.number(JobState.PENDING)
        if not waiting or not self.queue.sending.ready:
            return 0
        room, site = hands.scheduler.room(snapshot), self._narrowed(hands.scheduler.site)
        if room.jobs < 1:
            return 0
        taken = self.batches.cores(hands, self.index.queued(), snapshot)
        free = hands.config.resources.parallel_cores - taken
        free = free if room.cores is None else min(room.cores, free)
        demand = Demand(waiting + self.batches.unbegun, taken, self.batches.bundled, room.running)
        pending = self._first(worth_a_look(site, room.jobs, free), waiting)
        sent = 0
        for unit in pack(pending, site, room.jobs, free, hands.largest, self.batches.apart, demand):
            chosen = unit.only(lambda entry: self._may_go(hands, entry, snapshot))
            if chosen.jobs and not self._send(hands, chosen):
                self.queue.sending.failed()
                if len(chosen.tasks) > 1:
                    self._arrays_from = self.queue.clock() + NO_ARRAYS_S
                break
            self.queue.sending.succeeded()
            sent += len(chosen.jobs)
        return sent

    def _narrowed(self, site: Site) -> Site:
        """The site, without arrays for a while after one was not taken: one by one, as many go as there is room for."""
        if self.queue.clock() >= self._arrays_from:
            return site
        return site.model_copy(update={"limits": site.limits.model_copy(update={"max_array": 1})})

    def _first(self, limit: int, waiting: int) -> list[JobEntry]:
        """The most urgent jobs. All are read that may be among them: from a part of them no fair shares can be made."""
        pending = self.index.pending(limit)
        while len(pending) < min(limit, waiting) and len(more := self.index.pending(limit)) > len(pending):
            pending = more
        return pending

    def _may_go(self, hands: Hands, entry: JobEntry, snapshot: Snapshot) -> bool:
        """Its folder is still as it was. Where its last attempt still runs (it was put back by hand), that one goes first."""
        if self.index.refresh(entry.id) and self.index.get(entry.id) != entry:
            self._settled(entry, None)
            return False
        number = self.index.attempts(entry.id)
        if not number:
            return True
        attempt = jobfolder.attempt_folder(hands.folder(entry), number)
        seen = observe.evidence(attempt)
        if not self.queue.still_there(entry, seen, snapshot):
            return True
        if seen.batch and not seen.revoked:  # for its batch to see
            hands.lease.check()
            claim.revoke(attempt, seen.claims, "it was put back")
        return False

    def _send(self, hands: Hands, unit: Unit) -> bool:
        """One job by itself, or a batch. False where the scheduler did not take it, or did not say so."""
        alone = unit.alone
        deed = (
            partial(submission.submit, hands, alone)
            if alone
            else partial(self.batches.submit, hands, unit, self._settled)
        )
        outcome = together([deed])[0]
        if alone is None and isinstance(outcome, BaseException):
            raise outcome
        for entry in unit.jobs:
            self._settled(entry, outcome if alone else None)
        return outcome is not False

    def _settled(self, entry: JobEntry, outcome: bool | BaseException | None) -> None:
        """A job was sent, or could not be. Raises what is no fault of the job's: the disk, an interruption."""
        self.watch.forget(entry.id)
        self.queue.forget(entry.id)
        trouble = self.settle(entry, outcome)
        if trouble is not None:
            raise trouble
