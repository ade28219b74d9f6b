"""Runs the scenario of a fixture in many orders and says whether its asserts hold in all of them.

`explore(path)` executes the file afresh for every schedule, so nothing is left over from the run before, and searches the
schedules depth first:

* `async def scenario()`: every choice of the next ready task on a loop of our own (no clock, no selector).
* `threading.Thread`, `ThreadPoolExecutor` in the fixture: real threads of which one runs; it may be stopped before each
  bytecode of the fixture that can touch shared state.
* `multiprocessing.Process`, `ProcessPoolExecutor`: as threads, but each in its own copy of the module, stopped before each
  SQL statement and each file operation.
* SQLite in all three: a statement that meets a lock waits until another unit has made progress; when nobody can, it fails
  with "database is locked", as after SQLite's timeout.

`scenario(path)`, with a parameter, is given a path in an empty folder: nothing is there yet.

We considered frontrun and decided against it: without its own command it *skips* under pytest, so a race would go unseen in
silence; it patches locks for the whole process; and it asks for set-up, workers and invariant apart, where a scenario here is
plain code that the linter reads too.

Bounds: a *preemption* is a switch away from a unit that could have gone on. Schedules with up to `preemptions` of them are
run, all of them (CHESS: Musuvathi et al., OSDI 2008; nearly every real race needs one or two). Timers fire only when nothing
else can run, so a scenario waits with `asyncio.sleep(0)`. A loop that spins on `sleep(0)` reaches the limit of steps.
"""

from __future__ import annotations

import _thread
import asyncio
import atexit
import concurrent.futures.process
import concurrent.futures.thread
import contextlib
import dis
import enum
import gc
import inspect
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import aiosqlite.core

if TYPE_CHECKING:
    from typing_extensions import Self

SERIAL = -1
"""A bound below zero: no preemption, and no unit starts while another one that has started can run."""
MAX_STEPS = 5_000
"""Switch points of one run; a scenario that passes more is taken to spin."""


class Outcome(enum.Enum):
    """What exploring a scenario shows."""

    VIOLATED = "violated"
    """Some schedule breaks an assert, raises, or deadlocks, and the schedules without preemption do not."""
    EXPLORED = "explored"
    """Every schedule within the bound was run and holds."""
    LIMIT = "limit"
    """Too many schedules or steps: nothing is known."""
    BROKEN = "broken"
    """It fails even when the units run one after another: no race, the scenario is wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of an exploration and, unless it was explored to the end, the schedule that shows it."""

    outcome: Outcome
    runs: int
    """How many schedules were run."""
    complete: bool
    """No schedule was left out because of the bound on preemptions."""
    choices: tuple[int, ...] = ()
    """What `replay` needs: at each choice, which of the units that could run was taken."""
    steps: tuple[str, ...] = ()
    """The same for people: `unit:line` for each choice."""
    error: str = ""
    path: str = ""

    def __str__(self) -> str:
        text = f"{self.outcome.value} after {self.runs} schedules"
        if self.outcome is Outcome.EXPLORED:
            return text + ("" if self.complete else " (within the bound on preemptions)")
        return (
            f"{text}: {self.error}\n  order: {' '.join(self.steps)}\n"
            f"  again: explorer.replay({self.path!r}, {self.choices!r})"
        )


def explore(path: str | Path, *, preemptions: int = 2, max_runs: int = 20_000, more_runs: int = 100) -> Verdict:
    """Run the scenario of the fixture at `path` under every schedule with at most `preemptions` preemptions.

    When none fails, and `more_runs` are enough for all schedules without a bound, those are run too.
    """
    fixture = Fixture(Path(path))
    with patched():
        serial = search(fixture, SERIAL, max_runs)
        if serial.outcome is Outcome.VIOLATED:
            return replace(serial, outcome=Outcome.BROKEN)
        bounded = serial if serial.outcome is Outcome.LIMIT else search(fixture, preemptions, max_runs)
        if bounded.outcome is not Outcome.EXPLORED or bounded.complete:
            return bounded
        unbounded = search(fixture, MAX_STEPS, more_runs)
        return bounded if unbounded.outcome is Outcome.LIMIT else unbounded


