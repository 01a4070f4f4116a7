"""The simulated cluster: first come, first served in every queue, no backfill; jobs are generators that sleep in virtual time."""

from __future__ import annotations

from collections import deque
from functools import partial
from math import inf

from mlipbatch.config.site import Site
from mlipbatch.core.state import INFRASTRUCTURE, QueueState
from mlipbatch.engine.simulate import fate
from mlipbatch.engine.simulate.clock import Clock
from mlipbatch.engine.simulate.events import Events
from mlipbatch.engine.simulate.nodes import Nodes
from mlipbatch.engine.simulate.task import Process, Struck, Task
from mlipbatch.engine.simulate.world import World


class Cluster:
    """Nodes, queues and what runs there. `tasks` are all that were ever ours, `live` those of them in the queue."""

    def __init__(self, site: Site, world: World, clock: Clock) -> None:
        self.site, self.world, self.clock = site, world, clock
        self.events = Events(clock)
        self.queues = {queue.name: Nodes(queue, world.nodes) for queue in (*site.queues, *site.gpu_queues)}
        self.tasks: dict[str, Task] = {}
        self.live: dict[str, Task] = {}
        self._ready: dict[str, deque[Task]] = {name: deque() for name in self.queues}
        self._free_to_start_s = 0.0  # the scheduler starts so many jobs a second and no more
        self._placing = False
        self._running = 0  # of ours
        for _, end in world.outages:
            self.events.after(end, self._place)
        if world.others.per_hour:
            self._another(0)

    def enter(self, task: Task, wait_s: float = 0.0) -> None:
        """A job comes into the queue; it may start when its wait is over, s."""
        task.submitted_s = self.clock.now
        if task.ours:
            self.tasks[task.id] = self.live[task.id] = task
        self.events.after(wait_s, partial(self._admit, task))

    def advance(self) -> None:
        """Let all happen that is due by the clock."""
        self.events.catch_up()

    def kill(self, task: Task, how: QueueState) -> None:
        """End a job from outside."""
        if task.running:
            self._end(task, how)
        elif task.queued:
            self._leave(task, how)

    def _admit(self, task: Task) -> None:
        if task.queued:  # not cancelled while it waited
            self._ready[task.queue].append(task)
            self._place()

    def _place(self) -> None:
        """Start what fits, one after the other at the scheduler's own pace."""
        if self._placing or self.world.silent(self.clock.now):
            return
        pause = self._free_to_start_s - self.clock.now
        if pause > 0:
            self._placing = True
            self.events.after(pause, self._go_on)
            return
        if any(self._start_first(name) for name in self._ready):
            self._free_to_start_s = self.clock.now + 1 / self.world.turnover
            self._place()

    def _go_on(self) -> None:
        self._placing = False
        self._place()

    def _start_first(self, name: str) -> bool:
        ready = self._ready[name]
        while ready and not ready[0].queued:
            ready.popleft()
        if not ready or (ready[0].ours and self._running >= (self.site.limits.max_running or self._running + 1)):
            return False
        taken = self.queues[name].take(ready[0].cores)
        if taken is None:
            return False
        self._start(ready.popleft(), taken)
        return True

    def _start(self, task: Task, taken: dict[int, int]) -> None:
        task.state, task.started_s, task.taken = QueueState.RUNNING, self.clock.now, taken
        self._running += task.ours
        task.processes = task.start(task)
        self.events.after(task.walltime_s, partial(self._time_is_up, task, task.restarts))
        for process in task.processes:
            self.events.after(0, partial(self._resume, task, process))

    def _resume(self, task: Task, process: Process) -> None:
        """Let a script go on to its next sleep; one that was killed meanwhile is no longer on the list."""
        if process not in task.processes:
            return
        try:
            pause = next(process)
        except StopIteration:
            task.processes.remove(process)
            if not task.processes:
                self._end(task, task.how)
        except Struck as struck:
            self._strike(task, struck.how)
        else:
            if pause < inf:  # else it hangs, until somebody ends it
                self.events.after(pause, partial(self._resume, task, process))

    def _time_is_up(self, task: Task, restarts: int) -> None:
        if task.running and task.restarts == restarts:
            self._end(task, QueueState.TIMED_OUT)

    def fail(self, task: Task) -> None:
        """The first node of a job goes down, and with it all that runs there."""
        node, nodes = next(iter(task.taken)), self.queues[task.queue]
        nodes.down.add(node)
        self.events.after(self.world.repair_s, partial(self._repaired, nodes, node))
        for other in [t for t in self.live.values() if t.running and t.queue == task.queue and node in t.taken]:
            self._end(other, QueueState.NODE_FAILED)

    def _strike(self, task: Task, how: QueueState) -> None:
        if how is QueueState.NODE_FAILED:
            self.fail(task)
        else:
            self._end(task, how)

    def _repaired(self, nodes: Nodes, node: int) -> None:
        nodes.down.discard(node)
        self._place()

    def _end(self, task: Task, how: QueueState) -> None:
        processes, task.processes = task.processes, []
        for process in processes:
            process.close()
        self.queues[task.queue].give_back(task.taken)
        self._running -= task.ours
        if how in INFRASTRUCTURE and self.world.requeue:
            task.state, task.restarts = QueueState.QUEUED, task.restarts + 1
            self.events.after(self.world.requeue_s, partial(self._admit, task))
        else:
            self._leave(task, how)
        self._place()

    def _leave(self, task: Task, how: QueueState) -> None:
        task.state, task.ended_s = how, self.clock.now
        self.live.pop(task.id, None)

    def _another(self, number: int) -> None:
        """Other users: each arrival plans the next one."""
        others = self.world.others
        source = fate.chance(self.world.seed, "others", number)
        name = next(iter(self.queues))
        length = source.expovariate(1 / others.mean_s)
        task = Task(f"other-{number}", "", name, others.cores, length + 1, lambda _: [_sleep(length)], ours=False)
        self.enter(task)
        self.events.after(source.expovariate(others.per_hour / 3600), partial(self._another, number + 1))


def _sleep(seconds: float) -> Process:
    yield seconds
    return 0
