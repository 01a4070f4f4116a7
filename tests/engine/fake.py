"""A batch scheduler in virtual time that plays the faults of the real ones; its jobs keep the claim protocol of job.sh.

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

from mlipbatch.config.site import LOCAL
from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.schedulers.base import (
    NoInformation,
    NotSubmitted,
    QueueEntry,
    Refused,
    Room,
    Snapshot,
    UnknownOutcome,
)

from .fake_parts import FakeJob, Program, Run, VirtualClock, claim

LATE_S = 600.0


class FakeScheduler:
    """The protocol of `mlipbatch.schedulers.base.Scheduler`, with `slots` jobs running at a time and `limit` in the queue."""

    name = "fake"
    template = "local.sh.j2"
    site = LOCAL

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
    ) -> None:
        self.clock, self.slots, self.limit, self.accounting = clock, slots, limit, accounting
        self.min_job_age, self.program = min_job_age, program
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
        if exit_code is not None and job.run is not None:
            self._mark(job, "exit", str(exit_code))
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
        """Jobs in the queue."""
        return [job for job in self.jobs.values() if job.state in IN_THE_QUEUE]

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
        if tasks:
            raise Refused("the fake knows no job arrays")
        if fault == "refuse":
            raise Refused("Invalid account or account/partition combination specified")
        if fault == "reject" or len(self.live()) + self.strangers >= self.limit:
            raise NotSubmitted("QOSMaxSubmitJobPerUserLimit")
        if fault == "unsent":
            raise UnknownOutcome("Unable to contact slurm controller")
        if fault == "late":
            self._at(LATE_S, lambda: self._accept(script.parent, token, resources) and None)
            raise UnknownOutcome("Socket timed out on send/recv operation")
        job = self._accept(script.parent, token, resources)
        if fault == "lose":
            raise UnknownOutcome("Socket timed out on send/recv operation")
        if fault == "twice":  # sbatch itself tried again
            return self._accept(script.parent, token, resources).id
        return job.id

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """All jobs in the queue, and those that ended less than `min_job_age` ago."""
        self.calls.append(("snapshot", ""))
        if self._fault("snapshot") == "silent":
            raise NoInformation("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
        self._forget_old()
        tokens: dict[str, str] = {}
        for job in self.live():
            tokens.setdefault(job.token, job.id)
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
        """Kill a job of that id and name."""
        self.calls.append(("cancel", scheduler_id))
        job = self.jobs.get(scheduler_id)
        if self._fault("cancel") == "lost" or job is None or (token and job.token != token):
            return
        if job.state in IN_THE_QUEUE:
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

    def _accept(self, folder: Path, token: str, resources: Resources) -> FakeJob:
        job_id = next(
            str(i) for i in self._ids if str(i) not in {live.id for live in self.live()}
        )  # ids come round again
        job = FakeJob(job_id, token, folder, resources, self.clock.now)
        self.jobs[job.id] = job
        self.book.append(job)
        return job

    def _start_waiting(self) -> None:
        waiting = sorted((j for j in self.jobs.values() if j.state is QueueState.QUEUED), key=lambda j: j.submitted)
        free = self.slots - sum(job.state is QueueState.RUNNING for job in self.jobs.values())
        for job in waiting[: max(0, free)]:
            self._start(job)

    def _start(self, job: FakeJob) -> None:
        job.state, job.started, job.node = QueueState.RUNNING, self.clock.now, f"node{int(job.id) % 3}"
        job.starts += 1
        if not claim(job.folder, job.token, job.id, job.restart):
            self._close(job, QueueState.ENDED)
            return
        job.run = Run(job.folder.parent, job.folder.name, job.id, self.clock.now)
        self.runs.append(job.run)
        self._mark(job, "started", f"{job.node} 1 2026-01-01T00:00:00Z")
        program, life = self.program(job.folder), job.starts
        late = program.seconds > job.resources.walltime_s
        self._at(min(program.seconds, job.resources.walltime_s), lambda: self._finish(job, life, program, late))

    def _finish(self, job: FakeJob, life: int, program: Program, late: bool) -> None:
        if job.starts != life or job.state is not QueueState.RUNNING:
            return
        for name, text in program.files.items():
            (job.folder / name).write_text(text)
        if late:
            self._close(job, QueueState.TIMED_OUT)
            return
        if program.exit_code is not None:
            code = str(program.exit_code)
            self._at(self.marker_lag, lambda: self._mark(job, "exit", code))
        self._close(job, program.ending)

    def _mark(self, job: FakeJob, name: str, text: str) -> None:
        """As the script's `tell`: the marker, whole, then the news of it for the daemon."""
        if not job.folder.exists():
            return
        draft = job.folder / f".{name}.tmp"
        draft.write_text(text + "\n")
        draft.replace(job.folder / name)
        inbox = job.folder.parents[4] / ".mlipbatch" / "inbox"
        if inbox.is_dir():
            (inbox / f"{job.token}.{name}").touch()

    def _stop(self, job: FakeJob) -> None:
        if job.run is not None and job.run.end is None:
            job.run.end = self.clock.now
        job.run = None
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
