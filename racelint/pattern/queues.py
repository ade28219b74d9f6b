"""Items of a queue that are chosen in one step and taken in another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from racelint.events import Access, Acquire, Kind, Mark, Op
from racelint.finding import World
from racelint.pattern.pair import Pair
from racelint.pattern.transactions import row_locked_at, table_of, transactions_at
from racelint.pattern.unit import Unit, same

KEYS = frozenset({"pk", "id", "uuid", "slug"})
"""Columns that name one row: whoever asks by them does not choose."""

ONE = frozenset(
    {
        "first",
        "afirst",
        "last",
        "alast",
        "earliest",
        "latest",
        "one_or_none",
        "scalar",
        "scalar_one_or_none",
        "fetchone",
        "get_or_none",
    }
)
"""How one row of several is read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What is chosen by `pair.first` and taken by `pair.second`."""

    pair: Pair
    column: str
    """The column that says that it is taken; "" if it is removed."""
    one: bool
    """One item is chosen of all that would do."""


def unclaimed_items(unit: Unit) -> Iterator[Taken]:
    """Each taking once, with the choice that it belongs to."""
    yield from _rows(unit)
    yield from _statements(unit)
    yield from _entries(unit)
    yield from _picks(unit)


def _rows(unit: Unit) -> Iterator[Taken]:
    """Rows that are saved with another value of the column by which they were chosen."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        look = unit.access(row.loaded) if row is not None and row.loaded is not None else None
        if row is None or look is None or row.locked or row.new or not _chooses(look) or not row.name:
            continue
        columns = set(write.resource.path.split(",")) & _columns(look)
        if columns and not _kept_out(unit, look, write):
            yield Taken(Pair(unit, look, write), min(columns), look.how in ONE)


def _statements(unit: Unit) -> Iterator[Taken]:
    """Statements that change or delete by a key what another statement chose."""
    for write in unit.accesses(Op.WRITE, Op.DELETE, kinds=(Kind.TABLE,)):
        if write.how in ("conditional", "picks"):
            continue
        for number in sorted(write.value.stems | write.chosen):
            look = unit.access(number)
            if look is None or look.resource != write.resource or not _chooses(look) or _kept_out(unit, look, write):
                continue
            chosen = _columns(look)
            columns = write.assigned & chosen - write.tested
            if columns and not write.tested & chosen:
                yield Taken(Pair(unit, look, write), min(columns), look.how in ONE)
                break
            if write.op is Op.DELETE and look.how in ONE and write.tested & KEYS and not _looked_at(unit, write):
                yield Taken(Pair(unit, look, write), "", True)
                break


def _entries(unit: Unit) -> Iterator[Taken]:
    """Entries of a collection that are read, and removed in another step that nobody asks whether it removed any."""
    for removal in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if removal.how != "remove" or _looked_at(unit, removal):
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if (
                not same(look.resource, removal.resource)
                or not unit.before(look.id, removal.id)
                or look.id > removal.id
            ):
                continue
            depends = look.id in removal.value.stems | removal.controlled_by
            if depends and not _kept_out(unit, look, removal):
                yield Taken(Pair(unit, look, removal), "", look.how not in LISTING)
                break


LISTING = frozenset({"smembers", "lrange", "zrange", "hgetall", "hkeys"})
"""Reads of all entries: what is then removed may be what is dead, which is no harm done twice."""


def _picks(unit: Unit) -> Iterator[Taken]:
    """One statement that chooses by a subquery without a lock: two of them choose the same rows, and the later one waits and
    then changes them again. SQLite has one writer at a time."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.TABLE,)):
        if write.how == "picks" and not write.resource.owner.startswith("sqlite") and not row_locked_at(unit, write):
            yield Taken(Pair(unit, write, write), min(write.assigned, default=""), True)


def _columns(look: Access) -> frozenset[str]:
    """The columns by which rows were chosen, without the kind of comparison."""
    return frozenset(name.partition("__")[0] for name in look.tested)


def _chooses(look: Access) -> bool:
    """Whether the rows were found by what they are like and not by what they are called."""
    if not look.tested or look.tested & KEYS or look.op not in (Op.READ, Op.CHECK):
        return False
    model = look.resource.name.lower()
    return not any(name.endswith("_id") and name[:-3].replace("_", "") in model for name in look.tested)


def _kept_out(unit: Unit, look: Access, write: Access) -> bool:
    """Whether something keeps others from choosing the same."""
    if unit.guarded(look, write, World.PROCESSES) or row_locked_at(unit, write):
        return True
    return any("serializable" in transaction.lock.name.lower() for transaction in transactions_at(unit, write))


def _looked_at(unit: Unit, removal: Access) -> bool:
    """Whether anything depends on how much was removed."""
    return any(
        (isinstance(event, Access) and removal.id in event.value.stems | event.controlled_by)
        or (isinstance(event, Mark) and any(number == removal.id for number, _ in event.control))
        for event in unit.events
        if not isinstance(event, Acquire)
    )


def worked_on(unit: Unit, taken: Taken) -> bool:
    """Whether anything is done because of the choice that is seen when it is done twice, apart from the taking itself."""
    table = table_of(unit, taken.pair.second)
    for event in unit.events:
        if isinstance(event, Acquire) or event.id <= taken.pair.first.id:
            continue
        if isinstance(event, Mark) and event.what in ("spawn", "enqueue"):
            return True
        if isinstance(event, Access) and event.op in (Op.CREATE, Op.UPDATE) and table_of(unit, event) != table:
            return True
    return False
