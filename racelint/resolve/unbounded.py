"""Queues without a limit: whoever puts something into one never waits for room."""

from __future__ import annotations

from racelint.facts import FunctionFacts
from racelint.resolve.names import enclosing_self
from racelint.resolve.scope import Scope, calls_alone, made_of_nothing

QUEUES = frozenset(f"asyncio.{name}" for name in ("Queue", "LifoQueue", "PriorityQueue"))
"""Queues whose `put` suspends for want of room alone, and which have no limit where they are made of nothing."""


def unbounded(path: str, function: FunctionFacts, scope: Scope) -> bool:
    """Whether a dotted path in a function means a queue that is made without a limit wherever it is made."""
    first, _, rest = path.partition(".")
    owner, own = enclosing_self(function, scope)
    if rest:
        return first == own and "." not in rest and unbounded_attribute(owner, rest, scope)
    if first in function.local_names and first not in function.outer_names:
        return _local(first, function, scope)
    parent = scope.functions.get(function.parent) if function.parent else None
    if parent is not None and first in parent.local_names:
        return first not in function.outer_names and _local(first, parent, scope)
    made = dict(scope.names_in(function.qualname).facts.assigned).get(first, "")
    return "::" not in function.qualname and scope.built_type(made) in QUEUES and made_of_nothing(scope, "", first)


def unbounded_attribute(owner: str, name: str, scope: Scope) -> bool:
    """Whether an attribute of a class holds such a queue, or what a method of the class makes that does nothing else."""
    writes = [(f, w) for f, w in scope.attribute_writes(owner, name) if w.how == "="]
    return bool(writes) and all(
        calls_alone(f, w)
        and (scope.names_in(f.qualname).built_type(w.built_from) in QUEUES or _made_by(w.built_from, f, owner, scope))
        for f, w in writes
        if w.shape != "none"
    )


def _made_by(path: str, function: FunctionFacts, owner: str, scope: Scope) -> bool:
    """Whether the path is a method that hands what it is given, nothing here, to a queue's class: `self.create_queue()`."""
    first, _, name = path.partition(".")
    if first != enclosing_self(function, scope)[1] or not name or "." in name:
        return False
    maker = next((m for c in scope.lineage(owner) if (m := scope.methods.get(c.qualname, {}).get(name))), None)
    if maker is None or len(maker.calls) != 1 or not all(a.startswith("*") for a in maker.calls[0].arguments):
        return False
    return scope.names_in(maker.qualname).built_type(maker.calls[0].callee) in QUEUES


def _local(name: str, function: FunctionFacts, scope: Scope) -> bool:
    """Whether a function makes such a queue wherever it sets its own name."""
    names = scope.names_in(function.qualname)
    writes = [write for write in function.writes if write.path == name and write.how == "="]
    return bool(writes) and all(
        calls_alone(function, write) and names.built_type(write.built_from) in QUEUES for write in writes
    )
