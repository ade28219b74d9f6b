"""Rows that are changed, or else made: two steps that an upsert would be one of."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.finding import World
from racelint.pattern.lookups import constraint_handled
from racelint.pattern.transactions import row_locked_at
from racelint.pattern.unit import Unit


def changed_or_made(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Changes of the rows that have a key, each with the creation of a row of that key because the answer was that there were none."""
    for change, new in _made_if_none_changed(unit):
        if not constraint_handled(unit, new):
            yield change, new


def counted_by_one(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """The same of counters, where the error about a second row is handled, and nothing is counted then: that count is lost."""
    for change, new in _made_if_none_changed(unit):
        if change.value.part("relative") is None or not constraint_handled(unit, new, gone_on=True):
            continue
        again = (
            other for other in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE, Kind.ROW)) if other.id > new.id
        )
        if not unit.before(new.id, change.id) and not any(unit.before(new.id, other.id) for other in again):
            yield change, new


def _made_if_none_changed(unit: Unit) -> Iterator[tuple[Access, Access]]:
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        for number, sense in new.control:
            change = unit.access(number)
            if (
                change is not None
                and change.op in (Op.WRITE, Op.UPDATE)
                and change.how not in ("conditional", "picks")
                and (sense.vague or sense is Sense.ABSENT)
                and change.resource == new.resource
                and bool(change.related & new.related)
                and not row_locked_at(unit, new)
                and not unit.guarded(change, new, World.PROCESSES)
            ):
                yield change, new
                break
