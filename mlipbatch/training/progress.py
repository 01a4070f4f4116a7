"""Lines about long work: how much is done, and how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Callable

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing."""


class Progress:
    """Counts work and says every few seconds how far it is."""

    def __init__(self, what: str, total: int, say: Say, every: float = 5.0) -> None:
        self._what, self._total, self.say, self._every = what, total, say, every
        self._start = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """`done` of the total are done."""
        now = time.monotonic()
        if now - self._said < self._every:
            return
        self._said = now
        left = (now - self._start) * (self._total - done) / max(done, 1)
        self.say(f"{self._what}: {done} of {self._total}, {left:.0f} s left")


class Clock:
    """Seconds of each step, under its name."""

    def __init__(self, say: Say) -> None:
        self.seconds: dict[str, float] = {}
        self.say = say
        self._since = time.monotonic()

    def step(self, name: str, said: str = "") -> None:
        """The step that ends now was `name`."""
        now = time.monotonic()
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - self._since, 3)
        self._since = now
        self.say(f"{name}{': ' if said else ''}{said} ({self.seconds[name]:.1f} s)")
