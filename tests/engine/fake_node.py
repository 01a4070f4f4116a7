"""What the fake's jobs do on their node: job.sh by itself, or batch.sh, which takes its members as the simulator's model does.

Which member a batch takes next is the business of `mlipbatch.engine.simulate.batch` alone; here is what becomes of one it took.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.core.state import INFRASTRUCTURE, QueueState
from mlipbatch.engine import observe
from mlipbatch.engine.simulate import batch, claims
from mlipbatch.engine.simulate.script import DUPLICATE, KILLED, TERMINATED
from mlipbatch.engine.simulate.task import Process, Struck, Task
from mlipbatch.schedulers.batch import LOOK_S
from mlipbatch.store.claim import REVOKED, count_claims

from .fake_parts import FakeJob, Program, Run, claim

if TYPE_CHECKING:
    from .fake import FakeScheduler


class Node:
    """Runs the scripts of one fake scheduler's jobs; `mlipbatch.engine.simulate.script.Programs` is what it stands for."""

    def __init__(self, fake: FakeScheduler) -> None:
        self.fake, self.clock = fake, fake.clock

    def start(self, job: FakeJob) -> list[Process]:
        """The programs that run beside each other in a job that has its node now."""
        asked = job.resources
        place = {int(job.id.partition("_")[0]) % 3: asked.cores}
        task = Task(
            job.id, job.token, "node", asked.cores, asked.walltime_s, lambda _: [], restarts=job.restart, taken=place
        )
        job.on_node = task
        if batch.is_batch(job.folder):
            return batch.start(self, job.folder, job.task, task)  # type: ignore[arg-type]
        return [self.script(job.folder, job.token, task, alone=job)]

    def script(
        self, attempt: Path, token: str, task: Task, limit_s: float = inf, alone: FakeJob | None = None
    ) -> Process:
        """job.sh of an attempt; a member of a batch has a limit of its own. Returns its exit code."""
        if not claim(attempt, token, task.id, task.restarts):
            return DUPLICATE
        taken, member = count_claims(attempt), limit_s < inf
        given_up = (attempt / "verdict.yaml").exists()
        run = Run(attempt.parent, attempt.name, task.id, self.clock.now, start=task.restarts, given_up=given_up)
        self.fake.runs.append(run)
        self.fake.mark(attempt, token, "started", f"{task.node} 1 2026-01-01T00:00:00Z")
        program = self.fake.program(attempt)
        try:
            yield from self._passing(attempt, min(program.seconds, limit_s, task.walltime_s), looking=member)
        finally:
            run.end = self.clock.now
        if alone is not None:
            attempt = alone.folder  # its working folder may have been moved meanwhile
        for name, text in program.files.items():
            if attempt.is_dir():
                (attempt / name).write_text(text)
        code = self._code(program, task, limit_s)
        if claims.superseded(attempt, taken - 1):
            return DUPLICATE
        if code is not None:
            self.fake.mark_later(attempt, token, "exit", str(code))
        return code or 0

    def _passing(self, attempt: Path, seconds: float, *, looking: bool) -> Process:
        """The program's time; batch.sh looks now and then whether a member was given up or killed, and ends it."""
        end = self.clock.now + seconds
        yield min(seconds, LOOK_S) if looking else seconds
        while self.clock.now < end and not any((attempt / mark).exists() for mark in (REVOKED, observe.KILLED)):
            yield min(end - self.clock.now, LOOK_S)
        return 0

    @staticmethod
    def _code(program: Program, task: Task, limit_s: float) -> int | None:
        """What the exit marker will say; None where there will be none. Raises Struck where the whole job ends with it."""
        member = limit_s < inf
        if program.seconds > min(limit_s, task.walltime_s):
            if member:
                return TERMINATED
            raise Struck(QueueState.TIMED_OUT)
        if program.ending in INFRASTRUCTURE:
            raise Struck(program.ending)
        task.how = program.ending
        if program.exit_code is None and member:  # job.sh was killed itself: batch.sh says it
            return KILLED
        return program.exit_code
