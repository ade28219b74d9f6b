"""Stores with clients that their user already has, synchronous and asynchronous, and drivers that are missing."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import makers
import pytest

from racelint.runtime import LogWriter, claim, enqueue, update_atomic, update_atomic_sync
from racelint.runtime.stores import DynamoDBStore, PostgresStore, RedisStore, Store

Open = Callable[[], "contextlib.AbstractAsyncContextManager[Any]"]


@contextlib.asynccontextmanager
async def psycopg_connection() -> AsyncIterator[Any]:
    """Not in autocommit, as people have them."""
    import psycopg

    with psycopg.connect(makers.POSTGRES) as connection:
        yield connection


@contextlib.asynccontextmanager
async def psycopg_pool() -> AsyncIterator[Any]:
    """Of two connections."""
    from psycopg_pool import ConnectionPool

    with ConnectionPool(makers.POSTGRES, min_size=1, max_size=2, open=True) as pool:
        yield pool


@contextlib.asynccontextmanager
async def psycopg_async_connection() -> AsyncIterator[Any]:
    """One, which the tasks of a test use in turn."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(makers.POSTGRES) as connection:
        yield connection


@contextlib.asynccontextmanager
async def psycopg_async_pool() -> AsyncIterator[Any]:
    """Of two connections."""
    from psycopg_pool import AsyncConnectionPool

    async with AsyncConnectionPool(makers.POSTGRES, min_size=1, max_size=2, open=False) as pool:
        yield pool


@contextlib.asynccontextmanager
async def asyncpg_connection() -> AsyncIterator[Any]:
    """It refuses to do two things at a time."""
    import asyncpg

    connection = await asyncpg.connect(makers.POSTGRES)
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def asyncpg_pool() -> AsyncIterator[Any]:
    """Of two connections."""
    import asyncpg

    async with asyncpg.create_pool(makers.POSTGRES, min_size=1, max_size=2) as pool:
        yield pool


@contextlib.asynccontextmanager
async def redis_client() -> AsyncIterator[Any]:
    """One that decodes what it gets, as people like it."""
    import redis

    with redis.Redis.from_url(makers.REDIS, decode_responses=True) as client:
        yield client


@contextlib.asynccontextmanager
async def redis_async_client() -> AsyncIterator[Any]:
    """The asynchronous twin."""
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(makers.REDIS) as client:
        yield client


CLIENTS = [
    ("postgres", psycopg_connection),
    ("postgres", psycopg_pool),
    ("postgres", psycopg_async_connection),
    ("postgres", psycopg_async_pool),
    ("postgres", asyncpg_connection),
    ("postgres", asyncpg_pool),
    ("redis", redis_client),
    ("redis", redis_async_client),
]


async def use(store: Store) -> None:
    """Both faces, from the loop of the client, from another one and from a thread."""

    def increment(number: int) -> int:
        return number + 1

    async def elsewhere() -> None:
        await update_atomic(store, "n", increment, default=int)

    async with LogWriter(store) as log:
        await asyncio.gather(
            *(update_atomic(store, "n", increment, default=int) for _ in range(5)),
            *(asyncio.to_thread(update_atomic_sync, store, "n", increment, default=int) for _ in range(5)),
            asyncio.to_thread(asyncio.run, elsewhere()),
            *(log.append("log", number) for number in range(20)),
        )
        assert await log.entries("log") == list(range(20))
    assert (await store.aload("n") or [0])[0] == 11
    await enqueue(store, "jobs", {"id": 1})
    job = await claim(store, "jobs")
    assert job is not None
    async with job:
        assert job.value == {"id": 1}
    assert await claim(store, "jobs") is None
    await store.adelete("n")
    assert await store.aload("n") is None


@pytest.mark.server
@pytest.mark.parametrize(("spec", "opened"), CLIENTS, ids=[opened.__name__ for _, opened in CLIENTS], indirect=["spec"])
def test_a_given_client_is_used_and_stays_open(spec: str, opened: Open) -> None:
    """What was stored is committed: a store with a connection of its own sees it."""
    kind, _, name = spec.partition(":")

    async def main() -> None:
        async with opened() as client:
            store: Store = PostgresStore(client, table=name) if kind == "postgres" else RedisStore(client, prefix=name)
            await use(store)
            await store.asave("kept", 1, None)
            store.close()
            assert await store.aload("kept") is not None

    asyncio.run(main())
    other = makers.make(spec)
    assert (other.load("kept") or [0])[0] == 1
    other.close()


