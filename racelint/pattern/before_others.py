"""Changes that are made while nobody else can be at work yet."""

from __future__ import annotations

from racelint.events import Access, Kind, Op
from racelint.pattern.module import Module
from racelint.pattern.unit import Unit


def after_fork(module: Module) -> frozenset[object]:
    """The places of changes under a lock that is named after `fork`: a child process makes them when it is still alone."""
    return frozenset(
        access.place
        for unit in module.units
        for access in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL))
        if any("fork" in lock.lock.path for lock in unit.locked_at(access))
    )


def makes(unit: Unit, locks: frozenset[tuple[str, str]]) -> bool:
    """Whether the unit makes one of the locks, so that nobody can hold it yet: it sets the object up."""
    return any(
        access.resource.place in locks for access in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL))
    )


def ahead_of_starts(unit: Unit, access: Access) -> bool:
    """Whether the unit itself starts threads, and all of them only after the change: it prepares what they are to use.

    Not where what it starts is itself, once more: others were started before.
    """
    own = unit.facts.qualname
    starts = [mark.id for mark in unit.marks("spawn", "spawn and wait") if own not in mark.related]
    return bool(starts) and all(unit.before(access.id, start) and access.id < start for start in starts)
