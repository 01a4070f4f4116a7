"""Virtual time: it moves when it is told to, and whoever asks for the time gets that."""

from __future__ import annotations


class Clock:
    """Seconds since the simulation began. Calling it is asking for the time, as with ``time.monotonic``."""

    def __init__(self) -> None:
        self.now = 0.0  # s

    def __call__(self) -> float:
        """The time, s."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += max(0.0, seconds)
