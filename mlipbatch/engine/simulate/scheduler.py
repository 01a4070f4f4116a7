"""The simulated cluster as the engine sees it: `schedulers.base.Scheduler`, with answers that get lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from threading import Lock

from mlipbatch.config.site import Queue
from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState
from mlipbatch.engine.simulate import batch, fate
from mlipbatch.engine.simulate.cluster import Cluster
from mlipbatch.engine.simulate.script import Programs
from mlipbatch.engine.simulate.task import Process, Task
from mlipbatch.schedulers.base import NoInformation, NotSubmitted, QueueEntry, Refused, Room, Snapshot, UnknownOutcome
from mlipbatch.schedulers.queues import choose, room

DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


class SimulatedScheduler:
    """sbatch, squeue, sacct and scancel of the simulated cluster."""

    name = "simulated"
    template = "local.sh.j2"

    def __init__(self, cluster: Cluster, programs: Programs) -> None:
        self.cluster, self.programs = cluster, programs
        self.site, self.world, self.clock = cluster.site, cluster.world, cluster.clock
        self.accounting = self.world.accounting
        self.submissions = 0  # sbatch that were tried
        self.queries = 0
        self._last_id = 0
        self._tried: Counter[Path] = Counter()
        self._one_at_a_time = Lock()

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        """sbatch; the engine may call it from several threads. Raises NotSubmitted, Refused, UnknownOutcome."""
        with self._one_at_a_time:
            return self._submit(script, token, resources, tasks)

    def _submit(self, script: Path, token: str, resources: Resources, tasks: int) -> str:
        self.submissions += 1
        self._tried[script] += 1
        self.clock.sleep(self.world.submit_s)
        self.cluster.advance()
        self._hear(NotSubmitted)
        queue = choose(self.site, resources)
        if queue is None:
            raise Refused("a simulated site names its queues")
        answer = fate.pick(
            self.world.answers, fate.chance(self.world.seed, "sbatch", _key(script), self._tried[script])
        )
        if answer == "rejected":
            raise NotSubmitted("slurm temporarily unable to accept job")
        self._check_limits(tasks)

        def enter() -> None:
            self._accept(script, token, queue, resources, tasks)

        if answer == "late":
            self.cluster.events.after(self.world.answers.late_s, enter)
        elif answer != "dropped":
            enter()
        if answer in {"lost", "dropped", "late"}:
            raise UnknownOutcome(TIMED_OUT)
        return str(self._last_id)

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """squeue --me. Raises NoInformation."""
        self._listen()
        entries = {task.id: self._entry(task) for task in self.cluster.live.values()}
        for scheduler_id in known:
            task = self.cluster.tasks.get(scheduler_id)
            if task is not None and not task.queued and self._remembers(task):
                entries[task.id] = self._entry(task)
        tokens: dict[str, str] = {}
        for task in self.cluster.live.values():
            tokens.setdefault(task.token, task.id.partition("_")[0])
        return Snapshot(entries, tokens, self.world.strangers)

    def find(self, token: str) -> list[QueueEntry]:
        """Squeue and sacct by name. Raises NoInformation."""
        self._listen()
        found = [task for task in self.cluster.tasks.values() if task.token == token]
        return [self._entry(task) for task in found if task.queued or self._remembers(task)]

    def cancel(self, scheduler_id: str, token: str = "") -> None:
        """Scancel, of an array with all its tasks. Raises NoInformation."""
        self._hear(NoInformation)
        for task in list(self.cluster.live.values()):
            mine = task.id == scheduler_id or task.id.startswith(scheduler_id + "_")
            if mine and (not token or task.token == token):
                self.cluster.kill(task, QueueState.CANCELLED)

    def room(self, snapshot: Snapshot) -> Room:
        """What the limit leaves; a queue takes any number of cores."""
        live = len(self.cluster.live)
        return room(self.site.limits, self._counted() + snapshot.strangers, live + snapshot.strangers)

    def _listen(self) -> None:
        self.queries += 1
        self.cluster.advance()
        self._hear(NoInformation)
        source = fate.chance(self.world.seed, "squeue", self.queries)
        if source.random() < self.world.answers.query_fails:
            raise NoInformation("squeue printed something odd")

    def _hear(self, silence: type[Exception]) -> None:
        if self.world.silent(self.clock.now):
            raise silence(DOWN)

    def _check_limits(self, tasks: int) -> None:
        limits = self.site.limits
        if tasks > limits.max_array:
            raise Refused("Invalid job array specification")
        wanted = max(1, tasks) if limits.array_tasks_count else 1
        if self._counted() + self.world.strangers + wanted > limits.max_queued:
            raise NotSubmitted("QOSMaxSubmitJobPerUserLimit")

    def _counted(self) -> int:
        """Our jobs in the queue, as the site counts them."""
        live = self.cluster.live
        return len(live) if self.site.limits.array_tasks_count else len({i.partition("_")[0] for i in live})

    def _accept(self, script: Path, token: str, queue: Queue, resources: Resources, tasks: int) -> None:
        self._last_id += 1
        source = fate.chance(self.world.seed, "wait", _key(script), self._tried[script])
        for index in range(max(1, tasks)):
            name = f"{self._last_id}_{index}" if tasks else str(self._last_id)

            def start(task: Task, index: int = index) -> list[Process]:
                if batch.is_batch(script.parent):
                    return batch.start(self.programs, script.parent, index, task)
                return [self.programs.script(script.parent, token, task)]

            task = Task(name, token, queue.name, resources.cores, resources.walltime_s, start)
            self.cluster.enter(task, fate.wait(self.world.waits, source))

    def _remembers(self, task: Task) -> bool:
        return self.world.accounting or self.clock.now - task.ended_s < self.world.remembered_s

    def _entry(self, task: Task) -> QueueEntry:
        elapsed = self.clock.now - task.started_s if task.running else None
        return QueueEntry(task.id, task.state, elapsed, task.token, submitted=f"{task.submitted_s:020.3f}")


def _key(script: Path) -> str:
    """The attempt that a script belongs to: chance must not hang on tokens, which are random, or on who comes first."""
    return "/".join(script.parts[-5:-1])
