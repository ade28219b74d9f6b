"""A pipeline state manager that keeps a task's whole state as one JSON document.

The stages of a task run in parallel and report to `update_stage`, which loads the document, changes its own stage and
saves the document. Both stages load the same document; the second save writes back what the first stage was before,
and its progress is lost.
"""

import asyncio
import json
import sys
from typing import TypedDict

import aiosqlite

SCHEMA = """
CREATE TABLE task_states (
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

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def create(self, task_id: str, stages: list[str]) -> None:
        state = TaskState(stages={stage: StageState(status="waiting", progress=0) for stage in stages})
        await self._db.execute("INSERT INTO task_states (task_id, state) VALUES (?, ?)", (task_id, json.dumps(state)))
        await self._db.commit()

    async def load_state(self, task_id: str) -> TaskState:
        async with self._db.execute("SELECT state FROM task_states WHERE task_id = ?", (task_id,)) as cursor:
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"no task {task_id!r}")
        state: TaskState = json.loads(row[0])
        return state

    async def save_state(self, task_id: str, state: TaskState) -> None:
        await self._db.execute("UPDATE task_states SET state = ? WHERE task_id = ?", (json.dumps(state), task_id))
        await self._db.commit()

    async def update_stage(self, task_id: str, stage: str, status: str, progress: int) -> None:
        state = await self.load_state(task_id)
        state["stages"][stage] = StageState(status=status, progress=progress)
        await self.save_state(task_id, state)


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
    async with aiosqlite.connect(":memory:") as db:
        await db.execute(SCHEMA)
        manager = PipelineStateManager(db)
        await Pipeline(manager).run("task-1", stages)
        state = await manager.load_state("task-1")

    reported = [f"{stage} {now['status']} {now['progress']} %" for stage, now in state["stages"].items()]
    done = [stage for stage, now in state["stages"].items() if now["status"] == "done"]
    print("expected: audio done 100 %, video done 100 %")
    print(f"there:    {', '.join(reported)}")
    print(f"kept {len(done)} of {len(stages)} stages")
    return 0 if done == ["video"] else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
