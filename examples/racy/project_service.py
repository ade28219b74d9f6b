"""A project service that removes the sample scenes when the welcome screen is left.

`dismiss_welcome` checks the welcome flag, clears it and deletes the scenes in separate statements. Both requests of a
double click see the flag set. The first one clears it and deletes the samples, the user adds a scene, and the second
one, which looked at the flag before all that, deletes the new scene.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Project:
    id: int
    name: str
    show_welcome: bool


class ProjectService:
    """Projects and their scenes, as the HTTP handlers use them."""

    def __init__(self, db: aiosqlite.Connection, notify: Notify) -> None:
        self._db = db
        self._notify = notify

    async def create_project(self, name: str, sample_scenes: list[str]) -> int:
        cursor = await self._db.execute("INSERT INTO projects (name) VALUES (?)", (name,))
        project_id = cursor.lastrowid
        assert project_id is not None
        await self._db.executemany(
            "INSERT INTO scenes (project_id, title) VALUES (?, ?)", [(project_id, title) for title in sample_scenes]
        )
        await self._db.commit()
        return project_id

    async def get_project(self, project_id: int) -> Project:
        async with self._db.execute(
            "SELECT id, name, show_welcome FROM projects WHERE id = ?", (project_id,)
        ) as cursor:
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"no project {project_id}")
        return Project(row[0], row[1], bool(row[2]))

    async def dismiss_welcome(self, project_id: int) -> None:
        """Leave the welcome screen and start from an empty project."""
        project = await self.get_project(project_id)
        if not project.show_welcome:
            return
        await self._db.execute("UPDATE projects SET show_welcome = 0 WHERE id = ?", (project_id,))
        await self._db.commit()
        await self._notify(project_id, "welcome dismissed")
        await self._db.execute("DELETE FROM scenes WHERE project_id = ?", (project_id,))
        await self._db.commit()

    async def add_scene(self, project_id: int, title: str) -> None:
        await self._db.execute("INSERT INTO scenes (project_id, title) VALUES (?, ?)", (project_id, title))
        await self._db.commit()

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
    async with aiosqlite.connect(":memory:") as db:
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
    return 0 if titles == [] else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
