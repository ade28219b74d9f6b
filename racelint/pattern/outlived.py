"""Keys of Redis that may end between a step that relies on them and one that counts on, which makes them anew without an end."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.finding import World
from racelint.pattern.raised import COUNTERS
from racelint.pattern.unit import Unit, exactly

TIMES = frozenset({"ex", "px", "exat", "pxat"})
"""How `set` is told when a key ends."""

_TOLD = ("setex", "psetex")
_OF_ENDS = frozenset("expire pexpire expireat pexpireat setex psetex ttl pttl".split())
"""Commands that only make sense for a key that ends."""


def counted_when_gone(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Steps after which a key is there for some time, each with the step that counts on it and does not say when it ends.

    `INCR` makes a key that is gone, and such a key stays for ever: a limit of a rate that nobody gets out of. Who has just set the
    key has its whole time before it. Nothing is known of keys of which nothing says that they end.
    """
    for count in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
        if count.resource.owner != "store" or count.how not in COUNTERS or _told_afterwards(unit, count):
            continue
        for first in unit.accesses(Op.UPDATE, Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if not exactly(first.resource, count.resource) or not unit.before(first.id, count.id):
                continue
            relied = _set_unless_there(first, count) or (_found(unit, first, count) and _ends(unit, count))
            if relied and not unit.guarded(first, count, World.PROCESSES) and not _renewed(unit, first, count):
                yield first, count
                break


def _set_unless_there(first: Access, count: Access) -> bool:
    """Whether the key is set with its end unless it is there, and counted on also where it was there."""
    if first.how != "set" or "nx" not in first.assigned or TIMES.isdisjoint(first.assigned):
        return False
    return (first.id, Sense.PRESENT) not in count.control


def _found(unit: Unit, first: Access, count: Access) -> bool:
    """Whether the count runs because the key was found. What is compared by order is told as a limit already."""
    if first.how not in ("exists", "get") or first.op is Op.UPDATE or first.id in unit.flow.ordered:
        return False
    return any(number == first.id and sense is not Sense.ABSENT for number, sense in count.control)


def _told_afterwards(unit: Unit, count: Access) -> bool:
    """Whether the key is told later when it ends, or set as a whole."""
    if any(mark.subject == count.resource.name and unit.before(count.id, mark.id) for mark in unit.marks("expire")):
        return True
    return any(
        write.resource == count.resource and _sets_end(write) and unit.before(count.id, write.id)
        for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,))
    )


def _renewed(unit: Unit, first: Access, count: Access) -> bool:
    """Whether the key is given its whole time in between."""
    return any(
        mark.subject == count.resource.name and unit.before(first.id, mark.id) and unit.before(mark.id, count.id)
        for mark in unit.marks("expire")
    )


def _ends(unit: Unit, count: Access) -> bool:
    """Whether anything says that the key ends: what is done with it in the unit, or with what is called so in its class."""
    if any(write.resource == count.resource and _sets_end(write) for write in unit.accesses(Op.WRITE, Op.UPDATE)):
        return True
    if any(mark.subject == count.resource.name for mark in unit.marks("expire")):
        return True
    owner, key = unit.facts.owner, count.resource.key
    functions = (f for f in unit.module.scope.facts.functions if f is unit.facts or (owner and f.owner == owner))
    return any(
        call.callee.rpartition(".")[2] in _OF_ENDS and key in call.arguments
        for function in functions
        for call in function.calls
    )


def _sets_end(write: Access) -> bool:
    return write.how in _TOLD or (write.how == "set" and not TIMES.isdisjoint(write.assigned))
