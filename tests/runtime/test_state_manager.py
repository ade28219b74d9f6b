"""The seven behaviours that readers of the original systems look for, of examples/state_manager.py."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from racelint.runtime.stores import FileStore

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "state_manager.py"


@pytest.fixture
def example() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("state_manager", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> FileStore:
    """Files are what most of the original systems had."""
    return FileStore(tmp_path)


@pytest.fixture
def manager(example: ModuleType, folder: FileStore) -> Any:
    """One that nobody else uses."""
    return example.StateManager(folder)


def test_a_save_is_locked(manager: Any, folder: FileStore) -> None:
    """While one task changes a state, no other one is within; other tasks of the pipeline are not held up."""
    inside: list[str] = []

    async def main() -> None:
        save = folder.save

        def watched(key: str, value: Any, expected: int | None) -> int | None:
            assert key not in inside
            inside.append(key)
            try:
                return save(key, value, expected)
            finally:
                inside.remove(key)

        folder.save = watched  # type: ignore[method-assign]
        await asyncio.gather(*(manager.progress(f"task-{n % 2}", f"stage {n}", 0.5) for n in range(10)))

    asyncio.run(main())


def test_concurrent_updates_are_not_lost(manager: Any) -> None:
    """Twenty stages report progress at once."""

    async def main() -> Any:
        await asyncio.gather(*(manager.progress("task", f"stage {number}", 0.5) for number in range(20)))
        return await manager.load("task")

    assert len(asyncio.run(main())["stages"]) == 20


def test_parallel_completion_keeps_all_artefacts(manager: Any) -> None:
    """And failures beside them."""

    async def main() -> Any:
        done = (manager.complete("task", f"stage {number}", [f"{number}.png"]) for number in range(10))
        await asyncio.gather(*done, manager.fail("task", "upload", "no connection"))
        return await manager.load("task")

    state = asyncio.run(main())
    assert sorted(state["artefacts"]) == sorted(f"{number}.png" for number in range(10))
    assert state["stages"]["upload"] == {"status": "failed", "progress": 0.0, "error": "no connection"}


def test_conflicts_are_detected_and_retried(example: ModuleType, manager: Any, tmp_path: Path) -> None:
    """Managers with stores of their own do not know of each other, like processes."""
    managers = [example.StateManager(FileStore(tmp_path)) for _ in range(4)]

    def complete(number: int) -> None:
        for turn in range(10):
            managers[number].complete_sync("task", f"stage {number}.{turn}", [f"{number}.{turn}"])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(complete, range(4)))
    state = asyncio.run(manager.load("task"))
    assert len(state["artefacts"]) == 40
    counters = [one._store.counters for one in managers]
    assert sum(one.attempts for one in counters) == 40 + sum(one.conflicts for one in counters)


def test_the_version_grows_with_every_save(manager: Any) -> None:
    """That of the state by one, that of the store as well."""
    versions = [asyncio.run(manager.progress("task", "stage", number / 10))["version"] for number in range(5)]
    assert versions == [1, 2, 3, 4, 5]


def test_synchronous_methods(manager: Any) -> None:
    """Old code in threads and new code in tasks update the same state."""

    async def main() -> Any:
        old = (asyncio.to_thread(manager.complete_sync, "task", f"old {n}", [f"old {n}"]) for n in range(5))
        new = (manager.complete("task", f"new {n}", [f"new {n}"]) for n in range(5))
        await asyncio.gather(*old, *new)
        return await manager.load("task")

    assert len(asyncio.run(main())["artefacts"]) == 10


def test_there_is_no_partial_file(manager: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves the old state, and the next save puts all right."""
    import os

    asyncio.run(manager.progress("task", "stage", 0.5))

    def refuse(_: int) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="no space"):
            asyncio.run(manager.progress("task", "stage", 0.9))
    assert asyncio.run(manager.load("task"))["stages"]["stage"]["progress"] == 0.5
    assert asyncio.run(manager.progress("task", "stage", 1.0))["version"] == 2
    assert list(tmp_path.glob("*.tmp")) == []


def test_the_example_runs_and_is_clean(tmp_path: Path) -> None:
    """By itself, without a warning; and racelint has nothing to say about it."""
    done = subprocess.run([sys.executable, "-X", "dev", EXAMPLE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "version 10, kept 10 of 10 artefacts\n"
    checked = subprocess.run(
        [sys.executable, "-m", "racelint", "--isolated", "--no-cache", EXAMPLE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout
