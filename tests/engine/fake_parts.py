"""What the fake scheduler is made of: a clock, programs, runs, and the first lines of job.sh."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState
from mlipbatch.engine.simulate.task import Process, Task
from mlipbatch.store.claim import read_claim, slot


class VirtualClock:
    """Monotonic seconds that pass only when a test says so: ``clock()``."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Program:
    """What a job does once it runs."""

    seconds: float = 60.0
    exit_code: int | None = 0  # None: it ends without a marker
    ending: QueueState = QueueState.ENDED  # what accounting says of its end
    files: dict[str, str] = field(default_factory=dict)  # written at its end


@dataclass
class FakeJob:
    """One job of the fake, or one task of an array."""

    id: str
    token: str
    folder: Path
    resources: Resources
    submitted: float
    task: int = 0
    state: QueueState = QueueState.QUEUED
    started: float = 0.0
    ended: float = 0.0
    restart: int = 0
    reason: str = ""
    on_node: Task | None = None  # as its script knows it
    processes: list[Process] = field(default_factory=list)  # its running programs; none where it left as a duplicate
    starts: int = 0  # how often it was started or stopped: events of an earlier life are void
    hangs: bool = False  # its script goes on no more, and nothing but a cancel ends it

    @property
    def number(self) -> str:
        """Its id, of a task that of its array."""
        return self.id.partition("_")[0]


@dataclass
class Run:
    """One real run of an attempt's program, for the books."""

    job: Path  # job folder
    attempt: str
    id: str
    begin: float
    end: float | None = None
    start: int = 0  # of that job of the queue: how often the scheduler had started it before
    given_up: bool = False  # the daemon had judged or closed the attempt before it began


def claim(attempt: Path, token: str, job_id: str, restart: int) -> bool:
    """What job.sh does first, line by line; `test_claim` runs both against each other."""
    if not attempt.is_dir():
        return False
    number = 0
    while (attempt / slot(number)).exists():
        number += 1
        held = read_claim(attempt, number)
        if held is None or (held.token, held.scheduler_id) != (token, job_id) or held.restart >= restart:
            return False
    exit_marker = attempt / "exit"
    if (attempt / "revoked").exists() or (exit_marker.exists() and exit_marker.read_text().strip() == "0"):
        return False
    mine = attempt / f".claim.fake.{job_id}"
    mine.write_text(f"{token} {job_id} {restart}\n")
    try:
        os.link(mine, attempt / slot(number))
    except FileExistsError:
        return False
    finally:
        mine.unlink()
    exit_marker.unlink(missing_ok=True)
    return True
