"""Items of a queue that are chosen in one step and taken in another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from racelint.events import Access, Acquire, Ids, Kind, Mark, Op, Sense, Switch
from racelint.expressions import expression
from racelint.finding import World
from racelint.frozen import dataclass
from racelint.pattern.left_over import TRIFLING, left_over
from racelint.pattern.pair import Pair
from racelint.pattern.seen import is_seen
from racelint.pattern.transactions import row_locked_at, table_of
from racelint.pattern.unit import Unit, exactly, same
from racelint.words import first_words

KEYS = frozenset({"pk", "id", "uuid", "guid", "uid", "identifier", "slug"})
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
    whole: bool = False
    """All of a collection is read and then removed, or marked, with what was added since."""


def unclaimed_items(unit: Unit) -> Iterator[Taken]:
    """Each taking once, with the choice that it belongs to."""
    yield from _rows(unit)
    yield from _removed_rows(unit)
    yield from _documents(unit)
    yield from _drained(unit)
    yield from _statements(unit)
    yield from _sets_marked(unit)
    yield from _entries(unit)
    yield from _picks(unit)
    yield from _peeked(unit)


def _rows(unit: Unit) -> Iterator[Taken]:
    """Rows that are saved with another value of the column by which they were chosen."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        look = unit.access(row.loaded) if row is not None and row.loaded is not None else None
        if row is None or look is None or row.locked or row.new or not _chooses(look) or not row.name:
            continue
        columns = set(write.resource.path.split(",")) & _columns(look) - _given_columns(look)
        columns -= unit.module.scope.index.relations  # taken out of a set of rows, not given a state
        if columns and not _kept_out(unit, look, write) and not _made_if_missing(unit, look, columns):
            yield Taken(Pair(unit, look, write), min(columns), look.how in ONE or _some_given(unit, look, write))


def _made_if_missing(unit: Unit, look: Access, columns: Set[str]) -> bool:
    """Whether the unit makes the row where none was found, with what it was looked up by: it is named so, and no item of a queue."""
    return any(
        (look.id, Sense.ABSENT) in new.control
        and table_of(unit, new) == table_of(unit, look)
        and columns & new.assigned
        for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,))
    )


def _some_given(unit: Unit, look: Access, write: Access) -> bool:
    """Whether the first rows of those that would do are marked and given to the caller."""
    return look.value.part("limited") is not None and _given_back(unit, look, write)


def _removed_rows(unit: Unit) -> Iterator[Taken]:
    """One row that is chosen, worked on and then deleted: until it is, others choose it, too."""
    for removal in unit.accesses(Op.DELETE, kinds=(Kind.TABLE,)):
        row = unit.flow.rows[removal.value.row] if removal.value.row is not None else None
        look = unit.access(row.loaded) if row is not None and row.loaded is not None else None
        if row is None or look is None or row.locked or look.how not in ONE or not _chooses(look):
            continue
        taken = Taken(Pair(unit, look, removal), "", True)
        worked = any(
            look.id < mark.id < removal.id
            and mark.what in ("call", "slow", "enqueue", "spawn")
            and not TRIFLING.search(mark.subject)
            and any(name == row.name or name.startswith(f"{row.name}.") for name in (mark.subject, *mark.related))
            for mark in unit.marks("call", "slow", "enqueue", "spawn")
        )
        handed = in_order(look) and _given_back(unit, look, removal)
        if (worked or handed) and not _kept_out(unit, look, removal):
            yield taken


def in_order(look: Access) -> bool:
    """Whether the first of the rows that would do is read, in an order that is asked for."""
    return look.value.part("ordered") is not None or look.how in ("earliest", "latest")


def of_several(look: Access) -> bool:
    """Whether one of several rows is read: the first one in an order, or one on this side of a limit."""
    return in_order(look) or any(name.rpartition("__")[2] in ("lt", "lte", "gt", "gte") for name in look.tested)


def _given_back(unit: Unit, look: Access, act: Access) -> bool:
    """Whether something of what was read is returned after the act."""
    return any(look.id in mark.stems and unit.before(act.id, mark.id) for mark in unit.marks("returned"))


def _documents(unit: Unit) -> Iterator[Taken]:
    """Documents of MongoDB that are found by what an update, which names them by their ids alone, then changes."""
    for update in unit.accesses(Op.UPDATE, Op.WRITE, kinds=(Kind.STORE,)):
        if update.how not in ("update_one", "update_many", "replace_one") or "_id" not in update.tested:
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if look.how not in ("find_one", "find") or _collection(look) != _collection(update):
                continue
            repeated = update.tested & (look.tested | update.assigned) - {"_id"}  # compared once more
            columns = look.tested & update.assigned - update.tested
            if "_id" in look.tested or repeated or look.id > update.id or not columns:
                continue
            if unit.before(look.id, update.id) and not _kept_out(unit, look, update):
                yield Taken(Pair(unit, look, update), min(columns), True)
                break


