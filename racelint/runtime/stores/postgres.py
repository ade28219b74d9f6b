"""A store in a PostgreSQL database. Every operation is one statement, so it is a transaction of its own."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from racelint.runtime.stores.base import Store, Taken, Versioned, decoded
from racelint.runtime.stores.postgres_clients import Rows, client_of
from racelint.runtime.stores.text import decode, encode, first_version, name_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS {t}_documents (key text PRIMARY KEY, value text NOT NULL, version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {t}_entries (id bigserial PRIMARY KEY, key text NOT NULL, value text NOT NULL);
CREATE INDEX IF NOT EXISTS {i}_entries_of ON {t}_entries (key, id);
CREATE TABLE IF NOT EXISTS {t}_queue (
    id bigserial PRIMARY KEY, queue text NOT NULL, value text NOT NULL,
    due timestamptz NOT NULL DEFAULT '-infinity', token text NOT NULL DEFAULT '', tries int NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS {i}_queue_of ON {t}_queue (queue, id)
"""
INSERT = """
INSERT INTO {t}_documents (key, value, version) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING version
"""
UPDATE = "UPDATE {t}_documents SET value = %s, version = version + 1 WHERE key = %s AND version = %s RETURNING version"
DELETE = "WITH entries AS (DELETE FROM {t}_entries WHERE key = %s) DELETE FROM {t}_documents WHERE key = %s"
APPEND = """
WITH alone AS (SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)))
INSERT INTO {t}_entries (key, value)
SELECT %s, text FROM alone, unnest(%s::text[]) WITH ORDINALITY AS new (text, n) ORDER BY n
"""
"""The lock lasts until the end of the transaction: entries of a key get their numbers in the order of the commits."""
TRIM = """
DELETE FROM {t}_entries WHERE key = %s
AND id <= (SELECT id FROM {t}_entries WHERE key = %s ORDER BY id DESC LIMIT 1 OFFSET %s)
"""
TAKE = """
WITH next AS MATERIALIZED (
    SELECT id FROM {t}_queue WHERE queue = %s AND due <= clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE {t}_queue SET due = clock_timestamp() + %s::float8 * interval '1 second', token = %s, tries = tries + 1
FROM next WHERE {t}_queue.id = next.id RETURNING {t}_queue.id, value, tries
"""
RETIME = """
UPDATE {t}_queue SET due = clock_timestamp() + %s::float8 * interval '1 second' WHERE id = %s AND token = %s RETURNING id
"""
SERIALIZATION_FAILURE = "40001"
"""What a row that somebody else has changed is called where the database's isolation is stricter than by default."""


class PostgresStore(Store):
    """`client` is a URL, or a connection or pool of psycopg 3 or asyncpg; a given one is neither closed nor renewed.

    Tables are called `{table}_documents`, `{table}_entries` and `{table}_queue`; `create_tables` makes them. In a
    connection of your own that is within a transaction, what is saved is committed, or not, with that transaction.
    """

    def __init__(self, client: Any, *, table: str = "racelint") -> None:
        if not re.fullmatch(r"([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*", table):
            raise ValueError(f"not a plain name of a table, or of a schema and a table: {table!r}")
        self._table = table
        self._client = client_of(client)
        super().__init__()

    def renew(self) -> None:
        super().renew()
        self._client.renew()

    def close(self) -> None:
        super().close()
        self._client.close()

    def create_tables(self) -> None:
        """Make the tables that are not there."""
        for statement in SCHEMA.split(";"):
            self._rows(statement)

    def _rows(self, sql: str, *parameters: Any) -> Rows:
        index = self._table.rpartition(".")[2]
        return self._client.rows(sql.format(t=self._table, i=index), parameters)

    # --- documents

    def load(self, key: str) -> "Versioned | None":
        rows = self._rows("SELECT value, version FROM {t}_documents WHERE key = %s", name_of(key))
        return Versioned(decode(rows[0][0]), rows[0][1]) if rows else None

    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        name, text = name_of(key), encode(value)
        try:
            if expected is None:
                rows = self._rows(INSERT, name, text, first_version())
            else:
                rows = self._rows(UPDATE, text, name, expected)
        except Exception as error:
            if getattr(error, "sqlstate", None) == SERIALIZATION_FAILURE:
                return None
            raise
        return rows[0][0] if rows else None

    def delete(self, key: str) -> None:
        self._rows(DELETE, name_of(key), name_of(key))

    # --- logs

    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        name = name_of(key)
        self._rows(APPEND, f"{self._table} {name}", name, list(texts))
        if keep is not None:
            self._rows(TRIM, name, name, keep)

    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        sql = "SELECT value FROM {t}_entries WHERE key = %s ORDER BY id DESC LIMIT %s"
        return decoded([row[0] for row in reversed(self._rows(sql, name_of(key), last))])

    # --- queues

    def put(self, queue: str, value: Any) -> None:
        self._rows("INSERT INTO {t}_queue (queue, value) VALUES (%s, %s)", name_of(queue), encode(value))

    def take(self, queue: str, seconds: float) -> "Taken | None":
        token = uuid4().hex
        rows = self._rows(TAKE, name_of(queue), float(seconds), token)
        return Taken(str(rows[0][0]), token, decode(rows[0][1]), rows[0][2]) if rows else None

    def finish(self, queue: str, taken: Taken) -> bool:
        sql = "DELETE FROM {t}_queue WHERE id = %s AND token = %s RETURNING id"
        return bool(self._rows(sql, int(taken.id), taken.token))

    def retime(self, queue: str, taken: Taken, seconds: float) -> bool:
        return bool(self._rows(RETIME, float(seconds), int(taken.id), taken.token))
