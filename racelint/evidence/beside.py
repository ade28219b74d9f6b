"""Coroutines that a function awaits while a task runs which it has started itself."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.calls import Calls
from racelint.evidence.data import Root
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.words import first_word


def awaited_beside(calls: Calls) -> Iterator[Root]:
    """The methods and functions that are awaited after a task was started, on the same object, and before that is waited for.

    `task = create_task(desk.poll())`, `await desk.sell()`. What ends or cancels something is there to end the task.
    """
    found: set[str] = set()
    for caller in calls.scope.facts.functions:
        if not caller.is_async:
            continue
        started = [
            (call, s) for call, s in calls.spawning_calls(caller) if s.world == "tasks" and not (s.once or call.awaited)
        ]
        for call, _ in started:
            objects = {
                _object(argument)
                for argument in calls.handed(call, caller)
                if calls.spawned_units(argument, caller, call.line)
            }
            for site in caller.calls if objects else ():
                if not _runs_beside(calls, call, site, caller):
                    continue
                if objects.isdisjoint({"", _object(site.callee)}):
                    continue
                for unit in calls.target(site.callee, caller):
                    if unit.is_async and unit.suspends and unit.qualname not in found:
                        found.add(unit.qualname)
                        text = f"line {site.line} awaits it while the task may run that line {call.line} has started"
                        yield Root(unit.qualname, text, "tasks", False, Confidence.MEDIUM)


def _runs_beside(calls: Calls, start: CallSite, site: CallSite, caller: FunctionFacts) -> bool:
    """Whether a call is awaited after the start, and nothing waits for the task before."""
    if not site.awaited or site.line <= start.line or _waited_between(start, site, caller):
        return False
    if first_word(site.callee) in _ENDS or site.callee.rpartition(".")[2] in calls.scope.models.idempotent:
        return False
    return start.arms == site.arms[: len(start.arms)] and start.within == site.within[: len(start.within)]


def _waited_between(start: CallSite, site: CallSite, caller: FunctionFacts) -> bool:
    """Whether the task is awaited, or handed to what waits for it, between the two: by the name under which it is kept."""
    names = {write.path for write in caller.writes if write.line == start.line}
    if any(name in names and start.line < line <= site.line for name, line, _ in caller.waits):
        return True
    return any(
        call.awaited and start.line < call.line <= site.line and names & {given.lstrip("*") for given in call.arguments}
        for call in caller.calls
    )


_ENDS = frozenset(
    "close aclose stop cancel shutdown shut join wait cleanup disconnect teardown unload terminate end exit finish".split()
)
"""First words of what ends a task, or waits for its end."""


def _object(path: str) -> str:
    """The object whose method a path names: `self`, `desk`; "" for a function."""
    return path.lstrip("*").rpartition("=")[2].rpartition(".")[0]