def _collection(access: Access) -> str:
    return access.resource.path or access.resource.name.partition("[")[0]


def _drained(unit: Unit) -> Iterator[Taken]:
    """Whole collections of a store that are read, dealt with and then deleted, with what was added meanwhile."""
    for removal in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if removal.how not in ("delete", "unlink") or removal.resource.owner != "store":
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if look.how not in COLLECTIONS or look.resource.place != removal.resource.place or look.id > removal.id:
                continue
            named_by = removal.chosen | removal.value.stems
            alike = exactly(look.resource, removal.resource) or (
                bool(look.chosen & named_by) and not _of_entries(unit, named_by - look.chosen)
            )
            alike = alike or _keys_collected(unit, look, removal)
            if not alike or not unit.before(look.id, removal.id) or _kept_out(unit, look, removal):
                continue
            if not _put_aside(unit, look):
                yield Taken(Pair(unit, look, removal), "", True, whole=True)
                break


def _of_entries(unit: Unit, named_by: Ids) -> bool:
    """Whether a key is made of what was read of a whole collection: it is that of one entry that was read, and of no other."""
    return any((look := unit.access(number)) is not None and look.how in COLLECTIONS for number in named_by)


def _keys_collected(unit: Unit, look: Access, removal: Access) -> bool:
    """Whether the keys of what is read one by one are put into a collection, and all that it holds are deleted then."""
    if not any(name.startswith("*") for name in removal.assigned):
        return False
    notes = (
        unit.module.text(mark.place).partition("(")[0].rpartition(".")[0]
        for mark in unit.marks("call")
        if mark.subject.rpartition(".")[2] in ("add", "append")
        and look.resource.key in mark.related
        and mark.place.unit == look.place.unit
        and unit.before(look.id, mark.id)
    )
    stems = look.id in removal.value.stems
    return any(stems or collection in removal.related for collection in notes)


def _put_aside(unit: Unit, look: Access) -> bool:
    """Whether what is read was renamed before, so that whoever adds something does it elsewhere."""
    return any(
        rename.how in RENAMES
        and (exactly(rename.resource, look.resource) or (look.resource.key and look.resource.key in rename.related))
        and unit.before(rename.id, look.id)
        for rename in unit.accesses(Op.WRITE, kinds=(Kind.STORE,))
    )


RENAMES = ("rename", "renamenx")
"""How a key of Redis gets another name."""

COLLECTIONS = frozenset("hgetall hvals hkeys lrange smembers zrange zrangebyscore zrevrange".split())
"""How the whole of a collection is read from Redis."""


