"""Several processes at one store, and processes that end: nothing is lost, nothing is done twice, nothing is torn.

The numbers are smaller than what is promised, to be quick. `RACELINT_STRESS=1 pytest tests/runtime/test_processes.py -s`
takes the real ones and prints what it has seen.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import makers
import pytest
from workers import zero

from racelint.runtime import LogWriter, enqueue_sync
from racelint.runtime.stores import DynamoDBStore, Store

FULL = bool(os.environ.get("RACELINT_STRESS"))
WORKERS = Path(__file__).parent / "workers.py"


def size(store: Store, full: int, quick: int) -> int:
    """How much of it; moto takes its time."""
    return full if FULL else quick // 4 if isinstance(store, DynamoDBStore) else quick


def told(*facts: object) -> None:
    """What has been seen, for those who run the real numbers."""
    if FULL:
        print("\n  ", *facts, end="")


def started(name: str, spec: str, *numbers: int, processes: int = 0) -> subprocess.Popen[str]:
    """A process, or several that it forks, running a function of workers.py."""
    command = [sys.executable, WORKERS, str(processes), name, spec, *map(str, numbers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(process: subprocess.Popen[str]) -> list[list[int]]:
    """The lines of numbers that are printed, when all have ended well."""
    out, err = process.communicate(timeout=900)
    assert (process.returncode, err) == (0, "")
    return [list(map(int, line.split())) for line in out.splitlines()]


@pytest.fixture
def reader(spec: str) -> Iterator[list[int]]:
    """Loads a document all the time; the numbers it has seen, none of them twice as it never goes back."""
    store, seen, done = makers.make(spec), [0], threading.Event()
    failures: list[Any] = []

    def read() -> None:
        while not done.is_set():
            found = store.load("n")
            document = found.value if found else zero()
            if len(set(document)) != 1 or document[0] < seen[-1]:
                failures.append(document)
            if document[0] != seen[-1]:
                seen.append(document[0])
            time.sleep(0.001)

    thread = threading.Thread(target=read)
    thread.start()
    yield seen
    done.set()
    thread.join()
    store.close()
    assert failures == []


@pytest.mark.shared
def test_increments_of_eight_processes_add_up(store: Store, spec: str, reader: list[int]) -> None:
    """None is lost, and somebody who reads meanwhile never sees a part of a document, nor an older one after a newer."""
    times = size(store, 200, 10)
    began = time.perf_counter()
    counted = output(started("increment", spec, times, processes=8))
    found = store.load("n")
    assert found is not None
    assert set(found.value) == {8 * times}
    attempts, conflicts, waited = map(sum, zip(*counted, strict=True))
    assert attempts == 8 * times + conflicts
    told(
        f"{spec.partition(':')[0]}: {8 * times} increments of 8 processes in {time.perf_counter() - began:.1f} s,",
        f"{conflicts} conflicts, {waited / 1_000:.1f} s waited for them by all together, {len(reader)} different documents read meanwhile",
    )


@pytest.mark.shared
def test_appends_of_processes_are_all_kept(store: Store, spec: str) -> None:
    """Each one's in its order."""
    times = size(store, 200, 20)
    output(started("append", spec, times, processes=3))
    entries = store.entries("log")
    for name in range(3):
        assert [number for by, number in entries if by == name] == list(range(times))


@pytest.mark.shared
def test_processes_claim_each_item_once_and_keep_a_limit(store: Store, spec: str) -> None:
    """Three workers empty a queue; three others ask for starts that only some can have."""
    times = size(store, 100, 20)
    for number in range(times):
        enqueue_sync(store, "jobs", number)
    done = output(started("work", spec, processes=3))
    assert sorted(done) == [[number] for number in range(times)]
    allowed = output(started("start", spec, times, times + 3, processes=3))
    assert sum(number for (number,) in allowed) == times + 3


@pytest.mark.shared
def test_a_killed_writer_loses_nothing_that_was_acknowledged(store: Store, spec: str) -> None:
    """SIGKILL at random points; whatever it was doing, the next process reads and writes as if nothing had been.

    Each kill leaves at most one entry and one update that were under way, and may be there or not. A file or an SQLite
    database changes no more once the process is dead. A server does: it has read the statement, ends it, and finds only then
    that nobody is there to be told. PostgreSQL was seen to commit an update after the next process had looked, so that the
    document was two further than what was acknowledged since that look: the late one, and that of the next kill. It was
    saved whole and once, over the version that it named, and nobody was told anything else; only the count may be so late.
    """
    ((times, acknowledged),) = output(started("crash", spec, size(store, 200, 12), 7))
    assert times == size(store, 200, 12)
    assert acknowledged >= times
    told(f"{spec.partition(':')[0]}: {times} SIGKILLs, {acknowledged} entries and updates were acknowledged, all there")


@pytest.mark.parametrize("spec", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["normal", "SIGTERM"])
def test_the_end_of_the_interpreter(store: Store, spec: str, how: str) -> None:
    """Without closing: what was acknowledged is there after a signal, and after a normal end all that was in the queue."""
    process = started("end", spec, int(how == "SIGTERM"))
    assert process.stdout is not None
    assert process.stdout.readline() == "acknowledged\n"
    if how == "SIGTERM":
        process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGTERM if how == "SIGTERM" else 0)
    assert store.entries("log") == list(range(10 if how == "SIGTERM" else 20))


def test_ten_thousand_entries_of_threads_and_tasks(store: Store) -> None:
    """Over 100 keys, from 8 threads and 200 tasks at once: all there, once, each one's in its order."""
    keys = size(store, 100, 20)
    per_task, per_thread = size(store, 40, 4), size(store, 250, 25)  # 200 tasks and 8 threads: 10,000

    async def task(log: LogWriter, name: int) -> None:
        for number in range(per_task):
            await log.append(f"k{(name + number) % keys}", [name, number])

    async def tasks(log: LogWriter) -> None:
        await asyncio.gather(*(task(log, name) for name in range(200)))

    def thread(log: LogWriter, name: int) -> None:
        for number in range(per_thread):
            log.append_sync(f"k{(name + number) % keys}", [name, number])

    began = time.perf_counter()
    with LogWriter(store) as log, ThreadPoolExecutor(9) as threads:
        running = [threads.submit(thread, log, 1_000 + name) for name in range(8)]
        running.append(threads.submit(asyncio.run, tasks(log)))
        for one in running:
            one.result()
    seconds = time.perf_counter() - began
    logs = {key: store.entries(f"k{key}") for key in range(keys)}
    assert sum(map(len, logs.values())) == 200 * per_task + 8 * per_thread
    for name, times in [*((name, per_task) for name in range(200)), *((1_000 + name, per_thread) for name in range(8))]:
        for key, log_of_key in logs.items():
            mine = [number for by, number in log_of_key if by == name]
            assert mine == [number for number in range(times) if (name + number) % keys == key]
    told(f"{type(store).__name__}: {200 * per_task + 8 * per_thread} entries, {keys} keys: {seconds:.1f} s")
