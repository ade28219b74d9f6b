"""`init_once`, `update_atomic` and `LogWriter` in every order of their steps, up to two preemptions; and proof that it looks.

The source of the helper and of what it stands on, without the imports between them, and a scenario become one fixture of
`tests/explorer.py`: every bytecode of them that touches shared state is a switch point between threads, every suspension
one between tasks. A seeded mutation of each, of the kind that people make, must be caught.
"""

from __future__ import annotations

import re
from pathlib import Path

import explorer
import pytest

import racelint.runtime

RUNTIME = Path(racelint.runtime.__file__).parent
STORE = ["stores/base", "stores/document_queue", "stores/memory"]

THREADS = """
import threading
def run(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

ONCE_THREADS = """
def scenario():
    made = []
    def body():
        made.append(object())
        return made[0]
    once, got = init_once(body), []
    run(lambda: got.append(once()), lambda: got.append(once()))
    assert len(made) == 1 and got[0] is got[1] is made[0]
"""

ONCE_TASKS = """
async def scenario():
    import asyncio
    made = []
    async def body():
        await asyncio.sleep(0)
        made.append(object())
        return made[0]
    once = init_once(body)
    async def impatient():
        task = asyncio.ensure_future(once())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    results = await asyncio.gather(once(), once(), impatient())
    assert len(made) == 1 and results[0] is results[1] is made[0]
"""

UPDATE_THREADS = """
def increment(number):
    return number + 1
def scenario():
    store = MemoryStore()
    if not GATES:
        store.gates = NoGates()
    store.save("n", 0, None)
    bodies = [lambda: update_atomic_sync(store, "n", increment, backoff=0)] * 2
    run(*bodies)
    assert store.load("n").value == 2
class NoGates:
    def hold_sync(self, key):
        import contextlib
        return contextlib.nullcontext()
"""

UPDATE_TASKS = """
async def scenario():
    import asyncio
    store = MemoryStore()
    if not GATES:
        store.gates = NoGates()
    async def increment(number):
        await asyncio.sleep(0)
        return number + 1
    await asyncio.gather(*(update_atomic(store, "n", increment, default=int, backoff=0) for _ in range(2)))
    assert store.load("n").value == 2
class NoGates:
    @asynccontextmanager
    async def hold(self, key):
        yield
"""

LOG_THREADS = """
def scenario():
    written, writing, log = [], [], LogWriter(MemoryStore())
    def write(key, texts, keep=None):
        assert not writing
        writing.append(1)
        written.extend(texts)
        writing.clear()
    log._sink.append_texts = write
    run(lambda: log.append_sync("a", 1), lambda: [log.append_sync("a", 2), log.append_sync("a", 3)])
    assert sorted(written) == ["1", "2", "3"] and written.index("2") < written.index("3")
    assert log._lines.number() == 0
"""

LOG_TASKS = """
async def scenario():
    import asyncio
    written, writing = [], []
    async def write(key, entries):
        assert not writing
        writing.append(1)
        await asyncio.sleep(0)
        written.extend(entries)
        writing.clear()
    log = LogWriter(write, max_pending=1)
    async def impatient():
        task = asyncio.ensure_future(log.append("a", 0))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    async def both():
        await log.append("a", 2)
        await log.append("a", 3)
    await asyncio.gather(log.append("a", 1), OTHER())
    await log.aclose()
    assert written.count(0) <= 1 and [n for n in written if n in (2, 3)] == EXPECTED and 1 in written