def _statements(unit: Unit) -> Iterator[Taken]:
    """Statements that change or delete by a key what another statement chose."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.TABLE,)):
        if write.how in ("conditional", "picks") or (write.op is Op.UPDATE and write.how not in SETTING):
            continue
        for number in sorted(write.value.stems | write.chosen):
            look = unit.access(number)
            if look is None or look.resource != write.resource or not _chooses(look) or _kept_out(unit, look, write):
                continue
            chosen = _columns(look)
            columns = write.assigned & chosen - write.tested
            shifted = write.value.part("relative") is not None and columns == write.assigned
            shifted = shifted or any(
                re.search(rf"\b{re.escape(c)}=(Case|F)\(", unit.module.text(write.place)) for c in columns
            )
            if columns and not write.tested & chosen and not shifted:
                taken = Taken(Pair(unit, look, write), min(columns), look.how in ONE)
                if write.op is not Op.UPDATE or worked_on(unit, taken) or _given_back(unit, look, write):
                    yield taken
                break
            if write.op is Op.DELETE and look.how in ONE and write.tested & KEYS and not _looked_at(unit, write):
                yield Taken(Pair(unit, look, write), "", True)
                break


def _read_for(unit: Unit, taken: Taken) -> Iterator[int]:
    """The reads of what was chosen: the choice, and those of the rows by the list of keys by which they were marked."""
    look, write = taken.pair.first, taken.pair.second
    yield look.id
    for read in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)) if write.tested & _LISTS else ():
        if read.id > write.id and read.resource == write.resource and read.tested == write.tested:
            yield read.id


_LISTS = frozenset({"pk__in", "id__in"})
"""How rows are chosen by a list of their keys."""

SETTING = ("update", "aupdate")
"""How columns of all rows of a query are set."""


def _sets_marked(unit: Unit) -> Iterator[Taken]:
    """All rows that fit are read and worked on one by one, and then all that fit by now are marked as done."""
    for write in unit.accesses(Op.UPDATE, kinds=(Kind.TABLE,)):
        columns = write.assigned & _columns(write)
        if write.how not in SETTING or not columns or write.tested & KEYS:
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,)):
            if look.how not in LISTED or look.resource != write.resource or not unit.before(look.id, write.id):
                continue
            if look.tested != write.tested or look.related != write.related or _kept_out(unit, look, write):
                continue
            taken = Taken(Pair(unit, look, write), min(columns), True, whole=True)
            if worked_on(unit, taken, until=write) or (look.how != "for" and worked_on(unit, taken)):
                yield taken
                break


LISTED = ("for", "list", "tuple", "set", "sorted")
"""How all rows of a query are read."""


def _entries(unit: Unit) -> Iterator[Taken]:
    """Entries of a collection that are read, and removed in another step that nobody asks whether it removed any."""
    for removal in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if removal.how != "remove" or _looked_at(unit, removal):
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            if (
                look.how in _SIZES
                or not same(look.resource, removal.resource)
                or not unit.before(look.id, removal.id)
                or look.id > removal.id
            ):
                continue
            depends = look.id in removal.value.stems | removal.controlled_by
            if unit.only_after_error(look, removal):
                continue  # an entry of what is gone, or has failed, nobody works on: who removes it once more changes nothing
            if depends and not _kept_out(unit, look, removal) and not left_over(unit, look, removal):
                one = look.how not in LISTING or (_is_one(unit, look, removal) and _used(unit, look, removal))
                yield Taken(Pair(unit, look, removal), "", one)
                break


def _is_one(unit: Unit, look: Access, removal: Access) -> bool:
    """Whether one entry of all is read, as a range of one or the first of those that were read, and that one is removed."""
    return bool(_OF_ONE.search(unit.module.text(look.place)) or _AT_END.search(unit.module.text(removal.place)))


def _used(unit: Unit, look: Access, removal: Access) -> bool:
    """Whether the entry is given to the caller or handed to something else: what only goes, as the oldest of too many, is no item."""
    texts = {text.rpartition(",")[2].strip(" )") for text in [unit.module.text(removal.place)]}
    names = texts | {text.partition("[")[0] for text in texts}
    return _given_back(unit, look, removal) or any(
        (isinstance(event, Switch) and look.id in event.stems and event.callee not in REMOVES)
        or (
            isinstance(event, Mark)
            and event.what in ("call", "slow", "enqueue", "spawn", "own", "helper")
            and not TRIFLING.search(event.subject)
            and not names.isdisjoint(event.related)
        )
        for event in unit.events
        if event.id > look.id and event.id != removal.id
    )


_SIZES = frozenset({"zcard", "llen", "scard", "hlen", "zcount"})
"""How many there are: who asks chooses none."""

_AT_END = expression(r"\[(0|-1)\]\s*\)")
"""What is removed is the first or last one of several: `zrem(key, found[0])`."""

REMOVES = ("zrem", "lrem", "srem", "hdel")
"""How entries are removed from a collection in Redis."""


def _peeked(unit: Unit) -> Iterator[Taken]:
    """The entry at the end of a list is read, and then whatever stands there by now is removed, unseen."""
    for removal in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
        if removal.how not in ("lpop", "rpop") or removal.value.part("unasked") is None:
            continue
        for look in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE,)):
            one = look.how == "lindex" or (look.how == "lrange" and _OF_ONE.search(unit.module.text(look.place)))
            if not one or not exactly(look.resource, removal.resource) or look.id > removal.id:
                continue
            if unit.before(look.id, removal.id) and not _kept_out(unit, look, removal):
                yield Taken(Pair(unit, look, removal), "", True)
                break


_OF_ONE = expression(r",\s*(?:start=)?(0|-1)\s*,\s*(?:end=)?\1\s*\)")
"""A range that has one entry, the first or the last: `lrange(key, 0, 0)`."""


LISTING = frozenset({"smembers", "lrange", "zrange", "hgetall", "hkeys"})
"""Reads of all entries: what is then removed may be what is dead, which is no harm done twice."""


def _picks(unit: Unit) -> Iterator[Taken]:
    """One statement that chooses by a subquery without a lock: two of them choose the same rows, and the later one waits and
    then changes them again. SQLite has one writer at a time."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE,)):
        if write.how == "picks" and not write.resource.owner.startswith("sqlite") and not row_locked_at(unit, write):
            yield Taken(Pair(unit, write, write), min(write.assigned, default=""), True)


def _columns(look: Access) -> frozenset[str]:
    """The columns by which rows were chosen, without the kind of comparison."""
    return frozenset(name.partition("__")[0] for name in look.tested)


def _given_columns(look: Access) -> frozenset[str]:
    """The columns that were compared with what the unit was handed: whoever asks so names the row and does not choose."""
    given = look.value.part("given")
    columns = given.text.split() if given is not None else ()
    return frozenset(name for name in columns if _ONCE.search(name) is None)


