"""Futures in collections that are cancelled before whoever put them there runs again and takes them out, if anybody does."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op
from racelint.facts import FunctionFacts
from racelint.pattern.unit import Unit
from racelint.touch import is_limited, limited_waits, listed_futures

_TAKEN_BY = frozenset({"pop", "popleft", "get", "popitem"})
"""Methods of collections that give an entry."""


def still_listed(unit: Unit, access: Access) -> str:
    """Why a future that the unit found in a collection may have been cancelled; "" if nothing says so.

    A limit cancels the future at once; the coroutine that waited, and would take it out, runs later.
    """
    path = _collection(unit, access)
    for function in _sharing(unit, path) if path else ():
        names = {name for where, name in listed_futures(function) if where == path}
        ended = _ended(unit, function, names) if names else ""
        if ended:
            return f"{ended} may have ended it before; it stays in `{path}` until `{function.name}` runs again"
        if any(name in names for name, _, _ in function.waits) and not _taken_out_in_any_case(unit, function, path):
            return f"`{function.name}` was cancelled before, which leaves it in `{path}`"
    return ""


def _taken_out_in_any_case(unit: Unit, function: FunctionFacts, path: str) -> bool:
    """Whether who waits takes its future out of the collection when it is cancelled, or a callback of the future does."""
    if any(call.callee.endswith(".add_done_callback") for call in function.calls):
        return True
    other = unit.module.unit(function.qualname)
    if other is None:
        return True
    ways = [mark for mark in other.marks("finally", "handler") if _meets_cancellation(other, mark)]
    return any(
        change.resource.name == path and change.id > way.id and other.before(way.id, change.id)
        for change in other.accesses(Op.DELETE, Op.WRITE, Op.UPDATE)
        for way in ways
    )


def _meets_cancellation(unit: Unit, mark: Mark) -> bool:
    """Whether what follows the mark is done when the task is cancelled."""
    if mark.what == "finally":
        return True
    caught = unit.module.text(mark.place).partition(":")[0]
    return caught.strip() == "except" or "BaseException" in caught or "CancelledError" in caught


def _collection(unit: Unit, access: Access) -> str:
    """The attribute or global collection that the future comes from; "" if it comes from elsewhere."""
    if access.resource.key:
        return access.resource.name
    sources = (unit.access(number) for number in access.value.stems)
    for source in sources:
        if source is not None and source.resource.kind in (Kind.ATTRIBUTE, Kind.GLOBAL):
            return source.resource.name
    for name, built in unit.facts.locals_built:
        path, _, method = built.rpartition(".")
        if name == access.resource.name and method in _TAKEN_BY:
            return path
    return ""


def _sharing(unit: Unit, path: str) -> Iterator[FunctionFacts]:
    """The other functions that mean the same by the path: methods of the object, or of the module."""
    scope, own = unit.module.scope, path.startswith("self.")
    family = scope.family(unit.facts.owner) if own and unit.facts.owner else frozenset()
    for function in scope.facts.functions:
        if function.qualname == unit.facts.qualname:
            continue
        if function.owner in family if own else path not in function.local_names:
            yield function


def _ended(unit: Unit, function: FunctionFacts, names: set[str]) -> str:
    """What ends one of the futures before it is completed: a limit of the function that waits for it, or one of its caller's."""
    scope = unit.module.scope
    if not names.isdisjoint(limited_waits(function, scope)):
        return f"the limit in `{function.name}`"
    if not any(name in names for name, _, _ in function.waits):
        return ""
    for caller in scope.every_function:
        for call in caller.calls:
            called = call.callee if call.awaited and is_limited(call.within, scope) else ""
            if call.callee.rpartition(".")[2] == "wait_for" and call.arguments:
                called = call.arguments[0]
            if called and any(
                target.qualname == function.qualname for target in unit.module.concurrency.target(called, caller)
            ):
                return f"the limit in `{caller.name}`"
    return ""