"""


def fixture(folder: Path, modules: list[str], scenario: str, mutation: tuple[str, str] | None = None) -> Path:
    """One file of the sources and the scenario, with a piece of them replaced by another."""
    source = "\n".join((RUNTIME / f"{module}.py").read_text(encoding="utf-8") for module in modules)
    names = "|".join(module.replace("/", ".") for module in modules)
    source = re.sub(rf"^( *)from racelint\.runtime\.({names}) import .*$", r"\1pass", source, flags=re.MULTILINE)
    if mutation is not None:
        before, after = mutation
        assert before in source
        source = source.replace(before, after)
    path = folder / "explored.py"
    path.write_text(source + THREADS + scenario, encoding="utf-8")
    return path


ONCE = ["once"]
UPDATE = [*STORE, "update"]
GATED = ["gate", *STORE, "update"]
LOG = ["lines", "log_writer"]

SOUND = {
    "init_once, threads": (ONCE, ONCE_THREADS),
    "init_once, tasks": (ONCE, ONCE_TASKS),
    "update_atomic, threads": (UPDATE, "GATES = False" + UPDATE_THREADS),
    "update_atomic with its gate, threads": (
        ["gate", "update"],
        "from racelint.runtime.stores import MemoryStore\nGATES = True" + UPDATE_THREADS,
    ),
    "update_atomic, tasks": (UPDATE, "from contextlib import asynccontextmanager\nGATES = False" + UPDATE_TASKS),
    "update_atomic with its gate, tasks": (GATED, "GATES = True" + UPDATE_TASKS),
    "LogWriter, threads": (LOG, "from racelint.runtime.stores import MemoryStore\n" + LOG_THREADS),
    "LogWriter, tasks": (LOG, LOG_TASKS.replace("OTHER", "both").replace("EXPECTED", "[2, 3]")),
    "LogWriter, a cancelled task": (LOG, LOG_TASKS.replace("OTHER", "impatient").replace("EXPECTED", "[]")),
}


BOUND = {"LogWriter, threads": 1, "update_atomic, threads": 1}
"""Preemptions, where two would take long."""


@pytest.mark.parametrize("name", SOUND)
def test_no_order_of_the_steps_breaks_it(tmp_path: Path, name: str) -> None:
    """Explored to the end, within the bound."""
    modules, scenario = SOUND[name]
    verdict = explorer.explore(fixture(tmp_path, modules, scenario), preemptions=BOUND.get(name, 2), more_runs=1)
    assert verdict.outcome is explorer.Outcome.EXPLORED, str(verdict)
    print(name, verdict)


MUTATIONS = {
    "init_once, threads": {
        "lock removed": (
            "        with self._lock:\n            if self.value is not",
            "        if True:\n            if self.value is not",
        ),
        "second look removed": (
            "            if self.value is not _NOT_YET:  # finished",
            "            if False:  # finished",
        ),
        "published before it is made": (
            "                value = body()\n",
            "                self.value = None\n                value = body()\n",
        ),
    },
    "init_once, tasks": {
        "nobody joins a run": ("            if self._run is not None:\n", "            if False:\n"),
        "all who wait share one future": (
            "            run.add_done_callback(partial(_pass_on, watched))\n",
            "            watched = run\n",
        ),
    },
    "update_atomic, threads": {
        "lock removed": (
            "        with self._lock:\n            found = self._documents",
            "        if True:\n            found = self._documents",
        ),
        "version checked outside the write": (
            "                return None\n            version = first_version() if expected is None else expected + 1\n",
            "                return None\n        with self._lock:\n            version = first_version() if expected is None else expected + 1\n",
        ),
        "conflicts taken for success": ("    return version is not None\n", "    return True\n"),
    },
    "update_atomic, tasks": {
        "conflicts taken for success": ("    return version is not None\n", "    return True\n"),
        "saved over whatever is there": (
            "            if (None if found is None else found[1]) != expected:",
            "            if False:",
        ),
    },
    "LogWriter, threads": {
        "lock removed": (
            "        with self._lock:\n            if self._closed",
            "        if True:\n            if self._closed",
        ),
        "lock of the one who writes removed": (
            "        with self._lock:\n            line = self._lines.get(key)\n            if line is None or",
            "        if True:\n            line = self._lines.get(key)\n            if line is None or",
        ),
        "everybody writes": ("            is_new = line is None\n", "            is_new = True\n"),
    },
    "LogWriter, tasks": {
        "everybody writes": ("            is_new = line is None\n", "            is_new = True\n"),
    },
    "LogWriter, a cancelled task": {
        "what was cancelled is the end": (
            "        return [item for item in batch if item.stored.set_running_or_notify_cancel()]",
            "        return [item for item in batch if item.stored.set_running_or_notify_cancel()] or None",
        ),
    },
}


@pytest.mark.parametrize(("name", "mutation"), [(name, mutation) for name in MUTATIONS for mutation in MUTATIONS[name]])
def test_a_mistake_is_caught(tmp_path: Path, name: str, mutation: str) -> None:
    """Some order of the steps breaks what the helper promises when a part of it is taken out."""
    modules, scenario = SOUND[name]
    verdict = explorer.explore(
        fixture(tmp_path, modules, scenario, MUTATIONS[name][mutation]), preemptions=BOUND.get(name, 2), more_runs=1
    )
    assert verdict.outcome in (explorer.Outcome.VIOLATED, explorer.Outcome.BROKEN), str(verdict)
