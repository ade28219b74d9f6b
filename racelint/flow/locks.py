"""Which values exclude other units, and what `acquire` and `release` do."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import Kind, Resource, Shape, Value
from racelint.flow.expressions import Evaluator


def lock_call(
    ev: Evaluator, node: cst.Call, base: Value | None, method: str, awaiting: cst.Await | None
) -> Value | None:
    """`lock.acquire()` and `lock.release()`."""
    if base is None or method not in ("acquire", "release", "__aenter__", "__aexit__"):
        return None
    if not is_lock(ev, base):
        return None
    lock = base.ref or Resource(Kind.ATTRIBUTE, ev.function.qualname, base.text, base.text)
    if method in ("acquire", "__aenter__"):
        if awaiting is not None:
            ev.switch(awaiting, callee="acquire")
        ev.acquire(lock, "lock", lock_world(ev, base), ev.place(node))
        return Value(shape=Shape.CALL)
    for held in ev.acquisitions(ev.state.held):
        if held.what == "lock" and (held.lock.place, held.lock.name) == (lock.place, lock.name):
            ev.release(held.id)
    return Value()


def is_lock(ev: Evaluator, value: Value) -> bool:
    """Whether the value excludes other units: by its type, or by a name that says so."""
    call = ev.models.functions.get(value.type)
    if call is not None:
        return call.effect == "lock"
    if value.type.endswith("#many"):
        return False
    if value.type and value.type in ev.models.types:
        return False
    text = (value.text or value.type).lower()
    last = text.partition("(")[0]
    return any(part in last for part in ev.models.guards) or bool(_SHORT_NAMES.search(last))


def is_condition(ev: Evaluator, value: Value) -> bool:
    """Whether the value is a condition variable: by its type, or by a name that says so where the type is not known."""
    if value.type:
        return value.type.endswith("Condition") and value.type in ev.models.functions
    return bool(_CONDITION_NAME.search(value.text.lower()))


_SHORT_NAMES = re.compile(r"\b(_?cond(ition)?|_?sem)\b")
_CONDITION_NAME = re.compile(r"(^|[._])cond(ition)?$|(^|[._])cv$|_cond(ition)?$")


def lock_world(ev: Evaluator, value: Value) -> str:
    """The world that the lock excludes in; `any` if it is not known."""
    call = ev.models.functions.get(value.type)
    return call.world if call is not None else "any"
