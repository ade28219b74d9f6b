"""What the helpers of `racelint.runtime` cost, side by side with what people would write or take instead, in one run.

    python benchmarks/runtime.py [--rounds 5] [--only TEXT] [--redis URL]

Each line is the median of the rounds; in every round all lines of a table are measured one right after the other, in turns
first. Nothing is asserted: a busy machine must not fail anybody's tests. benchmarks/README.md says how to read the result.
What is not installed (filelock, loguru, aiologger, async_lru, SQLAlchemy, redis) is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import multiprocessing
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from racelint.runtime import LogWriter, init_once, update_atomic_sync
from racelint.runtime.atomic_file import commit
from racelint.runtime.stores import FileStore, SQLiteStore

Measure = Callable[[Path], float]
"""In a folder of its own, to a number: the unit is that of the table."""
ENTRY = {"level": "info", "message": "image 1 done"}
WRITERS = 200
MEMORY = Path("/dev/shm")
"""Where Linux has a file system in memory."""
DOCUMENT = {"stages": {f"stage {number}": {"status": "done", "progress": 1.0} for number in range(20)}, "n": 0}


def has(*modules: str) -> bool:
    """Whether all of these are installed."""
    return all(find_spec(module) is not None for module in modules)


def table(title: str, unit: str, rows: dict[str, Measure], rounds: int) -> dict[str, float]:
    """Measure all rows in each round, print and return the medians; the first row is what the others are compared with."""
    seen: dict[str, list[float]] = {name: [] for name in rows}
    for number in range(rounds):
        order = list(rows)
        for name in order[number % len(order) :] + order[: number % len(order)]:
            with tempfile.TemporaryDirectory() as folder:
                seen[name].append(rows[name](Path(folder)))
    medians = {name: statistics.median(values) for name, values in seen.items()}
    first = next(iter(medians.values()))
    print(f"\n{title}\n{'':52}{unit:>14}{'':>4}ratio")
    for name, median in medians.items():
        print(f"  {name:<50}{median:>14,.2f}   x{median / first:,.2f}")
    return medians


# --- LogWriter


def sqlite_log(folder: Path) -> sqlite3.Connection:
    """What the store does to its connections, by hand."""
    connection = sqlite3.connect(folder / "log.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, key TEXT, value TEXT)")
    return connection


def naive_writes(folder: Path, writers: int, each: int) -> float:
    """Seconds of one awaited write for each entry, each a transaction, in a thread so that the loop goes on."""
    connection, lock = sqlite_log(folder), threading.Lock()

    def write(entry: Any) -> None:
        with lock:
            connection.execute("INSERT INTO entries (key, value) VALUES (?, ?)", ("run", json.dumps(entry)))

    async def writer() -> None:
        for _ in range(each):
            await asyncio.to_thread(write, ENTRY)

    seconds = asyncio.run(timed(writer, writers))
    connection.close()
    return seconds


def log_writer(folder: Path, writers: int, each: int, keys: int = 1) -> float:
    """Seconds of as many through a LogWriter."""
    store = SQLiteStore(folder / "log.db")

    async def main() -> float:
        async with LogWriter(store) as log:
            turns = iter(range(writers))

            async def writer() -> None:
                key = f"run {next(turns) % keys}"
                for _ in range(each):
                    await log.append(key, ENTRY)

            return await timed(writer, writers)

    seconds = asyncio.run(main())
    store.close()
    return seconds


async def timed(writer: Callable[[], Any], writers: int) -> float:
    """Seconds until all writers have ended."""
    began = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(writers)))
    return time.perf_counter() - began


def loguru_enqueue(folder: Path) -> float:
    """Entries a second of loguru's queue: its callers do not wait until an entry is stored, so its end is waited for."""
    logger = import_module("loguru").logger

    logger.remove()
    logger.add(folder / "log.txt", enqueue=True, format="{message}")
    began = time.perf_counter()
    for _ in range(WRITERS * 10):
        logger.info(json.dumps(ENTRY))
    logger.complete()
    logger.remove()
    return WRITERS * 10 / (time.perf_counter() - began)


