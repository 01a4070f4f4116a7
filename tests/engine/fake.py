"""A batch scheduler in virtual time that plays the faults of the real ones; its jobs keep the protocols of job.sh and batch.sh.

    clock = VirtualClock()
    fake = FakeScheduler(clock, slots=2)
    fake.fail("submit", "lose", "late")     # of the next submissions: one accepted without an answer, one accepted 10 min late
    fake.advance(60)                        # virtual seconds: late accepts, starts, markers and ends happen in their order

Faults: of ``submit`` lose (taken, no answer), late (taken LATE_S later, no answer), unsent (not taken, no answer), twice (taken
twice), reject (queue full), refuse; of ``snapshot`` and ``find`` silent; of ``cancel`` lost. What ran is in `fake.runs`;
`fake.overlaps()` are the runs of one job that were alive at once: there must be none.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mlipbatch.config.site import LOCAL, Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.engine.simulate import batch, claims
from mlipbatch.engine.simulate.task import Process, Struck
from mlipbatch.schedulers.base import (
    NoInformation,
    NotSubmitted,
    QueueEntry,
    Refused,
    Room,
    Snapshot,
    UnknownOutcome,
)

from .fake_node import Node
from .fake_parts import FakeJob, Program, Run, VirtualClock

LATE_S = 600.0


class FakeScheduler:
    """The protocol of `mlipbatch.schedulers.base.Scheduler`, with `slots` jobs running at a time and `limit` in the queue."""

    name = "fake"
    template = "local.sh.j2"

    def __init__(
        self,
        clock: VirtualClock,
        *,
        slots: int = 4,
        limit: int = 1000,
        accounting: bool = True,
        min_job_age: float = 300.0,
        ids: Iterable[int] | None = None,
        program: Callable[[Path], Program] = lambda _folder: Program(),
        site: Site = LOCAL,
    ) -> None:
        self.clock, self.slots, self.limit, self.accounting = clock, slots, limit, accounting
        self.min_job_age, self.program, self.site = min_job_age, program, site
        self.node = Node(self)
        self.jobs: dict[str, FakeJob] = {}  # those that the scheduler still knows, by id
        self.book: list[FakeJob] = []  # accounting: all of them
        self.runs: list[Run] = []
        self.calls: list[tuple[str, str]] = []  # what the engine asked for
        self.strangers = 0
        self.marker_lag = 0.0  # s that a job's exit marker takes to become visible to us
        self._ids: Iterator[int] = iter(ids) if ids is not None else itertools.count(1)
        self._faults: dict[str, deque[str]] = defaultdict(deque)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    # --- what a test does to it

    def fail(self, call: str, *faults: str) -> None:
        """Let the next calls of ``submit``, ``snapshot``, ``find`` or ``cancel`` go wrong in these ways (``ok``: does not)."""
        self._faults[call].extend(faults)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.clock.now + seconds
        self._start_waiting()
        while self._events and self._events[0][0] <= end:
            self.clock.now, _, event = heapq.heappop(self._events)
            event()
            self._start_waiting()
        self.clock.now = end

    def end(self, job_id: str, how: QueueState, exit_code: int | None = None) -> None:
        """End a job in the queue now: NODE_FAILED, PREEMPTED, CANCELLED by somebody ..."""
        job = self.jobs[job_id]
        if exit_code is not None and job.processes:
            self.mark(job.folder, job.token, "exit", str(exit_code))
        self._close(job, how)

    def requeue(self, job_id: str) -> None:
        """As SLURM does it: the same id waits again, and its script starts from the beginning."""
        job = self.jobs[job_id]
        self._stop(job)
        job.state, job.restart = QueueState.QUEUED, job.restart + 1

    def forget(self, job_id: str) -> None:
        """Let the scheduler lose all memory of a job; what runs is killed."""
        self._stop(self.jobs.pop(job_id))
        self.book = [job for job in self.book if job.id != job_id]

    def live(self) -> list[FakeJob]:
        """Jobs in the queue, each task of an array by itself."""
        return [job for job in self.jobs.values() if job.state in IN_THE_QUEUE]

    def may_run(self, folder: Path) -> bool:
        """Does something in the queue run an attempt of this job folder, or will it when its turn comes?"""
        if any(run.job == folder and run.end is None for run in self.runs):
            return True
        return any(folder == attempt.parent for job in self.live() for attempt in attempts_of(job))

    def overlaps(self) -> list[tuple[Run, Run]]:
        """Pairs of runs of one job folder that were alive at the same time; there must be none."""
        by_job: dict[Path, list[Run]] = defaultdict(list)
        for run in self.runs:
            by_job[run.job].append(run)
        return [
            (one, two)
            for runs in by_job.values()
            for one, two in itertools.combinations(runs, 2)
            if one.begin < _end(two) and two.begin < _end(one)
        ]

    # --- the protocol

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        """Take a job, or do what the next fault says."""
        self.calls.append(("submit", token))
        fault = self._fault("submit")
        if fault == "refuse":
            raise Refused("Invalid account or account/partition combination specified")
        if fault == "reject" or len(self.live()) + self.strangers + max(1, tasks) > self.limit:
            raise NotSubmitted("QOSMaxSubmitJobPerUserLimit")
        if fault == "unsent":
            raise UnknownOutcome("Unable to contact slurm controller")
        if fault == "late":
            self._at(LATE_S, lambda: self._accept(script.parent, token, resources, tasks) and None)
            raise UnknownOutcome("Socket timed out on send/recv operation")
        job_id = self._accept(script.parent, token, resources, tasks)
        if fault == "lose":
            raise UnknownOutcome("Socket timed out on send/recv operation")
        if fault == "twice":  # sbatch itself tried again
            return self._accept(script.parent, token, resources, tasks)
        return job_id

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """All jobs in the queue, and those that ended less than `min_job_age` ago."""
        self.calls.append(("snapshot", ""))
        if self._fault("snapshot") == "silent":
            raise NoInformation("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
        self._forget_old()
        tokens: dict[str, str] = {}
        for job in self.live():
            tokens.setdefault(job.token, job.number)
        shown = [job for job in self.jobs.values() if job.state in IN_THE_QUEUE or job.id in known]
        return Snapshot({job.id: self._entry(job) for job in shown}, tokens, self.strangers)

    def find(self, token: str) -> list[QueueEntry]:
        """Queue and, where there is any, accounting."""
        self.calls.append(("find", token))
        if self._fault("find") == "silent":
            raise NoInformation("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
        self._forget_old()
        source = self.book if self.accounting else self.jobs.values()
        return [self._entry(job) for job in source if job.token == token]

    def cancel(self, scheduler_id: str, token: str = "") -> None:
        """Kill a job, an array or a task of one, of that id and name."""
        self.calls.append(("cancel", scheduler_id))
        if self._fault("cancel") == "lost":
            return
        for job in self.live():
            if scheduler_id in {job.id, job.number} and token in {"", job.token}:
                self._close(job, QueueState.CANCELLED)

    def room(self, snapshot: Snapshot) -> Room:
        """What the limit leaves, strangers counted."""
        queued = sum(entry.state in IN_THE_QUEUE for entry in snapshot.jobs.values())
        return Room(max(0, self.limit - queued - snapshot.strangers), None)

    # --- its works

    def _fault(self, call: str) -> str:
        return self._faults[call].popleft() if self._faults[call] else "ok"

    def _at(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.clock.now + delay, next(self._order), event))

    def _accept(self, folder: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        taken = {live.number for live in self.live()}
        number = next(str(i) for i in self._ids if str(i) not in taken)  # ids come round again
        for task in range(max(1, tasks)):
            job_id = f"{number}_{task}" if tasks else number
            job = FakeJob(job_id, token, folder, resources, self.clock.now, task)
            self.jobs[job.id] = job
            self.book.append(job)
        return number

    def _start_waiting(self) -> None:
        waiting = sorted((j for j in self.jobs.values() if j.state is QueueState.QUEUED), key=lambda j: j.submitted)
        free = self.slots - sum(job.state is QueueState.RUNNING for job in self.jobs.values())
        for job in waiting[: max(0, free)]:
            self._start(job)

    def _start(self, job: FakeJob) -> None:
        job.state, job.started = QueueState.RUNNING, self.clock.now
        job.starts += 1
        job.processes = self.node.start(job)
        for process in list(job.processes):
            self._resume(job, process)
        if batch.is_batch(job.folder):  # a job by itself ends at its wall time of its own accord
            life = job.starts
            self._at(job.resources.walltime_s, lambda: self._time_is_up(job, life))

    def _resume(self, job: FakeJob, process: Process) -> None:
        """Let a script go on to its next sleep; one that was killed meanwhile is no longer on the list."""
        if process not in job.processes or job.hangs:
            return
        try:
            pause = next(process)
        except StopIteration:
            job.processes.remove(process)
            if not job.processes and job.on_node is not None:
                self._close(job, job.on_node.how)
        except Struck as struck:
            self._close(job, struck.how)
        else:
            self._at(pause, lambda: self._resume(job, process))

    def _time_is_up(self, job: FakeJob, life: int) -> None:
        if job.starts == life and job.state is QueueState.RUNNING:
            self._close(job, QueueState.TIMED_OUT)

    def mark_later(self, attempt: Path, token: str, name: str, text: str) -> None:
        """A marker that we see only after a while."""
        self._at(self.marker_lag, lambda: self.mark(attempt, token, name, text))

    @staticmethod
    def mark(attempt: Path, token: str, name: str, text: str) -> None:
        """As the script's `tell`: the marker, whole, then the news of it for the daemon."""
        if attempt.exists():
            claims.tell(attempt, token, name, text)

    def _stop(self, job: FakeJob) -> None:
        processes, job.processes = job.processes, []
        for process in processes:
            process.close()
        job.starts += 1

    def _close(self, job: FakeJob, how: QueueState) -> None:
        self._stop(job)
        job.state, job.ended = how, self.clock.now

    def _forget_old(self) -> None:
        for job in list(self.jobs.values()):
            if job.state not in IN_THE_QUEUE and self.clock.now - job.ended >= self.min_job_age:
                del self.jobs[job.id]

    def _entry(self, job: FakeJob) -> QueueEntry:
        elapsed = self.clock.now - job.started if job.state is QueueState.RUNNING else None
        return QueueEntry(job.id, job.state, elapsed, job.token, job.reason, f"{job.submitted:015.3f}")


def _end(run: Run) -> float:
    return float("inf") if run.end is None else run.end


def attempts_of(job: FakeJob) -> list[Path]:
    """The attempts that a job in the queue has still to run; one that was requeued looks at all of its members again."""
    if not batch.is_batch(job.folder):
        return [job.folder]
    lines = [
        line for path in job.folder.glob(f"*-{job.task}") for line in path.read_text().splitlines() if "\t" in line
    ]
    listed = [job.folder.parents[batch.TO_ROOT] / line.split("\t")[2] for line in lines]
    return [attempt for attempt in listed if job.restart or not (attempt / "exit").exists()]
