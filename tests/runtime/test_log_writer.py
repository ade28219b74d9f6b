"""`LogWriter`: every entry once, in order, one write at a time for each key; and nothing hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from racelint.runtime import LogWriter
from racelint.runtime.stores import MemoryStore, Store


class Sink:
    """A function to write with that can be held up and made to fail; it checks that it has each key to itself."""

    def __init__(self) -> None:
        self.written: dict[str, list[Any]] = {}
        self.batches: list[list[Any]] = []
        self.writing: Counter[str] = Counter()
        self.open = threading.Event()
        self.open.set()
        self.entered: dict[str, threading.Event] = {key: threading.Event() for key in ("a", "b")}
        self.slow = {"a"}
        self.fails = False

    def __call__(self, key: str, entries: list[Any]) -> None:
        self.writing[key] += 1
        assert self.writing[key] == 1
        self.entered[key].set()
        if key in self.slow:
            assert self.open.wait(10)
        self.writing[key] -= 1
        if self.fails:
            raise OSError("no space")
        self.batches.append(entries)
        self.written.setdefault(key, []).extend(entries)


def test_twenty_at_once_keep_twenty_in_order(store: Store) -> None:
    """Where the code that loads, appends and saves keeps one."""

    async def main() -> tuple[list[Any], list[Any]]:
        loaded = [await store.aload("log") for _ in range(20)]
        for number, found in enumerate(loaded):
            await store.asave("log", [*(found.value if found else []), number], found and found.version)
        async with LogWriter(store) as log:
            await asyncio.gather(*(log.append("log", number) for number in range(20)))
            found = await store.aload("log")
            return found.value if found else [], await log.entries("log")

    kept, entries = asyncio.run(main())
    assert len(kept) == 1
    assert entries == list(range(20))


def test_threads_and_tasks_of_many_loops(store: Store) -> None:
    """Each one's entries are in its order, and none is lost or written twice."""

    async def tasks(log: LogWriter, name: int) -> None:
        await asyncio.gather(*(log.append(f"k{number % 5}", [name, number]) for number in range(40)))

    def work(log: LogWriter, name: int) -> None:
        if name % 2:
            asyncio.run(tasks(log, name))
        else:
            for number in range(40):
                log.append_sync(f"k{number % 5}", [name, number])

    with LogWriter(store) as log, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: work(log, name), range(4)))
    for key in range(5):
        entries = log.entries_sync(f"k{key}")
        for name in range(4):
            assert [number for by, number in entries if by == name] == list(range(key, 40, 5))


def test_waiting_entries_are_stored_in_one_batch() -> None:
    """While one write is under way, the others gather; no batch is larger than allowed."""
    sink = Sink()
    sink.open.clear()
    with LogWriter(sink, max_batch=4) as log:
        first = log.put_sync("a", 0)
        assert sink.entered["a"].wait(10)
        others = [log.put_sync("a", number) for number in range(1, 10)]
        sink.open.set()
    assert sink.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert all(one.done() for one in (first, *others))


def test_keys_do_not_wait_for_each_other() -> None:
    """One is stuck; another one is written and flushed."""
    sink = Sink()
    sink.open.clear()

    async def main() -> None:
        async with LogWriter(sink) as log:
            stuck = asyncio.create_task(log.append("a", 1))
            await log.append("b", 2)
            await log.flush("b")
            assert not stuck.done()
            sink.open.set()
            await stuck

    asyncio.run(main())
    assert sink.written == {"a": [1], "b": [2]}


def test_more_keys_than_threads_take_turns() -> None:
    """One thread for all: a key that always has something to write does not keep the others from theirs."""
    turns: list[str] = []

    def write(key: str, entries: list[Any]) -> None:
        turns.append(key)
        if key == "busy" and len(turns) < 1_000:
            log.put_sync("busy", 0)
            time.sleep(0.001)  # or all turns are taken before the other key has come

    with LogWriter(write, workers=1) as log:
        log.put_sync("busy", 0)
        log.append_sync("other", 1)
        assert len(turns) < 1_000
    assert "other" in turns


def test_there_is_room_for_so_many() -> None:
    """`put` waits while `max_pending` entries of its key wait, and lets in who came first."""
    sink = Sink()
    sink.open.clear()

    async def main() -> None:
        async with LogWriter(sink, max_pending=2, max_batch=1) as log:
            await log.put("a", 0)
            assert await asyncio.to_thread(sink.entered["a"].wait, 10)
            await log.put("a", 1)
            await log.put("a", 2)
            waiting = [asyncio.create_task(log.put("a", number)) for number in (3, 4, 5)]
            await asyncio.sleep(0)
            await log.put("b", 0)
            assert not any(task.done() for task in waiting)
            waiting[1].cancel()
            await asyncio.sleep(0)
            sink.open.set()
            await asyncio.gather(waiting[0], waiting[2])

    asyncio.run(main())
    assert sink.written["a"] == [0, 1, 2, 3, 5]


