"""What job.sh does on a compute node, in virtual time: the claim, the markers, and a program that only takes time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path

from mlipbatch.core.state import QueueState
from mlipbatch.engine.simulate import claims, fate
from mlipbatch.engine.simulate.clock import Clock
from mlipbatch.engine.simulate.task import Process, Struck, Task
from mlipbatch.engine.simulate.world import Mishaps

DUPLICATE = 98  # as job.sh
TERMINATED = 143  # 128 + SIGTERM: by `timeout`, at a member's own wall time
KILLED = 137  # 128 + SIGKILL: the out-of-memory killer takes the program, the script lives on
EXITS = {"": 0, "fails": 1, "out_of_memory": KILLED}
STRIKES = {"node_fails": QueueState.NODE_FAILED, "preempted": QueueState.PREEMPTED}


@dataclass
class Run:
    """One run of a program."""

    job: str
    attempt: str
    begin_s: float
    end_s: float
    exit_code: int | None = None  # None where it was killed, or still runs


class Programs:
    """The programs of all jobs, how long each takes, and a book of all that ran."""

    def __init__(self, clock: Clock, mishaps: Mishaps, seed: int, seconds: Callable[[str], float]) -> None:
        self.clock, self.mishaps, self.seed, self.seconds = clock, mishaps, seed, seconds
        self.runs: list[Run] = []

    def script(self, attempt: Path, token: str, task: Task, limit_s: float = inf) -> Process:
        """The job script of an attempt folder: claim, started, the program, exit. A member of a batch has a limit of its own."""
        taken = claims.take(attempt, token, task.id, task.restarts)
        if taken is None:
            return DUPLICATE
        claims.tell(attempt, token, "started", f"{task.node} 1 {self.clock.now:.0f}")
        code = yield from self._program(attempt, task, limit_s)
        if claims.superseded(attempt, taken):
            return DUPLICATE
        claims.tell(attempt, token, "exit", str(code))
        return code

    def _program(self, attempt: Path, task: Task, limit_s: float) -> Process:
        job = "/".join(attempt.parts[-4:-1])
        seconds = self.seconds(job)
        source = fate.chance(self.seed, job, attempt.name, task.restarts)
        mishap, share = fate.pick(self.mishaps, source), source.random()
        run = Run(job, attempt.name, self.clock.now, self.clock.now)
        self.runs.append(run)
        try:
            takes = inf if mishap == "hangs" else seconds * share if mishap else seconds
            yield min(takes, limit_s)
            if takes > limit_s:
                run.exit_code = TERMINATED
                return TERMINATED
            if mishap in STRIKES:
                raise Struck(STRIKES[mishap])
            if mishap == "out_of_memory":
                task.how = QueueState.OUT_OF_MEMORY  # the scheduler's word for a job in which that happened
            run.exit_code = EXITS[mishap]
            return run.exit_code
        finally:
            run.end_s = self.clock.now
