"""Numbers that are computed in Python from those that rows have already."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.finding import World
from racelint.pattern.lookups import constraint_handled, same_rows
from racelint.pattern.rows import same_model
from racelint.pattern.unit import Unit


def next_numbers(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Reads of a table, each with the row of it that is saved with one more than what was read of the others."""
    saves = list(unit.accesses(Op.CREATE, Op.WRITE, kinds=(Kind.TABLE, Kind.ROW)))
    tried = {a.resource.name for a in saves if constraint_handled(unit, a)}  # here or elsewhere it is tried again
    for new in saves:
        if new.resource.name in tried:
            continue
        row = unit.flow.rows[new.value.row] if new.value.row is not None else None
        if row is not None and row.locked:
            continue
        for mark in unit.marks("next"):
            read = next(
                (
                    a
                    for n in sorted(mark.stems & new.value.stems)
                    if (a := unit.access(n)) is not None and _of_table(unit, a, new)
                ),
                None,
            )
            if read is None or not unit.before(mark.id, new.id) or (row is not None and row.loaded == read.id):
                continue
            if not unit.guarded(read, new, World.PROCESSES) and not unit.guarded(read, new):
                yield read, new
                break


def _of_table(unit: Unit, read: Access, new: Access) -> bool:
    """Whether the read is of the table in which the new number is saved."""
    if read.op not in (Op.READ, Op.CHECK) or read.resource.kind is not Kind.TABLE:
        return False
    if new.resource.kind is Kind.TABLE:
        return same_rows(read, new)
    return same_model(unit, read, new)
