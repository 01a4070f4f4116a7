"""Folders of batches that nobody needs any more: whose jobs have all left the queue, and whose allocations are gone."""

from __future__ import annotations

from collections.abc import Callable

from mlipbatch.core.state import JobState
from mlipbatch.engine.act import Hands
from mlipbatch.engine.index import Index
from mlipbatch.engine.patience import Clock
from mlipbatch.schedulers.base import Snapshot
from mlipbatch.store import batch as batches_on_disk

EVERY_S = 600.0  # between two looks at the folders
KEPT_S = (
    3600.0  # after the first look that found nobody in need of it: what comes late over a network still has its place
)
AT_ONCE = 100  # folders that one look takes away


class Pruning:
    """Takes them away, some time later. A daemon that starts counts the time afresh."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._looked = -float("inf")
        self._idle: dict[str, float] = {}  # batch -> since when nobody needs it

    def prune(self, hands: Hands, index: Index, snapshot: Snapshot, in_use: Callable[[], set[str]]) -> None:
        """`in_use` gives the batches that jobs in the queue were sent in, or will be."""
        now = self.clock()
        if now - self._looked < EVERY_S:
            return
        self._looked = now
        live = in_use() | {entry.token for entry in snapshot.jobs.values()} | snapshot.tokens.keys()
        idle = [token for token in batches_on_disk.tokens(hands.project) if token not in live]
        self._idle = {token: self._idle.get(token, now) for token in idle}
        old = [token for token in idle if now - self._idle[token] >= KEPT_S]
        for token in [token for token in old if not self._failed(hands, index, token)][:AT_ONCE]:
            hands.lease.check()
            batches_on_disk.remove(hands.project, token)

    def _failed(self, hands: Hands, index: Index, token: str) -> bool:
        """Did one of its jobs fail? Then its log is part of that job's story."""
        jobs = {"/".join(path.parts[1:-1]) for path in batches_on_disk.members(hands.project, token)}
        found = [index.get(job) for job in jobs]
        return any(entry is not None and entry.state is JobState.FAILED for entry in found)