def replay(path: str | Path, choices: Sequence[int], preemptions: int = 2) -> None:
    """Run the schedule of a verdict again; raises what the scenario raises, for a debugger."""
    with patched():
        Fixture(Path(path)).run(Schedule(choices, preemptions))


# --- schedules -------------------------------------------------------------------------------------------------------


class Deadlock(Exception):
    """Nobody can run, and the scenario has not ended."""


class TooManySteps(Exception):
    """A run passed `MAX_STEPS` switch points."""


class Schedule:
    """Answers "who is next?": as `prefix` says, then the first possible; remembers how many were possible."""

    def __init__(self, prefix: Sequence[int], preemptions: int) -> None:
        self.prefix = prefix
        self.serial = preemptions == SERIAL
        self.left = max(preemptions, 0)
        self.cut = False
        self.trail: list[tuple[int, int]] = []
        """(taken, number of possible ones) for each choice between at least two."""
        self.labels: list[str] = []
        self.steps = 0

    def choose(
        self,
        options: Sequence[Any],
        current: object,
        owner: Callable[[Any], object],
        starts: Callable[[Any], bool],
    ) -> Any:
        """One of `options`; those that do not belong to `current` cost a preemption if `current` is among the owners."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooManySteps(f"more than {MAX_STEPS} switch points in one run")
        if self.serial:
            options = [option for option in options if not starts(option)] or options
        mine = [option for option in options if owner(option) is current]
        others = [option for option in options if owner(option) is not current]
        if mine and others and not self.left:
            self.cut, others = True, []
        ordered = mine + others
        at = self._take(len(ordered)) if len(ordered) > 1 else 0
        self.left -= bool(mine) and at >= len(mine)
        return ordered[at]

    def _take(self, possible: int) -> int:
        at = self.prefix[len(self.trail)] if len(self.trail) < len(self.prefix) else 0
        self.trail.append((at, possible))
        return at

    def next_prefix(self) -> list[int] | None:
        """The choices of the next schedule in depth-first order; None after the last one."""
        trail = list(self.trail)
        while trail and trail[-1][0] + 1 == trail[-1][1]:
            trail.pop()
        return [at for at, _ in trail[:-1]] + [trail[-1][0] + 1] if trail else None


def search(fixture: Fixture, preemptions: int, max_runs: int) -> Verdict:
    """Run schedules depth first until one fails or none is left."""
    prefix: list[int] | None = []
    complete = True
    for runs in count(1):
        assert prefix is not None
        schedule = Schedule(prefix, preemptions)
        outcome, error = Outcome.VIOLATED, ""
        try:
            fixture.run(schedule)
        except TooManySteps as limit:
            outcome, error = Outcome.LIMIT, str(limit)
        except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001 - whatever a scenario raises is its failure
            error = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
        complete = complete and not schedule.cut
        prefix = schedule.next_prefix()
        if error:
            choices = tuple(at for at, _ in schedule.trail)
            return Verdict(outcome, runs, complete, choices, tuple(schedule.labels), error, str(fixture.path))
        if prefix is None:
            return Verdict(Outcome.EXPLORED, runs, complete, path=str(fixture.path))
        if runs == max_runs:
            return Verdict(
                Outcome.LIMIT, runs, complete, error=f"more than {max_runs} schedules", path=str(fixture.path)
            )
    raise AssertionError("unreachable")


class Fixture:
    """A file with a `scenario`, compiled once and executed anew for every run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        self.stored = stored_names(self.code)

    def load(self) -> types.ModuleType:
        """A fresh copy of the module, as another process would have it."""
        module = types.ModuleType("explored_fixture")
        sys.modules[module.__name__] = module  # where dataclasses and SQLAlchemy look up annotations
        exec(self.code, module.__dict__)  # noqa: S102 - our own fixture
        return module

    def run(self, schedule: Schedule) -> None:
        """One run of the scenario; raises what it raises."""
        folder = fresh_folder()
        crew = Crew(self, schedule, folder)
        use(crew)
        try:
            scenario = self.load().scenario
            arguments = (folder / "data",) if inspect.signature(scenario).parameters else ()
            if inspect.iscoroutinefunction(scenario):
                run_tasks(scenario(*arguments), schedule)
            else:
                scenario(*arguments)
        finally:
            crew.dismiss()
            use(None)
            sys.modules.pop("explored_fixture", None)
            if any(folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)


