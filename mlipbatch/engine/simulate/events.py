"""What will happen, in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from mlipbatch.engine.simulate.clock import Clock


class Events:
    """Things to be done at their time; of two at the same time the one that was planned first goes first."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def after(self, seconds: float, deed: Callable[[], None]) -> None:
        """Do it so many seconds from now."""
        heapq.heappush(self._heap, (self.clock.now + max(0.0, seconds), next(self._number), deed))

    @property
    def next_s(self) -> float | None:
        """When the next thing happens; None where nothing will."""
        return self._heap[0][0] if self._heap else None

    def catch_up(self) -> None:
        """Do all that is due, each at its own time."""
        now = self.clock.now
        while self._heap and self._heap[0][0] <= now:
            self.clock.now, _, deed = heapq.heappop(self._heap)
            deed()
        self.clock.now = now
