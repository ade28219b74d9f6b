"""Rows that are chosen by a state, locked one by one, and worked on without another look at the state."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Mark, Op, Row
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.late_locks import columns_of, look_of, row_of
from racelint.pattern.rows import KEYS
from racelint.pattern.seen import is_seen
from racelint.pattern.unit import Unit
from racelint.words import first_word


def chosen_too_early(unit: Unit, lock: Acquire) -> Iterator[tuple[Access, Access]]:
    """Choices of rows by a column, each with the save of one of them with another value there, under a lock that came later.

    Who waits for the lock gets a row that another worker has dealt with meanwhile, and does the same once more.
    """
    look, locked = look_of(unit, lock), row_of(unit, lock)
    if look is None or locked is None or not look.tested or not look.tested <= KEYS or not _works(unit, lock, locked):
        return
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row != locked or lock.id not in write.held or _looked_at(unit, look, write, locked):
            continue
        for choice in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)):
            columns = columns_of(choice) & write.assigned
            if choice.resource != look.resource or not columns or choice.tested & KEYS or lock.id in choice.held:
                continue
            if not unit.before(choice.id, look.id) or choice.id > look.id or not _of_choice(unit, choice, look):
                continue
            if not unit.guarded(choice, write, World.PROCESSES):
                yield choice, write
                return


def _of_choice(unit: Unit, choice: Access, look: Access) -> bool:
    """Whether the row that is locked is one of those that were chosen, by its key."""
    names = {row.name for row in unit.flow.rows if row.loaded == choice.id and row.name}
    keys = {f"{name}.{key}" for name in names for key in ("pk", "id")}
    listed = choice.how in ("for", "list", "tuple", "set", "values_list")
    return bool(look.related & keys) or (listed and bool(look.related & unit.facts.loop_names))


def _works(unit: Unit, lock: Acquire, locked: Row) -> bool:
    """Whether anything is done with the locked row that is seen when it is done twice."""
    for event in unit.events:
        if event.id < lock.id:
            continue
        if (
            isinstance(event, Access)
            and event.op is Op.CREATE
            and event.resource.kind is Kind.TABLE
            and lock.id in event.held
        ):
            return True
        told = (
            isinstance(event, Mark)
            and bool(locked.name)
            and any(name.partition(".")[0] == locked.name for name in (event.subject, *event.related))
        )
        if told and isinstance(event, Mark) and is_seen(unit, event):
            return True
    return False


def _looked_at(unit: Unit, look: Access, write: Access, locked: Row) -> bool:
    """Whether the save depends on something of the locked row, or on what was tested since, or it is asked for its state."""
    if set(write.control) - set(look.control):
        return True
    return any(
        look.id < mark.id < write.id
        and (mark.subject.partition(".")[0] == locked.name or locked.name in mark.related)
        and _ASKS.search(first_word(mark.subject)) is not None
        for mark in unit.marks("call", "slow", "helper")
    )


_ASKS = expression(r"^(is|has|can|may|should|needs?|check|check\w*|valid\w*|ensure|assert|verify|refresh|still|skip)$")
"""First words of what may look at the state of a row."""
