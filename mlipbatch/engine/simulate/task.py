"""One job of the simulated queue, or one task of an array."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from mlipbatch.core.state import IN_THE_QUEUE, QueueState

Process = Generator[float, None, int]
"""A running script: it yields the seconds until it wants to go on, and returns its exit code. Killing it is ``close()``."""


class Struck(Exception):
    """A mishap that ends the whole job, not only the program: its node went down, or it was preempted."""

    def __init__(self, how: QueueState) -> None:
        super().__init__(how)
        self.how = how


@dataclass
class Task:
    """Cores for a while, and the script that runs there."""

    id: str
    token: str
    queue: str
    cores: int
    walltime_s: float
    start: Callable[[Task], list[Process]]  # one for each program that runs beside the others
    ours: bool = True
    state: QueueState = QueueState.QUEUED
    submitted_s: float = 0.0
    started_s: float = 0.0
    ended_s: float = 0.0
    restarts: int = 0
    how: QueueState = QueueState.ENDED  # what the scheduler will call its end, where the script ends by itself
    taken: dict[int, int] = field(default_factory=dict)  # cores by node
    processes: list[Process] = field(default_factory=list)

    @property
    def queued(self) -> bool:
        """Waiting or running."""
        return self.state in IN_THE_QUEUE

    @property
    def node(self) -> str:
        """The first of its nodes, by name."""
        return f"{self.queue}{next(iter(self.taken), 0)}"

    @property
    def running(self) -> bool:
        """Has its nodes."""
        return self.state is QueueState.RUNNING