def test_appends_wait_for_room_too() -> None:
    """Many more callers than places: all are served, in order, in batches that fit."""
    sink = Sink()

    async def main() -> None:
        async with LogWriter(sink, max_pending=3) as log:
            await asyncio.gather(*(log.append("a", number) for number in range(50)))

    asyncio.run(main())
    assert sink.written["a"] == list(range(50))
    assert max(map(len, sink.batches)) <= 3


def test_old_entries_are_dropped(store: Store) -> None:
    """With `max_entries`, the last ones are what there is."""

    async def main() -> list[Any]:
        async with LogWriter(store, max_entries=10) as log:
            for start in range(0, 60, 6):
                await asyncio.gather(*(log.append("a", start + number) for number in range(6)))
            return await log.entries("a")

    assert asyncio.run(main()) == list(range(50, 60))
    assert len(store.entries("a")) <= 30


def test_a_failed_write_rejects_what_it_carried_and_the_queue_goes_on() -> None:
    """Each of its callers gets the cause; later ones are stored."""
    sink = Sink()
    sink.open.clear()

    async def main() -> list[Any]:
        async with LogWriter(sink) as log:
            first = asyncio.create_task(log.append("a", 0))
            assert await asyncio.to_thread(sink.entered["a"].wait, 10)
            rejected = [asyncio.create_task(log.append("a", number)) for number in (1, 2)]
            await asyncio.sleep(0)
            sink.fails = True
            sink.open.set()
            results = await asyncio.gather(first, *rejected, return_exceptions=True)
            sink.fails = False
            await log.append("a", 3)
            return results

    results = asyncio.run(main())
    assert [str(result) for result in results] == ["no space"] * 3
    assert sink.written == {"a": [3]}


STRANGE = [StopIteration, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit]


@pytest.mark.parametrize(
    ("error", "asynchronous"),
    # asyncio itself ends a loop on which one of the last two is raised
    [*((error, False) for error in STRANGE), *((error, True) for error in STRANGE[:3])],
)
def test_strange_errors_do_not_hang_anybody(error: type[BaseException], asynchronous: bool) -> None:
    """Exceptions that mean something else where they are raised reach the caller as the cause of another one."""

    def write(key: str, entries: list[Any]) -> None:
        raise error

    async def write_slowly(key: str, entries: list[Any]) -> None:
        raise error

    async def main() -> None:
        log = LogWriter(write_slowly if asynchronous else write)
        with pytest.raises(RuntimeError) as caught:
            await asyncio.wait_for(log.append("a", 1), 10)
        assert asynchronous or isinstance(caught.value.__cause__, error)
        await log.aclose()

    asyncio.run(main())


def test_what_json_cannot_say_concerns_its_caller_only() -> None:
    """It never gets into a batch."""
    sink = Sink()

    async def main() -> list[Any]:
        async with LogWriter(sink) as log:
            return await asyncio.gather(
                log.append("a", 1), log.append("a", {1}), log.append("a", 2), return_exceptions=True
            )

    assert [type(result).__name__ for result in asyncio.run(main())] == ["NoneType", "TypeError", "NoneType"]
    assert sink.written == {"a": [1, 2]}


def test_an_entry_is_as_it_was_when_it_was_appended() -> None:
    """What the caller does to it later does not reach the log."""
    sink = Sink()
    sink.open.clear()
    with LogWriter(sink) as log:
        entry = {"n": 1}
        log.put_sync("a", entry)
        entry["n"] = 2
        sink.open.set()
    assert sink.written == {"a": [{"n": 1}]}


def test_a_cancelled_caller_takes_its_own_entry_along_only() -> None:
    """One that waits is not written; one that is being written is, once; the others are there in any case."""
    sink = Sink()
    sink.open.clear()

    async def main() -> None:
        async with LogWriter(sink) as log:
            tasks = [asyncio.create_task(log.append("a", 0))]
            await asyncio.sleep(0)
            assert await asyncio.to_thread(sink.entered["a"].wait, 10)
            tasks += [asyncio.create_task(log.append("a", number)) for number in (1, 2, 3)]
            await asyncio.sleep(0)
            for number in (0, 2):
                tasks[number].cancel()
            await asyncio.sleep(0)
            sink.open.set()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(result).__name__ for result in results] == [
                "CancelledError",
                "NoneType",
                "CancelledError",
                "NoneType",
            ]

    asyncio.run(main())
    assert sink.written == {"a": [0, 1, 3]}


def test_when_all_of_a_batch_are_cancelled_later_ones_are_still_written() -> None:
    """An empty batch is not the end of the line."""
    sink = Sink()
    sink.open.clear()
    with LogWriter(sink, max_batch=2) as log:
        log.put_sync("a", 0)
        assert sink.entered["a"].wait(10)
        cancelled = [log.put_sync("a", number) for number in (1, 2)]
        last = log.put_sync("a", 3)
        assert all(future.cancel() for future in cancelled)
        sink.open.set()
        last.result(10)
    assert sink.written == {"a": [0, 3]}


