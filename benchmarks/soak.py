"""The helpers of `racelint.runtime` under everything that goes wrong at once; every acknowledged write is there at the end.

    python benchmarks/soak.py [--minutes 10] [--seed 0] [--workers 3] [--only STORE]

Starts a PostgreSQL and a Redis of its own, where their programs are found, and some worker processes. Each worker appends,
updates, enqueues and claims on files, SQLite, PostgreSQL and Redis in many tasks that are cancelled at random, over stores that are slow at
random. Meanwhile workers are killed by SIGKILL, and both servers are stopped, now and then at once, and started again. Before each operation a
worker writes down that it begins, and afterwards that it was acknowledged. In the end all is compared: an entry that was acknowledged is in
its log once, in the order of its writer; a counter has at least the acknowledged updates and at most the begun ones; each
item that was acknowledged has been finished, and none was finished twice. The exit status is 1 if anything is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from racelint.runtime import LogWriter, claim, enqueue, update_atomic
from racelint.runtime.stores import FileStore, PostgresStore, RedisStore, SQLiteStore, Store

LEASE = 20.0
"""Seconds for which an item is claimed: longer than anything here takes, so that none is finished twice."""
KINDS = ("file", "sqlite", "postgres", "redis")


def made(kind: str, where: str) -> Store:
    """A store; `where` is a folder, or the address of a server."""
    match kind:
        case "file":
            return FileStore(where)
        case "sqlite":
            return SQLiteStore(where)
        case "postgres":
            return PostgresStore(where, table="soak")
        case _:
            return RedisStore(where, prefix="soak")


# Servers


class Server:
    """A server of our own, which is stopped and started again."""

    def __init__(self, command: Sequence[str], folder: Path, port: int, user: str | None) -> None:
        """`user` is who runs it; None for us."""
        self._command, self._folder, self._port, self._user = command, folder, port, user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it takes connections."""
        for _ in range(600):
            if (
                self._process is None or self._process.poll() is not None
            ):  # what was left of a killed one may be in the way
                with (self._folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(
                        self._command, stdout=log, stderr=log, cwd=self._folder, user=self._user
                    )
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.2)
        raise RuntimeError(f"{self._command[0]} does not answer")

    def stop(self, how: signal.Signals) -> None:
        """Ends it: SIGKILL as if the machine had failed, SIGINT as its administrator does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()


def free_port() -> int:
    """One that nobody has right now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def postgres_server(folder: Path) -> tuple[Server, str] | None:
    """A PostgreSQL and its address; None if it is not installed. It refuses to run as root."""
    if shutil.which("postgres") is None or shutil.which("initdb") is None:
        return None
    user = "postgres" if os.geteuid() == 0 else None
    (folder / "data").mkdir(parents=True)
    if user is not None:
        shutil.chown(folder, user)
        shutil.chown(folder / "data", user)
    command = ["initdb", "-D", str(folder / "data"), "-U", "soak", "--auth=trust"]
    subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder)
    port = free_port()
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    return Server(
        ["postgres", "-D", str(folder / "data"), *options], folder, port, user
    ), f"postgresql://soak@127.0.0.1:{port}/postgres"


def redis_server(folder: Path) -> tuple[Server, str] | None:
    """A Redis that writes down each change before it acknowledges it, and its address; None if it is not installed."""
    if shutil.which("redis-server") is None:
        return None
    folder.mkdir(parents=True)
    port = free_port()
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]
    return Server([*command, "--save", ""], folder, port, None), f"redis://127.0.0.1:{port}/0"


# Workers


class Journal:
    """What a worker says of its operations: a line before each, one when it is acknowledged, in one piece each, in a file that outlives it."""

    def __init__(self, path: Path) -> None:
        """The file need not be there."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def say(self, *words: object) -> None:
        """A line."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


def slowed(store: Store, chance: random.Random) -> Store:
    """The same store, of which some calls take long."""
    for name in ("load", "save", "append", "put", "take"):
        call: Callable[..., Any] = getattr(store, name)

        def slow(*arguments: Any, _call: Callable[..., Any] = call, **named: Any) -> Any:
            if chance.random() < 0.1:
                time.sleep(chance.random() * 0.2)
            return _call(*arguments, **named)

        with suppress(AttributeError):
            setattr(store, name, slow)
    return store


