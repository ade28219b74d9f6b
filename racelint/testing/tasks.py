"""Two coroutines of one event loop: the first is held at one suspension after the other while the second runs."""

from __future__ import annotations

import asyncio
import atexit
import inspect
import types
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from racelint.testing.orders import Case, Ended, Outcome, Passed, Shared, Stop, compare, text_at

ROUNDS = 20
"""Rounds of the loop after which who has not gone on, and does not wait for the world, waits for the one that is held."""
LOOKS, BETWEEN = 20, 0.005
"""How often, after how many seconds each, the world is looked at for an answer. Too few do not make a verdict wrong: the order is then
a milder one."""
BUSY = 2.0
"""Seconds for which threads are waited for that work for the calls: on a busy machine they take long."""
LIMIT = 5.0
"""Seconds after which a call does not end."""


def check_tasks(
    start: Callable[[Path], Shared | Awaitable[Shared]],
    first: Callable[[Shared], object],
    second: Mapping[str, Callable[[Shared], object]],
    *,
    module: types.ModuleType,
    folder: Path,
    through: tuple[str, str] | None = None,
    found_in: str = "",
    fresh: bool = False,
    observe: Callable[[Shared], object] | None = None,
    harm: str = "a race",
) -> None:
    """Raises RaceFound if `first`, held at one of its awaits while one of `second` runs, ends as no order of whole calls.

    `start` makes what the calls share, anew for each order, and is given an empty folder. `through` is a function and a
    line in it, which must be reached as long as it is there. A module whose digest is `found_in` has the race, so that no
    order fails is an error. With `fresh` the module is executed anew each time, and its data are compared
    too. `observe` is what to compare of the shared state; without it, all that can be seen.
    """
    __tracebackhide__ = True  # pytest shows the line of the test, not ours
    case: Case[Any] = Case(start, module, folder, fresh, through, found_in, observe)
    numbers = iter(range(1_000_000))
    loop = _loop()

    def runs(rival: Callable[[Shared], object]) -> Callable[[str, int | None], Outcome]:
        return lambda order, place: loop.run_until_complete(_run(case, first, rival, order, place, next(numbers)))

    compare(case, {name: runs(rival) for name, rival in second.items()}, harm)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for all orders of all tests: a lock at the top of a module belongs to the first loop on which it is waited for."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_workers())
    atexit.register(loop.close)
    return loop


class _Workers(ThreadPoolExecutor):
    """The threads of the loop, which know what they have to do."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="asyncio")
        self.busy: set[Future[Any]] = set()
        """What is not done yet."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        self.busy.add(future)
        future.add_done_callback(self.busy.discard)
        return future


@cache
def _workers() -> _Workers:
    return _Workers()


async def _run(
    case: Case[Any],
    first: Callable[[Any], object],
    second: Callable[[Any], object],
    order: str,
    place: int | None,
    number: int,
) -> Outcome:
    """Both calls, one after the other, or the first held at a place until the second has ended or waits for the first."""
    folder = case.prepare(number)
    shared = case.start(folder)
    if inspect.isawaitable(shared):
        shared = await shared
    passed = Passed()
    one = _Unit(first, shared, case.file, passed, place)
    two = _Unit(second, shared, case.file, passed)
    for unit in (one, two) if order == "first" else (two, one):
        unit.begin()
        await unit.until_held_or_stuck()
        await _threads_done()
        if place is None:
            await _settle()  # what a whole call leaves running ends before the next begins
    one.release()
    await asyncio.wait({one.task, two.task}, timeout=LIMIT)
    await _settle()
    outcome = case.outcome(shared, folder, (one.ended(), two.ended()), passed)
    await _leave_none()
    return outcome


async def _threads_done() -> None:
    """What a call that is held has handed to a thread is done before the other call begins: which comes first is not left to chance."""
    waited = 0.0
    while _workers().busy and waited < BUSY:
        await asyncio.sleep(BETWEEN)
        waited += BETWEEN


async def _settle() -> None:
    """Tasks that the calls have started get their turns."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def _leave_none() -> None:
    """Whatever still runs is cancelled: the next order begins afresh."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=LIMIT)


class _Unit:
    """A call that runs as a task and is held at one of its suspensions."""

    task: asyncio.Task[object]

    def __init__(
        self, call: Callable[[Any], object], shared: object, file: str, passed: Passed, place: int | None = None
    ) -> None:
        self._call = call
        self._shared = shared
        self._file = file
        self._passed = passed
        self._place = place
        self._steps = 0
        self._held = False
        self._released = asyncio.Event()

    def begin(self) -> None:
        """Starts it."""
        self.task = asyncio.create_task(self._whole())

    async def _whole(self) -> object:
        result = self._call(self._shared)
        return await _Driven(self, result) if inspect.isawaitable(result) else result

    def suspended(self, awaitable: object) -> bool:
        """It is about to wait; whether it is to be held there."""
        self._steps += 1
        stops = [Stop(line, text_at(self._file, line)) for line in _lines(awaitable, self._file)]
        self._passed.lines.update(stop.text for stop in stops)
        if self._place is None or self._steps != self._place:
            return False
        self._held = True
        self._passed.stop = stops[-1] if stops else Stop(0, "")
        return True

    def hold(self) -> Generator[Any, None, object]:
        """Waits until it is released."""
        return self._released.wait().__await__()

    def release(self) -> None:
        """Lets it go on."""
        self._released.set()

    async def until_held_or_stuck(self) -> None:
        """Returns when it has ended, is held, or has not gone on for a while."""
        while not self._at_rest():
            before = self._steps
            for _ in range(ROUNDS):
                if self._at_rest():
                    return
                await asyncio.sleep(0)
            looks = 0
            while self._steps == before and not self._at_rest():
                if looks >= (BUSY / BETWEEN if _workers().busy else LOOKS):
                    return
                await asyncio.wait({self.task}, timeout=BETWEEN)
                looks += 1

    def _at_rest(self) -> bool:
        return self._held or self.task.done()

    def ended(self) -> Ended:
        """How it ended; one that has not is given up."""
        if not self.task.done():
            self.task.cancel()
            return Ended(never=True)
        if self.task.cancelled():
            return Ended(error=asyncio.CancelledError())
        error = self.task.exception()
        return Ended(error=error) if error is not None else Ended(self.task.result())


class _Driven:
    """An awaitable whose suspensions are told to its unit."""

    def __init__(self, unit: _Unit, awaitable: Awaitable[object]) -> None:
        self._unit = unit
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self._awaitable.__await__()
        error: BaseException | None = None
        while True:
            try:
                waited_for = next(steps) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            held = self._unit.suspended(self._awaitable)
            error = None
            try:
                yield waited_for
                if held:
                    yield from self._unit.hold()
            except BaseException as thrown:  # noqa: BLE001 - cancellation too is for the call to handle
                error = thrown


def _lines(awaitable: object, file: str) -> list[int]:
    """The lines of a file at which a coroutine waits, from the outermost call to the innermost."""
    found: list[int] = []
    while awaitable is not None:
        frame = getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None)
        if frame is not None and frame.f_code.co_filename == file:
            found.append(frame.f_lineno)
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
    return found
