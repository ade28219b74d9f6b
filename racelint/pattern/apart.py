"""Locks that are known to be two: each is made for itself, so who holds one does not keep out who holds the other."""

from __future__ import annotations

from racelint.events import Access
from racelint.pattern.unit import Unit, same
from racelint.resolve import made_of_nothing

Place = tuple[str, str]

_PLAIN = ("Lock", "RLock", "Condition")
"""Last names of what excludes everybody else: no semaphores, nor locks for readers and writers."""


def made_apart(unit: Unit, some: frozenset[Place], others: frozenset[Place]) -> bool:
    """Whether all these locks are made by the class or module that has them, none of another one of them."""
    places = some | others
    return bool(some and others) and not some & others and all(_made_for_itself(unit, place) for place in places)


def _made_for_itself(unit: Unit, place: Place) -> bool:
    owner, name = place
    scope = unit.module.scope
    if place not in unit.module.locks_of(owner):
        return False
    kind = scope.attribute_type(owner, name) if owner in scope.classes else scope.built_type(scope.assigned[name])
    return kind.rpartition(".")[2] in _PLAIN and made_of_nothing(scope, owner, name)


def computed_from_itself(unit: Unit, access: Access) -> bool:
    """Whether an entry is set to what was computed from what the collection held: `totals[user] = totals[user] + n`."""
    reads = [unit.access(number) for number in access.value.stems - access.value.opaque]
    return any(read is not None and same(read.resource, access.resource) for read in reads)


def of_other_entries(one: Access, other: Access) -> bool:
    """Whether both are of entries under keys that the code spells out, and not the same."""
    keys = (one.resource.key, other.resource.key)
    return keys[0] != keys[1] and all(key[:1] and key[0] in "'\"0123456789" for key in keys)


def of_callers(unit: Unit, access: Access) -> bool:
    """Whether a helper makes the change that others of the module call without any lock: those that are held then guard what the
    callers do besides."""
    concurrency = unit.module.concurrency
    return access.place.unit != unit.facts.qualname and any(
        not concurrency.held_around(caller, call) and not concurrency.held_on_entry(caller)
        for caller, call in concurrency.callers.get(access.place.unit, ())
    )
