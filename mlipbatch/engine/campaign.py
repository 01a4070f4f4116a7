"""One project's engine: a tick looks, decides and acts once. Nothing is remembered that is not on disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from mlipbatch.config import load_config
from mlipbatch.core.job import JobEntry, Verdict
from mlipbatch.core.state import ENDED, IN_QUEUE, JobState
from mlipbatch.engine import act, decide, observe, submission
from mlipbatch.engine.index import Index
from mlipbatch.schedulers.base import Scheduler, Snapshot
from mlipbatch.stages import dataset, loop
from mlipbatch.stages.base import Goal
from mlipbatch.store import jobfolder
from mlipbatch.store.inbox import Request, read_inbox
from mlipbatch.store.project import Project

AUDITED_A_TICK = 200


class Campaign:
    """A project being moved; the caller holds its lock."""

    def __init__(self, project: Project, scheduler: Scheduler, largest: int, goal: Goal = loop.LOOP) -> None:
        self.project = project
        self.goal = goal
        self.log = project_log(project)
        self.hands = act.Hands(project, load_config(project.config), scheduler, largest)
        self.index = Index(project.jobs)
        self.index.load()
        self.paused = ""  # why nothing moves at present
        self._missing: dict[str, int] = {}
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
        self.paused = ""
        return changed

    def _pause(self, reason: str, trace: Exception | None = None) -> int:
        if self.paused != reason:
            self.log.error("paused: %s", reason, exc_info=trace)
        self.paused = reason
        self._settled = False  # what ended in this pass was perhaps not told to the stages
        return 0

    def _pass(self) -> int:
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
        seen = {entry.id: observe.evidence(folders[entry.id]) for entry in entries}
        snapshot = observe.ask_queue(self.hands.scheduler, seen, folders)
        again = {job: observe.evidence(folder) for job, folder in folders.items()}  # a marker may have come meanwhile
        steps = [
            (e, again[e.id], decide.next_step(e, again[e.id], snapshot, self._missing.get(e.id, 0))) for e in entries
        ]
        return snapshot, steps

    def _last(self, entry: JobEntry) -> Path | None:
        """The folder of its last attempt; None where somebody took the job or its state file away: the index learns it."""
        try:
            return observe.last_attempt(self.project.jobs, entry)
        except (FileNotFoundError, jobfolder.Unreadable):
            self.index.refresh(entry.id)
            return None

    def _do(self, entry: JobEntry, seen: observe.Evidence, step: decide.Step) -> int:
        self._missing.pop(entry.id, None)
        folder = self.hands.folder(entry)
        match step:
            case decide.Wait(missing):
                self._missing[entry.id] = missing
                return 0
            case decide.Kill(scheduler_id):
                self.log.warning("%s: past its wall time, killed", entry.id)
                self.hands.scheduler.cancel(scheduler_id)
                return 0
            case decide.Adopt(scheduler_id):
                observe.last_attempt(self.project.jobs, entry).joinpath("job_id").write_text(scheduler_id + "\n")
                jobfolder.note(folder, f"adopted {scheduler_id}: it was in the queue under its token {seen.token}")
            case decide.Started():
                jobfolder.move(folder, entry.state, JobState.RUNNING, f"started as {seen.scheduler_id}")
            case decide.Unsent():
                jobfolder.move(
                    folder, entry.state, JobState.PENDING, "its submission was interrupted before the queue had it"
                )
            case decide.Ended(ending):
                self._guard(entry, lambda: act.judge(self.hands, entry, ending))
        self.index.refresh(entry.id)
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
        if snapshot is None or not pending:
            return 0
        taken = sum(min(entry.cores, self.hands.largest) for entry in self.index.in_state(*IN_QUEUE))
        room, ours = self.hands.scheduler.room(snapshot), self.hands.config.resources.parallel_cores - taken
        free = ours if room.cores is None else min(room.cores, ours)
        sent = 0
        for entry in decide.to_submit(pending, free, self.hands.largest):
            if self._still_there(entry, snapshot):
                continue
            if not self._guard(entry, lambda entry=entry: submission.submit(self.hands, entry)):  # type: ignore[misc]
                break
            self.index.refresh(entry.id)
            sent += 1
            after = self.index.entries.get(entry.id)
            self._settled &= after is not None and after.state not in ENDED  # refused: the stages want to know
        return sent

    def _still_there(self, entry: JobEntry, snapshot: Snapshot) -> bool:
        """A job put back by hand while its last attempt was still running: that one goes first."""
        folder = self._last(entry)
        if folder is None:
            return True
        token = observe.evidence(folder).token
        if token not in snapshot.tokens:
            return False
        self.hands.scheduler.cancel(snapshot.tokens[token])
        return True


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
        act.cancel(hands, entry, _queued_as(hands, entry))
        return True
    return False


def _queued_as(hands: act.Hands, entry: JobEntry) -> str:
    """The scheduler's id of a job's last attempt; by its token where the disk does not say that it is in the queue."""
    seen = observe.evidence(observe.last_attempt(hands.project.jobs, entry))
    if entry.state in IN_QUEUE and seen.scheduler_id:
        return seen.scheduler_id
    snapshot = observe.ask_queue(hands.scheduler, {}, {})
    return snapshot.tokens.get(seen.token, "") if snapshot else ""
