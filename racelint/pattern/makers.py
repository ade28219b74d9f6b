"""Who else makes what a unit makes because it is missing."""

from __future__ import annotations

from racelint.events import Access, Kind, Resource
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.grafts import shown_name
from racelint.pattern.rivals import rivals, with_itself
from racelint.pattern.unit import Unit
from racelint.resolve import enclosing_self

_GONE = frozenset({"none", "false", "empty"})
"""Shapes of what is put there to say that nothing is there any more."""


def other_maker(unit: Unit, write: Access, world: World) -> Evidence | None:
    """The strongest evidence that somebody else finds the resource missing meanwhile and makes it, too.

    Who takes it away makes nothing; nor does who sets it without a look because the unit has started it. That anything changes it at
    the same time is weak.
    """
    resource, own = write.resource, set(unit.module.concurrency.runs(unit.facts.qualname))
    best: Evidence | None = None
    any_at_all: Evidence | None = None
    for change, function, found in rivals(unit, resource, world):
        if function.qualname != unit.facts.qualname:
            found = replace(found, text=f"{found.text}; `{shown_name(function.qualname)}` changes it too")
        if any_at_all is None or found.strength.rank > any_at_all.strength.rank:
            any_at_all = found
        if change.shape in _GONE:
            continue
        if not _looks_first(unit, function, resource):
            itself = with_itself(unit, world, resource) if function.qualname in own else None
            if itself is None:
                continue
            found = itself if itself.strength.rank < found.strength.rank else found
        if best is None or found.strength.rank > best.strength.rank:
            best = found
            if best.strength is Confidence.HIGH:
                break
    if any_at_all is None or best is None:
        return any_at_all.weakened() if any_at_all is not None else None
    return replace(best, public=best.public or any_at_all.public)  # it is no more than who changes it at all tells


def _looks_first(unit: Unit, function: FunctionFacts, resource: Resource) -> bool:
    """Whether the function, or one that calls it besides the unit, looks at the resource."""
    if function.qualname == unit.facts.qualname or _looks(unit, function, resource):
        return True
    return any(
        caller.qualname != unit.facts.qualname and _looks(unit, caller, resource)
        for caller, _ in unit.module.concurrency.callers.get(function.qualname, ())
    )


def _looks(unit: Unit, function: FunctionFacts, resource: Resource) -> bool:
    """Whether the function reads the attribute of its own object or the global; of what is further away nobody can tell."""
    if resource.kind is Kind.GLOBAL:
        return resource.path in function.reads
    owner, name = enclosing_self(function, unit.module.scope)
    family = unit.module.scope.family(resource.owner) if resource.owner in unit.module.scope.classes else frozenset()
    if owner not in family:
        return True
    return f"{name}.{resource.path}" in function.reads or f"cls.{resource.path}" in function.reads
