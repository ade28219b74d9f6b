"""Two changes that others see or make together under a lock, with the lock given back in between for no reason."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from racelint.events import Access, Acquire, Kind, Op
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.pattern.pair import Pair
from racelint.pattern.unit import Unit, held_at

_STATE = (Kind.ATTRIBUTE, Kind.GLOBAL)


def split_holds(unit: Unit) -> Iterator[tuple[Pair, str, str, Evidence]]:
    """A change under a lock and the next one under the same lock, taken anew right behind it; the lock, who uses both under one hold.

    Where anything is done in between, the lock was given back for that.
    """
    if unit.is_constructor or unit.facts.is_async:
        return
    writes = [
        write
        for write in unit.accesses(Op.WRITE, kinds=_STATE)
        if write.place.unit == unit.facts.qualname and not write.resource.key
    ]
    for first, second in pairwise(writes):
        if first.resource.place == second.resource.place or first.control != second.control:
            continue
        lock = _taken_anew(unit, first, second)
        if lock is None:
            continue
        for name, evidence in _users(unit, lock, first, second):
            yield Pair(unit, first, second), lock.lock.name, name, evidence
            break


def _taken_anew(unit: Unit, first: Access, second: Access) -> Acquire | None:
    """The second hold of a lock that was held for the first change, too, if taking it is all that happens between the changes."""
    if not unit.before(first.id, second.id) or first.held & second.held:
        return None
    between = unit.between(first.id, second.id)
    if len(between) != 1 or not isinstance(between[0], Acquire) or between[0].what != "lock":
        return None
    taken = between[0]
    same = any(lock.lock.place == taken.lock.place for lock in unit.locked_at(first))
    return taken if same and taken.shared and taken.world != "tasks" else None


def _users(unit: Unit, lock: Acquire, first: Access, second: Access) -> Iterator[tuple[str, Evidence]]:
    """Other functions of the module that use both under one hold of the lock, and that threads run meanwhile."""
    for other in unit.module.units:
        if other.facts.qualname == unit.facts.qualname or not _uses_both(other, lock, first, second):
            continue
        found = unit.module.concurrency.overlap(unit.facts.qualname, other.facts.qualname, "threads", first.resource)
        if found is not None and found.strength is not Confidence.LOW and not found.public:
            yield other.facts.qualname, found


def _uses_both(other: Unit, lock: Acquire, first: Access, second: Access) -> bool:
    holds = [
        frozenset(
            number
            for access in other.accesses(kinds=_STATE)
            if access.resource.place == one.resource.place
            for number in held_at(access)
            if isinstance(held := other.events[number], Acquire) and held.lock.place == lock.lock.place
        )
        for one in (first, second)
    ]
    return bool(holds[0] & holds[1])
