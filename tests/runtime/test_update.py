"""`update_atomic`: no update is lost, and what fails changes nothing."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from racelint.runtime import Conflict, ReEntered, update_atomic, update_atomic_sync
from racelint.runtime.stores import MemoryStore, Store


def increment(number: int) -> int:
    """What all of these tests do, so that lost updates can be counted."""
    return number + 1


def value(store: Store, key: str = "n") -> Any:
    """What is stored."""
    found = store.load(key)
    return found and found.value


async def twenty(store: Store) -> None:
    """Twenty tasks at once."""
    await asyncio.gather(*(update_atomic(store, "n", increment, default=int) for _ in range(20)))


def test_no_update_of_a_task_is_lost(store: Store) -> None:
    """Twenty at once, and none meets another: the local gate lets in one at a time."""
    asyncio.run(twenty(store))
    assert value(store) == 20
    assert (store.counters.attempts, store.counters.conflicts, store.counters.waited) == (20, 0, 0)


def test_no_update_of_a_thread_is_lost(store: Store) -> None:
    """Threads and tasks of several loops, all at the same key."""

    def work(number: int) -> None:
        if number % 2:
            asyncio.run(twenty(store))
        else:
            for _ in range(20):
                update_atomic_sync(store, "n", increment, default=int)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert value(store) == 80
    assert store.counters.conflicts == 0


def test_the_new_value_is_returned(store: Store) -> None:
    """As it was stored; the function may be one that awaits."""

    async def slowly(number: int) -> int:
        await asyncio.sleep(0)
        return number + 10

    async def main() -> list[int]:
        return [await update_atomic(store, "n", change, default=int) for change in (increment, slowly, increment)]

    assert asyncio.run(main()) == [1, 11, 12]
    assert update_atomic_sync(store, "n", increment) == 13 == value(store)


def test_a_missing_key_is_an_error_unless_there_is_a_default(store: Store) -> None:
    """The key is named."""
    with pytest.raises(KeyError, match="'n'"):
        update_atomic_sync(store, "n", increment)
    with pytest.raises(KeyError, match="'n'"):
        asyncio.run(update_atomic(store, "n", increment))
    assert store.load("n") is None


def test_an_exception_of_the_change_changes_nothing(store: Store) -> None:
    """Not even if the change has spoilt what it was given; and the key stays usable."""

    def spoil(numbers: list[int]) -> list[int]:
        numbers.append(2)
        raise ZeroDivisionError

    async def spoil_slowly(numbers: list[int]) -> list[int]:
        await asyncio.sleep(0)
        return spoil(numbers)

    version = store.save("n", [1], None)
    with pytest.raises(ZeroDivisionError):
        update_atomic_sync(store, "n", spoil)
    for change in (spoil, spoil_slowly):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(update_atomic(store, "n", change))
    assert store.load("n") == ([1], version)
    assert update_atomic_sync(store, "n", lambda numbers: [*numbers, 3]) == [1, 3]


class Rival:
    """A change that another process is faster than, so many times."""

    def __init__(self, store: Store, wins: int) -> None:
        self.store, self.wins, self.calls = store, wins, 0

    def __call__(self, number: int) -> int:
        self.calls += 1
        if self.calls <= self.wins:
            found = self.store.load("n")
            self.store.save("n", (found.value if found else 0) + 100, found and found.version)
        return number + 1


@pytest.mark.parametrize("face", ["tasks", "threads"])
def test_a_conflict_is_tried_again_with_what_is_there_now(store: Store, face: str) -> None:
    """And counted."""
    rival = Rival(store, wins=3)
    if face == "tasks":
        asyncio.run(update_atomic(store, "n", rival, default=int, backoff=0.001))
    else:
        update_atomic_sync(store, "n", rival, default=int, backoff=0.001)
    assert value(store) == 301
    assert (rival.calls, store.counters.attempts, store.counters.conflicts) == (4, 4, 3)
    assert store.counters.waited > 0
    store.counters.reset()
    assert (store.counters.attempts, store.counters.conflicts, store.counters.waited) == (0, 0, 0)


@pytest.mark.parametrize("face", ["tasks", "threads"])
def test_after_the_last_try_it_is_a_conflict(store: Store, face: str) -> None:
    """Which says how many tries there were, and leaves what the others saved."""
    rival = Rival(store, wins=100)

    def update() -> None:
        if face == "tasks":
            asyncio.run(update_atomic(store, "n", rival, default=int, retries=2, backoff=0))
        else:
            update_atomic_sync(store, "n", rival, default=int, retries=2, backoff=0)

    with pytest.raises(Conflict, match="'n' was saved by others during each of 3 attempts") as caught:
        update()
    assert (caught.value.key, caught.value.tries, rival.calls) == ("n", 3, 3)
    assert value(store) == 300


def test_calling_itself_is_an_error_instead_of_a_deadlock() -> None:
    """Also through a thread that is awaited; other keys and other stores may be updated within."""
    store = MemoryStore()

    async def twice(number: int) -> int:
        await update_atomic(store, "other", increment, default=int)
        await update_atomic(MemoryStore(), "n", increment, default=int)
        return await update_atomic(store, "n", increment, default=int)

    async def thread(number: int) -> int:
        return await asyncio.to_thread(update_atomic_sync, store, "n", increment)

    for change in (twice, thread):
        with pytest.raises(ReEntered, match="wait for itself"):
            asyncio.run(update_atomic(store, "n", change, default=int))
    assert value(store, "other") == 1
    assert update_atomic_sync(store, "n", increment, default=int) == 1


def test_the_face_for_threads_does_not_stop_the_loop_it_is_called_on() -> None:
    """A task is within, and needs the loop to come out again: the synchronous call does not wait for it."""
    store = MemoryStore()

    async def main() -> None:
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(number: int) -> int:
            inside.set()
            await go_on.wait()
            return number + 1

        slow = asyncio.create_task(update_atomic(store, "n", slowly, default=int, backoff=0))
        await inside.wait()
        update_atomic_sync(store, "n", increment, default=int)
        go_on.set()
        await slow

    asyncio.run(main())
    assert value(store) == 2


def test_those_who_wait_are_let_in_in_order() -> None:
    """First come, first served."""
    store = MemoryStore()
    order: list[int] = []

    async def main() -> None:
        async def note(number: int, turn: int) -> int:
            await asyncio.sleep(0)
            order.append(turn)
            return number

        async def update(turn: int) -> None:
            await update_atomic(store, "n", lambda number: note(number, turn), default=int)

        await asyncio.gather(*(update(turn) for turn in range(10)))

    asyncio.run(main())
    assert order == list(range(10))


def test_updates_that_wait_for_each_other_are_told() -> None:
    """Two changes, each of which updates the key of the other: one of them gets an error, and the other one its way."""
    store = MemoryStore()
    together = threading.Barrier(2)

    def update(key: str, other: str) -> int:
        def change(number: int) -> int:
            together.wait(10)
            return number + update_atomic_sync(store, other, increment, default=int)

        return update_atomic_sync(store, key, change, default=int)

    with ThreadPoolExecutor(2) as threads:
        results = [threads.submit(update, "a", "b"), threads.submit(update, "b", "a")]
        errors = [result.exception(10) for result in results]
    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "ReEntered"]


def test_other_keys_do_not_wait() -> None:
    """While one key is being updated, another one can be."""
    store = MemoryStore()
    inside, go_on = threading.Event(), threading.Event()

    def slowly(number: int) -> int:
        inside.set()
        assert go_on.wait(10)
        return number + 1

    thread = threading.Thread(target=update_atomic_sync, args=(store, "slow", slowly), kwargs={"default": int})
    thread.start()
    assert inside.wait(10)
    assert update_atomic_sync(store, "n", increment, default=int) == 1
    go_on.set()
    thread.join()
    assert store.gates._gates == {}
