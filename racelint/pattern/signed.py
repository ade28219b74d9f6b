"""States of rows that are left together with a note of who did it."""

from __future__ import annotations

from racelint.events import Access, Kind, Row
from racelint.expressions import expression
from racelint.pattern.branches import told
from racelint.pattern.unit import Unit

_USER = expression(r"(^|\.)(user|current_user)(\.(id|pk|username|email))?$")
"""Who makes a request: `request.user`, `user.id`."""

_AUDIT = expression(r"^(last_|updated|modified|changed|edited|touched)")
"""Columns that keep who was the last to change a row: whoever that is."""


def signed_over(unit: Unit, check: Access, write: Access, row: Row) -> bool:
    """Whether a save notes the user who left the tested state, and others are refused: the second one's name replaces the first one's.

    A row that was looked up by its user, or compared with the user, is only theirs.
    """
    signed = (
        name
        for name, part in write.value.known
        if _AUDIT.search(name) is None and any(_is_user(unit, number) for number in part.stems)
    )
    if next(signed, None) is None or not told(unit, check, write):
        return False
    loaded = unit.access(row.loaded) if row.loaded is not None else None
    if loaded is None or any(_USER.search(name) for name in loaded.related):
        return False
    return not any(_is_user(unit, number) for number in write.controlled_by)


def _is_user(unit: Unit, number: int) -> bool:
    read = unit.access(number)
    return (
        read is not None
        and read.resource.kind in (Kind.ARGUMENT, Kind.ATTRIBUTE)
        and _USER.search(read.resource.name) is not None
    )
