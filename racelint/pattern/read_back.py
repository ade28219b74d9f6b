"""Values that one call puts under a key that all calls share, and expects to find there afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense, Shape
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.unit import Unit, exactly

_FIXED = expression(r"[bu]?([\"'])[^\"'{}]*\1|(\w+\.)*[A-Z][A-Z0-9_]+")
"""A key that is the same in each call: a text, or what is named as a constant."""

_PUTS = frozenset("set aset setex psetex put".split())
_SAME = (Shape.CONSTANT, Shape.TRUE, Shape.FALSE, Shape.NONE, Shape.EMPTY)


def found_again(unit: Unit) -> Iterator[tuple[Access, Access, Access | None]]:
    """Entries that are set and looked at to see whether they are there, each with its removal if that is what another call does.

    Who only sets the same again does no harm, nor who reads back what is meant to stay, whoever has set it last.
    """
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.how not in _PUTS or not _FIXED.fullmatch(write.resource.key) or _renews(unit, write):
            continue
        for read in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if not exactly(read.resource, write.resource) or not _last_before(unit, write, read):
                continue
            removal = _removed(unit, read)
            own = read.id in unit.flow.compared and write.value.shape not in _SAME
            if (own or (removal is not None and _tested(unit, read))) and not unit.guarded(
                write, read, World.PROCESSES
            ):
                yield write, read, None if own else removal
            break


def _renews(unit: Unit, write: Access) -> bool:
    """Whether what was there before decides, or is a part of what is set."""
    looks = (unit.access(number) for number in write.controlled_by | write.value.stems | write.chosen)
    return any(look is not None and look.resource.place == write.resource.place for look in looks)


def _last_before(unit: Unit, write: Access, read: Access) -> bool:
    """Whether the read may see what was set, and the unit does nothing else with the entry in between."""
    if not unit.before(write.id, read.id) or unit.before(read.id, write.id):
        return False
    return not any(
        isinstance(event, Access) and event.op.changes and exactly(event.resource, write.resource)
        for event in unit.between(write.id, read.id)
    )


def _removed(unit: Unit, read: Access) -> Access | None:
    """The removal that follows, unless it is done only by whom the entry belongs to."""
    return next(
        (
            gone
            for gone in unit.accesses(Op.DELETE, kinds=(Kind.STORE,))
            if exactly(gone.resource, read.resource)
            and unit.before(read.id, gone.id)
            and (read.id, Sense.OTHER) not in gone.control
        ),
        None,
    )


def _tested(unit: Unit, read: Access) -> bool:
    """Whether what was found decides anything."""
    return read.op is Op.CHECK or read.id in unit.flow.compared
