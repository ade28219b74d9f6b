"""Cancellation at every suspension point, one after the other: what was cancelled is usable, and all is consistent.

A coroutine is stepped by hand in a task of its own, which is cancelled when it suspends for the first time; then the whole
scenario is run again with the second time, and so on until there is no such time: no point is left out. At each point the
cancellation comes early, so that what is awaited is cancelled too, and late, when that is done already.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from racelint.runtime import LogWriter, init_once, update_atomic
from racelint.runtime.stores import MemoryStore


class Cancelling:
    """Awaits a coroutine, which is cancelled where it suspends for the `at`th time; `met()` is called at each of them."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at: int, late: bool, met: Callable[[], object]) -> None:
        self.coroutine, self.at, self.late, self.met = coroutine, at, late, met
        self.suspended = 0

    @property
    def cancelled(self) -> bool:
        """Whether it came so far."""
        return self.suspended >= self.at

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = lambda: self.coroutine.send(None)  # noqa: E731
        while True:
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value
            step = lambda: self.coroutine.send(None)  # noqa: E731
            self.suspended += 1
            self.met()
            if self.suspended == self.at:
                if self.late:
                    step = lambda: self.coroutine.throw(asyncio.CancelledError())  # noqa: E731
                else:
                    asyncio.current_task().cancel()  # type: ignore[union-attr]
            try:
                yield waits_for
            except asyncio.CancelledError as cancelled:
                step = lambda error=cancelled: self.coroutine.throw(error)  # type: ignore[misc]  # noqa: E731


async def cancelled_at(
    coroutine: Coroutine[Any, Any, Any], at: int, late: bool, met: Callable[[], object] = lambda: None
) -> bool:
    """Run a coroutine and cancel it at a suspension; whether it had so many."""
    cancelling = Cancelling(coroutine, at, late, met)

    async def run() -> Any:
        return await cancelling

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return cancelling.cancelled


def sweep(scenario: Callable[[int, bool], Awaitable[bool]]) -> int:
    """Run a scenario with a cancellation at its first, second, … suspension; how many there were."""
    for late in (False, True):
        at = 1
        while asyncio.run(asyncio.wait_for(scenario(at, late), 10)):  # type: ignore[arg-type]
            at += 1
            assert at < 100
    return at - 1


def test_the_sweep_finds_every_suspension() -> None:
    """Three awaits are three points, and the fourth does not exist."""
    passed: list[tuple[int, bool, list[int]]] = []

    async def three(seen: list[int]) -> None:
        for number in range(3):
            await asyncio.sleep(0)
            seen.append(number)

    async def scenario(at: int, late: bool) -> bool:
        seen: list[int] = []
        cancelled = await cancelled_at(three(seen), at, late)
        passed.append((at, late, seen))
        return cancelled

    assert sweep(scenario) == 3
    assert [seen for _, _, seen in passed[:4]] == [[], [0], [0, 1], [0, 1, 2]]


@pytest.mark.parametrize("contended", [False, True])
def test_update_atomic(contended: bool) -> None:
    """It happened or it did not; others, and the next one, are as always; nobody is left within the gate."""

    async def scenario(at: int, late: bool) -> bool:
        store = MemoryStore()
        store.blocking = True  # its calls go through threads, so that every one of them is a suspension
        store.save("n", 0, None)

        async def slowly(number: int) -> int:
            await asyncio.sleep(0)
            return number + 1

        async def rival(number: int) -> int:
            if contended and store.counters.conflicts == 0:  # another process is faster, once
                found = store.load("n")
                assert found is not None
                store.save("n", found.value + 100, found.version)
            return await slowly(number)

        others = [asyncio.create_task(update_atomic(store, "n", slowly)) for _ in range(2)]
        await asyncio.sleep(0)
        cancelled = await cancelled_at(update_atomic(store, "n", rival, backoff=0.001), at, late)
        await asyncio.gather(*others)
        await asyncio.to_thread(store.close)
        await update_atomic(store, "n", slowly, backoff=0.001)
        found = store.load("n")
        assert found is not None
        done = found.value % 100 - 3
        assert done in (0, 1) if cancelled else done == 1
        assert store.gates._gates == {}
        store.close()
        return cancelled

    assert sweep(scenario) >= 4


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("method", ["append", "put", "flush", "aclose"])
def test_log_writer(method: str, asynchronous: bool) -> None:
    """The entry is there once or not at all, the others once and in order, and the writer goes on.

    The thread that writes waits until the call has suspended: else it might be done before, and the call would not wait.
    """

    async def scenario(at: int, late: bool) -> bool:
        written: list[Any] = []
        suspended = threading.Event()

        async def write(key: str, entries: list[Any]) -> None:
            await asyncio.sleep(0)
            written.extend(entries)

        def write_sync(key: str, entries: list[Any]) -> None:
            assert suspended.wait(10)
            written.extend(entries)

        log = LogWriter(write if asynchronous else write_sync, max_pending=2, max_batch=1)
        others = [asyncio.create_task(log.append("a", number)) for number in range(3)]
        await asyncio.sleep(0)
        call = getattr(log, method)
        coroutine = call("a", "mine") if method in ("append", "put") else call()
        cancelled = await cancelled_at(coroutine, at, late, suspended.set)
        await asyncio.gather(*others)
        if method != "aclose":
            await log.append("a", 3)
        await log.aclose()
        expected = [0, 1, 2] if method == "aclose" else [0, 1, 2, 3]
        assert [entry for entry in written if entry != "mine"] == expected
        times = written.count("mine")
        assert times <= 1
        assert cancelled or times == (method in ("append", "put"))
        while log._lines.number():  # forgotten by the thread that has written, when it looks for more
            await asyncio.sleep(0)
        return cancelled

    assert sweep(scenario) >= 1


@pytest.mark.parametrize("waits", [False, True])
def test_init_once(waits: bool) -> None:
    """Whether the caller starts the body or waits for another's: the body runs once, and all others get its result."""

    async def scenario(at: int, late: bool) -> bool:
        runs: list[int] = []

        @init_once
        async def once() -> object:
            runs.append(1)
            for _ in range(3):
                await asyncio.sleep(0)
            return object()

        others = [asyncio.create_task(once())] if waits else []
        await asyncio.sleep(0)
        cancelled = await cancelled_at(once(), at, late)
        results = {*await asyncio.gather(*others, once(), once())}
        assert len(results) == 1
        assert len(runs) == 1
        return cancelled

    assert sweep(scenario) >= 1


def test_the_body_of_init_once() -> None:
    """Cancelled itself, at each of its suspensions: who started it is told, and others run it anew."""

    async def scenario(at: int, late: bool) -> bool:
        cancelled: list[bool] = []

        async def body() -> object:
            for _ in range(3):
                await asyncio.sleep(0)
            return object()

        async def made() -> object:
            if cancelled:
                return await body()
            cancelled.append(False)
            cancelled[0] = await cancelled_at(body(), at, late)
            if cancelled[0]:
                raise asyncio.CancelledError
            return object()

        once = init_once(made)
        results = await asyncio.gather(once(), once(), once(), return_exceptions=True)
        last = await once()
        assert {type(result) for result in results} <= {object, asyncio.CancelledError}
        assert all(result is last for result in results if type(result) is object)
        return cancelled[0]

    assert sweep(scenario) == 3
