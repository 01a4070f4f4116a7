"""All jobs of a project: a cache of the names of their state files, which may be thrown away at any time.

Folders are the truth. What is asked every tick (jobs in the queue, counters) is in memory; everything else is in an SQLite file
on a disk of this machine (`store.cache`), so that a million jobs cost neither memory nor a look at each.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlipbatch.core.job import JobEntry, JobSpec
from mlipbatch.core.state import IN_QUEUE, JobState
from mlipbatch.engine import verify
from mlipbatch.stages.view import Jobs
from mlipbatch.store import archive, cache, jobfolder, listing

log = logging.getLogger("mlipbatch")

COLUMNS = "id, state, held, attempts, priority, cores, walltime_s, since, mtime_ns"
SPECS_AT_ONCE = 500  # job.yaml files that one tick reads at most


@dataclass(frozen=True)
class Row:
    """A job folder as it was last seen. `state` is None where it cannot be read; `priority` where job.yaml was not yet."""

    id: str
    state: str | None
    held: int = 0
    attempts: int = 0
    priority: int | None = None
    cores: int | None = None
    walltime_s: int | None = None
    since: float | None = None
    mtime_ns: int = listing.UNSETTLED

    @property
    def entry(self) -> JobEntry:
        """The job as everybody else knows it."""
        state, held = JobState(str(self.state)), bool(self.held)
        if self.priority is None:
            return JobEntry(self.id, state, held)
        return JobEntry(self.id, state, held, self.priority, self.cores or 1, self.walltime_s or 1, self.since or 0.0)

    @property
    def values(self) -> tuple[str | int | None, ...]:
        """As the table has it."""
        return tuple(self.__dict__.values())


class Index(Jobs):
    """The jobs below a `jobs` folder, by id. `place` is the cache's file; without one it is in memory."""

    def __init__(self, jobs: Path, place: Path | None = None) -> None:
        self.jobs, self.place = jobs, place
        self.aside: dict[str, str] = {}  # id -> why it cannot be read
        self.litter: set[str] = set()  # ids, or paths like ids, of job folders with drafts in them, or that are drafts
        self.queue: dict[str, JobEntry] = {}  # those that are in the queue
        self._tallies: dict[str, Counter[JobState]] = {}
        self._unread = False  # is job.yaml of some of those not read yet
        self._audit: Iterator[str] = iter(())
        self._rows = cache.opened(place, jobs)

    @property
    def entries(self) -> Jobs:
        """The jobs as a mapping."""
        return self

    def load(self) -> None:
        """Compare the cache with every job folder, and read those anew that are new or changed. A damaged cache is made anew."""
        try:
            self._load()
        except sqlite3.DatabaseError as error:
            log.warning("%s: %s; made anew", self.place, error)
            self.reopen()

    def reopen(self) -> None:
        """Throw the cache away and read every folder."""
        self._rows.close()
        cache.discard(self.place)
        self._rows = cache.opened(self.place, self.jobs)
        self._load()

    def _load(self) -> None:
        self.aside, self.litter = verify.compare(self._rows, self.jobs)
        for reason in self.aside.values():
            log.warning("set aside: %s", reason)
        self._tallies = {}
        for (group,) in self._rows.execute("SELECT name FROM groups").fetchall():
            counted = self._rows.execute(
                "SELECT state, count(*) FROM jobs WHERE id >= ? AND id < ? AND state NOT NULL GROUP BY state",
                span(group),
            )
            self._tallies[group] = Counter({JobState(state): number for state, number in counted})
        self.queue = {entry.id: entry for entry in self.in_state(*IN_QUEUE)}
        self._unread = bool(self.queue)
        self._audit = iter(())
        self.commit()

    def commit(self) -> None:
        """Let the cache's file follow."""
        self._rows.commit()

    def close(self) -> None:
        """Leave the cache's file to others."""
        self._rows.commit()
        self._rows.close()

    def refresh(self, job: str, spec: JobSpec | None = None) -> bool:
        """Read one job folder again; one that is gone is forgotten, one that cannot be read is set aside. Did it change?

        `spec`, where it is known, saves reading job.yaml.
        """
        return self._learn(job, listing.read(f"{self.jobs}/{job}"), spec)

    def started(self, jobs: Sequence[str]) -> None:
        """Jobs in the queue that we let run just now. Their times may change unseen: the next round of the audit reads them."""
        cache.mark(self._rows, jobs, JobState.RUNNING.value, listing.UNSETTLED)
        for job in jobs:
            entry = self.queue[job]
            self.queue[job] = entry.running()
            tally = self._tallies[job.rpartition("/")[0]]
            tally[entry.state] -= 1
            tally[JobState.RUNNING] += 1

    def _learn(self, job: str, seen: tuple[int, jobfolder.Look | str] | None, spec: JobSpec | None) -> bool:
        before = self._row(job)
        if seen is None and (packed := archive.find(self.jobs, job)):
            seen = (listing.PACKED, packed.look)
        if seen is None:
            self._forget(job, before)
            return before is not None
        when, look = seen
        if isinstance(look, str):
            self._set_aside(job, look, when)
            return before is None or before.state is not None
        if look.littered:
            self.litter.add(job)
        after = Row(job, look.state.value, int(look.held), look.attempts, mtime_ns=when)
        if spec is not None:
            after = self._described(after, spec)
        elif before is not None and (after.state != JobState.PENDING or before.state == JobState.PENDING):
            after = replace(
                before, state=after.state, held=after.held, attempts=after.attempts, mtime_ns=after.mtime_ns
            )
        self._unread |= after.priority is None and after.state in IN_QUEUE
        if after.priority is None and job in self.aside and after.state == JobState.PENDING:
            after = self._with_spec(after)
        self._put(after, before)
        return before is None or (before.state, before.held, before.attempts) != (
            after.state,
            after.held,
            after.attempts,
        )

    def put_aside(self, job: str, reason: str) -> None:
        """Nothing can be done with this job until its folder changes, or is looked at again."""
        self._set_aside(job, reason, listing.mtime(self.jobs / job))

    def audit(self, count: int) -> list[str]:
        """Compare the next `count` job folders with the cache, and read those again that somebody changed; returns them."""
        changed: list[str] = []
        for _ in range(count):
            job = next(self._audit, None)
            if job is None:
                self._audit = verify.stale(self._rows, self.jobs)
                return changed
            if job and self.refresh(job):
                changed.append(job)
        return changed

    def pending(self, limit: int) -> list[JobEntry]:
        """The first `limit` jobs that may be submitted, most urgent first (`core.job.urgency`); held ones are left out.

        job.yaml is opened here for the first time. After a rebuild that goes on for some ticks; until then the first are
        the first of those that were read.
        """
        for row in list(self._select(f"state = 'PENDING' AND priority IS NULL LIMIT {SPECS_AT_ONCE}")):
            self._put(self._with_spec(row), row)
        chosen = f"state = 'PENDING' AND held = 0 AND priority NOT NULL ORDER BY {cache.URGENCY}, id LIMIT ?"
        return [row.entry for row in self._select(chosen, limit)]

    def queued(self) -> list[JobEntry]:
        """The jobs in the queue, with what they ask for: job.yaml of those that came there unseen is read now."""
        if self._unread:
            for row in list(self._select("state IN ('SUBMITTED', 'RUNNING') AND priority IS NULL")):
                self._put(self._with_spec(row), row)
            self._unread = False
        return list(self.queue.values())

    def attempts(self, job: str) -> int:
        """Number of a job's last attempt; 0 where it has none."""
        row = self._row(job)
        return row.attempts if row else 0

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of jobs by ``GENERATION/KIND`` and state."""
        tallies = sorted(self._tallies.items())
        return {name: {s.value: n for s, n in tally.items() if n} for name, tally in tallies if tally.total()}

    def number(self, *states: JobState) -> int:
        """Number of jobs in these states."""
        return sum(tally[state] for tally in self._tallies.values() for state in states)

    def first(self, state: JobState, limit: int) -> list[str]:
        """Ids of the first jobs in a state."""
        return [row.id for row in self._select(f"state = '{state.value}' ORDER BY id LIMIT ?", limit)]

    def tally(self, group: str) -> Mapping[JobState, int]:
        """Kept up to date, not counted."""
        return self._tallies.get(group, Counter())

    def within(self, group: str, *states: JobState) -> Iterator[JobEntry]:
        """A stretch of the table."""
        rows = self._select(f"id >= ? AND id < ? AND {_one_of(states)} ORDER BY id", *span(group))
        return (row.entry for row in rows)

    def in_state(self, *states: JobState) -> Iterator[JobEntry]:
        """From the table, where rare states have an index."""
        return (row.entry for state in states for row in self._select(f"state = '{state.value}' ORDER BY id"))

    def __getitem__(self, job: str) -> JobEntry:
        row = self._row(job)
        if row is None or row.state is None:
            raise KeyError(job)
        return row.entry

    def __iter__(self) -> Iterator[str]:
        return (job for (job,) in self._rows.execute("SELECT id FROM jobs WHERE state NOT NULL ORDER BY id").fetchall())

    def __len__(self) -> int:
        return self.number(*JobState)

    def _row(self, job: str) -> Row | None:
        return next(self._select("id = ?", job), None)

    def _select(self, where: str, *values: object) -> Iterator[Row]:
        """One after the other: the table must not be changed meanwhile. States are written out: only so are the indexes used."""
        return (Row(*row) for row in self._rows.execute(f"SELECT {COLUMNS} FROM jobs WHERE {where}", values))  # noqa: S608

    def _put(self, row: Row, before: Row | None = None) -> None:
        """Keep a row, and what is counted of it. `before`: what was there."""
        self._rows.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row.values)
        tally = self._tallies.setdefault(row.id.rpartition("/")[0], Counter())
        if before is not None and before.state is not None:
            tally[JobState(before.state)] -= 1
        if row.state is None:
            self.queue.pop(row.id, None)
            return
        self.aside.pop(row.id, None)
        tally[JobState(row.state)] += 1
        if row.state in IN_QUEUE:
            self.queue[row.id] = row.entry
        else:
            self.queue.pop(row.id, None)

    def _with_spec(self, row: Row) -> Row:
        """The row with what job.yaml says; set aside where that cannot be read."""
        try:
            return self._described(row, jobfolder.read_spec(self.jobs / row.id))
        except jobfolder.Unreadable as reason:
            self._tell(row.id, str(reason))
            return Row(row.id, None, mtime_ns=row.mtime_ns)

    def _described(self, row: Row, spec: JobSpec) -> Row:
        asked, since = spec.resources, jobfolder.made_at(self.jobs / row.id)
        return replace(row, priority=spec.priority, cores=asked.cores, walltime_s=asked.walltime_s, since=since)

    def _set_aside(self, job: str, reason: str, when: int) -> None:
        self._tell(job, reason)
        self._put(Row(job, None, mtime_ns=when), self._row(job))

    def _tell(self, job: str, reason: str) -> None:
        if self.aside.get(job) != reason:
            log.warning("set aside: %s", reason)
        self.aside[job] = reason

    def _forget(self, job: str, before: Row | None) -> None:
        if before is not None and before.state is not None:
            self._tallies[job.rpartition("/")[0]][JobState(before.state)] -= 1
        self._rows.execute("DELETE FROM jobs WHERE id = ?", (job,))
        self.queue.pop(job, None)
        self.aside.pop(job, None)


def _one_of(states: tuple[JobState, ...]) -> str:
    return f"state IN ({', '.join(repr(state.value) for state in states)})" if states else "state NOT NULL"


def span(group: str) -> tuple[str, str]:
    """The ids of a group: from the first of these two, up to the second."""
    return f"{group}/", f"{group}0"  # in ASCII the character after / is 0