_ONCE = expression(r"(?i)token|nonce|otp|secret|(^|_)code$")
"""Names of columns that hold what is handed out once: whoever shows it takes it."""


def _chooses(look: Access) -> bool:
    """Whether the rows were found by what they are like and not by what they are called."""
    if not look.tested or look.tested & KEYS or look.op not in (Op.READ, Op.CHECK):
        return False
    model = look.resource.name.lower()
    return not any(name.endswith("_id") and name[:-3].replace("_", "") in model for name in look.tested)


def _kept_out(unit: Unit, look: Access, write: Access) -> bool:
    """Whether something keeps others from choosing the same."""
    return unit.guarded(look, write, World.PROCESSES) or row_locked_at(unit, write)


def _looked_at(unit: Unit, removal: Access) -> bool:
    """Whether anything depends on how much was removed."""
    return any(
        (isinstance(event, Access) and removal.id in event.value.stems | event.controlled_by)
        or (isinstance(event, (Mark, Switch)) and any(number == removal.id for number, _ in event.control))
        or (isinstance(event, Mark) and event.what == "asked" and removal.id in event.stems)
        for event in unit.events
        if not isinstance(event, Acquire)
    )


def _works_on(unit: Unit, mark: Mark, taken: Taken) -> bool:
    """Whether a call does something to the item that was chosen: a method of it, or a function that it is handed to."""
    if mark.what not in ("call", "slow") or TRIFLING.search(mark.subject):
        return False
    if mark.place.unit not in (taken.pair.first.place.unit, taken.pair.second.place.unit):
        return False  # where the same name means something else
    index = taken.pair.second.value.row
    reads = set(_read_for(unit, taken))
    rows = [row for row in unit.flow.rows if row.loaded in reads]
    names = {row.name for row in (rows if index is None else [unit.flow.rows[index]]) if row.name}
    told = taken.whole or bool(first_words(mark.subject) & unit.module.models.beginnings)  # `mailer.send(order.pk)`
    return any(
        mark.subject.startswith(f"{name}.")
        or name in mark.related
        or (told and any(one.startswith(f"{name}.") for one in mark.related))
        for name in names
    )


def _awaits(unit: Unit, switch: Switch, taken: Taken) -> bool:
    """Whether something that begins something is awaited and gets a part of the row that was chosen: `bot.send(reminder.text)`."""
    if switch.place.unit not in (taken.pair.first.place.unit, taken.pair.second.place.unit):
        return False
    rows = {row.name for row in unit.flow.rows if row.loaded == taken.pair.first.id and row.name}
    parts = (unit.access(number) for number in switch.stems)
    return is_seen(unit, switch) and any(
        part is not None and part.resource.kind is Kind.ROW and part.resource.name.partition(".")[0] in rows
        for part in parts
    )


def seen_twice(unit: Unit, taken: Taken) -> bool:
    """Whether anybody sees it when two take the item: it is worked on or handed on, or another row is made in its place.

    A row that is only set to the same again is as it was.
    """
    look, act = taken.pair.first, taken.pair.second
    made = any(
        unit.before(act.id, new.id) and look.id in new.value.stems | new.controlled_by
        for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE, Kind.ROW))
    )
    return made or worked_on(unit, taken) or _given_back(unit, look, act)


def _sets_again(change: Access) -> bool:
    """Whether the change does no harm when it is done twice: a row that is made if it is missing, columns that are set."""
    return "or_create" in change.how or (change.how in SETTING and change.value.part("relative") is None)


def _because_of(unit: Unit, event: Access, taken: Taken) -> bool:
    """Whether what happens depends on the choice, or stands in the loop over all that was chosen."""
    if taken.pair.first.id in event.controlled_by | event.value.stems:
        return True
    return not taken.one and unit.before(event.id, taken.pair.second.id)


def worked_on(unit: Unit, taken: Taken, until: Access | None = None) -> bool:
    """Whether anything is done because of the choice that is seen when it is done twice, apart from the taking itself.

    What is done after `until`, if that is given, does not count.
    """
    table = table_of(unit, taken.pair.second)
    for event in unit.events:
        if isinstance(event, Acquire) or event.id <= taken.pair.first.id:
            continue
        if until is not None and event.id >= until.id:
            break
        if isinstance(event, Switch):
            if _awaits(unit, event, taken):
                return True
            continue
        if isinstance(event, Mark):
            told = event.what == "enqueue" and taken.pair.first.id in event.stems
            if told or event.what == "spawn" or _works_on(unit, event, taken):
                return True
            continue
        if (
            event.op in (Op.CREATE, Op.UPDATE)
            and not _sets_again(event)
            and table_of(unit, event) != table
            and (taken.whole or _because_of(unit, event, taken))
        ):
            return True
    return False