async def work(
    kinds: Sequence[tuple[str, str]], journal: Journal, name: str, chance: random.Random, until: float
) -> None:
    """Tasks on every store, until the time is over."""
    await asyncio.gather(*(on_store(kind, where, journal, f"{name}-{kind}", chance, until) for kind, where in kinds))


async def on_store(kind: str, where: str, journal: Journal, name: str, chance: random.Random, until: float) -> None:
    """A few tasks on one store; a task that is cancelled or whose store fails goes on with the next operation."""
    store = slowed(made(kind, where), chance)
    log = LogWriter(store)

    async def appends(task: int) -> None:
        number = 0
        while time.time() < until:
            journal.say("begin", kind, "entry", name, task, number)
            if await done(log.append(f"log {task}", [name, number]), chance):
                journal.say("done", kind, "entry", name, task, number)
            number += 1

    async def updates(task: int) -> None:
        while time.time() < until:
            journal.say("begin", kind, "update", task)
            if await done(update_atomic(store, f"n {task}", lambda n: n + 1, default=lambda: 0), chance):
                journal.say("done", kind, "update", task)

    async def jobs(task: int) -> None:
        number = 0
        while time.time() < until:
            item = f"{name}/{task}/{number}"
            journal.say("begin", kind, "put", item)
            if await done(enqueue(store, "jobs", item), chance):
                journal.say("done", kind, "put", item)
            number += 1
            await done(one_job(store, kind, journal), chance)

    await asyncio.gather(*(role(task) for task in range(2) for role in (appends, updates, jobs)))
    with suppress(Exception):
        await asyncio.wait_for(log.aclose(), 20)
    store.close()


async def one_job(store: Store, kind: str, journal: Journal) -> None:
    """Claims an item, and finishes it, or gives it back."""
    item = await claim(store, "jobs", seconds=LEASE)
    if item is None:
        await asyncio.sleep(0.05)
        return
    journal.say("begin", kind, "finish", item.value)
    if await item.finish():
        journal.say("done", kind, "finish", item.value)


async def done(operation: Any, chance: random.Random) -> bool:
    """Whether the operation was acknowledged: some are cancelled while they are under way, some fail with their store."""
    task = asyncio.ensure_future(operation)
    if chance.random() < 0.2:
        await asyncio.wait([task], timeout=chance.random() * 0.05)
        task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return False
    except Exception:  # noqa: BLE001 - whatever a driver says when its server is gone
        await asyncio.sleep(0.1)
        return False
    return True


# The checker


def lines_of(folder: Path) -> Iterator[list[str]]:
    """What the workers have said; the last line of one that was killed may be cut."""
    for path in sorted(folder.glob("*.journal")):
        yield from (line.split() for line in path.read_text().split("\n")[:-1])


def checked(kind: str, store: Store, said: Sequence[Sequence[str]]) -> tuple[list[str], str]:
    """What is wrong, and what was seen."""
    begun = Counter(tuple(line[2:]) for line in said if line[:2] == ["begin", kind])
    acknowledged = Counter(tuple(line[2:]) for line in said if line[:2] == ["done", kind])
    wrong: list[str] = []
    for task in range(2):
        entries = [tuple(entry) for entry in store.entries(f"log {task}")]
        counts = Counter(entries)
        for name, number in (key for key, count in counts.items() if count > 1):
            wrong.append(f"{kind}: entry {number} of {name} is {counts[name, number]} times in log {task}")
        for what, name, at, number in (key for key in acknowledged if key[0] == "entry"):
            if at == str(task) and (name, int(number)) not in counts:
                wrong.append(f"{kind}: {what} {number} of {name}, acknowledged, is not in log {task}")
        by_name: dict[str, list[int]] = {}
        for name, number in entries:
            by_name.setdefault(name, []).append(number)
        wrong += [
            f"{kind}: entries of {name} are not in order in log {task}"
            for name, numbers in by_name.items()
            if numbers != sorted(numbers)
        ]
        found = store.load(f"n {task}")
        value = int(found.value) if found is not None else 0
        least, most = acknowledged["update", str(task)], begun["update", str(task)]
        if not least <= value <= most:
            wrong.append(f"{kind}: counter {task} is {value}, of {least} updates acknowledged and {most} begun")
    finished, begun_to_finish = ({key[1] for key in lines if key[0] == "finish"} for lines in (acknowledged, begun))
    left = set()
    while (taken := store.take("jobs", 600)) is not None:
        left.add(taken.value)
    for key in acknowledged:
        if key[0] == "put" and not {key[1]} & (begun_to_finish | left):
            wrong.append(f"{kind}: item {key[1]}, acknowledged, is neither finished nor there")
    wrong += [
        f"{kind}: item {key[1]} was finished {count} times"
        for key, count in acknowledged.items()
        if key[0] == "finish" and count > 1
    ]
    wrong += [f"{kind}: item {item} was finished, and is there" for item in finished & left]
    kinds = Counter(key[0] for key in acknowledged.elements())
    seen = ", ".join(
        f"{kinds[what]:,} {word}"
        for what, word in (("entry", "entries"), ("update", "updates"), ("put", "items"), ("finish", "finished"))
    )
    return (
        wrong,
        f"{kind}: acknowledged {seen}; {sum(begun.values()) - sum(acknowledged.values()):,} operations begun and not acknowledged",
    )


