"""Rows that one query adds up and another one goes over, with nothing that keeps others from adding one in between."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.transactions import row_locked_at, serializable_at
from racelint.pattern.unit import Unit

_SUMS = frozenset({"aggregate", "aaggregate"})


def summed_then_gone_over(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Sums of rows that are paid or kept, each with the later query for the same rows that marks, deletes or copies them.

    `total = lines.aggregate(Sum("price"))`, `charge(total)`, `for line in lines: OrderLine.objects.create(…)`: a line that is added in
    between is shipped, but not paid. Who only shows both shows what is old a moment later anyway.
    """
    for summed in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)):
        text = unit.module.text(summed.place)
        if summed.how not in _SUMS or "Sum(" not in text or _BOUNDED.search(" ".join((*summed.tested, text))):
            continue
        if row_locked_at(unit, summed) or serializable_at(unit, summed) or not _keys(summed) or not _kept(unit, summed):
            continue
        for rows in unit.accesses(Op.READ, Op.UPDATE, Op.DELETE, kinds=(Kind.TABLE,)):
            if rows.id < summed.id or not unit.before(summed.id, rows.id) or unit.before(rows.id, summed.id):
                continue
            if rows.resource != summed.resource or rows.tested != summed.tested or _keys(rows) != _keys(summed):
                continue
            if row_locked_at(unit, rows) or unit.guarded(summed, rows, World.PROCESSES) or unit.guarded(summed, rows):
                continue
            if rows.op is not Op.READ or _copied(unit, rows):
                yield summed, rows
                break


def _keys(access: Access) -> frozenset[str]:
    """What the rows are chosen by, as written."""
    given = access.value.part("given")
    return access.related | (frozenset({given.text}) if given is not None else frozenset())


def _kept(unit: Unit, summed: Access) -> bool:
    """Whether somebody is charged or paid the sum, or a new row keeps it."""
    names = {name for name, built in unit.facts.locals_built if built.rpartition(".")[2] in _SUMS}
    for event in unit.accesses(Op.CREATE, Op.USE):
        pays = event.op is Op.CREATE or _PAYS.search(event.how)
        if event.id > summed.id and pays and summed.id in event.value.stems and event.resource != summed.resource:
            return not unit.repeats(event.id)
    return any(
        mark.id > summed.id
        and _PAYS.search(mark.subject)
        and (mark.statement == summed.statement or not names.isdisjoint(mark.related))
        for mark in unit.marks("call")
    )


def _copied(unit: Unit, rows: Access) -> bool:
    """Whether rows of another table are made of what the query gives."""
    made = unit.accesses(Op.CREATE, kinds=(Kind.TABLE,))
    return any(rows.id in new.value.stems and new.resource != rows.resource for new in made)


_BOUNDED = expression(r"__(lte?|range|in|date|year|month|day|week)\b|\b(pk|id)\b")
"""Conditions that what is added later does not meet, or that name the rows themselves."""
_PAYS = expression(
    r"(?i)(^|[._])(charge|pay|payout|pay_out|capture|debit|credit|bill|invoice|refund|transfer|settle)(_|$)"
)
