"""When it is time to look again at some of very many things: all of them in so long, for a small share of our time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

BUNDLE = 1000  # of large numbers so many at once, and between them none: most ticks of a large project look at nothing
FLOOR_PER_S = 20.0  # of small numbers more than the round asks for: an edit by hand in a small project is seen at once
SHARE = 0.08  # of this process's time at most
STEP_S = 0.1  # at a time


@dataclass
class Pace:
    """How many are due now. A round takes longer than `round_s` where it would cost more than SHARE of the time."""

    round_s: float
    _last: float = field(default_factory=time.monotonic)
    _not_before: float = 0.0
    _each_s: float = 1e-6

    def due(self, count: int) -> int:
        """How many of `count` to look at now; `done` has to be told afterwards, unless it is 0."""
        now = time.monotonic()
        owed = int((now - self._last) * max(count / self.round_s, FLOOR_PER_S))
        if now < self._not_before or owed < min(count, BUNDLE):
            return 0
        return min(owed, count, max(1, int(STEP_S / self._each_s)))

    def done(self, number: int, took_s: float) -> None:
        """So many were looked at, in so long."""
        self._last = time.monotonic()
        self._each_s = took_s / number
        self._not_before = self._last + took_s * (1 / SHARE - 1)
