"""A job queue that keeps all its jobs in one JSON document.

`take` reads the whole state, shifts the first job and saves the state; `submit` reads, appends and saves. Workers that
read before another has saved shift the same job, and a job submitted between a worker's read and its save is gone.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypedDict

import aiosqlite

SCHEMA = """
CREATE TABLE queues (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL
)
"""


class QueueState(TypedDict):
    pending: list[str]
    running: dict[str, str]  # job → worker


class JobQueue:
    """Jobs of one queue, taken first in, first out by any number of workers."""

    def __init__(self, db: aiosqlite.Connection, name: str) -> None:
        self._db = db
        self._name = name

    async def create(self) -> None:
        state = QueueState(pending=[], running={})
        await self._db.execute("INSERT INTO queues (name, state) VALUES (?, ?)", (self._name, json.dumps(state)))
        await self._db.commit()

    async def submit(self, job: str) -> None:
        state = await self._read_state()
        state["pending"].append(job)
        await self._write_state(state)

    async def take(self, worker: str) -> str | None:
        """Return the next job for a worker, or None if none is waiting."""
        state = await self._read_state()
        if not state["pending"]:
            return None
        job = state["pending"].pop(0)
        state["running"][job] = worker
        await self._write_state(state)
        return job

    async def _read_state(self) -> QueueState:
        async with self._db.execute("SELECT state FROM queues WHERE name = ?", (self._name,)) as cursor:
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"no queue {self._name!r}")
        state: QueueState = json.loads(row[0])
        return state

    async def _write_state(self, state: QueueState) -> None:
        await self._db.execute("UPDATE queues SET state = ? WHERE name = ?", (json.dumps(state), self._name))
        await self._db.commit()


async def work(queue: JobQueue, worker: str, handle: Callable[[str], Awaitable[None]]) -> None:
    """Handle jobs until the queue is empty."""
    while (job := await queue.take(worker)) is not None:
        await handle(job)


async def main() -> int:
    jobs = [f"thumbnail-{number}" for number in range(1, 7)]
    runs: Counter[str] = Counter()

    async def make_thumbnail(job: str) -> None:
        runs[job] += 1

    async with aiosqlite.connect(":memory:") as db:
        await db.execute(SCHEMA)
        queue = JobQueue(db, "thumbnails")
        await queue.create()
        for job in jobs:
            await queue.submit(job)
        await asyncio.gather(
            queue.submit("thumbnail-7"),
            *(work(queue, worker, make_thumbnail) for worker in ("worker-1", "worker-2", "worker-3")),
        )

    never = [job for job in [*jobs, "thumbnail-7"] if job not in runs]
    print("expected: 7 jobs, each run once")
    print(f"there:    {len(runs)} jobs run {runs.total()} times, never run: {', '.join(never) or 'none'}")
    print(f"ran {runs.total()} times for 7 jobs, lost {len(never)}")
    return 0 if runs.total() == 18 and never == ["thumbnail-7"] else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
