"""A store in an SQLite file: what to take when nothing speaks against it. Any number of processes of one machine."""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from racelint.runtime.stores.base import Store, Taken, Versioned, decoded
from racelint.runtime.stores.pool import Pool
from racelint.runtime.stores.text import decode, encode, first_version, name_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS racelint_documents (key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS racelint_entries (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS racelint_entries_of ON racelint_entries (key, id);
CREATE TABLE IF NOT EXISTS racelint_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, value TEXT NOT NULL,
    due REAL NOT NULL DEFAULT 0, token TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS racelint_queue_of ON racelint_queue (queue, id);
"""
TRIM = """
DELETE FROM racelint_entries WHERE key = ?1
AND id <= (SELECT id FROM racelint_entries WHERE key = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
"""


class SQLiteStore(Store):
    """`timeout` is how long a call waits, in seconds, while other processes write. A commit waits for the disk."""

    def __init__(self, path: "str | os.PathLike[str]", *, timeout: float = 60) -> None:
        self._path, self._timeout = os.fspath(path), timeout
        if self._path == ":memory:":
            raise ValueError("each connection would have a database of its own; use MemoryStore, or a file")
        self._pool = Pool(self._connect)
        super().__init__()
        with self._transaction() as connection:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)

    def renew(self) -> None:
        super().renew()
        self._pool.renew()

    def close(self) -> None:
        super().close()
        self._pool.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Readers do not wait for writers then. SQLite does not wait for others by itself when it changes this."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody writes beside: the lock is taken before anything is read."""
        with self._pool.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _change(self, sql: str, *parameters: Any) -> bool:
        """Run one statement; whether it changed a row."""
        with self._pool.connection() as connection:
            return connection.execute(sql, parameters).rowcount == 1

    def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        with self._pool.connection() as connection:
            return connection.execute(sql, parameters).fetchall()

    # --- documents

    def load(self, key: str) -> "Versioned | None":
        rows = self._rows("SELECT value, version FROM racelint_documents WHERE key = ?", name_of(key))
        return Versioned(decode(rows[0][0]), rows[0][1]) if rows else None

    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        text, name = encode(value), name_of(key)
        if expected is None:
            version = first_version()
            sql = "INSERT INTO racelint_documents (value, version, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            return version if self._change(sql, text, version, name) else None
        sql = "UPDATE racelint_documents SET value = ?, version = version + 1 WHERE key = ? AND version = ?"
        return expected + 1 if self._change(sql, text, name, expected) else None

    def delete(self, key: str) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM racelint_documents WHERE key = ?", (name_of(key),))
            connection.execute("DELETE FROM racelint_entries WHERE key = ?", (name_of(key),))

    # --- logs

    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        name = name_of(key)
        with self._transaction() as connection:
            rows = [(name, text) for text in texts]
            connection.executemany("INSERT INTO racelint_entries (key, value) VALUES (?, ?)", rows)
            if keep is not None:
                connection.execute(TRIM, (name, keep))

    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        sql = "SELECT value FROM racelint_entries WHERE key = ? ORDER BY id DESC LIMIT ?"
        rows = self._rows(sql, name_of(key), -1 if last is None else last)
        return decoded([row[0] for row in reversed(rows)])

    # --- queues

    def put(self, queue: str, value: Any) -> None:
        self._change("INSERT INTO racelint_queue (queue, value) VALUES (?, ?)", name_of(queue), encode(value))

    def take(self, queue: str, seconds: float) -> "Taken | None":
        sql = "SELECT id, value, tries + 1 FROM racelint_queue WHERE queue = ? AND due <= ? ORDER BY id LIMIT 1"
        token, now = uuid4().hex, time.time()
        with self._transaction() as connection:
            row = connection.execute(sql, (name_of(queue), now)).fetchone()
            if row is None:
                return None
            changed = (now + seconds, token, row[2], row[0])
            connection.execute("UPDATE racelint_queue SET due = ?, token = ?, tries = ? WHERE id = ?", changed)
        return Taken(str(row[0]), token, decode(row[1]), row[2])

    def finish(self, queue: str, taken: Taken) -> bool:
        return self._change("DELETE FROM racelint_queue WHERE id = ? AND token = ?", int(taken.id), taken.token)

    def retime(self, queue: str, taken: Taken, seconds: float) -> bool:
        sql = "UPDATE racelint_queue SET due = ? WHERE id = ? AND token = ?"
        return self._change(sql, time.time() + seconds, int(taken.id), taken.token)
