"""A state manager for pipelines on top of `update_atomic`: a version, stages in parallel, and a face for old code.

Every change is a function from the old state to the new one. `update_atomic` loads, applies it and saves in one step as
others see it, whatever task, thread or process they are; where somebody else was faster, it applies it again.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from racelint.runtime import update_atomic, update_atomic_sync
from racelint.runtime.stores import FileStore, Store


class Stage(TypedDict):
    status: str
    progress: float
    error: str


class State(TypedDict):
    version: int
    stages: dict[str, Stage]
    artefacts: list[str]


Change = Callable[[State], State]


class StateManager:
    """What each stage of each task has done; callers in any number of processes may share the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def progress(self, task: str, stage: str, progress: float) -> State:
        return await self._update(task, set_stage(stage, Stage(status="running", progress=progress, error="")))

    async def complete(self, task: str, stage: str, artefacts: list[str]) -> State:
        return await self._update(task, set_stage(stage, Stage(status="done", progress=1.0, error=""), artefacts))

    async def fail(self, task: str, stage: str, error: str) -> State:
        return await self._update(task, set_stage(stage, Stage(status="failed", progress=0.0, error=error)))

    async def load(self, task: str) -> State:
        found = await self._store.aload(task)
        return found.value if found is not None else new()

    def complete_sync(self, task: str, stage: str, artefacts: list[str]) -> State:
        """For code that is not asynchronous yet; both faces may be used at once."""
        change = set_stage(stage, Stage(status="done", progress=1.0, error=""), artefacts)
        return update_atomic_sync(self._store, task, change, default=new)

    async def _update(self, task: str, change: Change) -> State:
        return await update_atomic(self._store, task, change, default=new)


def new() -> State:
    return State(version=0, stages={}, artefacts=[])


def set_stage(stage: str, now: Stage, artefacts: "list[str] | None" = None) -> Change:
    """A change that touches one stage, adds artefacts and counts the version up."""

    def change(state: State) -> State:
        kept = [*state["artefacts"], *(artefacts or [])]
        return State(version=state["version"] + 1, stages={**state["stages"], stage: now}, artefacts=kept)

    return change


async def main() -> int:
    stages = [f"stage {number}" for number in range(10)]
    with TemporaryDirectory() as folder:
        manager = StateManager(FileStore(Path(folder)))
        await asyncio.gather(*(manager.complete("task-1", stage, [f"{stage}.png"]) for stage in stages))
        state = await manager.load("task-1")
    print(f"version {state['version']}, kept {len(state['artefacts'])} of {len(stages)} artefacts")
    return 0 if sorted(state["artefacts"]) == sorted(f"{stage}.png" for stage in stages) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
