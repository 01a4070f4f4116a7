"""Labels of many projects in one PostgreSQL database, through ASE's own tables of it (ase-db-backends).

A server that is away, or refuses, is `Away`: whoever adds labels tries again later. Passwords come from libpq's own places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CONNECT_S = 5  # a server that does not answer costs a daemon no more than this
# a process that stands still inside a transaction loses it, and whoever follows it does not wait for ever
LIMITS = "SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'"
ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
ADDING = "SELECT pg_advisory_xact_lock(hashtext('mlipbatch'), hashtext(?))"


class Away(OSError):
    """The server does not answer or does not let us; the sentence says so."""


@dataclass(frozen=True)
class Shared:
    """A project's share of a database: the rows whose key `project` is its id."""

    url: str  # without a password
    project: str


class Tables:
    """An open connection to ask in SQL; `?` stands for a value, as in SQLite."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of the answer."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement.replace("?", "%s"), values)
            return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def connect(shared: Shared) -> Iterator[Any]:
    """ASE's database on it, its tables made, all or nothing of what is done in it. Raises Away."""
    try:
        import psycopg2

        from mlipbatch.store.postgresql_backend import Backend
    except ImportError as error:
        raise Away(f"PostgreSQL wants what `pip install mlipbatch[postgresql]` installs: {error}") from error
    try:
        with Backend(shared.url) as database, database.managed_connection():
            yield database
    except psycopg2.Error as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise Away(f"the PostgreSQL database of labels: {said}") from error


def tables(database: Any) -> Tables:
    """The connection of `connect`'s database."""
    return Tables(database.connection.con)


def begin(shared: Shared, asked: Tables) -> None:
    """Nobody else adds labels of this project until the transaction ends; those who read do not wait."""
    asked.execute(ADDING, (shared.project,))
