"""A disposable SQLite file on a disk of this machine, and where it may lie. Whatever is wrong with it, it is thrown away."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mlipbatch.core.job import AGE_S
from mlipbatch.store.project import Project

log = logging.getLogger("mlipbatch")

PLACE = "MLIPBATCH_CACHE"  # environment variable: a folder of one's own, on a disk of this machine
FORMAT = "2"
MARKED_AT_ONCE = 500  # old releases of SQLite take 999 values
URGENCY = f"since / {AGE_S:g} - priority"  # what pending jobs are sorted by, see core.job.urgency
NETWORKED = frozenset(
    {
        "nfs",
        "nfs4",
        "lustre",
        "gpfs",
        "beegfs",
        "cifs",
        "smb3",
        "ceph",
        "afs",
        "panfs",
        "pvfs2",
        "wekafs",
        "9p",
        "glusterfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.ceph-fuse",
        "orangefs",
        "daos",
        "fuse.daos",
    }
)  # fmt: skip  SQLite's locks, and its speed, want a local disk
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, state TEXT, held INTEGER, attempts INTEGER,
    priority INTEGER, cores INTEGER, walltime_s INTEGER, since REAL, mtime_ns INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS groups (name TEXT PRIMARY KEY, mtime_ns INTEGER, archive TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending ON jobs ({URGENCY}, id) WHERE state = 'PENDING' AND held = 0;
CREATE INDEX IF NOT EXISTS unread ON jobs (id) WHERE state = 'PENDING' AND priority IS NULL;
CREATE INDEX IF NOT EXISTS queued ON jobs (id) WHERE state IN ('SUBMITTED', 'RUNNING');
CREATE INDEX IF NOT EXISTS failed ON jobs (id) WHERE state = 'FAILED';
CREATE INDEX IF NOT EXISTS aside ON jobs (id) WHERE state IS NULL;
"""


def cache_file(project: Project) -> Path | None:
    """Where a project's cache lies on this machine; None where there is no safe place for one.

    A copy of a project has the same id at another path, and a cache of its own.
    """
    folder = Path(os.environ.get(PLACE) or Path(tempfile.gettempdir()) / f"mlipbatch-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _unsafe(folder)
    except OSError as error:
        reason = str(error)
    if reason:
        log.warning("no cache of the job folders on this machine: %s; $%s may name another folder", reason, PLACE)
        return None
    place = hashlib.sha256(os.fsencode(project.root.resolve())).hexdigest()[:12]
    return folder / f"{project.id}-{place}.db"


def _unsafe(folder: Path) -> str:
    """Why nothing should be kept in a folder; empty where all is well."""
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        return f"{folder} is not a folder of yours that nobody else may enter (chmod 700)"
    kind = _file_system(folder)
    return f"{folder} lies on a network file system ({kind})" if kind in NETWORKED else ""


def _file_system(folder: Path) -> str:
    """Type of the file system that a folder lies on, as Linux names it; empty where the machine does not say."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    here = folder.resolve()
    over = [(len(m[1]), number, m[2]) for number, m in enumerate(mounts) if here.is_relative_to(m[1])]
    return max(over)[2] if over else ""


def opened(path: Path | None, root: Path) -> sqlite3.Connection:
    """The cache of the folders below `root`: as it was left, or empty where it was another's, damaged, or of another time.

    In memory where there is no place for it, or where another process uses it.
    """
    stamp = {"format": FORMAT, "root": str(root.resolve()), "boot": _boot()}
    for _ in range(2):
        if path is None:
            break
        try:
            connection = _connect(str(path))
            if dict(connection.execute("SELECT key, value FROM meta")) in ({}, stamp):
                connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", stamp.items())
                return connection
            connection.close()
        except sqlite3.OperationalError as error:
            log.warning("%s: %s; done without", path, error)
            break
        except sqlite3.DatabaseError as error:
            log.warning("%s: %s; made anew", path, error)
        discard(path)
    return _connect(":memory:")


def mark(rows: sqlite3.Connection, jobs: Sequence[str], state: str, mtime_ns: int) -> None:
    """Many jobs are in another state: a statement for all of them takes a third of the time of one for each."""
    for low in range(0, len(jobs), MARKED_AT_ONCE):
        chunk = jobs[low : low + MARKED_AT_ONCE]
        places = ", ".join("?" * len(chunk))
        rows.execute(f"UPDATE jobs SET state = ?, mtime_ns = ? WHERE id IN ({places})", (state, mtime_ns, *chunk))  # noqa: S608


def discard(path: Path | None) -> None:
    """Throw a cache away."""
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")) if path else ():
        name.unlink(missing_ok=True)


def _connect(path: str) -> sqlite3.Connection:
    """One process, no fsync: after a crash of the machine it is not used again (`_boot`)."""
    connection = sqlite3.connect(path, timeout=0)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = OFF", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(SCHEMA)
    return connection


def _boot() -> str:
    """This run of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
