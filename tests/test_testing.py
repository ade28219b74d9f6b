"""`racelint.testing`: two calls in every order that matters, and outcomes that no order of whole calls has."""

from __future__ import annotations

import importlib
import linecache
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from racelint.testing import RaceFound, StandIn, Unfinished, check_tasks, check_threads, orders

Load = Callable[[str], types.ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports a text as a module."""
    monkeypatch.syspath_prepend(tmp_path / "modules")
    (tmp_path / "modules").mkdir()

    def module(text: str) -> types.ModuleType:
        (tmp_path / "modules" / "module_under_test.py").write_text(text)
        sys.modules.pop("module_under_test", None)
        importlib.invalidate_caches()
        linecache.clearcache()
        return importlib.import_module("module_under_test")

    yield module
    sys.modules.pop("module_under_test", None)


ASYNC = """
import asyncio, time, uuid
lock = asyncio.Lock()
log = []
class Counter:
    def __init__(self):
        self.n = 0
        self.names = []
    async def racy(self, k):
        n = self.n
        await asyncio.sleep(0)
        self.n = n + k
    async def locked(self, k):
        async with lock:
            n = self.n
            await asyncio.sleep(0)
            self.n = n + k
    async def noted(self, k):
        await asyncio.sleep(0)
        self.n += k
        self.names.append({"who": k, "at": time.perf_counter(), "id": str(uuid.uuid4())})
    async def started(self, k):
        async def later():
            n = self.n
            await asyncio.sleep(0)
            self.n = n + k
        self.task = asyncio.create_task(later())
        await asyncio.sleep(0)
    async def endless(self, k):
        await asyncio.Event().wait()
    async def failing(self, k):
        await asyncio.sleep(0)
        raise ValueError(k)
    async def threaded(self, k):
        n = await asyncio.to_thread(lambda: self.n)
        await asyncio.sleep(0)
        self.n = n + k
    async def talks(self, other):
        if self.n == 0:
            await other.ask("really?", 1)
            self.n = 1
            other.do()
async def logged(k):
    seen = len(log)
    await asyncio.sleep(0)
    log.append((k, seen))
"""


@pytest.mark.parametrize("method", ["racy", "threaded"])
def test_tasks_that_lose_an_update(method: str, load: Load, tmp_path: Path) -> None:
    """The order, what is missing and what is there instead are told."""
    module = load(ASYNC)
    with pytest.raises(RaceFound) as raised:
        check_tasks(
            lambda folder: module.Counter(),
            lambda counter: getattr(counter, method)(1),
            {"the other": lambda counter: getattr(counter, method)(2)},
            module=module,
            folder=tmp_path,
            harm="lost update",
        )
    told = str(raised.value).splitlines()
    assert told[0].startswith("lost update: the first call is stopped at line ")
    assert told[0].endswith(", and the other runs from beginning to end")
    assert told[1:-1] == ["  missing:    shared.n 3", "  unexpected: shared.n 1"]


@pytest.mark.parametrize("method", ["locked", "noted", "failing"])
def test_tasks_that_lose_nothing(method: str, load: Load, tmp_path: Path) -> None:
    """Under a lock the second waits; times and random names are no difference, nor is the order of entries."""
    module = load(ASYNC)
    check_tasks(
        lambda folder: module.Counter(),
        lambda counter: getattr(counter, method)(1),
        {"the other": lambda counter: getattr(counter, method)(2)},
        module=module,
        folder=tmp_path,
    )


def test_tasks_that_go_on_are_waited_for(load: Load, tmp_path: Path) -> None:
    """What a call leaves running has its turns before the next call, and before the state is looked at."""
    module = load(ASYNC)
    seen: list[int] = []
    check_tasks(
        lambda folder: module.Counter(),
        lambda counter: counter.started(1),
        {"the other": lambda counter: counter.started(2)},
        module=module,
        folder=tmp_path,
        observe=lambda counter: seen.append(counter.n),
    )
    assert set(seen) == {3}


def test_data_of_the_module_begin_afresh(load: Load, tmp_path: Path) -> None:
    """With `fresh` they are as after the import, and are compared."""
    module = load(ASYNC)
    with pytest.raises(RaceFound, match=r"missing: +module\['log'\]\*\[1\] 1"):
        check_tasks(
            lambda folder: None,
            lambda _: module.logged("a"),
            {"another": lambda _: module.logged("b")},
            module=module,
            folder=tmp_path,
            fresh=True,
        )


def test_only_what_is_observed_counts(load: Load, tmp_path: Path) -> None:
    """`observe` takes the place of all that can be seen, but for how the calls end."""
    module = load(ASYNC)
    check_tasks(
        lambda folder: module.Counter(),
        lambda counter: counter.racy(1),
        {"the other": lambda counter: counter.racy(2)},
        module=module,
        folder=tmp_path,
        observe=lambda counter: len(counter.names),
    )


def test_stand_ins_suspend_and_remember(load: Load, tmp_path: Path) -> None:
    """A stand-in that is awaited lets the other call run, and its calls are compared."""
    module = load(ASYNC)

    def start(folder: Path) -> Any:
        return types.SimpleNamespace(counter=module.Counter(), other=StandIn("other"))

    with pytest.raises(RaceFound, match=r"unexpected: shared\.other\*\[0\] 'other\.do'"):
        check_tasks(
            start,
            lambda shared: shared.counter.talks(shared.other),
            {"again": lambda shared: shared.counter.talks(shared.other)},
            module=module,
            folder=tmp_path,
        )


def test_what_shows_nothing_is_unfinished(load: Load, tmp_path: Path) -> None:
    """A line that is not reached, a call that does not stop or end, and a module that still has the race."""
    module = load(ASYNC)

    def check(method: str, **more: Any) -> None:
        check_tasks(
            lambda folder: module.Counter(),
            lambda counter: getattr(counter, method)(1),
            {"the other": lambda counter: counter.locked(2)},
            module=module,
            folder=tmp_path,
            **more,
        )

    with pytest.raises(Unfinished, match=r"`n = self\.n` was not reached"):
        check("locked", through=("Counter.racy", "n = self.n"))
    check("locked", through=("Counter.racy", "n = self.m"))  # no longer there: it has been repaired
    with pytest.raises(Unfinished, match="does not end by itself"):
        check("endless")
    with pytest.raises(Unfinished, match="no place to stop at; the calls ended with AttributeError"):
        check("no_such_method")
    with pytest.raises(Unfinished, match="nothing is lost in 1 order,"):
        check("locked", found_in=orders.digest("# a comment\n" + ASYNC))


THREADS = """
import threading
lock = threading.Lock()
class Counter:
    def __init__(self):
        self.n = 0
        self.span = "open"
    def racy(self, k):
        self.n += k
    def locked(self, k):
        with lock:
            self.n += k
    def shown(self, k):
        if self.span is not None:
            return self.span.upper()
    def clear(self):
        self.span = None
def append(path):
    text = path.read_text()
    path.write_text(text + "x")
def made(path):
    if not path.exists():
        path.mkdir()
def busy(path):
    for number in range(10):
        path.exists()
"""


def test_threads_are_stopped_within_a_line(load: Load, tmp_path: Path) -> None:
    """Between the read and the write of `+=`, and between two reads of one attribute."""
    module = load(THREADS)
    with pytest.raises(RaceFound, match=r"missing: +shared\.n 2\n +unexpected: shared\.n 1"):
        check_threads(
            lambda folder: module.Counter(),
            lambda counter: counter.racy(1),
            {"again": lambda counter: counter.racy(1)},
            module=module,
            folder=tmp_path,
        )
    with pytest.raises(RaceFound, match="the first call raises AttributeError"):
        check_threads(
            lambda folder: module.Counter(),
            lambda counter: counter.shown(1),
            {"clear": lambda counter: counter.clear()},
            module=module,
            folder=tmp_path,
        )


def test_a_thread_waits_for_a_lock(load: Load, tmp_path: Path) -> None:
    """The stopped one goes on then, and nothing is lost."""
    module = load(THREADS)
    check_threads(
        lambda folder: module.Counter(),
        lambda counter: counter.locked(1),
        {"again": lambda counter: counter.locked(1)},
        module=module,
        folder=tmp_path,
    )


def test_files_are_compared(load: Load, tmp_path: Path) -> None:
    """What is in the folder is part of the state; each order has an empty one."""
    module = load(THREADS)

    def start(folder: Path) -> Path:
        assert list(folder.iterdir()) == []
        (folder / "data").write_text("")
        return folder

    with pytest.raises(RaceFound, match=r"missing: +files\['data'\] 'xx'"):
        check_threads(
            start,
            lambda folder: module.append(folder / "data"),
            {"again": lambda folder: module.append(folder / "data")},
            module=module,
            folder=tmp_path,
        )
    with pytest.raises(RaceFound, match="the first call raises FileExistsError"):
        check_threads(
            lambda folder: folder,
            lambda folder: module.made(folder / "new"),
            {"again": lambda folder: module.made(folder / "new")},
            module=module,
            folder=tmp_path,
        )


def test_too_many_places_are_an_error(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a verdict on some of them."""
    monkeypatch.setattr(orders, "PLACES", 5)
    module = load(THREADS)
    with pytest.raises(Unfinished, match="more than 5 places"):
        check_threads(
            lambda folder: folder,
            lambda folder: module.busy(folder),
            {"again": lambda folder: module.made(folder / "new")},
            module=module,
            folder=tmp_path,
        )


def test_nothing_of_the_linter_is_imported() -> None:
    """Tests of others import it."""
    code = "import sys, racelint.testing; print([name for name in sys.modules if name.split('.')[0] in ('libcst', 'click')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.stdout == "[]\n"
