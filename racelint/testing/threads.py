"""Two threads: the first is stopped between two bytecodes, at one place after the other, while the second runs."""

from __future__ import annotations

import dis
import sys
import threading
import types
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from racelint.testing.orders import Case, Ended, Outcome, Passed, Shared, Stop, compare, text_at

LOOKS, BETWEEN = 25, 0.002
"""How often, after how many seconds each, a thread is seen at the same bytecode before it is taken to wait for the one that is
stopped. Looks are counted and not time, so that a slow machine is slow for both. If the thread was only slow, the order is another
one that can happen too, so a verdict never gets wrong."""
LIMIT = 5.0
"""Seconds after which a call does not end."""


def check_threads(
    start: Callable[[Path], Shared],
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
    """Raises RaceFound if `first`, stopped anywhere in the module while one of `second` runs, ends as no order of whole calls.

    The parameters are those of `check_tasks`. Two processes that share files or a database are shown as two threads, each
    with objects of its own.
    """
    __tracebackhide__ = True  # pytest shows the line of the test, not ours
    case: Case[Any] = Case(start, module, folder, fresh, through, found_in, observe)
    numbers = iter(range(1_000_000))

    def runs(rival: Callable[[Shared], object]) -> Callable[[str, int | None], Outcome]:
        return lambda order, place: _run(case, first, rival, order, place, next(numbers))

    compare(case, {name: runs(rival) for name, rival in second.items()}, harm)


def _run(
    case: Case[Any],
    first: Callable[[Any], object],
    second: Callable[[Any], object],
    order: str,
    place: int | None,
    number: int,
) -> Outcome:
    """Both calls, one after the other, or the first stopped at a place until the second has ended or waits for the first."""
    folder = case.prepare(number)
    shared = case.start(folder)
    passed = Passed()
    one = _Unit(lambda: first(shared), case.file, passed, place)
    two = _Unit(lambda: second(shared), case.file, passed)
    for unit in (one, two) if order == "first" else (two, one):
        unit.start()
        unit.until_stopped_or_still()
    one.release()
    one.join(LIMIT)
    two.join(LIMIT)
    return case.outcome(shared, folder, (one.ended(), two.ended()), passed)


class _Unit(threading.Thread):
    """A call in a thread of its own, stopped at one of the places where another thread can come in between."""

    def __init__(self, call: Callable[[], object], file: str, passed: Passed, place: int | None = None) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._file = file
        self._passed = passed
        self._place = place
        self._steps = 0
        self._ended = Ended(never=True)
        self._stopped = threading.Event()
        self._released = threading.Event()

    def run(self) -> None:
        """The call, watched."""
        sys.settrace(self._enter)
        try:
            self._ended = Ended(self._call())
        except BaseException as error:  # noqa: BLE001 - how it ends is for the comparison
            self._ended = Ended(error=error)
        finally:
            sys.settrace(None)
            self._stopped.set()

    def _enter(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != self._file:
            return None
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self._passed.lines.add(text_at(self._file, frame.f_lineno))
        elif event == "opcode" and _visible(frame):
            self._steps += 1
            if self._steps == self._place:
                self._passed.stop = Stop(frame.f_lineno, text_at(self._file, frame.f_lineno))
                self._stopped.set()
                self._released.wait(LIMIT)
        return self._step

    def release(self) -> None:
        """Lets it go on."""
        self._released.set()

    def until_stopped_or_still(self) -> None:
        """Returns when it has ended, is stopped, or stands at the same bytecode for a while."""
        seen: tuple[int, int] | None = None
        looks = 0
        while looks < LOOKS and not self._stopped.wait(BETWEEN):
            now = self._at()
            looks = looks + 1 if now == seen else 0
            seen = now

    def _at(self) -> tuple[int, int] | None:
        frame = sys._current_frames().get(self.ident or 0)
        return None if frame is None else (id(frame), frame.f_lasti)

    def ended(self) -> Ended:
        """How the call ended."""
        return self._ended


_SHARED: tuple[str, ...] = (
    "LOAD_ATTR",
    "LOAD_METHOD",
    "STORE_ATTR",
    "DELETE_ATTR",
    "STORE_GLOBAL",
    "DELETE_GLOBAL",
    "STORE_SUBSCR",
)
_SHARED += ("DELETE_SUBSCR", "BINARY_SUBSCR", "CONTAINS_OP", "FOR_ITER", "STORE_DEREF", "LOAD_DEREF", "LOAD_CLASSDEREF")
_CALLS = ("CALL", "CALL_FUNCTION", "CALL_FUNCTION_KW", "CALL_FUNCTION_EX", "CALL_METHOD", "CALL_KW", "BEFORE_WITH")


def _visible(frame: types.FrameType) -> bool:
    """Whether the next bytecode may touch something that is shared."""
    name, argument = _instructions(frame.f_code).get(frame.f_lasti, ("", None))
    if name in ("LOAD_GLOBAL", "LOAD_NAME"):
        value = frame.f_globals.get(str(argument), len)  # what is not there is a built-in function
        return not callable(value) and not isinstance(value, types.ModuleType)
    return name in _SHARED or name in _CALLS


@cache
def _instructions(code: types.CodeType) -> dict[int, tuple[str, object]]:
    """Name and argument of the bytecodes by their offset."""
    return {one.offset: (one.opname, one.argval) for one in dis.get_instructions(code)}
