"""A project service that removes the sample scenes when the welcome screen is left.

`dismiss_welcome` clears the flag only where it is set and deletes the scenes in the same transaction. The row count
says which request of a double click has cleared it; the other one changes nothing, whenever it comes.

The requests share one connection, so they would share its transaction too: every write holds the lock from its first
statement to its last. `BEGIN IMMEDIATE` keeps out the writers of other processes.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import aiosqlite

SCHEMA = """
CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    show_welcome INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE scenes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    title TEXT NOT NULL
);
"""

Notify = Callable[[int, str], Awaitable[None]]


class ProjectService:
    """Projects and their scenes, as the HTTP handlers use them.

    `db` is in autocommit mode: its transactions are the ones that are written here.
    """

    def __init__(self, db: aiosqlite.Connection, notify: Notify) -> None:
        self._db = db
        self._notify = notify
        self._writing = asyncio.Lock()

    async def create_project(self, name: str, sample_scenes: list[str]) -> int:
        async with self._writing:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                cursor = await self._db.execute("INSERT INTO projects (name) VALUES (?)", (name,))
                project_id = cursor.lastrowid
                assert project_id is not None
                await self._db.executemany(
                    "INSERT INTO scenes (project_id, title) VALUES (?, ?)",
                    [(project_id, title) for title in sample_scenes],
                )
                await self._db.commit()
            except BaseException:
                await self._db.rollback()
                raise
        return project_id

    async def dismiss_welcome(self, project_id: int) -> None:
        """Leave the welcome screen and start from an empty project."""
        async with self._writing:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                cleared = await self._db.execute(
                    "UPDATE projects SET show_welcome = 0 WHERE id = ? AND show_welcome = 1", (project_id,)
                )
                if cleared.rowcount == 1:
                    await self._db.execute("DELETE FROM scenes WHERE project_id = ?", (project_id,))
                await self._db.commit()
            except BaseException:
                await self._db.rollback()
                raise
        if cleared.rowcount == 1:
            await self._notify(project_id, "welcome dismissed")

    async def add_scene(self, project_id: int, title: str) -> None:
        async with self._writing:
            await self._db.execute("INSERT INTO scenes (project_id, title) VALUES (?, ?)", (project_id, title))

    async def scene_titles(self, project_id: int) -> list[str]:
        rows = await self._db.execute_fetchall(
            "SELECT title FROM scenes WHERE project_id = ? ORDER BY id", (project_id,)
        )
        return [row[0] for row in rows]


class SlowSecondSubscriber:
    """Answers the first notification at once and the second one when `answer` is set."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self._calls = 0

    async def __call__(self, project_id: int, event: str) -> None:
        self._calls += 1
        if self._calls == 2:
            await self.answer.wait()


async def main() -> int:
    subscriber = SlowSecondSubscriber()
    async with aiosqlite.connect(":memory:", isolation_level=None) as db:
        await db.executescript(SCHEMA)
        service = ProjectService(db, subscriber)
        project_id = await service.create_project("Short film", ["Sample: city", "Sample: forest"])

        first_click = asyncio.create_task(service.dismiss_welcome(project_id))
        second_click = asyncio.create_task(service.dismiss_welcome(project_id))
        await first_click
        await service.add_scene(project_id, "Opening shot")
        subscriber.answer.set()
        await second_click
        titles = await service.scene_titles(project_id)

    print("expected: ['Opening shot']")
    print(f"there:    {titles}")
    print(f"kept {len(titles)} of 1 new scenes")
    return 0 if titles == ["Opening shot"] else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
