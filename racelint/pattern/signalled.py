"""Changes that one unit makes before it gives a signal, and another after it has waited for that."""

from __future__ import annotations

from racelint.events import Kind, Resource
from racelint.evidence import Concurrency
from racelint.facts import CallSite, FunctionFacts
from racelint.pattern.unit import Unit

_GIVES = frozenset({"notify", "notify_all", "set"})
"""What wakes whoever waits for a condition or an event."""


def in_turn(unit: Unit, function: FunctionFacts, resource: Resource) -> bool:
    """Whether one of the two units changes the resource only before it signals that it is done, and the other only afterwards."""
    if resource.kind not in (Kind.ATTRIBUTE, Kind.GLOBAL) or function.qualname == unit.facts.qualname:
        return False
    path = resource.path if resource.kind is Kind.GLOBAL else f"self.{resource.path}"
    concurrency = unit.module.concurrency
    return _follows(concurrency, unit.facts, function, path) or _follows(concurrency, function, unit.facts, path)


def _follows(concurrency: Concurrency, late: FunctionFacts, early: FunctionFacts, path: str) -> bool:
    """Whether all changes of `late` wait for a signal that `early`, of which there is one run, gives when it has made all of its own."""
    if late.owner != early.owner:
        return False
    lates, earlies = ([w.line for w in f.writes if w.path == path] for f in (late, early))
    if not lates or not earlies:
        return False
    waited = {call.callee.rpartition(".")[0] for call in late.calls if _waits(call) and call.line < min(lates)}
    given = {
        signal
        for signal in waited
        if all(
            function.qualname == early.qualname and call.line > max(earlies)
            for function in concurrency.scope.facts.functions
            if function.owner == early.owner
            for call in function.calls
            if _gives(call, signal)
        )
        and any(_gives(call, signal) for call in early.calls)
    }
    return bool(given) and _runs_once(concurrency, early)


def _gives(call: CallSite, signal: str) -> bool:
    receiver, _, method = call.callee.rpartition(".")
    return receiver == signal and bool(signal) and method in _GIVES


def _waits(call: CallSite) -> bool:
    """Whether a call waits as long as it takes, whatever else happens: without a limit of time."""
    method = call.callee.rpartition(".")[2]
    return not call.arms and (
        (method == "wait" and not call.arguments) or (method == "wait_for" and len(call.arguments) == 1)
    )


def _runs_once(concurrency: Concurrency, function: FunctionFacts) -> bool:
    """Whether the module starts a function as one thread, and nothing else is seen to run it."""
    roots = [concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ())]
    started = [root for root in roots if not root.public]
    return len(started) == 1 and not (started[0].many or started[0].called or started[0].handler)
