"""All jobs of a project in memory: a cache of the folders' state files, which may be thrown away at any time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import JobState
from mlipbatch.store import jobfolder

log = logging.getLogger("mlipbatch")


class Index:
    """The jobs below a `jobs` folder, by id."""

    def __init__(self, jobs: Path) -> None:
        self.jobs = jobs
        self.entries: dict[str, JobEntry] = {}
        self.aside: dict[str, str] = {}  # id -> why it cannot be read
        self._mtimes: dict[str, int] = {}
        self._audit: Iterator[str] = iter(())

    def load(self) -> None:
        """Read every job folder."""
        self.entries.clear()
        self.aside.clear()
        for folder in jobfolder.walk(self.jobs):
            self.refresh("/".join(folder.parts[-3:]))

    def refresh(self, job: str) -> None:
        """Read one job folder again; one that is gone is forgotten, one that cannot be read is set aside."""
        folder = self.jobs / job
        try:
            self._mtimes[job] = folder.stat().st_mtime_ns
            self.entries[job] = jobfolder.entry(folder)
            self.aside.pop(job, None)
        except FileNotFoundError:
            self.entries.pop(job, None)
            self._mtimes.pop(job, None)
        except jobfolder.Unreadable as reason:
            if self.aside.get(job) != str(reason):
                log.warning("set aside: %s", reason)
            self.aside[job] = str(reason)
            self.entries.pop(job, None)

    def audit(self, count: int) -> list[str]:
        """Stat the next `count` job folders in turn and read again those that somebody changed; returns those."""
        changed = []
        for _ in range(min(count, len(self._mtimes))):
            job = next(self._audit, None)
            if job is None:
                self._audit = iter(list(self._mtimes))
                job = next(self._audit)
            if self._stale(job):
                self.refresh(job)
                changed.append(job)
        return changed

    def _stale(self, job: str) -> bool:
        try:
            return (self.jobs / job).stat().st_mtime_ns != self._mtimes.get(job)
        except OSError:
            return True

    def in_state(self, *states: JobState) -> list[JobEntry]:
        """Jobs in one of these states."""
        return [entry for entry in self.entries.values() if entry.state in states]

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of jobs by ``GENERATION/KIND`` and state."""
        table: dict[str, Counter[str]] = {}
        for entry in self.entries.values():
            table.setdefault(f"{entry.generation}/{entry.kind}", Counter())[entry.state] += 1
        return {name: dict(counter) for name, counter in sorted(table.items())}
