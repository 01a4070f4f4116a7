"""ASE's PostgreSQL backend, made safe for several writers; imported only where PostgreSQL is used."""

from __future__ import annotations

from typing import Any

import psycopg2
from ase_db_backends.postgresql import Connection, PostgreSQLDatabase

from mlipbatch.store.postgresql import ALIVE, CONNECT_S, LIMITS

MAKING_TABLES = "SELECT pg_advisory_xact_lock(hashtext('mlipbatch'))"
INDEXED = ("uuid", "project")  # keys that our own queries look for


class Undoing(Connection):  # type: ignore[misc]  # ASE has no types
    """ASE rolls back where an error leaves it; its own class cannot, and hides the error by that."""

    def rollback(self) -> None:
        """Forget the transaction."""
        self.con.rollback()


class Backend(PostgreSQLDatabase):  # type: ignore[misc]  # ASE has no types
    """The same tables and rows."""

    def _connect(self) -> Any:
        connection = psycopg2.connect(self.filename, connect_timeout=CONNECT_S, **ALIVE)
        with connection.cursor() as cursor:
            cursor.execute(LIMITS)
        return Undoing(connection)

    def _initialize(self, con: Any) -> None:
        if not self.initialized:
            con.cursor().execute(MAKING_TABLES)  # two that find none would both make them
            super()._initialize(con)
            con.cursor().execute(MAKING_TABLES)  # again: ASE commits where it made them
            for key in INDEXED:
                _index(con.cursor(), key)
            con.commit()

    def get_last_id(self, cur: Any) -> int:
        """Of our own row: ASE takes the sequence's last value, which is another writer's as soon as there are two."""
        cur.execute("SELECT currval('systems_id_seq')")
        return int(cur.fetchone()[0])


def _index(cursor: Any, key: str) -> None:
    """Asked first whether it is there: to make one waits for all who write."""
    cursor.execute("SELECT to_regclass(%s)", (f"mlipbatch_{key}",))
    if cursor.fetchone() == (None,):
        cursor.execute(f"CREATE INDEX mlipbatch_{key} ON text_key_values (value) WHERE key = '{key}'")
