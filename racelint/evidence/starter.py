"""Variables that a thread changes while the function that has started it changes them, too."""

from __future__ import annotations

from racelint.facts import CallSite, FunctionFacts
from racelint.resolve import Scope

_STARTS = frozenset({"Thread", "Timer", "submit", "start_new_thread", "run_in_executor"})
_WAITS = frozenset({"join", "result", "shutdown", "wait", "as_completed", "get", "exception"})
_COUNTS = ("+=", "-=")


def changed_by_starter(scope: Scope, function: FunctionFacts, name: str) -> tuple[int, int] | None:
    """The line where the function around this one starts it in a thread, and that where it counts in the same variable before it waits
    for the thread; None if it does not.

    `Thread(target=measure).start()`, `used += here.measure()`, `thread.join()`, where `measure` has `nonlocal used`.
    """
    starter = scope.functions.get(function.parent)
    if starter is None or function.is_async or starter.is_async or name not in function.outer_names:
        return None
    if name in starter.outer_names:
        return None
    for call in starter.calls:
        if call.callee.rpartition(".")[2] not in _STARTS or not {function.name, f"target={function.name}"} & {
            *call.arguments
        }:
            continue
        begun = _begun(starter, call)
        waited = min(
            (c.line for c in starter.calls if c.callee.rpartition(".")[2] in _WAITS and c.line >= begun), default=0
        )
        for write in starter.writes:
            if (
                write.path == name
                and write.how in _COUNTS
                and write.line > begun
                and (not waited or write.line < waited)
                and write.within == call.within
            ):
                return begun, write.line
    return None


def _begun(starter: FunctionFacts, call: CallSite) -> int:
    """The line from which the thread runs: that of `start()`, if it is called further down."""
    if call.callee.endswith(("submit", "run_in_executor", "start_new_thread")):
        return call.line
    starts = [c.line for c in starter.calls if c.callee.endswith(".start") and c.line >= call.line]
    return min(starts, default=call.line)
