"""Variables that a thread changes while the function that has started it changes them, too, or goes over them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.calls import Calls
from racelint.evidence.handing_on import own_params
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.frozen import dataclass
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
    if call.callee.endswith(("submit", "run_in_executor", "start_new_thread", "apply_async")):
        return call.line
    starts = [c.line for c in starter.calls if c.callee.endswith(".start") and c.line >= call.line]
    return min(starts, default=call.line)


@dataclass(frozen=True, slots=True)
class Filled:
    """A collection, as the function names it that starts a thread which changes its size."""

    name: str
    start: CallSite
    begun: int
    """The line from which the thread runs."""
    change: Write
    by: FunctionFacts


def filled_by_started(calls: Calls, starter: FunctionFacts) -> Iterator[Filled]:
    """The collections that threads resize which a function starts, and does not wait for in the same call."""
    if starter.is_async or not starter.loop_names:
        return
    for call, spawner in calls.spawning_calls(starter):
        helper, last = calls.starter(call.callee, starter), call.callee.rpartition(".")[2]
        runs = not helper.waits if helper is not None else last in _RUNS_ON
        if spawner.world != "threads" or call.awaited or not runs:
            continue
        begun = _begun(starter, call) if helper is None else call.line
        for argument in calls.handed(call, starter):
            for unit in calls.spawned_units(argument, starter, call.line):
                for write in unit.writes:
                    name = _named_by(starter, call, argument, unit, write.path) if write.how in _RESIZES else ""
                    if name and not (write.how == "[]" and _prefilled(starter, name, begun)):
                        yield Filled(name, call, begun, write, unit)


def goes_on(calls: Calls, starter: FunctionFacts, filled: Filled, line: int) -> bool:
    """Whether a function comes to a line while the threads run that it has started: nothing in between waits, for them or at all."""
    start = filled.start
    near = min((site.line for site in starter.calls if site.line >= line), default=0)  # in the loop, or behind it
    here = [(site.arms, site.within) for site in starter.calls if site.line == near] or [((), ())]
    if line <= filled.begun or not any(
        start.arms == arms[: len(start.arms)] and start.within == within[: len(start.within)] for arms, within in here
    ):
        return False
    return not any(
        site.callee.rpartition(".")[2] in _PAUSES or any(map(_waits, calls.target(site.callee, starter)))
        for site in starter.calls
        if filled.begun <= site.line <= line
    )


def _waits(function: FunctionFacts) -> bool:
    return any(call.callee.rpartition(".")[2] in _PAUSES for call in function.calls)


_RUNS_ON = frozenset({"Thread", "submit", "start_new_thread", "apply_async"})
"""Last names of calls after which the unit runs soon."""

_PAUSES = _WAITS | {"sleep", "is_alive", "isAlive", "done", "running", "active_count", "is_set", "poll", "acquire"}
"""Last names of calls that wait for threads, or for time to pass, or ask whether they are through."""

_RESIZES = frozenset({"[]", "add", "del[]", "pop", "popitem", "remove", "discard", "clear", "update", "setdefault"})


def _named_by(starter: FunctionFacts, call: CallSite, argument: str, unit: FunctionFacts, path: str) -> str:
    """How the starter names what the unit changes under a path, if both mean one object; "" if they do not, or it is not seen."""
    root, dot, rest = path.partition(".")
    if root == "self" and dot and "." not in rest:
        own = argument.rpartition("=")[2].startswith("self.")
        return path if own and unit.owner == starter.owner and starter.owner else ""
    if dot:
        return ""
    if root not in unit.local_names:
        nested = unit.parent == starter.qualname
        shared = root in starter.local_names if nested else root not in starter.local_names and not unit.parent
        return root if shared and root not in starter.loop_names else ""
    names = [name for name, _ in own_params(unit)]
    given = next((one[len("args=(") : -1].split(", ") for one in call.arguments if one.startswith("args=(")), None)
    place = names.index(root) if root in names else -1
    if given is None or not 0 <= place < len(given) or any(w.path == root and w.how == "=" for w in unit.writes):
        return ""
    return given[place] if given[place] in starter.local_names - starter.loop_names else ""


def _prefilled(starter: FunctionFacts, name: str, line: int) -> bool:
    """Whether a function puts entries into a collection before it starts the thread, which may then only replace them."""
    return any(
        write.path == name and write.line <= line and not (write.how == "=" and write.shape == "empty")
        for write in starter.writes
    )
