"""One way to run a statement, whichever client of PostgreSQL there is."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from inspect import iscoroutinefunction
from itertools import count
from typing import Any, Protocol

from racelint.runtime.loops import Home
from racelint.runtime.stores.drivers import driver
from racelint.runtime.stores.pool import Pool

Rows = list[Sequence[Any]]


class Client(Protocol):
    """Runs statements, each in a transaction of its own."""

    def rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        """What a statement returns; its parameters are written `%s`."""

    def renew(self) -> None:
        """In a forked child."""

    def close(self) -> None:
        """Close what was not given."""


def client_of(given: Any) -> Client:
    """A URL, or a connection or pool of psycopg 3 or asyncpg."""
    if isinstance(given, str):
        return Url(given)
    if hasattr(given, "fetch"):
        return Asyncpg(given)
    asynchronous = iscoroutinefunction(given.open if is_pool(given) else given.execute)
    return PsycopgAsync(given) if asynchronous else Psycopg(given)


def is_pool(given: Any) -> bool:
    """Of psycopg, as opposed to a connection."""
    return hasattr(given, "getconn")


class Url:
    """Connections of psycopg, one for each thread that is at work."""

    def __init__(self, url: str) -> None:
        psycopg = driver("psycopg", "postgres")
        self._pool: Pool[Any] = Pool(lambda: psycopg.connect(url, autocommit=True))

    def rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        with self._pool.connection() as connection:
            return _fetched(connection.execute(sql, parameters))

    def renew(self) -> None:
        self._pool.renew()

    def close(self) -> None:
        self._pool.close()


class _Given:
    """A client that belongs to somebody else, who also closes it, and gives a forked child one of its own."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def renew(self) -> None:
        """Nothing that could be done from here."""

    def close(self) -> None:
        """Not ours to close."""


class Psycopg(_Given):
    """`psycopg.Connection`, used by one thread at a time, or `psycopg_pool.ConnectionPool`."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self._lock: Any = nullcontext() if is_pool(given) else threading.Lock()

    def rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        opened = self._given.connection() if is_pool(self._given) else nullcontext(self._given)
        with self._lock, opened as connection, connection.transaction():
            return _fetched(connection.execute(sql, parameters))


class PsycopgAsync(_Given):
    """`psycopg.AsyncConnection`, used by one task at a time, or `psycopg_pool.AsyncConnectionPool`."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self._home = Home()
        self._lock: Any = nullcontext() if is_pool(given) else threading.Lock()

    def rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        with self._lock:
            return self._home.call(self._rows(sql, parameters))

    async def _rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        opened = self._given.connection() if is_pool(self._given) else nullcontext(self._given)
        async with opened as connection, connection.transaction():
            cursor = await connection.execute(sql, parameters)
            return list(await cursor.fetchall()) if cursor.description else []


class Asyncpg(_Given):
    """`asyncpg.Pool`, or `asyncpg.Connection`, which is used by one task at a time."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self._home = Home()
        self._lock: Any = nullcontext() if hasattr(given, "acquire") else threading.Lock()

    def rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        numbers = count(1)
        parts = sql.split("%s")
        numbered = parts[0] + "".join(f"${next(numbers)}{part}" for part in parts[1:])
        with self._lock:
            return self._home.call(self._rows(numbered, parameters))

    async def _rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        return list(await self._given.fetch(sql, *parameters))


def _fetched(cursor: Any) -> Rows:
    return list(cursor.fetchall()) if cursor.description else []
