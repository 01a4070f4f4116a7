"""The cache against the folders: which rows are out of date. A folder whose time did not change has the same names in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from mlipbatch.store import archive, drafts, listing

AT_ONCE = 10_000  # rows in memory
TIME = "INSERT INTO groups VALUES (?, ?, '') ON CONFLICT (name) DO UPDATE SET mtime_ns = excluded.mtime_ns"
INSERT = "INSERT OR REPLACE INTO jobs (id, state, held, attempts, mtime_ns) VALUES (?, ?, ?, ?, ?)"


def compare(rows: sqlite3.Connection, jobs: Path) -> tuple[dict[str, str], set[str]]:
    """Bring the whole table up to the folders: one stat each, one listing of those that are new or changed.

    Returns the jobs that cannot be read, with the reason, and the folders with drafts in them, or that are drafts.
    What job.yaml says of a changed one is forgotten.
    """
    aside: dict[str, str] = {}
    litter: set[str] = set()
    there = sorted({*listing.groups(jobs), *archive.groups(jobs)})
    for (group,) in rows.execute("SELECT name FROM groups").fetchall():
        if group not in there:
            rows.execute("DELETE FROM jobs WHERE id > ? AND id < ?", (f"{group}/", f"{group}0"))
            rows.execute("DELETE FROM groups WHERE name = ?", (group,))
    for group in there:
        when, fresh, gone = membership(rows, jobs, group, litter)
        rows.executemany("DELETE FROM jobs WHERE id = ?", ((f"{group}/{name}",) for name in gone))
        changed = list(_changed(rows, jobs, group))
        aside |= _read(rows, jobs, group, [*changed, *fresh], litter)
        stamp = _packed(rows, jobs, group, again=bool(gone))
        rows.execute("INSERT OR REPLACE INTO groups VALUES (?, ?, ?)", (group, when, stamp))
    return aside, litter


def _packed(rows: sqlite3.Connection, jobs: Path, group: str, *, again: bool) -> str:
    """Jobs of an archive that have no folder, if it is another archive than last time or folders went away. Returns its stamp."""
    now = archive.stamp(jobs, group)
    before = rows.execute("SELECT archive FROM groups WHERE name = ?", (group,)).fetchone()
    if before != (now,):
        span = (f"{group}/", f"{group}0", listing.PACKED)
        rows.execute("DELETE FROM jobs WHERE id > ? AND id < ? AND mtime_ns = ?", span)
    if now and (again or before != (now,)):
        packed = (
            (f"{group}/{p.name}", p.state.value, 0, p.attempts, listing.PACKED) for p in archive.every(jobs, group)
        )
        rows.executemany(INSERT.replace("REPLACE", "IGNORE"), packed)
    return now


def membership(
    rows: sqlite3.Connection, jobs: Path, group: str, litter: set[str] | None = None
) -> tuple[int, list[str], list[str]]:
    """Time of a folder of jobs, names that are new, names that are gone. Not listed where its time is the same.

    Drafts of job folders that are seen go into `litter`.
    """
    when = listing.settled(listing.mtime(jobs / group))
    before = rows.execute("SELECT mtime_ns FROM groups WHERE name = ?", (group,)).fetchone()
    if before == (when,) and when > listing.UNSETTLED:
        return when, [], []
    try:
        every = os.listdir(jobs / group)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        every = []
    names = set(listing.shown(every))
    if litter is not None:
        litter.update(f"{group}/{name}" for name in drafts.among(every, drafts.OF_JOB))
    known = {name for name, _ in _known(rows, group)}
    return when, sorted(names - known), sorted(known - names)


def stale(rows: sqlite3.Connection, jobs: Path) -> Iterator[str]:
    """One round through all jobs, one item each: its id where it has to be read again, else empty."""
    known = (name for (name,) in rows.execute("SELECT name FROM groups").fetchall())
    for group in sorted({*listing.groups(jobs), *known}):
        when, fresh, gone = membership(rows, jobs, group)
        yield from (f"{group}/{name}" for name in (*fresh, *gone))
        rows.execute(TIME, (group, when))
        last = ""
        while chunk := _after(rows, group, last):
            last = chunk[-1][0]
            seen = _mtimes(jobs / group, [name for name, _ in chunk])
            for (name, mtime), now in zip(chunk, seen, strict=False):
                yield "" if now == mtime else f"{group}/{name}"


def _mtimes(group: Path, names: list[str]) -> Iterator[int]:
    try:
        yield from listing.mtimes(group, names)
    except (FileNotFoundError, NotADirectoryError):  # the whole group went away
        yield from (listing.GONE for _ in names)


def _known(rows: sqlite3.Connection, group: str) -> Iterator[tuple[str, int]]:
    last = ""
    while chunk := _after(rows, group, last):
        yield from chunk
        last = chunk[-1][0]


def _after(rows: sqlite3.Connection, group: str, last: str) -> list[tuple[str, int]]:
    """The next rows of a group: name and time; a job that was set aside is always out of date."""
    start = len(group) + 2
    found = rows.execute(
        "SELECT substr(id, ?), CASE WHEN state IS NULL THEN 0 ELSE mtime_ns END FROM jobs"
        " WHERE id > ? AND id < ? AND mtime_ns != ? ORDER BY id LIMIT ?",
        (start, f"{group}/{last}", f"{group}0", listing.PACKED, AT_ONCE),
    )
    return found.fetchall()


def _changed(rows: sqlite3.Connection, jobs: Path, group: str) -> Iterator[str]:
    last = ""
    while chunk := _after(rows, group, last):
        last = chunk[-1][0]
        seen = _mtimes(jobs / group, [name for name, _ in chunk])
        yield from (name for (name, mtime), now in zip(chunk, seen, strict=True) if now != mtime)


def _read(rows: sqlite3.Connection, jobs: Path, group: str, names: Sequence[str], litter: set[str]) -> dict[str, str]:
    """Read these folders into the table."""
    aside: dict[str, str] = {}
    root = f"{jobs}/{group}"
    looks = zip(names, listing.each(listing.read, (f"{root}/{name}" for name in names), len(names)), strict=True)
    while chunk := list(islice(looks, AT_ONCE)):
        table: list[tuple[str, str | None, int, int, int]] = []
        for name, seen in chunk:
            if seen is None:
                rows.execute("DELETE FROM jobs WHERE id = ?", (f"{group}/{name}",))
                continue
            when, look = seen
            if isinstance(look, str):
                aside[f"{group}/{name}"] = look
                table.append((f"{group}/{name}", None, 0, 0, when))
            else:
                if look.littered:
                    litter.add(f"{group}/{name}")
                table.append((f"{group}/{name}", look.state.value, int(look.held), look.attempts, when))
        rows.executemany(INSERT, table)
    return aside
