"""One project's engine: a tick looks, decides and acts once. Nothing is remembered that is not on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from mlipbatch.config import load_config
from mlipbatch.core.job import JobEntry, Verdict
from mlipbatch.core.state import ENDED, IN_QUEUE, JobState
from mlipbatch.engine import act, decide, observe, submission
from mlipbatch.engine import steps as steps_of_jobs
from mlipbatch.engine.batches import Batches
from mlipbatch.engine.index import Index
from mlipbatch.engine.pack import Unit, pack
from mlipbatch.engine.patience import Clock, Patience
from mlipbatch.engine.patience import patience as patience_of
from mlipbatch.engine.queue import Queue
from mlipbatch.engine.steering import Steering
from mlipbatch.schedulers.base import Scheduler, Snapshot
from mlipbatch.stages import dataset, loop
from mlipbatch.stages.base import Goal
from mlipbatch.store import jobfolder
from mlipbatch.store.inbox import Request, read_inbox
from mlipbatch.store.lease import Lease, Unfenced
from mlipbatch.store.project import Project

AUDITED_A_TICK = 200


class Campaign:
    """A project being moved; the caller holds its lock."""

    def __init__(
        self,
        project: Project,
        scheduler: Scheduler,
        largest: int,
        goal: Goal = loop.LOOP,
        lease: Lease | None = None,
        clock: Clock = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self.project = project
        self.goal = goal
        self.log = project_log(project)
        self.hands = act.Hands(project, load_config(project.config), scheduler, largest, lease or Unfenced())
        self.queue = Queue(scheduler, clock, patience or patience_of(scheduler.name), project.id)
        self.steering = Steering(self.hands, self.log)
        self.batches = Batches()
        self.index = Index(project.jobs)
        self.index.load()
        self.paused = ""  # why nothing moves at present
        self._held_back = ""  # why nothing is submitted
        self._settled = False  # stages were asked, and nothing ended since

    @property
    def finished(self) -> bool:
        """Every job that should exist has ended."""
        return self._settled and all(entry.state in ENDED for entry in self.index.entries.values())

    def tick(self) -> int:
        """One pass. Returns the number of jobs that changed. A full disk pauses the project; the next tick tries again."""
        try:
            changed = self._pass()
        except OSError as error:  # a full disk is no programming error
            return self._pause(str(error))
        except Exception as error:  # noqa: BLE001  one odd project must never stop the daemon
            return self._pause(f"{type(error).__name__}: {error}", error)
        self.paused = self._held_back or self.steering.trouble
        return changed

    def _pause(self, reason: str, trace: Exception | None = None) -> int:
        if self.paused != reason:
            self.log.error("paused: %s", reason, exc_info=trace)
        self.paused = reason
        self._settled = False  # what ended in this pass was perhaps not told to the stages
        return 0

    def _pass(self) -> int:
        self.hands.lease.check()
        self.hands = self.steering.follow(self.hands)
        edited = self.index.audit(AUDITED_A_TICK)
        changed = len(edited)
        requests, markers = read_inbox(self.project)
        changed += sum(self._obey(request) for request in requests)
        snapshot, steps = self._look()
        changed += sum(self._do(entry, seen, step) for entry, seen, step in steps)
        for marker in markers:
            marker.unlink(missing_ok=True)
        if changed or not self._settled:
            changed += self._ask_stages()
        return changed + self._submit(snapshot)

    def _look(self) -> tuple[Snapshot | None, list[tuple[JobEntry, observe.Evidence, decide.Step]]]:
        folders = {entry.id: folder for entry in self.index.in_state(*IN_QUEUE) if (folder := self._last(entry))}
        entries = [self.index.entries[job] for job in folders]
        before = {entry.id: observe.evidence(folders[entry.id]) for entry in entries}
        unwell = self.queue.unwell
        snapshot = self.queue.ask(
            {seen.scheduler_id: folders[job] for job, seen in before.items() if seen.scheduler_id}
        )
        if bool(self.queue.unwell) != bool(unwell):
            self.log.warning("%s", self.queue.unwell or "the scheduler answers again")
        seen = {
            job: observe.evidence(folders[job], one) for job, one in before.items()
        }  # a marker may have come meanwhile
        steps = [(e, seen[e.id], self.queue.next_step(e, seen[e.id], snapshot, folders[e.id])) for e in entries]
        return snapshot, steps

    def _last(self, entry: JobEntry) -> Path | None:
        """The folder of its last attempt; None where somebody took the job or its state file away: the index learns it."""
        try:
            return observe.last_attempt(self.project.jobs, entry)
        except (FileNotFoundError, jobfolder.Unreadable):
            self.index.refresh(entry.id)
            return None

    def _do(self, entry: JobEntry, seen: observe.Evidence, step: decide.Step) -> int:
        if isinstance(step, decide.Wait):
            return 0
        self._guard(entry, lambda: steps_of_jobs.carry_out(self.hands, entry, seen, step))
        self.index.refresh(entry.id)
        if isinstance(step, decide.Kill | decide.Stuck):
            self.log.warning("%s: %s", entry.id, step.sentence)
            return 0
        self.queue.forget(entry.id)
        return 1

    def _guard(self, entry: JobEntry, deed: Callable[[], Verdict | bool | None]) -> bool:
        """Do it; a job that breaks its own kind fails with the reason, and nothing else stops. False where it has to wait."""
        try:
            outcome = deed()
        except jobfolder.Unreadable:
            return True  # the index sets it aside
        except Exception as error:
            self.index.refresh(entry.id)  # wherever it was cut off
            current = self.index.entries.get(entry.id)
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise  # the disk, not the job
            self.log.exception("%s: broken", entry.id)
            if current is not None and current.state not in ENDED:  # one odd job must never stop the daemon
                act.close(self.hands, current, "broken", f"{type(error).__name__}: {error}")
            return True
        if outcome not in (None, True, False):
            self.log.info("%s: %s", entry.id, getattr(outcome, "sentence", outcome))
        return outcome is not False

    def _obey(self, request: Request) -> int:
        done = 0
        for job in request.jobs:
            entry = self.index.entries.get(job)
            if entry is not None and apply_request(self.hands, entry, request.action):
                self.index.refresh(job)
                done += 1
        request.path.unlink(missing_ok=True)
        return done

    def _ask_stages(self) -> int:
        empty = dataset.sync(self.project, list(self.index.entries.values()))
        for job, reason in empty.items():
            act.again(self.hands, self.index.entries[job], reason)
            self.index.refresh(job)
        made = len(empty)
        for spec in self.goal.wanted(self.project, self.hands.config, self.index.entries):
            if jobfolder.create(self.project.jobs, spec):
                self.log.info("%s: created", spec.id)
                made += 1
            self.index.refresh(spec.id)
        self._settled = made == 0
        return made

    def _submit(self, snapshot: Snapshot | None) -> int:
        pending = self.index.in_state(JobState.PENDING)
        self._held_back = self.steering.held_back(self.hands)
        if snapshot is None or not pending or self._held_back or not self.queue.sending.ready:
            return 0
        taken = self.batches.cores(self.hands, self.index.in_state(*IN_QUEUE))
        room, ours = self.hands.scheduler.room(snapshot), self.hands.config.resources.parallel_cores - taken
        free = ours if room.cores is None else min(room.cores, ours)
        sent = 0
        for unit in pack(pending, self.hands.scheduler.site, room.jobs, free, self.hands.largest, self.batches.apart):
            chosen = unit.only(lambda entry: not self._still_there(entry, snapshot))
            for entry in chosen.jobs:
                self.queue.forget(entry.id)
            went_well = not chosen.jobs or self._send(chosen)
            for entry in chosen.jobs:
                self.index.refresh(entry.id)
                after = self.index.entries.get(entry.id)
                self._settled &= after is not None and after.state not in ENDED  # refused: the stages want to know
            if not went_well:
                self.queue.sending.failed()
                break
            self.queue.sending.succeeded()
            sent += len(chosen.jobs)
        return sent

    def _send(self, unit: Unit) -> bool:
        """A job by itself, or a batch; one job that breaks its kind does not keep the others of its batch back."""
        alone = unit.alone
        if alone is not None:
            return self._guard(alone, lambda: submission.submit(self.hands, alone))
        return self.batches.submit(self.hands, unit, self._prepare)

    def _prepare(self, hands: act.Hands, entry: JobEntry, batch: str, task: int) -> submission.Ready | None:
        made: list[submission.Ready | None] = []
        self._guard(entry, lambda: made.append(submission.prepare(hands, entry, batch, task)))
        return made[0] if made else None

    def _still_there(self, entry: JobEntry, snapshot: Snapshot) -> bool:
        """A job put back by hand while its last attempt was still running: that one goes first."""
        folder = self._last(entry)
        if folder is None:
            return True
        return self.queue.still_there(entry, observe.evidence(folder), snapshot)


def project_log(project: Project) -> logging.Logger:
    """The logger that writes daemon.log; a handler that is there already is not added again."""
    log = logging.getLogger(f"mlipbatch.project.{project.id}")
    if not log.handlers:
        handler = RotatingFileHandler(project.log, maxBytes=5_000_000, backupCount=1, delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    return log


def apply_request(hands: act.Hands, entry: JobEntry, action: str) -> bool:
    """Retry or cancel one job, where that makes sense for its state."""
    if action == "retry" and entry.state in ENDED:
        act.retry(hands, entry)
        return True
    if action == "cancel" and entry.state not in ENDED:
        act.cancel(hands, entry, *_queued_as(hands, entry))
        return True
    return False


def _queued_as(hands: act.Hands, entry: JobEntry) -> tuple[str, str]:
    """Scheduler id and token of a job's last attempt; by the token where the disk does not say that it is in the queue."""
    seen = observe.evidence(observe.last_attempt(hands.project.jobs, entry))
    if seen.elsewhere or seen.batch:  # a member of a batch is given up, and its batch ends it: the others run on
        return "", ""
    if entry.state in IN_QUEUE and seen.scheduler_id:
        return seen.scheduler_id, seen.queue_token
    snapshot = Queue(hands.scheduler, time.monotonic, patience_of("local")).ask({})
    return snapshot.tokens.get(seen.queue_token, "") if snapshot else "", seen.queue_token
