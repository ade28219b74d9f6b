"""Futures in attributes that are cancelled before whoever put them there runs again and takes them away."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access
from racelint.facts import FunctionFacts
from racelint.pattern.unit import Unit
from racelint.touch import limited_waits, made_future


def given_up(unit: Unit, access: Access) -> str:
    """Why a future in an attribute may be cancelled and still stand there when it is completed; "" if nothing says so.

    A limit cancels the future at once; the coroutine that waited, and callbacks which the future was given, run later.
    """
    name = access.resource.name
    owner, dot, attribute = name.partition(".")
    scope, facts = unit.module.scope, unit.facts
    if not dot or "." in attribute or owner != "self" or not facts.owner or _asked_by_callers(unit, name):
        return ""
    if any(write.path == name and write.line < unit.module.line(access) for write in facts.writes):
        return ""
    writes = scope.attribute_writes(facts.owner, attribute)
    if not any(made_future(write.built_from) for _, write in writes):
        return ""
    for function in _others(unit):
        if name in limited_waits(function, scope):
            return f"the limit in `{function.name}` may have ended it before, and it stays in its place until that runs again"
        if any(write.path == name and made_future(write.built_from) for write in function.writes) and _takes_away_later(
            unit, function, name
        ):
            return f"it was ended before: the callback that `{function.name}` gives it takes it away only when the loop comes to that"
    return ""


def _others(unit: Unit) -> Iterator[FunctionFacts]:
    """The other methods of the object."""
    family = unit.module.scope.family(unit.facts.owner)
    for function in unit.module.scope.facts.functions:
        if function.owner in family and function.qualname != unit.facts.qualname:
            yield function


def _takes_away_later(unit: Unit, function: FunctionFacts, name: str) -> bool:
    """Whether a callback that a future is given there takes the future out of its place."""
    return any(
        write.path == name and (write.how == "del" or write.shape == "none")
        for call in function.calls
        if call.callee.endswith(".add_done_callback")
        for argument in call.arguments
        for target in unit.module.concurrency.target(argument, function)
        for write in target.writes
    )


def _asked_by_callers(unit: Unit, name: str) -> bool:
    """Whether a caller of the unit asks first whether the future is completed."""
    return any(
        call.callee in (f"{name}.done", f"{name}.cancelled")
        for caller, _ in unit.module.concurrency.callers.get(unit.facts.qualname, ())
        for call in caller.calls
    )


def nobody_cancels(unit: Unit, access: Access) -> bool:
    """Whether nothing that is seen waits for the future in a way that cancels it: it is asked for its result, shielded or `wait`ed for.

    Anything counts that is called alike. Who was handed the future to complete it works for the one who has made it, who has no reason
    to give it up before.
    """
    if access.resource.name in dict(unit.facts.params):
        return True
    name = _last_name(access.resource.name)
    seen = False
    for function in unit.module.scope.every_function:
        if any(_last_name(path) == name for path, *_ in function.waits):
            return False
        for call in function.calls:
            if any(_last_name(given) == name for given in call.arguments):
                last = call.callee.rpartition(".")[2]
                if last in _CANCEL_WITH_WAITER:
                    return False
                seen = seen or last in _LEAVE_IT
            seen = seen or (_last_name(call.callee.rpartition(".")[0]) == name and call.callee.endswith(".result"))
    return seen or _all_shielded(unit)


def _all_shielded(unit: Unit) -> bool:
    """Whether the function around the unit waits for futures only behind a shield."""
    around = unit.module.scope.functions.get(unit.facts.parent)
    return around is not None and any(call.callee.endswith("shield") for call in around.calls) and not around.waits


def _last_name(path: str) -> str:
    return path.lstrip("*").rpartition("=")[2].rpartition(".")[2].lstrip("_")


_CANCEL_WITH_WAITER = frozenset({"wait_for", "gather"})
"""Last names of calls that cancel what they wait for when they are cancelled themselves."""

_LEAVE_IT = frozenset({"shield", "wait", "run_until_complete"})
"""Last names of calls that wait for a future and leave it as it is."""