def test_flush_waits_for_what_came_before() -> None:
    """Of one key or of all; failures are for those who appended."""
    sink = Sink()
    sink.open.clear()

    async def main() -> None:
        async with LogWriter(sink) as log:
            stored = [await log.put("a", 1), await log.put("b", 2)]
            everything, one = asyncio.create_task(log.flush()), asyncio.create_task(log.flush("a"))
            await log.flush("b")
            await log.flush("nothing")
            assert stored[1].done()
            assert not everything.done()
            assert not one.done()
            sink.fails = True
            sink.open.set()
            await asyncio.gather(everything, one)
            assert isinstance(stored[0].exception(), OSError)

    asyncio.run(main())


def test_nothing_goes_in_after_the_end_and_all_comes_out() -> None:
    """What was taken before `aclose` is written before it returns; what comes later is an error. It can be closed twice."""
    sink = Sink()
    sink.open.clear()

    async def main() -> None:
        log = LogWriter(sink)
        stored = [await log.put("a", number) for number in range(5)]
        closing = asyncio.create_task(log.aclose())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="closed"):
            await log.append("a", 5)
        with pytest.raises(RuntimeError, match="closed"):
            log.put_sync("b", 5)
        assert not closing.done()
        sink.open.set()
        await closing
        assert all(future.done() for future in stored)
        await log.aclose()
        log.close()

    asyncio.run(main())
    assert sink.written == {"a": list(range(5))}


def test_close_after_a_failure_of_the_block() -> None:
    """Leaving by an exception stores what was taken all the same."""
    sink = Sink()

    async def main() -> None:
        async with LogWriter(sink) as log:
            await log.put("a", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    assert sink.written == {"a": [1]}


def test_a_coroutine_function_writes_on_its_loop() -> None:
    """Also what threads and other loops append."""
    written: list[Any] = []
    loops: set[object] = set()
    writing: Counter[str] = Counter()

    async def write(key: str, entries: list[Any]) -> None:
        loops.add(asyncio.get_running_loop())
        writing[key] += 1
        assert writing[key] == 1
        await asyncio.sleep(0)
        writing[key] -= 1
        written.extend(entries)

    async def main() -> None:
        async with LogWriter(write) as log:

            async def other() -> None:
                await log.append("a", "loop")

            await asyncio.gather(
                log.append("a", "task"),
                asyncio.to_thread(log.append_sync, "a", "thread"),
                asyncio.to_thread(asyncio.run, other()),
            )
            with pytest.raises(RuntimeError, match="wait for its own event loop"):
                log.append_sync("a", "self")
        assert loops == {asyncio.get_running_loop()}

    asyncio.run(main())
    assert sorted(written) == ["loop", "task", "thread"]


def test_the_end_of_the_writers_loop_rejects_what_waits() -> None:
    """Threads that wait for a coroutine function whose loop is gone are told, before and after."""
    entered = threading.Event()

    async def write(key: str, entries: list[Any]) -> None:
        entered.set()
        await asyncio.Event().wait()

    async def main() -> tuple[LogWriter, list[Future[None]]]:
        log = LogWriter(write)
        futures = [await log.put("a", 1)]
        while not entered.is_set():
            await asyncio.sleep(0)
        return log, [*futures, await log.put("a", 2)]

    log, futures = asyncio.run(main())
    for future in (*futures, log.put_sync("a", 3)):
        with pytest.raises(RuntimeError):
            future.result(10)
    log.close()


def test_a_coroutine_function_needs_a_loop() -> None:
    """Said when it is used without one."""

    async def write(key: str, entries: list[Any]) -> None: ...

    log = LogWriter(write)
    with pytest.raises(RuntimeError, match="event loop"):
        log.append_sync("a", 1)


def test_a_function_cannot_be_read_from() -> None:
    """Nor told how much to keep, and limits are at least one."""
    log = LogWriter(Sink())
    with pytest.raises(TypeError, match="read back"):
        log.entries_sync("a")
    with pytest.raises(ValueError, match="max_entries is for stores"):
        LogWriter(Sink(), max_entries=3)
    with pytest.raises(ValueError, match="at least 1"):
        LogWriter(MemoryStore(), max_pending=0)


def test_the_queues_of_quiet_keys_are_forgotten() -> None:
    """A key costs nothing when it has nothing to write."""
    store = MemoryStore()
    with LogWriter(store) as log:
        for number in range(100):
            log.append_sync(f"k{number}", number)
        assert log._lines.number() == 0


def test_a_forked_child_can_append(store: Store) -> None:
    """Threads and locks of the parent do not exist in it, and what waits there is the parent's to write."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    log = LogWriter(store)
    log.append_sync("a", "parent")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            log.append_sync("a", "child")
            code = 0 if log.entries_sync("a") == ["parent", "child"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    log.append_sync("a", "parent again")
    expected = ["parent", "parent again"] if isinstance(store, MemoryStore) else ["parent", "child", "parent again"]
    assert log.entries_sync("a") == expected
    log.close()


def test_when_the_interpreter_ends_there_are_no_threads_to_be_had(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the caller writes itself."""

    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    with contextlib.closing(LogWriter(store)) as log:
        log.append_sync("a", 1)
        assert log.entries_sync("a") == [1]
