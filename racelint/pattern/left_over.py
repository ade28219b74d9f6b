"""Entries of an index that are removed because the record that they stand for is gone."""

from __future__ import annotations

from racelint.events import Access, Kind, Mark, Op, Sense
from racelint.expressions import expression
from racelint.pattern.unit import Unit, same

TRIFLING = expression(
    r"(^|\.)(debug|info|warning|warn|error|exception|log|print|append|add|str|repr|len|getattr|isinstance|(is|has)_\w+)$"
)
"""Calls that log, or note what was chosen."""


def left_over(unit: Unit, look: Access, removal: Access) -> bool:
    """Whether an entry is only removed where another record was looked up since and not found, and nothing else is done there.

    Who removes it once more changes nothing, and nobody works on what is gone.
    """
    missing = {
        (number, sense)
        for number, sense in removal.control
        if sense is Sense.ABSENT
        and number > look.id
        and (record := unit.access(number)) is not None
        and record.resource.kind is Kind.STORE
        and not same(record.resource, look.resource)
    }
    entry = unit.module.text(removal.place).rpartition(",")[2].strip(" )")
    return bool(missing) and not any(
        not missing.isdisjoint(event.control) and _works(event, entry)
        for event in unit.events
        if isinstance(event, (Access, Mark)) and event.place != removal.place
    )


def _works(event: Access | Mark, entry: str) -> bool:
    """Whether something is written, or the entry handed to what may do so."""
    if isinstance(event, Access):
        return event.op.changes and event.op is not Op.DELETE and event.resource.kind.external
    return entry in event.related and not TRIFLING.search(event.subject)