@pytest.mark.server
@pytest.mark.parametrize("spec", ["redis"], indirect=True)
def test_an_asynchronous_client_belongs_to_a_loop(spec: str) -> None:
    """The store is made there; waiting there with the synchronous face, or calling when it is closed, is an error."""
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(makers.REDIS)
    with pytest.raises(RuntimeError, match="on the event loop"):
        RedisStore(client)

    async def main() -> RedisStore:
        store = RedisStore(client)
        with pytest.raises(RuntimeError, match="would be stopped by waiting"):
            store.load("a")
        await client.aclose()
        return store

    store = asyncio.run(main())
    with pytest.raises(RuntimeError, match="is closed"):
        store.load("a")


@pytest.mark.server
@pytest.mark.parametrize("spec", ["postgres"], indirect=True)
def test_a_stricter_isolation_makes_conflicts_of_errors(spec: str) -> None:
    """Where PostgreSQL fails a statement because a row has changed, that is a conflict like any other."""
    import psycopg

    with psycopg.connect(makers.POSTGRES) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        table = spec.partition(":")[2]
        store, other = PostgresStore(connection, table=table), makers.make(spec)
        version = other.save("a", 1, None)
        with connection.transaction():
            assert store.load("a") == (1, version)
            assert other.save("a", 2, version) is not None
            with contextlib.suppress(psycopg.errors.InFailedSqlTransaction):
                assert store.save("a", 3, version) is None
        assert (other.load("a") or [0])[0] == 2
        other.close()


def test_a_table_has_a_plain_name() -> None:
    """It is written into statements."""
    for name in ("a b", "a; --", "", "a.b.c", 'a"'):
        with pytest.raises(ValueError, match="not a plain name"):
            PostgresStore("postgresql://nowhere", table=name)


MISSING = [
    ("psycopg", lambda: PostgresStore("postgresql://nowhere"), r"racelint\[postgres\]"),
    ("redis", lambda: RedisStore("redis://nowhere"), r"racelint\[redis\]"),
    ("boto3", lambda: DynamoDBStore("http://nowhere"), r"racelint\[dynamodb\]"),
]


@pytest.mark.parametrize(("module", "make", "install"), MISSING, ids=[module for module, _, _ in MISSING])
def test_a_missing_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, make: Callable[[], Store], install: str
) -> None:
    """When the store is made, not when the runtime is imported."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"needs {module}: pip install '{install}'"):
        make()


@pytest.mark.parametrize("spec", ["dynamodb"], indirect=True)
def test_what_a_client_sends_twice_counts_once(spec: str) -> None:
    """boto3 repeats a request that it has no answer for; the second one is refused because the first one was done."""
    store = makers.make(spec)
    assert isinstance(store, DynamoDBStore)
    client = store._client

    class Twice:
        """Sends every write twice and knows the answer of the second one only."""

        def __getattr__(self, name: str) -> Any:
            call = getattr(client, name)
            if name not in ("update_item", "put_item"):
                return call

            def twice(**arguments: Any) -> Any:
                call(**arguments)
                return call(**arguments)

            return twice

    store._client = Twice()
    first = store.save("a", 1, None)
    assert first is not None
    assert store.save("a", 2, first) == first + 1
    store.append("a", 1)
    store.append("a", 2)
    assert store.entries("a") == [1, 2]
    store.close()


def test_threads_share_a_store_of_connections(tmp_path: Any) -> None:
    """As many connections as threads are at work; one that failed is not used again."""
    from racelint.runtime.stores.pool import Pool

    made: list[Any] = []

    class Connection:
        closed = False

        def close(self) -> None:
            self.closed = True

    def connect() -> Connection:
        made.append(Connection())
        return made[-1]

    pool = Pool(connect)
    together = threading.Barrier(3)

    def work() -> None:
        with pool.connection():
            together.wait(10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    with pytest.raises(ZeroDivisionError), pool.connection() as failed:
        raise ZeroDivisionError
    assert failed.closed
    assert sum(connection.closed for connection in made) == 1
    pool.renew()
    with pool.connection() as fresh:
        assert fresh not in made[:3]
    pool.close()
    assert [connection.closed for connection in made].count(False) == 2
