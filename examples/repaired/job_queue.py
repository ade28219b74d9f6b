"""A job queue that keeps each job in a row of its own.

`submit` inserts a row and touches no other. `take` finds and marks the next job in one statement, so no two workers
are given the same one, in this process or in another.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import aiosqlite

SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    job TEXT NOT NULL,
    worker TEXT  -- NULL while the job is waiting
)
"""


class JobQueue:
    """Jobs of one queue, taken first in, first out by any number of workers."""

    def __init__(self, db: aiosqlite.Connection, name: str) -> None:
        self._db = db
        self._name = name

    async def submit(self, job: str) -> None:
        await self._db.execute("INSERT INTO jobs (queue, job) VALUES (?, ?)", (self._name, job))
        await self._db.commit()

    async def take(self, worker: str) -> str | None:
        """Return the next job for a worker, or None if none is waiting."""
        taken = await self._db.execute_fetchall(
            """
            UPDATE jobs SET worker = ?
            WHERE id = (SELECT id FROM jobs WHERE queue = ? AND worker IS NULL ORDER BY id LIMIT 1)
            RETURNING job
            """,
            (worker, self._name),
        )
        await self._db.commit()
        return next((job for (job,) in taken), None)


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
    return 0 if runs.total() == 7 and not never else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
