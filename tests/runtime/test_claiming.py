"""`claim` and `allow`: one worker an item, and never more starts than allowed."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from racelint.runtime import ClaimLost, allow, allow_sync, claim, claim_sync, enqueue, enqueue_sync
from racelint.runtime.stores import Store


def test_every_item_is_claimed_once(store: Store) -> None:
    """Four threads empty the queue."""
    for number in range(20):
        enqueue_sync(store, "jobs", number)

    def work(_: int) -> list[Any]:
        done = []
        while (job := claim_sync(store, "jobs")) is not None:
            with job:
                done.append(job.value)
        return done

    with ThreadPoolExecutor(4) as threads:
        done = [value for part in threads.map(work, range(4)) for value in part]
    assert sorted(done) == list(range(20))


def test_what_a_worker_fails_at_comes_back(store: Store) -> None:
    """At once, and says how often it was tried."""

    async def main() -> list[int]:
        tries = []
        await enqueue(store, "jobs", "job")
        for _ in range(2):
            job = await claim(store, "jobs")
            assert job is not None
            tries.append(job.tries)
            with pytest.raises(ZeroDivisionError):
                async with job:
                    raise ZeroDivisionError
        job = await claim(store, "jobs")
        assert job is not None
        async with job:
            tries.append(job.tries)
        assert await claim(store, "jobs") is None
        return tries

    assert asyncio.run(main()) == [1, 2, 3]


def test_who_was_too_slow_is_told(store: Store) -> None:
    """Another worker has the item now, and is not disturbed."""
    enqueue_sync(store, "jobs", "job")
    slow = claim_sync(store, "jobs", seconds=0)
    assert slow is not None
    other = claim_sync(store, "jobs")
    assert other is not None
    with pytest.raises(ClaimLost, match="'jobs'"), slow:
        pass
    assert not slow.extend_sync(60)
    assert not slow.give_back_sync()
    assert other.extend_sync(60)
    assert claim_sync(store, "jobs") is None
    assert other.finish_sync()


def test_a_limit_is_kept_by_threads_and_tasks(store: Store) -> None:
    """Exactly so many are allowed, however many ask at once."""

    async def ask() -> list[bool]:
        return await asyncio.gather(*(allow(store, "starts", limit=7, seconds=600) for _ in range(5)))

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(asyncio.run, ask()) for _ in range(2)]
        asked += [threads.submit(lambda: [allow_sync(store, "starts", limit=7, seconds=600)]) for _ in range(5)]
    assert sum(sum(answers.result()) for answers in asked) == 7
    assert allow_sync(store, "other", limit=1, seconds=600)


def test_old_starts_do_not_count(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window slides: at no time were there more starts in it than allowed."""
    now = [1_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    allowed = []
    for step in range(20):
        now[0] = 1_000.0 + step
        if allow_sync(store, "starts", limit=2, seconds=5):
            allowed.append(step)
    assert allowed == [0, 1, 5, 6, 10, 11, 15, 16]
