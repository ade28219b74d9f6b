"""Rows that stand for a right which is given once: looked up by their code, used, and only then deleted."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Sense
from racelint.finding import World
from racelint.pattern.branches import excluded
from racelint.pattern.pair import Pair
from racelint.pattern.transactions import row_locked_at
from racelint.pattern.unit import Unit
from racelint.words import CODES, RIGHTS, WORD


def rows_redeemed(unit: Unit) -> Iterator[tuple[Pair, Access | Mark]]:
    """Look-ups of a row by what is handed out once, each with the deletion of the row and what is done besides for whoever showed it.

    A deletion that finds nothing any more is no error: two that come at once with one code both get what it is for.
    """
    for gone in unit.accesses(Op.DELETE, kinds=(Kind.TABLE,)):
        look = _found_by_code(unit, gone)
        if look is None or row_locked_at(unit, gone) or unit.guarded(look, gone, World.PROCESSES) or _asked(unit, gone):
            continue
        effect = next((event for event in unit.events if _given_for(unit, event, look, gone)), None)
        if isinstance(effect, (Access, Mark)):
            yield Pair(unit, look, gone), effect


def _found_by_code(unit: Unit, gone: Access) -> Access | None:
    """The look-up by a code that found the row which is deleted."""
    row = unit.flow.rows[gone.value.row] if gone.value.row is not None else None
    if row is not None:
        found = unit.access(row.loaded) if row.loaded is not None else None
        return found if found is not None and not row.locked and not row.new and _by_code(found) else None
    return next(
        (
            look
            for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,))
            if look.resource == gone.resource
            and look.tested == gone.tested
            and look.related & gone.related
            and unit.before(look.id, gone.id)
            and _by_code(look)
        ),
        None,
    )


def _by_code(look: Access) -> bool:
    """Whether a row is looked up by what its owner was given, of a kind that may be used once."""
    columns = {name.partition("__")[0] for name in look.tested}
    if not any(CODES.search(column) for column in columns):
        return False
    words = {word.lower() for word in WORD.findall(look.resource.name)}
    return not words.isdisjoint(RIGHTS)


def _asked(unit: Unit, gone: Access) -> bool:
    """Whether anything depends on whether the deletion found the row."""
    return any(
        (isinstance(event, Access) and gone.id in event.value.stems | event.controlled_by)
        or (
            isinstance(event, Mark)
            and (gone.id in event.stems or any(number == gone.id for number, _ in event.control))
        )
        for event in unit.events
    )


def _given_for(unit: Unit, event: object, look: Access, gone: Access) -> bool:
    """Whether the event is seen when it happens twice, and happens for whoever the row was found for."""
    if isinstance(event, Access):
        seen = event.op is Op.CREATE or (event.op is Op.UPDATE and event.value.part("relative") is not None)
        if not seen or event.resource.kind is not Kind.TABLE or event.resource == gone.resource:
            return False
    elif not (isinstance(event, Mark) and event.what in ("enqueue", "spawn")):
        return False
    if event.id < look.id or excluded(gone, event) or (look.id, Sense.ABSENT) in event.control:
        return False
    return unit.before(event.id, gone.id) or unit.before(gone.id, event.id)