# The program


@contextmanager
def running(servers: Sequence[Server]) -> Iterator[None]:
    """The servers, until the end."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soaks, and says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--only", choices=KINDS, action="append")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="racelint-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        kinds = [("file", str(folder / "files")), ("sqlite", str(folder / "store.sqlite3"))]
        servers = []
        for kind, found in (
            ("postgres", postgres_server(folder / "postgres")),
            ("redis", redis_server(folder / "redis")),
        ):
            if found is None:
                print(f"{kind} is not installed, and left out", flush=True)
            else:
                servers.append(found[0])
                kinds.append((kind, found[1]))
        kinds = [one for one in kinds if given.only is None or one[0] in given.only]
        with running(servers):
            return soaked(given, folder, kinds, servers)


def soaked(given: argparse.Namespace, folder: Path, kinds: Sequence[tuple[str, str]], servers: Sequence[Server]) -> int:
    """Lets the workers work and things go wrong, and checks what is left; 1 if anything is wrong."""
    for kind, where in kinds:
        store = made(kind, where)
        if isinstance(store, PostgresStore):
            for _ in range(100):
                with suppress(Exception):
                    store.create_tables()
                    break
                time.sleep(0.2)
        store.close()
    workers: dict[int, int] = {}
    try:
        return _worn(given, folder, kinds, servers, workers)
    finally:
        for worker in workers:
            with suppress(OSError):
                os.kill(worker, signal.SIGKILL)


def _worn(
    given: argparse.Namespace,
    folder: Path,
    kinds: Sequence[tuple[str, str]],
    servers: Sequence[Server],
    workers: dict[int, int],
) -> int:
    """As `soaked`; `workers` has those that run."""
    chance = random.Random(given.seed)
    until = time.time() + given.minutes * 60
    kills = restarts = born = 0
    next_restart = time.time() + 10
    while time.time() < until:
        while len(workers) < given.workers:
            workers[forked(kinds, folder, f"w{born}", given.seed + born, until)] = born
            born += 1
        time.sleep(1 + chance.random() * 3)
        if chance.random() < 0.5 and time.time() < until - 5:
            victim = chance.choice(sorted(workers))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            del workers[victim]
            kills += 1
        if servers and time.time() > next_restart and time.time() < until - 15:
            server = chance.choice(list(servers))
            server.stop(chance.choice((signal.SIGKILL, signal.SIGINT)))
            time.sleep(chance.random() * 2)
            server.start()
            restarts += 1
            next_restart = time.time() + 5 + chance.random() * 20
    crashed = [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers]
    workers.clear()
    wrong = [f"a worker ended with {status}" for status in crashed if status]
    said = list(lines_of(folder))
    time.sleep(LEASE)  # what the killed ones had claimed comes back
    for kind, where in kinds:
        store = made(kind, where)
        found, seen = checked(kind, store, said)
        store.close()
        wrong += found
        print(seen, flush=True)
    print(
        f"{given.minutes:g} minutes, {born} workers, {kills} of them killed, {restarts} restarts of servers, {len(wrong)} wrong"
    )
    for one in wrong[:50]:
        print(f"  WRONG: {one}")
    return 1 if wrong else 0


def forked(kinds: Sequence[tuple[str, str]], folder: Path, name: str, seed: int, until: float) -> int:
    """A worker of its own process."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        asyncio.run(work(kinds, Journal(folder / f"{name}.journal"), name, random.Random(seed), until))
        status = 0
    finally:
        if status:
            import traceback

            traceback.print_exc()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