def stored_names(code: types.CodeType) -> frozenset[str]:
    """Names of attributes, globals and captured variables that the module assigns anywhere, at run time."""
    names = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in STORES and (instruction.opname != "STORE_NAME" or code.co_name != "<module>")
    }
    nested = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(names).union(*map(stored_names, nested))


STORES = {"STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF", "STORE_NAME"}
LOADS = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_NAME"}


def fresh_folder() -> Path:
    """An empty folder, in memory where the system has one."""
    global _folder
    if _folder is None or not _folder.is_dir():
        _folder = Path(tempfile.mkdtemp(prefix="explorer-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    return _folder


_folder: Path | None = None
_crew: Crew | None = None


def use(crew: Crew | None) -> None:
    """Make `crew` the one that patched threads, locks and connections report to."""
    global _crew
    _crew = crew


# --- tasks -----------------------------------------------------------------------------------------------------------


class Operation:
    """Work done outside the loop (a statement, a function in a thread): done at one time, its result arrives at another."""

    def __init__(
        self,
        loop: Loop,
        function: Callable[[], Any],
        future: asyncio.Future[Any] | None,
        line: deque[Operation] | None = None,
    ) -> None:
        self.loop, self.function, self.future = loop, function, future
        self.owner = asyncio.current_task(loop)
        self.line = line if line is not None else deque()
        """Those that wait for the same connection, this one among them."""
        self.line.append(self)
        self.locked_at = -1
        """The loop's progress when the database was locked; it is not tried again before that has changed."""
        self.result: Any = None
        self.error: Exception | None = None

    def __call__(self) -> None:
        if self not in self.line:
            self._arrive()
            return
        try:
            self.result = self.function()
        except Exception as error:  # noqa: BLE001 - belongs to the task that waits
            if "database is locked" in str(error) and self.locked_at != self.loop.progress:
                self.locked_at = self.loop.progress
                self.loop.call_soon(self)
                return
            self.error = error
        self.line.remove(self)
        self.loop.progress += 1
        self.loop.call_soon(self)

    def can_run(self) -> bool:
        return self not in self.line or (self.line[0] is self and self.locked_at != self.loop.progress)

    def _arrive(self) -> None:
        if self.future is None or self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
        self.loop.arrived = True


class Loop(asyncio.BaseEventLoop):
    """An event loop without clock and selector that asks the schedule which ready handle runs.

    A task that starts or comes back from `sleep(0)`, and an operation, stand for an outside event: they run at any time. A
    task woken by a future or lock keeps asyncio's order: nothing that became ready after it overtakes it. A task whose
    operation has arrived goes on at once: that it could be later is in the time of the arrival.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.progress = 0
        self.arrived = False
        self._now = 0.0
        self._last: object = None
        # The C task hides in its handles whether it starts or wakes.
        self.set_task_factory(lambda loop, coro, **how: asyncio.tasks._PyTask(coro, loop=loop, **how))  # type: ignore

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        handle = self._next_handle()
        if owner(handle) is not None:
            self._last = owner(handle)
        handle._run()

    def _next_handle(self) -> asyncio.Handle:
        for handle in [handle for handle in self._ready if handle._cancelled]:
            self._ready.remove(handle)
        options = self._options()
        if not options:
            return self._ready.popleft() if self._ready else self._next_timer()
        chosen = self.schedule.choose(options, self._last, owner, starts)
        if len(options) > 1:
            self.schedule.labels.append(label(owner(chosen)))
        self._ready.remove(chosen)
        return chosen  # type: ignore[no-any-return]

    def _options(self) -> list[asyncio.Handle]:
        """What may run now; a callback without a task goes first, for its place in the order is nobody's business."""
        if self.arrived:
            self.arrived = False
            return [handle for handle in self._ready if not self._is_outside_event(handle)][:1]
        options = []
        for handle in self._ready:
            if owner(handle) is None:
                return [handle]
            if self._can_run(handle):
                options.append(handle)
            if not self._is_outside_event(handle):
                break
        return options

    @staticmethod
    def _can_run(handle: asyncio.Handle) -> bool:
        callback = callback_of(handle)
        return not isinstance(callback, Operation) or callback.can_run()

    @staticmethod
    def _is_outside_event(handle: asyncio.Handle) -> bool:
        callback = callback_of(handle)
        return isinstance(callback, Operation) or callback.__name__.endswith("step")

    def _next_timer(self) -> asyncio.Handle:
        live = sorted(timer for timer in self._scheduled if not timer._cancelled)
        if not live:
            raise Deadlock("every task waits for another")
        self._scheduled.remove(live[0])
        self._now = max(self._now, live[0].when())
        return live[0]

    def run_in_executor(self, executor: object, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = self.create_future()
        self.call_soon(Operation(self, lambda: func(*args), future))
        return future

    def _write_to_self(self) -> None:
        """There is no selector to wake."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tasks that a failed run leaves behind are no news."""


def callback_of(handle: asyncio.Handle) -> Any:
    return handle._callback  # type: ignore[attr-defined]


def owner(handle: asyncio.Handle) -> object:
    """The task that a handle runs or works for; None for a bare callback."""
    callback = callback_of(handle)
    if isinstance(callback, Operation):
        return callback.owner
    task = getattr(callback, "__self__", None)
    return task if isinstance(task, asyncio.tasks._PyTask) else None  # type: ignore[attr-defined]


def starts(handle: asyncio.Handle) -> bool:
    """Whether the task of a handle has not run yet, and is not awaited by who cancelled it."""
    task: Any = owner(handle)
    if task is None or task._must_cancel:
        return False
    return inspect.getcoroutinestate(task.get_coro()) == inspect.CORO_CREATED


def label(task: Any) -> str:
    """`Task-2:14`: the name of a task and the line it stands at."""
    frames = task.get_stack(limit=1) if hasattr(task, "get_stack") else []
    return f"{task.get_name()}:{frames[-1].f_lineno if frames else 'end'}"


def run_tasks(main: Any, schedule: Schedule) -> None:
    """Run a coroutine to its end on a loop that follows `schedule`."""
    asyncio.tasks._task_name_counter = count(1).__next__  # type: ignore[attr-defined]  # same names in every run
    loop = Loop(schedule)
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main)
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            close(task.get_coro())
        asyncio.set_event_loop(None)
        loop.close()


def close(coroutine: Any) -> None:
    """End a coroutine, whatever it awaits while it cleans up."""
    for _ in range(100):
        with contextlib.suppress(BaseException):
            coroutine.close()
            return


class ConnectionQueue:
    """In place of aiosqlite's queue to its thread: one connection's calls run in order, each when the schedule says."""

    def __init__(self) -> None:
        self.line: deque[Operation] = deque()

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = item
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # left behind by a failed run, closed by the collector
            return
        assert isinstance(loop, Loop)
        operation = Operation(loop, function, future, self.line)
        if self._is_statement(function):
            loop.call_soon(operation)
        else:
            operation()

    @staticmethod
    def _is_statement(function: Any) -> bool:
        """Whether it can be seen by other connections: not so for opening, fetching, closing, which only take time."""
        called = getattr(function, "func", None)
        return getattr(called, "__name__", "").startswith(("execute", "_execute", "commit", "rollback"))


class NoThread:
    """In place of aiosqlite's thread."""

    def __init__(self, **_: object) -> None: ...

    def start(self) -> None: ...


# --- threads and processes -------------------------------------------------------------------------------------------


class Dismissed(BaseException):
    """Ends a thread whose run is over."""


def always() -> bool:
    return True


START = "start"


class Unit:
    """One thread (or stand-in for a process) of a crew."""

    def __init__(self, name: str, body: Callable[[], object], traced: bool) -> None:
        self.name, self.body, self.traced = name, body, traced
        self.turn = _thread.allocate_lock()
        self.turn.acquire()
        self.can_run: Callable[[], bool] = always
        self.waits_for_database = False
        self.done = False
        self.error: BaseException | None = None
        self.line: int | str = START


class Crew:
    """Units of which exactly one runs; the thread of the scenario runs only while they stand still."""

    def __init__(self, fixture: Fixture, schedule: Schedule, folder: Path) -> None:
        self.fixture, self.schedule, self.folder = fixture, schedule, folder
        self.units: list[Unit] = []
        self.by_thread: dict[int, Unit] = {}
        self.main_turn = _thread.allocate_lock()
        self.main_turn.acquire()
        self.target: Unit | None = None
        self.failure: Exception | None = None
        self.dismissed = False
        self.progress = 0
        """How many SQL statements were done: after each, a unit that met a lock tries again."""
        self.tries_again: set[Unit] = set()

    def current(self) -> Unit | None:
        """The unit whose thread asks; None for the scenario itself."""
        return self.by_thread.get(_thread.get_ident())

    def add(self, body: Callable[[], object], traced: bool = True, can_run: Callable[[], bool] = always) -> Unit:
        unit = Unit(str(len(self.units) + 1), body, traced)
        unit.can_run = can_run
        self.units.append(unit)
        _thread.start_new_thread(self._run_unit, (unit,))
        return unit

    def join(self, unit: Unit) -> None:
        """Return when `unit` has ended; raises what it raised."""
        if self.current() is not None:
            self.wait(lambda: unit.done)
        elif not unit.done:
            self.target = unit
            self._hand_over(None)
            self.main_turn.acquire()
            if self.failure is not None:
                raise self.failure
        if unit.error is not None:
            raise unit.error

    def pause(self) -> None:
        """A switch point of the unit that runs; nothing when the scenario itself runs."""
        unit = self.current()
        if unit is not None and not self.dismissed:
            unit.line = self._line(unit)
            self._hand_over(unit)

    def wait(self, can_run: Callable[[], bool]) -> None:
        """Stand still until `can_run()`; what it says is true on return."""
        unit = self.current()
        assert unit is not None
        if self.dismissed:  # again, while it cleans up: what it waits for will not come
            raise Dismissed
        unit.can_run = can_run
        self._hand_over(unit)
        unit.can_run = always

    def wait_for_database(self) -> bool:
        """Stand still until it is worth to try again; False when the lock will never go."""
        unit, seen = self.current(), self.progress
        if unit is None:
            return False
        unit.waits_for_database = True
        self.wait(lambda: self.progress != seen)
        unit.waits_for_database = False
        return self.progress != seen or unit in self.tries_again

    def dismiss(self) -> None:
        """End the threads that are left."""
        self.dismissed = True
        for unit in self.units:
            if not unit.done:
                unit.turn.release()
                self.main_turn.acquire()

    def _hand_over(self, unit: Unit | None) -> None:
        chosen = self._next(unit)
        if chosen is unit and unit is not None:
            return
        (self.main_turn if chosen is None else chosen.turn).release()
        if unit is None or unit.done:
            return
        unit.turn.acquire()
        if self.dismissed:
            raise Dismissed

    def _next(self, current: Unit | None) -> Unit | None:
        """Who runs now; None: the scenario, because all have ended, or what is left waits and it does not need it."""
        waiting = [unit for unit in self.units if not unit.done]
        options = [unit for unit in waiting if unit.can_run()]
        if options:
            self.tries_again.clear()
        else:
            options = self._lock_timeout([unit for unit in waiting if unit.waits_for_database])
        if not options:
            if self.target is not None and not self.target.done:
                self.failure = Deadlock("every thread waits for another")
            return None
        try:
            chosen: Unit = self.schedule.choose(options, current, lambda unit: unit, lambda unit: unit.line == START)
        except TooManySteps as limit:
            self.failure = limit
            return None
        if len(options) > 1:
            self.schedule.labels.append(f"{chosen.name}:{chosen.line}")
        return chosen

    def _lock_timeout(self, waiting: list[Unit]) -> list[Unit]:
        """All stand before a locked database: each tries once more (a cursor may be closed now), then the first one fails."""
        fresh = [unit for unit in waiting if unit not in self.tries_again][:1]
        if not fresh:
            self.tries_again.difference_update(waiting[:1])
        self.tries_again.update(fresh)
        return fresh or waiting[:1]

    def _run_unit(self, unit: Unit) -> None:
        unit.turn.acquire()
        try:
            if not self.dismissed:
                self.by_thread[_thread.get_ident()] = unit
                if unit.traced:
                    sys.settrace(self._trace_call)
                unit.body()
        except BaseException as error:  # noqa: BLE001 - raised by `join`
            unit.error = error
        finally:
            sys.settrace(None)
            self.by_thread.pop(_thread.get_ident(), None)
            unit.done = True
            if self.dismissed:
                self.main_turn.release()
            else:
                self._hand_over(unit)

    def _line(self, unit: Unit) -> int | str:
        """The line of the fixture that the running unit stands at."""
        frame: types.FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename != str(self.fixture.path):
            frame = frame.f_back
        return frame.f_lineno if frame is not None else unit.line

    def _trace_call(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != str(self.fixture.path):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        points = switch_points(frame.f_code, self.fixture.stored)
        unit = self.current()

        def trace_opcode(frame: types.FrameType, event: str, argument: object) -> Any:
            if event == "opcode" and frame.f_lasti in points and unit is not None:
                self.pause()
            return trace_opcode

        return trace_opcode


@cache
def switch_points(code: types.CodeType, stored: frozenset[str]) -> frozenset[int]:
    """Offsets of the bytecodes that can touch shared state: names that somebody assigns, items, iteration, calls."""
    return frozenset(
        instruction.offset
        for instruction in dis.get_instructions(code)
        if (instruction.opname in STORES | LOADS and instruction.argval in stored)
        or instruction.opname in {"CONTAINS_OP", "FOR_ITER"}
        or instruction.opname.startswith("CALL")
        or "SUBSCR" in instruction.opname
        or "SLICE" in instruction.opname
    )


def crew_of_run() -> Crew:
    """The crew of the run that is under way."""
    if _crew is None:
        raise RuntimeError("threads of a fixture start in its scenario only")
    return _crew


class Thread:
    """In place of `threading.Thread`."""

    traced = True

    def __init__(
        self,
        group: None = None,
        target: Any = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        self._target, self._args, self._kwargs = target, tuple(args), kwargs or {}
        self.name, self.daemon = name or "thread", bool(daemon)
        self._unit: Unit | None = None

    def start(self) -> None:
        self._unit = crew_of_run().add(self.run, self.traced)

    def run(self) -> None:
        if self._target is not None:
            self._target(*self._args, **self._kwargs)

    def join(self, timeout: float | None = None) -> None:
        assert self._unit is not None, "join before start"
        crew_of_run().join(self._unit)

    def is_alive(self) -> bool:
        return self._unit is not None and not self._unit.done


def within(module: types.ModuleType, function: Any) -> Any:
    """The same function in another copy of the module, as another process has it."""
    found: Any = module
    for name in function.__qualname__.split("."):
        found = getattr(found, name)
    return found


class Process(Thread):
    """In place of `multiprocessing.Process`: shares no memory, stops at statements and file operations."""

    traced = False

    def start(self) -> None:
        self._target = within(crew_of_run().fixture.load(), self._target)
        super().start()


class Result(concurrent.futures.Future[Any]):
    """What a pool's `submit` returns; asking for the result runs the crew."""

    unit: Unit

    def result(self, timeout: float | None = None) -> Any:
        crew_of_run().join(self.unit)
        return super().result(0)


class ThreadPool:
    """In place of `ThreadPoolExecutor`."""

    traced = True

    def __init__(self, max_workers: int | None = None, **_: object) -> None:
        self.max_workers = max_workers or 1_000
        self.results: list[Result] = []
        self.idle: list[types.ModuleType] = []
        """Of a pool of processes: the modules of the workers that have nothing to do."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Result:
        result = Result()
        earlier = tuple(self.results)

        def work() -> None:
            result.set_result(self._call(function, *args, **kwargs))

        def has_worker() -> bool:
            return sum(not one.unit.done for one in earlier) < self.max_workers

        result.unit = crew_of_run().add(work, self.traced, has_worker)
        self.results.append(result)
        return result

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def map(self, function: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
        results = [self.submit(function, *arguments) for arguments in zip(*iterables, strict=False)]
        return (result.result() for result in results)

    def shutdown(self, wait: bool = True, **_: object) -> None:
        for result in self.results if wait else ():
            crew_of_run().join(result.unit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


class ProcessPool(ThreadPool):
    """In place of `ProcessPoolExecutor`: a job runs in a worker that is idle, or in a new one."""

    traced = False

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        crew = crew_of_run()
        worker = self.idle.pop() if self.idle else crew.fixture.load()
        crew.pause()
        try:
            return within(worker, function)(*args, **kwargs)
        finally:
            self.idle.append(worker)


class Lock:
    """In place of `threading.Lock`; `RLock`, `Condition`, `Event`, `Queue` of the library are made of it."""

    def __init__(self) -> None:
        self.held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        crew = _crew
        unit = crew.current() if crew is not None else None
        if crew is not None and unit is not None:
            if unit.traced:  # the locks of a process are its own
                crew.pause()
            if self.held and blocking and timeout < 0:
                crew.wait(lambda: not self.held)
        if self.held:
            if blocking and timeout < 0:
                raise Deadlock("the scenario waits for a lock that a thread holds")
            return False
        self.held = True
        return True

    def release(self) -> None:
        if not self.held:
            raise RuntimeError("release unlocked lock")
        self.held = False

    def locked(self) -> bool:
        return self.held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


# --- SQLite and files ------------------------------------------------------------------------------------------------


def statement(run: Callable[[], Any]) -> Any:
    """Send one SQL statement: a switch point before it, and a wait when the database is locked."""
    crew = _crew
    if crew is not None:
        crew.pause()
    while True:
        try:
            result = run()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or crew is None or not crew.wait_for_database():
                raise
        else:
            if crew is not None:
                crew.progress += 1
            return result


class Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        run = super().execute
        if sql.lstrip().upper().startswith("PRAGMA"):
            return run(sql, parameters)
        return statement(lambda: run(sql, parameters))  # type: ignore[no-any-return]

    def executemany(self, sql: str, parameters: Any) -> Cursor:
        run, rows = super().executemany, list(parameters)
        return statement(lambda: run(sql, rows))  # type: ignore[no-any-return]


class Connection(sqlite3.Connection):
    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or Cursor)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> Any:
        return self.cursor().executemany(sql, parameters)

    def commit(self) -> None:
        if self.in_transaction:
            statement(super().commit)

    def rollback(self) -> None:
        if self.in_transaction:
            statement(super().rollback)

    def __exit__(self, kind: object, value: object, trace: object) -> Any:
        if kind is None:
            self.commit()
        else:
            self.rollback()
        return False


def connect(database: Any, **how: Any) -> Any:
    """In place of `sqlite3.connect`: never sleeps on a lock, does not wait for the disk."""
    how.update(timeout=0, factory=Connection)
    connection = real_connect(database, **how)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


real_connect = sqlite3.connect
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir", "os.truncate"}


def watch_files(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: file operations in the folder of the run are switch points of a process."""
    if event not in FILE_EVENTS or _crew is None:
        return
    unit = _crew.current()
    if unit is not None and not unit.traced and str(arguments[0]).startswith(str(_crew.folder)):
        _crew.pause()


@cache
def add_file_hook() -> None:
    """Once for the life of this process: Python cannot take an audit hook back."""
    sys.addaudithook(watch_files)


@contextlib.contextmanager
def patched() -> Iterator[None]:
    """Put our threads, locks and connections in place of the library's."""
    add_file_hook()
    replacements: list[tuple[Any, str, Any]] = [
        (threading, "Thread", Thread),
        (threading, "Lock", Lock),
        (threading, "_allocate_lock", Lock),
        (threading, "RLock", threading._PyRLock),  # type: ignore[attr-defined]
        (multiprocessing, "Process", Process),
        (concurrent.futures, "ThreadPoolExecutor", ThreadPool),
        (concurrent.futures, "ProcessPoolExecutor", ProcessPool),
        (sqlite3, "connect", connect),
        (sqlite3.dbapi2, "connect", connect),
        (aiosqlite.core, "Thread", NoThread),
        (aiosqlite.core, "SimpleQueue", ConnectionQueue),
        (aiosqlite.core, "warn", lambda *_, **__: None),  # a failed run leaves connections open
    ]
    with contextlib.ExitStack() as stack:
        for module, name, value in replacements:
            getattr(module, name)  # `concurrent.futures` imports its pools only now
            stack.enter_context(mock.patch.object(module, name, value))
        try:
            yield
        finally:
            gc.collect()  # what failed runs left behind, while our stand-ins are in place
