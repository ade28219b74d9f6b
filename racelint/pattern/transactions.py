"""Changes of a database: the transactions around them, and whether two belong together."""

from __future__ import annotations

from racelint.events import Access, Acquire, Event, Kind, Op
from racelint.pattern.unit import Unit, held_at


def transactions_at(unit: Unit, event: Event) -> list[Acquire]:
    """The transactions that are open at an event."""
    return [
        e
        for e in (unit.events[n] for n in sorted(held_at(event)))
        if isinstance(e, Acquire) and e.what == "transaction"
    ]


def row_locked_at(unit: Unit, event: Event) -> bool:
    """Whether rows are locked, or any lock is held, at an event."""
    held = (unit.events[n] for n in sorted(held_at(event)))
    return any(isinstance(e, Acquire) and e.what in ("row lock", "lock") and e.shared for e in held)


def table_of(unit: Unit, access: Access) -> str:
    """The table or model of a change, as far as it is known."""
    index = access.value.row
    if access.resource.kind is Kind.ROW and index is not None:
        row = unit.flow.rows[index]
        return row.model or row.name
    return access.resource.name


def related(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two changes are about the same thing: they are keyed by, or refer to, a common value."""
    return bool(_names(unit, first) & _names(unit, second) - {"unit", "session", "request", "now"})


def one_change(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two changes are halves of one: of two tables and related, or of two rows of one table by the same amount."""
    if table_of(unit, first) != table_of(unit, second):
        return related(unit, first, second)
    return (
        first.op is second.op is Op.UPDATE
        and first.statement != second.statement
        and bool(first.related & second.related)
    )


def _names(unit: Unit, access: Access) -> frozenset[str]:
    names = set(access.related)
    for name in access.related:
        for row in unit.flow.rows:
            if row.name == name.partition(".")[0] and row.loaded is not None:
                loaded = unit.access(row.loaded)
                names |= loaded.related if loaded is not None else set()
    for number in access.value.stems:
        stem = unit.access(number)
        if stem is not None and stem.resource.kind in (Kind.ROW, Kind.ARGUMENT):
            names.add(stem.resource.name.partition(".")[0])
    return frozenset({name.partition(".")[0] for name in names} | names)
