"""Methods that do not take the lock which all others take, or which say by their locks that others change the same."""

from __future__ import annotations

from racelint.events import Access, Op, Place, Shape
from racelint.pattern.unit import Unit, same
from racelint.words import first_word


def forgotten_once(unit: Unit, access: Access, guarded: set[Place]) -> bool:
    """Whether one method alone changes without the lock what three or more changes of two or more others are made under.

    It writes back what it computed from what was there: what the others put in meanwhile is lost, whoever calls it.
    """
    quiet = first_word(unit.facts.name) in unit.module.models.lifecycle
    return steps(unit, access) and not quiet and len(guarded) >= 3 and len({place.unit for place in guarded}) >= 2


def steps(unit: Unit, access: Access) -> bool:
    """Whether the change writes back what it computed from what was there: `self.credit += n`."""
    return access.how == "+=" or any(
        (read := unit.access(number)) is not None and same(read.resource, access.resource)
        for number in access.value.stems
    )


def counted_by_both(unit: Unit, access: Access, other: Unit, guarded: Access) -> bool:
    """Whether anybody may call either of two methods, which count in the entries of one collection, and only the other holds a lock there.

    One number may be counted up before the threads are there; entries are counted for whoever names one.
    """
    if unit.facts.qualname == other.facts.qualname or not (access.resource.key and guarded.resource.key):
        return False
    if not (steps(unit, access) and steps(other, guarded)):
        return False
    quiet = first_word(unit.facts.name) in unit.module.models.lifecycle
    return access.place.unit == unit.facts.qualname and not (quiet or unit.facts.name.startswith("_"))


def awaited_change(unit: Unit, access: Access, other: Unit) -> bool:
    """Whether another unit waits under a condition until somebody changes the state which this one changes by a step."""
    if not steps(unit, access) or first_word(unit.facts.name) in unit.module.models.lifecycle:
        return False
    return any(
        (check := other.access(number)) is not None
        and same(check.resource, access.resource)
        and other.guards(check, wait, "lock")
        for wait in other.marks("wait")
        for number, _ in wait.control
    )


def set_back_unseen(unit: Unit, access: Access, other: Unit, guarded: Access) -> bool:
    """Whether a thread of the module sets a number back that it has read before, while another method counts it up under a lock.

    What is counted in between is lost: `report(self.pending); self.pending = 0`.
    """
    if access.how != "=" or access.value.shape is not Shape.CONSTANT or access.resource.key:
        return False
    if access.place.unit != unit.facts.qualname or not unit.module.concurrency.surely_in_threads(unit.facts):
        return False
    counts = guarded.how == "+=" and guarded.place.unit == other.facts.qualname != unit.facts.qualname
    return counts and any(
        same(read.resource, access.resource) and unit.before(read.id, access.id)
        for read in unit.accesses(Op.READ, Op.CHECK)
        if read.id < access.id
    )


def emptied_after_reading(unit: Unit, access: Access) -> bool:
    """Whether a collection is emptied in place after the unit has read what was in it: what came in between goes unread."""
    if access.how != "clear" or access.resource.key:
        return False
    receivers = {a.id - 1 for a in unit.accesses(Op.UPDATE, Op.DELETE) if same(a.resource, access.resource)}
    return any(
        same(read.resource, access.resource) and read.id not in receivers and unit.before(read.id, access.id)
        for read in unit.accesses(Op.READ)
        if read.id < access.id
    )
