"""One project's engine: a tick looks, decides and acts once. Nothing is remembered that is not on disk."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from logging.handlers import RotatingFileHandler

from mlipbatch.config import load_config
from mlipbatch.core.job import Accept, Again, GiveUp, JobEntry, JobSpec, Verdict
from mlipbatch.core.state import ENDED, IN_QUEUE, JobState
from mlipbatch.engine import act, decide, observe, transitions
from mlipbatch.engine.dispatch import Dispatch
from mlipbatch.engine.index import Index
from mlipbatch.engine.labels import Labels
from mlipbatch.engine.pace import Pace
from mlipbatch.engine.patience import Clock, Patience
from mlipbatch.engine.patience import patience as patience_of
from mlipbatch.engine.queue import Queue
from mlipbatch.engine.steering import Steering
from mlipbatch.engine.tidy import Tidy
from mlipbatch.engine.watch import Decided, Watch
from mlipbatch.schedulers.base import Scheduler, Snapshot
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.store import inbox, jobfolder
from mlipbatch.store.cache import cache_file
from mlipbatch.store.durable import in_step, is_odd
from mlipbatch.store.lease import Lease, Unfenced
from mlipbatch.store.project import Project

AUDIT_S = 30.0  # every job folder is looked at again this often, as far as `pace.SHARE` lets it: people edit by hand
CREATED_AT_ONCE = 256


class Campaign:
    """A project being moved; the caller holds its lease."""

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
        self.steering = Steering(self.hands, self.log, self.queue.patience)
        self.labels = Labels(project, self.log, clock)
        self.index = Index(project.jobs, cache_file(project))
        self.index.load()
        self.watch = Watch(self.index, self.queue)
        self.dispatch = Dispatch(self.index, self.watch, self.queue, self._settle)
        self.paused = ""  # why nothing moves at present
        self._held_back = ""  # why nothing is submitted
        self._audit = Pace(AUDIT_S)
        self._tidy = Tidy()
        self._untold: set[str] | None = None  # jobs that the stages have to hear of; None: of all
        self._settled = False  # stages were asked, and wanted nothing more

    def close(self) -> None:
        """Leave the project's log, and the cache to whoever serves it next on this machine."""
        close_log(self.log)
        with suppress(sqlite3.Error):
            self.index.close()

    @property
    def finished(self) -> bool:
        """Every job that should exist has ended."""
        return (
            self._settled
            and not self._untold
            and not self.labels.trouble
            and not self.index.number(*set(JobState) - ENDED)
        )

    def tick(self) -> int:
        """One pass. Returns the number of jobs that changed. A full disk pauses the project; the next tick tries again."""
        try:
            changed = self._pass()
        except sqlite3.Error as error:  # the cache, which nobody needs
            self.log.warning("cache of the job folders: %s; made anew", error)
            self.index.reopen()
            return self._pause("")
        except OSError as error:  # a full disk is no programming error
            return self._pause(str(error))
        except Exception as error:  # noqa: BLE001  one odd project must never stop the daemon
            return self._pause(f"{type(error).__name__}: {error}", error)
        self.paused = self._held_back or self.steering.trouble or self.labels.trouble
        return changed

    def _pause(self, reason: str, trace: Exception | None = None) -> int:
        if reason and self.paused != reason:
            self.log.error("paused: %s", reason, exc_info=trace)
        self.paused = reason
        self.watch.doubt()
        self._settled = False
        return 0

    def _pass(self) -> int:
        self.hands.lease.check()
        self.hands = self.steering.follow(self.hands)
        changed = self._look_for_edits()
        self._tidy(self.hands, self.index)
        requests, markers = inbox.read_inbox(self.project)
        changed += sum(self._obey(request) for request in requests)
        unwell = self.queue.unwell
        snapshot, decided = self.watch.look(markers)
        if bool(self.queue.unwell) != bool(unwell):
            self.log.warning("%s", self.queue.unwell or "the scheduler answers again")
        changed += self._carry_out(decided)
        inbox.clear(self.project, markers)
        if self._untold is None or self._untold or not self._settled or self.labels.due:
            changed += self._ask_stages()
        changed += self._submit(snapshot)
        self.index.commit()
        return changed

    def _look_for_edits(self) -> int:
        due = self._audit.due(max(1, len(self.index)))
        if not due:
            return 0
        begun = time.monotonic()
        edited = self.index.audit(due)
        self._audit.done(due, time.monotonic() - begun)
        self._tell(edited)
        return len(edited)

    def _tell(self, jobs: Iterable[str]) -> None:
        """The stages should hear of these; what is only in the queue says nothing to them."""
        if self._untold is not None:
            self._untold.update(job for job in jobs if job not in self.index.queue)

    def _refresh(self, job: str, spec: JobSpec | None = None) -> None:
        self.index.refresh(job, spec)
        self._tell([job])

    def _carry_out(self, decided: list[Decided]) -> int:
        trouble: BaseException | None = None
        started: list[str] = []
        changed = 0
        for (entry, _, step), outcome in transitions.carry_out(self.hands, decided):
            if isinstance(step, decide.Started) and outcome is None:
                started.append(entry.id)
                continue
            trouble = self._settle(entry, outcome) or trouble
            if isinstance(outcome, Accept | Again | GiveUp):
                self.steering.judged(self.hands, entry.id, outcome)
            if isinstance(step, decide.Kill | decide.Stuck):
                self.log.warning("%s: %s", entry.id, step.sentence)
                if isinstance(step, decide.Stuck):
                    self.queue.told(entry.id, step)
                continue
            changed += 1
            self.queue.forget(entry.id)
            if not isinstance(step, decide.Started):
                self.watch.forget(entry.id)
        self.index.started(started)
        if trouble is not None:
            raise trouble
        return changed + len(started)

    def _settle(self, entry: JobEntry, outcome: Verdict | bool | BaseException | None) -> BaseException | None:
        """Let the index follow. A job that breaks its own kind fails with the reason; returns what is no fault of a job's."""
        self._refresh(entry.id)  # wherever it was cut off
        if not isinstance(outcome, BaseException):
            if outcome not in (None, True, False):
                self.log.info("%s: %s", entry.id, getattr(outcome, "sentence", outcome))
            return None
        if isinstance(outcome, jobfolder.Unreadable):
            return None  # the index set it aside
        if not isinstance(outcome, Exception) or (isinstance(outcome, OSError) and not is_odd(outcome)):
            return outcome  # somebody interrupted us, or the disk
        self.log.error("%s: broken", entry.id, exc_info=outcome)
        current = self.index.get(entry.id)
        if current is not None and current.state not in ENDED:  # one odd job must never stop the daemon
            return self._close(current, f"{type(outcome).__name__}: {outcome}")
        return None

    def _close(self, entry: JobEntry, reason: str) -> BaseException | None:
        """End a broken job; where even that cannot be written into its folder, it is set aside."""
        try:
            act.close(self.hands, entry, "broken", reason)
            self._refresh(entry.id)
        except OSError as error:
            if not is_odd(error):
                return error
            self.index.put_aside(entry.id, str(error))
        return None

    def _obey(self, request: inbox.Request) -> int:
        done = 0
        for job in request.jobs:
            self._refresh(job)  # a person who asks may have changed it by hand just before
            entry = self.index.get(job)
            if entry is not None and apply_request(self.hands, entry, request.action):
                self._refresh(job)
                done += 1
        request.path.unlink(missing_ok=True)
        return done

    def _ask_stages(self) -> int:
        untold = self._untold
        empty = self.labels.follow(self.hands.config, self.index, untold)
        for job, reason in empty.items():
            act.again(self.hands, self.index[job], reason)
            self.index.refresh(job)
        made = len(empty) + self._create(self.goal.wanted(self.project, self.hands.config, self.index))
        self._untold = set()
        self._settled = made == 0
        return made

    def _create(self, wanted: Iterable[JobSpec]) -> int:
        made, specs = 0, iter(wanted)
        while chunk := list(islice(specs, CREATED_AT_ONCE)):
            self.hands.lease.check()  # to say what is wanted may have taken long
            outcomes = in_step([jobfolder.creating(self.project.jobs, spec) for spec in chunk])
            for spec, new in zip(chunk, outcomes, strict=True):
                if isinstance(new, BaseException):
                    raise new
                if new:
                    self.log.info("%s: created", spec.id)
                    made += 1
                self.index.refresh(spec.id, spec)
        return made

    def _submit(self, snapshot: Snapshot | None) -> int:
        self._held_back = self.steering.held_back(self.hands)
        if snapshot is None or self._held_back:
            return 0
        return self.dispatch.send(self.hands, snapshot)


def project_log(project: Project) -> logging.Logger:
    """The logger that writes daemon.log of this place: copies have the same id, and what lay here before another file open."""
    place = hashlib.sha256(os.fsencode(project.root.resolve())).hexdigest()[:12]  # a path's dots would make it a child
    log = logging.getLogger(f"mlipbatch.project.{place}")
    close_log(log)
    handler = RotatingFileHandler(project.log, maxBytes=5_000_000, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return log


def close_log(log: logging.Logger) -> None:
    """Leave the file that `project_log` writes."""
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()


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
    snapshot = Queue(hands.scheduler, time.monotonic, patience_of("local")).ask(dict)
    return snapshot.tokens.get(seen.queue_token, "") if snapshot else "", seen.queue_token
