"""An ASE database with one row a label: the file data/mlip.db, or a project's share of a PostgreSQL database.

It can be rebuilt from the job folders at any time. Columns of SPEC 9: energy, forces, stress (ASE's own), uuid, config_type,
uncertainty_gamma (key-value pairs), force_mask (data), and where a label came from: project, name, root, job, generation,
attempts, rung.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlipbatch.store import postgresql
from mlipbatch.store.label_row import Row, project_key, uuid_of
from mlipbatch.store.postgresql import Shared

OF_FILE = "SELECT id FROM text_key_values WHERE key = 'job' AND value = ?"
OF_SHARED = "SELECT id FROM text_key_values WHERE key = 'uuid' AND value = ?"
OF_PROJECT = "SELECT id FROM text_key_values WHERE key = 'project' AND value = ?"
COSTS = (
    "SELECT natoms, value FROM number_key_values AS numbers JOIN systems ON systems.id = numbers.id"
    " WHERE key = 'dft_wall_s'"
)
COSTS_SHARED = f" AND numbers.id IN ({OF_PROJECT})"
NEWEST = " ORDER BY numbers.id DESC LIMIT ?"
AT_ONCE = 1000  # rows in one transaction; ASE commits by itself after 5000

Place = Path | Shared  # a file that is one project's alone, or a database that many share


def where(data: Path, url: str, project: str) -> Place:
    """Where the labels of a project are kept: the id counts where others have theirs in the same database."""
    return Shared(url, project) if url else data / "mlip.db"


@contextmanager
def _connect(place: Place) -> Iterator[Any]:
    """Raises OSError where the disk is full, the file is torn, another process keeps it, or the server is away."""
    if isinstance(place, Shared):
        with postgresql.connect(place) as database:
            yield database
        return
    from ase.db import connect

    try:
        # the project's lock is the only one: ASE's own hangs when left over
        with connect(place, type="db", use_lock_file=False) as database:
            yield database
    except sqlite3.Error as error:
        raise _unusable(place, error) from error


def _unusable(path: Path, error: sqlite3.Error) -> OSError:
    return OSError(f"{path}: {error}; it can be deleted: it is made again from the job folders")


@contextmanager
def _tables(place: Place) -> Iterator[sqlite3.Connection | postgresql.Tables]:
    """ASE's own tables (its format 9), for what it answers only by reading every row whole. Raises OSError as `_connect`."""
    if isinstance(place, Shared):
        with postgresql.connect(place) as database:
            yield postgresql.tables(database)
        return
    try:
        with closing(sqlite3.connect(place)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise _unusable(place, error) from error


def _is_empty(place: Place) -> bool:
    return isinstance(place, Path) and not place.exists()


def _ids(tables: sqlite3.Connection | postgresql.Tables, place: Place, job: str) -> list[int]:
    """The rows of a job: one, or none."""
    if isinstance(place, Shared):
        found = tables.execute(OF_SHARED, (uuid_of(place.project, job),))
    else:
        found = tables.execute(OF_FILE, (job,))
    return [int(row) for (row,) in found]


def jobs(place: Place) -> Iterator[str]:
    """The jobs whose labels are there, sorted as Python sorts."""
    if _is_empty(place):
        return
    with _tables(place) as tables:
        if isinstance(place, Shared):  # which sorts as its server's language does
            found = tables.execute(
                f"SELECT value FROM text_key_values WHERE key = 'job' AND id IN ({OF_PROJECT})",  # noqa: S608
                (project_key(place.project),),
            )
            yield from sorted(str(job) for (job,) in found)
            return
        for (job,) in tables.execute("SELECT value FROM text_key_values WHERE key = 'job' ORDER BY value"):
            yield str(job)


def among(place: Place, wanted: Sequence[str]) -> set[str]:
    """Those of these jobs whose labels are there."""
    if not wanted or _is_empty(place):
        return set()
    with _tables(place) as tables:
        return {job for job in wanted if _ids(tables, place, job)}


def remove(place: Place, unwanted: set[str]) -> None:
    """Take the labels of these jobs out."""
    with _tables(place) as tables:
        rows = [row for job in unwanted for row in _ids(tables, place, job)]
    with _connect(place) as database:
        database.delete(rows)


def clear(place: Place) -> None:
    """Take all labels of this project out, and nobody else's; a torn file is no hindrance."""
    if isinstance(place, Path):
        place.unlink(missing_ok=True)
        return
    with _connect(place) as database:
        rows = [row for (row,) in postgresql.tables(database).execute(OF_PROJECT, (project_key(place.project),))]
        database.delete(rows)


def add(place: Place, rows: Sequence[Row]) -> None:
    """Add labels; those that are there are left: a daemon that was followed while it stood still adds none twice."""
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(rows), AT_ONCE):
        with _connect(place) as database:
            tables = _alone(place, database)
            for row in [row for row in rows[first : first + AT_ONCE] if not _ids(tables, place, row.job)]:
                database.write(row.bare(), key_value_pairs=row.pairs(), data=row.data())
    if isinstance(place, Path):
        with _tables(place) as tables:
            tables.execute("CREATE INDEX IF NOT EXISTS mlipbatch_jobs ON text_key_values (key, value)")


def _alone(place: Place, database: Any) -> sqlite3.Connection | postgresql.Tables:
    """Nobody else adds any from here to the end of the transaction."""
    if isinstance(place, Shared):
        tables = postgresql.tables(database)
        postgresql.begin(place, tables)
        return tables
    with database.managed_connection() as connection:  # which makes the tables
        connection.execute("BEGIN IMMEDIATE")
    return database.connection  # type: ignore[no-any-return]


def rows(place: Place, selection: Sequence[tuple[Any, str, Any] | str] = ()) -> list[Any]:
    """ASE's rows of this project, by uuid; `selection` as ASE's `select` takes it. Raises OSError as `_connect`."""
    if _is_empty(place):
        return []
    mine = [("project", "=", project_key(place.project))] if isinstance(place, Shared) else []
    with _connect(place) as database:
        return sorted(database.select([*selection, *mine]), key=lambda row: str(row.get("uuid", "")))


def costs(place: Place, newest: int) -> list[tuple[int, float]]:
    """Number of atoms and wall time (s) of the newest labels."""
    if _is_empty(place):
        return []
    with _tables(place) as tables:
        if isinstance(place, Shared):
            found = tables.execute(COSTS + COSTS_SHARED + NEWEST, (project_key(place.project), newest))
        else:
            found = tables.execute(COSTS + NEWEST, (newest,))
        return [(int(atoms), float(wall_s)) for atoms, wall_s in found]