def aiologger_file(folder: Path) -> float:
    """Entries a second of aiologger's file handler: each is awaited, and written by a thread of its own; no fsync."""
    Logger = import_module("aiologger").Logger
    AsyncFileHandler = import_module("aiologger.handlers.files").AsyncFileHandler

    async def main() -> float:
        logger = Logger(name="benchmark")
        logger.add_handler(AsyncFileHandler(filename=str(folder / "log.txt")))

        async def writer() -> None:
            for _ in range(10):
                await logger.info(json.dumps(ENTRY))

        seconds = await timed(writer, WRITERS)
        await logger.shutdown()
        return WRITERS * 10 / seconds

    return asyncio.run(main())


def logs(rounds: int) -> None:
    """Throughput with many writers; what one entry costs when nobody else is there."""
    rows: dict[str, Measure] = {
        "one awaited write per entry": lambda folder: WRITERS * 2 / naive_writes(folder, WRITERS, 2),
        "LogWriter, one key": lambda folder: WRITERS * 10 / log_writer(folder, WRITERS, 10),
        "LogWriter, 10 keys": lambda folder: WRITERS * 10 / log_writer(folder, WRITERS, 10, keys=10),
    }
    if has("loguru"):
        rows["loguru, enqueue=True (file, no fsync)"] = loguru_enqueue
    if has("aiologger", "aiofiles"):
        rows["aiologger (file, no fsync)"] = aiologger_file
    table(f"{WRITERS} writers on SQLite, WAL, synchronous=FULL", "entries/s", rows, rounds)
    alone: dict[str, Measure] = {
        "one awaited write": alone_by_hand,
        "one awaited append of the SQLiteStore": alone_in_store,
        "LogWriter": alone_in_log,
    }
    added(table("One entry, unbatched and alone, on SQLite", "µs", alone, rounds))
    if MEMORY.is_dir():
        in_memory: dict[str, Measure] = {name: functools.partial(beside, measure) for name, measure in alone.items()}
        added(table("The same on a file system in memory, without the disk and its noise", "µs", in_memory, rounds))
    nothing: dict[str, Measure] = {"awaited in a thread": no_write, "LogWriter": no_write_log}
    added(table("The same with a function that writes nothing", "µs", nothing, rounds))


def added(medians: dict[str, float]) -> None:
    """How much longer the last row of a table takes than the others."""
    *others, (_, last) = medians.items()
    for name, median in others:
        print(f"  LogWriter adds to {name}: {last - median:.1f} µs")


