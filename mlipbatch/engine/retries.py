"""A project that cannot be served because the disk is full, or its server away: tried again, less and less often."""

from __future__ import annotations

import errno
import time

from mlipbatch.engine.patience import Clock
from mlipbatch.store.durable import is_odd

FIRST_S, LAST_S = 2.0, 60.0
LASTING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})  # no waiting helps


def may_pass(error: OSError) -> bool:
    """Is it the disk's trouble, and not that somebody else's folder, or none at all, was named?"""
    return not is_odd(error) and error.errno not in LASTING


class Retries:
    """When each is due again."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self._waits: dict[str, tuple[float, float]] = {}  # when it is due, how long it was waited for

    def due(self, root: str) -> bool:
        """May it be tried now?"""
        return root not in self._waits or self.clock() >= self._waits[root][0]

    def later(self, root: str) -> None:
        """It failed again."""
        wait = min(LAST_S, 2 * self._waits[root][1]) if root in self._waits else FIRST_S
        self._waits[root] = (self.clock() + wait, wait)
