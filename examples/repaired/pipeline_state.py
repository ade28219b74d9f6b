"""A pipeline state manager that changes a task's state inside one transaction.

`update_stage` takes SQLite's write lock before it loads the document and gives it back with the commit. A stage of any
task, thread or process that wants to change the state meanwhile waits, and then loads what was saved. Each update has
a connection of its own, because a transaction belongs to its connection.
"""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import aiosqlite

SCHEMA = """
CREATE TABLE IF NOT EXISTS task_states (
    task_id TEXT PRIMARY KEY,
    state TEXT NOT NULL
)
"""


class StageState(TypedDict):
    status: str
    progress: int


class TaskState(TypedDict):
    stages: dict[str, StageState]


class PipelineStateManager:
    """What each stage of each task has done; the status page and the scheduler read it."""

    def __init__(self, database: Path) -> None:
        self._database = database

    async def create(self, task_id: str, stages: list[str]) -> None:
        state = TaskState(stages={stage: StageState(status="waiting", progress=0) for stage in stages})
        async with aiosqlite.connect(self._database) as db:
            await db.execute(SCHEMA)
            await db.execute("INSERT INTO task_states (task_id, state) VALUES (?, ?)", (task_id, json.dumps(state)))
            await db.commit()

    async def state(self, task_id: str) -> TaskState:
        async with aiosqlite.connect(self._database) as db:
            return await self._load_state(db, task_id)

    async def update_stage(self, task_id: str, stage: str, status: str, progress: int) -> None:
        async with aiosqlite.connect(self._database, timeout=30) as db:
            await db.execute("BEGIN IMMEDIATE")  # closing the connection without a commit rolls back
            state = await self._load_state(db, task_id)
            state["stages"][stage] = StageState(status=status, progress=progress)
            await self._save_state(db, task_id, state)
            await db.commit()

    async def _load_state(self, db: aiosqlite.Connection, task_id: str) -> TaskState:
        async with db.execute("SELECT state FROM task_states WHERE task_id = ?", (task_id,)) as cursor:
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"no task {task_id!r}")
        state: TaskState = json.loads(row[0])
        return state

    async def _save_state(self, db: aiosqlite.Connection, task_id: str, state: TaskState) -> None:
        await db.execute("UPDATE task_states SET state = ? WHERE task_id = ?", (json.dumps(state), task_id))


class Pipeline:
    """Runs the stages of a task in parallel."""

    def __init__(self, states: PipelineStateManager) -> None:
        self._states = states

    async def run(self, task_id: str, stages: list[str]) -> None:
        await self._states.create(task_id, stages)
        await asyncio.gather(*(self._run_stage(task_id, stage) for stage in stages))

    async def _run_stage(self, task_id: str, stage: str) -> None:
        await self._states.update_stage(task_id, stage, "running", 50)
        await self._states.update_stage(task_id, stage, "done", 100)


async def main() -> int:
    stages = ["audio", "video"]
    with TemporaryDirectory() as directory:
        manager = PipelineStateManager(Path(directory, "states.db"))
        await Pipeline(manager).run("task-1", stages)
        state = await manager.state("task-1")

    reported = [f"{stage} {now['status']} {now['progress']} %" for stage, now in state["stages"].items()]
    done = [stage for stage, now in state["stages"].items() if now["status"] == "done"]
    print("expected: audio done 100 %, video done 100 %")
    print(f"there:    {', '.join(reported)}")
    print(f"kept {len(done)} of {len(stages)} stages")
    return 0 if done == stages else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