def beside(measure: Measure, _: Path) -> float:
    """A measure in a folder in memory."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        return measure(Path(folder))


def alone_by_hand(folder: Path) -> float:
    """Microseconds of one awaited write, a transaction, in a thread."""
    connection, lock = sqlite_log(folder), threading.Lock()

    def write() -> None:
        with lock:
            connection.execute("INSERT INTO entries (key, value) VALUES (?, ?)", ("run", json.dumps(ENTRY)))

    microseconds = asyncio.run(median_of(lambda: asyncio.to_thread(write)))
    connection.close()
    return microseconds


def alone_in_store(folder: Path) -> float:
    """Microseconds of one awaited append of the store, which has an index on its keys."""
    store = SQLiteStore(folder / "log.db")
    microseconds = asyncio.run(median_of(lambda: store.aappend("run", ENTRY)))
    store.close()
    return microseconds


def alone_in_log(folder: Path) -> float:
    """Microseconds of one append to a LogWriter on that store."""
    store = SQLiteStore(folder / "log.db")

    async def main() -> float:
        async with LogWriter(store) as log:
            return await median_of(lambda: log.append("run", ENTRY))

    microseconds = asyncio.run(main())
    store.close()
    return microseconds


async def median_of(once: Callable[[], Any], times: int = 300) -> float:
    """Microseconds of one awaited call; the median, so that a slow disk access does not count for all."""
    seen = []
    for _ in range(times):
        began = time.perf_counter()
        await once()
        seen.append(time.perf_counter() - began)
    return statistics.median(seen) * 1e6


def no_write(_: Path) -> float:
    """Microseconds to have a thread do nothing with an entry."""

    async def main() -> float:
        async def writer() -> None:
            for _ in range(1_000):
                await asyncio.to_thread(json.dumps, ENTRY)

        return await timed(writer, 1)

    return asyncio.run(main()) / 1_000 * 1e6


def no_write_log(_: Path) -> float:
    """Microseconds for the same through a LogWriter."""

    async def main() -> float:
        async with LogWriter(lambda key, entries: None) as log:

            async def writer() -> None:
                for _ in range(1_000):
                    await log.append("run", ENTRY)

            return await timed(writer, 1)

    return asyncio.run(main()) / 1_000 * 1e6


# --- update_atomic


def bump(document: dict[str, Any]) -> dict[str, Any]:
    """What all of them do."""
    return {**document, "n": document["n"] + 1}


def unsafe(folder: Path, durable: bool) -> float:
    """Microseconds of load, change, save with no lock and no version; durable ones go through a temporary file."""
    path = folder / "state.json"
    path.write_text(json.dumps(DOCUMENT))

    def once() -> None:
        document = bump(json.loads(path.read_text()))
        if not durable:
            path.write_text(json.dumps(document))
            return
        temporary = f"{path}.tmp"
        with open(temporary, "w") as file:
            file.write(json.dumps(document))
            file.flush()
            commit(file.fileno(), temporary, str(path), durable=True)

    return each(once)


def load_save(folder: Path, durable: bool) -> float:
    """Microseconds of load and save of the same store."""
    store = FileStore(folder, durable=durable)
    store.save("task", DOCUMENT, None)

    def once() -> None:
        found = store.load("task")
        assert found is not None
        store.save("task", bump(found.value), found.version)

    return each(once)


def atomic(folder: Path, durable: bool) -> float:
    """Microseconds of `update_atomic`."""
    store = FileStore(folder, durable=durable)
    store.save("task", DOCUMENT, None)
    return each(lambda: update_atomic_sync(store, "task", bump))


def in_turns(durable: bool, times: int = 400) -> float:
    """How much longer `update_atomic` takes than load and save, when a busy machine is as busy for both."""
    seen: tuple[list[float], list[float]] = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(folder, durable=durable)
        store.save("task", DOCUMENT, None)

        def by_hand() -> None:
            found = store.load("task")
            assert found is not None
            store.save("task", bump(found.value), found.version)

        def with_helper() -> None:
            update_atomic_sync(store, "task", bump)

        calls: tuple[Callable[[], None], ...] = (by_hand, with_helper)
        for _ in range(times):
            for call, its in zip(calls, seen, strict=True):
                began = time.perf_counter()
                call()
                its.append(time.perf_counter() - began)
    return statistics.median(seen[1]) / statistics.median(seen[0]) - 1


def locked(folder: Path, durable: bool) -> float:
    """Microseconds of load, change, save under a filelock."""
    lock = import_module("filelock").FileLock(folder / "state.lock")
    path = folder / "state.json"
    path.write_text(json.dumps(DOCUMENT))

    def once() -> None:
        with lock:
            document = bump(json.loads(path.read_text()))
            temporary = f"{path}.tmp"
            with open(temporary, "w") as file:
                file.write(json.dumps(document))
                file.flush()
                commit(file.fileno(), temporary, str(path), durable)

    return each(once)


def version_column(folder: Path) -> float:
    """Microseconds of SQLAlchemy with a version column, on SQLite as the store has it."""
    from sqlalchemy import JSON, Integer, String, create_engine, event
    from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class State(Base):
        __tablename__ = "states"
        key = mapped_column(String, primary_key=True)
        version = mapped_column(Integer, nullable=False)
        value = mapped_column(JSON)
        __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy wants it

    engine = create_engine(f"sqlite:///{folder / 'states.db'}")

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(State(key="task", value=DOCUMENT))
        session.commit()

    def once() -> None:
        with Session(engine) as session:
            state = session.get_one(State, "task")
            state.value = bump(state.value)
            session.commit()

    microseconds = each(once)
    engine.dispose()
    return microseconds


def atomic_sqlite(folder: Path) -> float:
    """Microseconds of `update_atomic` on SQLite."""
    store = SQLiteStore(folder / "states.db")
    store.save("task", DOCUMENT, None)
    microseconds = each(lambda: update_atomic_sync(store, "task", bump))
    store.close()
    return microseconds


def each(once: Callable[[], object], times: int = 200) -> float:
    """Microseconds of one call; the median, so that a slow disk access does not count for all."""
    seen = []
    for _ in range(times):
        began = time.perf_counter()
        once()
        seen.append(time.perf_counter() - began)
    return statistics.median(seen) * 1e6


def updates(rounds: int) -> None:
    """One document of 20 stages, nobody else there."""
    for durable in (True, False):
        rows: dict[str, Measure] = {
            "load and save of the FileStore, unsafe": functools.partial(load_save, durable=durable),
            "update_atomic": functools.partial(atomic, durable=durable),
            "json.load, json.dump by hand, unsafe": functools.partial(unsafe, durable=durable),
        }
        if has("filelock"):
            rows["the same under filelock"] = functools.partial(locked, durable=durable)
        title = "with fsync of file and folder" if durable else "without fsync (durable=False)"
        table(f"Update of a document in a file, {title}", "µs", rows, rounds)
        print(f"  update_atomic takes {in_turns(durable):+.1%} when it is called in turns with load and save")
    rows = {"update_atomic, SQLiteStore": atomic_sqlite}
    if has("sqlalchemy"):
        rows["SQLAlchemy, version column, SQLite"] = version_column
    table("Update of a row", "µs", rows, rounds)


def contend(path: str, times: int, counted: Any) -> None:
    """A process that updates what all others update too."""
    store = FileStore(path, durable=False)
    for _ in range(times):
        update_atomic_sync(store, "task", bump, retries=100)
    with counted.get_lock():
        counted[0] += store.counters.attempts
        counted[1] += store.counters.conflicts
        counted[2] += store.counters.waited
    store.close()


def contention() -> None:
    """Eight processes at one document."""
    with tempfile.TemporaryDirectory() as folder:
        FileStore(folder, durable=False).save("task", DOCUMENT, None)
        counted: Any = multiprocessing.Array("d", 3)
        processes = [multiprocessing.Process(target=contend, args=(folder, 200, counted)) for _ in range(8)]
        began = time.perf_counter()
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        seconds = time.perf_counter() - began
        found = FileStore(folder).load("task")
    assert found is not None
    attempts, conflicts, waited = counted[0], counted[1], counted[2]
    print("\n8 processes, 200 updates each, of one document in a file (durable=False)")
    print(f"  at the end: {found.value['n']} of 1600; {1600 / seconds:,.0f} updates/s")
    print(f"  {conflicts:.0f} of {attempts:.0f} attempts met a conflict ({conflicts / attempts:.1%}),", end=" ")
    print(f"{conflicts / 1600:.2f} retries an update, {waited / 1600 * 1e3:.2f} ms waited for an update")


# --- init_once


def hits(rounds: int) -> None:
    """What a call costs when all is done."""

    class Plain:
        value = object()

    class Method:
        @init_once
        def value(self) -> object:
            return object()

        @functools.cached_property
        def cached(self) -> object:
            return object()

    once = init_once(lambda: object())
    cached = functools.cache(lambda: object())
    plain, method = Plain(), Method()
    rows: dict[str, Measure] = {
        "attribute": lambda _: per_call(lambda: plain.value),
        "functools.cached_property (not once under threads)": lambda _: per_call(lambda: method.cached),
        "functools.cache (not once under threads)": lambda _: per_call(cached),
        "init_once": lambda _: per_call(once),
        "init_once, method": lambda _: per_call(method.value),
    }
    table("A hit", "ns", rows, rounds)

    @init_once
    async def slow() -> object:
        return object()

    async def nothing() -> object:
        return plain.value

    rows = {"coroutine that returns an attribute": lambda _: per_await(nothing), "init_once": lambda _: per_await(slow)}
    if has("async_lru"):
        alru_cache = import_module("async_lru").alru_cache

        async def body() -> object:
            return object()

        rows["async_lru.alru_cache"] = lambda _: per_await(alru_cache(body))
    table("An awaited hit", "ns", rows, rounds)


def per_call(call: Callable[[], object], times: int = 100_000) -> float:
    """Nanoseconds."""
    began = time.perf_counter_ns()
    for _ in range(times):
        call()
    return (time.perf_counter_ns() - began) / times


def per_await(call: Callable[[], Any], times: int = 30_000) -> float:
    """Nanoseconds."""

    async def main() -> float:
        began = time.perf_counter_ns()
        for _ in range(times):
            await call()
        return (time.perf_counter_ns() - began) / times

    return asyncio.run(main())


# --- Redis, and imports


def redis_ways(url: str, rounds: int) -> None:
    """A conditional save as one Lua script, as the store does it, and with WATCH and MULTI."""
    from racelint.runtime.stores import RedisStore

    client: Any = import_module("redis").Redis.from_url(url)
    key = f"benchmark {os.getpid()}"
    text = json.dumps(DOCUMENT)

    def watch() -> None:
        with client.pipeline() as pipe:
            pipe.watch(key)
            version = int(pipe.hget(key, "version") or 0)
            pipe.multi()
            pipe.hset(key, mapping={"value": text, "version": version + 1})
            pipe.execute()

    store = RedisStore(client, prefix=f"{key}:")
    version = store.save("task", DOCUMENT, None)

    def script() -> None:
        nonlocal version
        version = store.save("task", DOCUMENT, version)
        assert version is not None

    rows: dict[str, Measure] = {"Lua script": lambda _: each(script), "WATCH and MULTI": lambda _: each(watch)}
    table("A conditional save in Redis", "µs", rows, rounds)
    client.delete(key)
    store.delete("task")
    client.close()


def imports(rounds: int) -> None:
    """Milliseconds, as measured within a process that has imported nothing else."""

    def of(code: str) -> Measure:
        program = f"import time; began = time.perf_counter()\n{code}\nprint((time.perf_counter() - began) * 1000)"
        return lambda _: float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)

    rows = {
        "import asyncio": of("import asyncio"),
        "import racelint.runtime": of("import racelint.runtime"),
        "from racelint.runtime import update_atomic": of("from racelint.runtime import update_atomic"),
        "all helpers and SQLiteStore": of(
            "from racelint.runtime import *\nfrom racelint.runtime.stores import SQLiteStore"
        ),
        "the same after asyncio, as in a service": of(
            "import asyncio, json, sqlite3\nbegan = time.perf_counter()\n"
            "from racelint.runtime import *\nfrom racelint.runtime.stores import SQLiteStore"
        ),
    }
    table("Imports", "ms", rows, rounds)


def main() -> None:
    """All tables, or those whose name has a text in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="logs, updates, contention, hits, redis or imports")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    chosen = parser.parse_args()
    tables: dict[str, Callable[[], None]] = {
        "logs": lambda: logs(chosen.rounds),
        "updates": lambda: updates(chosen.rounds),
        "contention": contention,
        "hits": lambda: hits(chosen.rounds),
        "redis": lambda: redis_ways(chosen.redis, chosen.rounds),
        "imports": lambda: imports(chosen.rounds),
    }
    for name, show in tables.items():
        if chosen.only in name and (name != "redis" or has("redis")):
            with suppress(ConnectionError):
                show()


if __name__ == "__main__":
    main()
