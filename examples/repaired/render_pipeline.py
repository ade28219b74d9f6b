"""A render pipeline that appends to each render's log in one statement.

`add_log` lets SQLite append to the JSON array: no task holds a copy of the log that could be older than the log, and
all of 20 concurrent lines are kept, in the order in which they were logged.
"""

import asyncio
import hashlib
import json
import sys
from datetime import datetime, timezone
from typing import TypedDict

import aiosqlite

SCHEMA = """
CREATE TABLE renders (
    id TEXT PRIMARY KEY,
    scene TEXT NOT NULL,
    logs TEXT NOT NULL DEFAULT '[]'
)
"""


class LogEntry(TypedDict):
    at: str
    level: str
    message: str


class RenderPipeline:
    """Renders the frames of a scene and keeps a log that the studio shows beside the preview."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def create_render(self, render_id: str, scene: str) -> None:
        await self._db.execute("INSERT INTO renders (id, scene) VALUES (?, ?)", (render_id, scene))
        await self._db.commit()

    async def render(self, render_id: str, frames: int) -> None:
        """Render all frames of a scene at the same time."""
        await asyncio.gather(*(self._render_frame(render_id, frame) for frame in range(frames)))

    async def add_log(self, render_id: str, level: str, message: str) -> None:
        entry = LogEntry(at=datetime.now(timezone.utc).isoformat(), level=level, message=message)
        cursor = await self._db.execute(
            "UPDATE renders SET logs = json_insert(logs, '$[#]', json(?)) WHERE id = ?", (json.dumps(entry), render_id)
        )
        await self._db.commit()
        if cursor.rowcount == 0:
            raise LookupError(f"no render {render_id!r}")

    async def load_logs(self, render_id: str) -> list[LogEntry]:
        async with self._db.execute("SELECT logs FROM renders WHERE id = ?", (render_id,)) as cursor:
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"no render {render_id!r}")
        logs: list[LogEntry] = json.loads(row[0])
        return logs

    async def _render_frame(self, render_id: str, frame: int) -> None:
        image = hashlib.sha256(f"{render_id}/{frame}".encode()).hexdigest()  # stands for the renderer
        await self.add_log(render_id, "info", f"frame {frame} rendered as {image[:8]}.png")


async def main() -> int:
    frames = 20
    async with aiosqlite.connect(":memory:") as db:
        await db.execute(SCHEMA)
        pipeline = RenderPipeline(db)
        await pipeline.create_render("render-1", "harbour at dawn")
        await pipeline.render("render-1", frames)
        logs = await pipeline.load_logs("render-1")

    print(f"expected: {frames} log entries, in order")
    print(f"there:    {len(logs)}, from {logs[0]['message']!r} to {logs[-1]['message']!r}")
    print(f"kept {len(logs)} of {frames}")
    in_order = all(entry["message"].startswith(f"frame {frame} ") for frame, entry in enumerate(logs))
    return 0 if len(logs) == frames and in_order else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
