"""Limits that many rows share, counted while only the row that is changed is locked."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.pattern.late_locks import look_of, row_of
from racelint.pattern.lookups import COUNTS
from racelint.pattern.rows import KEYS
from racelint.pattern.transactions import serializable_at
from racelint.pattern.unit import Unit


def counted_under_own_lock(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of the rows that have a column so, each with a change of that column in another row, which alone is locked.

    Others lock rows of their own, count the same and change theirs, too.
    """
    for act in unit.accesses(Op.UPDATE, Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[act.value.row] if act.value.row is not None else None
        if row is None or not row.locked or row.new or not _only_itself_locked(unit, act):
            continue
        for number, sense in act.control:
            count = unit.access(number)
            if (
                count is not None
                and sense.vague
                and count.how in COUNTS
                and number in unit.flow.ordered
                and count.resource.kind is Kind.TABLE
                and count.resource.name.rpartition(".")[2] == row.model.rpartition(".")[2]
                and count.tested & act.assigned - KEYS
                and not serializable_at(unit, count)
            ):
                yield count, act
                break


def _only_itself_locked(unit: Unit, act: Access) -> bool:
    """Whether the locks that are held are all of the row that is changed, which was looked up by its own key."""
    row = unit.flow.rows[act.value.row] if act.value.row is not None else None
    locks = unit.guards(act, act, "row lock", "lock", "claim")
    looks = [look_of(unit, lock) for lock in locks if lock.what == "row lock" and row_of(unit, lock) is row]
    return len(looks) == len(locks) > 0 and all(look is not None and _by_key(look) for look in looks)


def _by_key(look: Access) -> bool:
    return look.tested <= KEYS and (bool(look.tested) or look.how in ("get", "get_one"))
