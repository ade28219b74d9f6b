"""Limits, balances and relations that are tested in one step and used up in another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Row, Sense
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.branches import told
from racelint.pattern.lookups import COUNTS, constraint_handled, only_column, same_rows
from racelint.pattern.rows import KEYS
from racelint.pattern.transactions import row_locked_at, serializable_at
from racelint.pattern.unit import Unit, exactly


def counted_then_added(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of a table that decided that a row is added to it."""
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        for number, sense in new.control:
            count = unit.access(number)
            if count is None or not sense.vague or count.how not in COUNTS or number not in unit.flow.ordered:
                continue
            if not same_rows(count, new) and not _drawn_from_sum(unit, count, new):
                continue
            if count.tested and count.tested <= new.assigned and constraint_handled(unit, new):
                continue  # whether there is just such a row was asked, and that there is by now is foreseen
            if not row_locked_at(unit, new) and not unit.guarded(count, new, World.PROCESSES):
                yield count, new
                break


def counted_then_changed(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of the rows that have a column so, each with a change of that column in another row because there were few, or enough."""
    for act in unit.accesses(Op.UPDATE, Op.WRITE, kinds=(Kind.TABLE, Kind.ROW)):
        row = _row(unit, act)
        table = act.resource.name if row is None else row.model
        changed = act.assigned or frozenset(act.resource.path.split(","))
        if act.op is Op.WRITE and row is None and not act.tested:
            continue  # a statement that puts another row in the place of one
        if row_locked_at(unit, act) or act.how == "conditional" or (row is not None and (row.locked or row.new)):
            continue
        for count in _decided(unit, act):
            if (
                count.how in COUNTS
                and count.id in unit.flow.ordered
                and count.resource.kind is Kind.TABLE
                and count.resource.name.rpartition(".")[2] == table.rpartition(".")[2]
                and count.tested & changed - KEYS
                and not (act.tested and count.tested <= act.tested)  # the very rows that were counted
                and not _asked_for_any(unit, count)
                and not _asked_for_the_one(unit, count)
                and not serializable_at(unit, count)
            ):
                yield count, act
                break


def others_left(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of the other rows that have a column so, each with a change of that column in the row itself because there are any.

    Two that are the last ones each count the other.
    """
    for act in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = _row(unit, act)
        if row is None or row.locked or row.new or row_locked_at(unit, act):
            continue
        for number, sense in act.control:
            count = unit.access(number)
            if count is None or sense is not Sense.PRESENT or count.how not in (*COUNTS, "exists", "aexists"):
                continue
            table = count.resource.name.rpartition(".")[2]
            alike = count.resource.kind is Kind.TABLE and table == row.model.rpartition(".")[2]
            others = bool(count.tested & KEYS) and _OTHERS.search(unit.module.text(count.place)) is not None
            decides = bool(count.tested & act.assigned - KEYS) and told(unit, count, act)
            safe = serializable_at(unit, count) or unit.guarded(count, act, World.PROCESSES)
            if alike and others and decides and not safe:
                yield count, act
                break


def counted_then_removed(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of rows, each with the deletion of one of them because enough are left: the last two that may not both go each count two."""
    for gone in unit.accesses(Op.DELETE, kinds=(Kind.TABLE,)):
        row = _row(unit, gone)
        if (row is not None and row.locked) or row_locked_at(unit, gone) or serializable_at(unit, gone):
            continue
        for count in _enough(unit, gone):
            alike = count.resource.kind is Kind.TABLE and _last(count.resource.name) == _last(gone.resource.name)
            compared = count.id in unit.flow.ordered or count.id in unit.flow.compared
            if (
                count.how in COUNTS
                and alike
                and compared
                and not _asked_for_any(unit, count)
                and not _asked_for_the_one(unit, count)
                and not (row is None and gone.tested <= count.tested)  # all that were counted
                and not count.tested & KEYS
                and told(unit, count, gone)
            ):
                yield count, gone
                break


def _enough(unit: Unit, gone: Access) -> Iterator[Access]:
    """The counts that decided that the deletion runs, but for those that were found to be below something, as what clears away asks.

    `if count > most: return`, then a deletion: few are left, and it matters to nobody whether one more goes.
    """
    for count in _decided(unit, gone):
        above = count.id in unit.flow.above
        few = Sense.OTHERWISE if above else Sense.OTHER
        if count.id not in unit.flow.ordered or (count.id, few) not in gone.control:
            yield count


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def summed_then_drawn(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Sums of a column that were compared by order, each with the statement that changes the column in some of the rows added up.

    Two such statements on two of the rows do not meet, and both rest on the sum as it was.
    """
    for act in unit.accesses(Op.UPDATE, Op.WRITE, kinds=(Kind.TABLE, Kind.ROW)):
        row = _row(unit, act)
        table = act.resource.name if row is None else row.model
        changed = act.assigned or frozenset(act.resource.path.split(","))
        if act.how == "conditional" and act.op is Op.WRITE:
            continue
        if row_locked_at(unit, act) or serializable_at(unit, act) or (row is not None and (row.locked or row.new)):
            continue
        for total in _decided(unit, act):
            if (
                total.how in SUMS
                and total.id in unit.flow.ordered
                and total.resource.kind is Kind.TABLE
                and _last(total.resource.name) == _last(table)
                and set(_SUMMED.findall(unit.module.text(total.place))) & changed
            ):
                yield total, act
                break


SUMS = frozenset({"aggregate", "aaggregate", "sum"})
"""How columns are added up."""

_SUMMED = expression(r"(?i)\bsum\(\s*[\"']?(?:\w+\.)?(\w+)")
"""The column that is added up: `Sum("balance")`, `func.sum(Wallet.balance)`, `SELECT sum(balance)`."""

_OTHERS = expression(r"!=|\.exclude\(|~\s*Q\(|is_not\(")
"""How a query leaves the row itself out."""


def _asked_for_any(unit: Unit, count: Access) -> bool:
    """Whether it was only asked whether there are any: a count was compared with zero."""
    return any("0" in mark.related for mark in unit.marks("ordered") if count.id in mark.stems)


def _asked_for_the_one(unit: Unit, count: Access) -> bool:
    """Whether rows were counted to find the one that there is: `if len(rows) != 1: raise NotFound`, then `rows[0]`."""
    return count.id in unit.flow.firsts


def _drawn_from_sum(unit: Unit, total: Access, new: Access) -> bool:
    """Whether a row of another table, of the same holder, says how much is taken of what was added up: the amount compared with it."""
    if total.how not in ("aggregate", "aaggregate", "sum") or not total.related & new.related:
        return False
    marks = (mark for mark in unit.marks("ordered") if total.id in mark.stems)
    return any(mark.related & new.related - total.related for mark in marks)


def tested_then_drawn(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests of how much a row has left, each with the statement that takes from it, or the new row that says how much was taken."""
    drawn = set()
    for act in unit.accesses(Op.UPDATE, kinds=(Kind.TABLE, Kind.ROW)):
        check = next((c for c in _ordered_checks(unit, act) if _draws(unit, act, c)), None)
        if check is not None:
            drawn.add(check.resource.name.rpartition(".")[0])
            yield check, act
    yield from _statements_drawn(unit)
    changed = {
        row.name for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)) if (row := _row(unit, write)) is not None
    }
    for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)):
        for mark in unit.marks("ordered"):
            found = next((c for c in _ordered_checks(unit, new) if c.id in mark.stems), None)
            if found is None:
                continue
            name = found.resource.name.rpartition(".")[0]
            amounts = {side for side in mark.related if not side.startswith(name + ".")} & new.related
            if name in new.related and amounts and name not in drawn | changed:
                yield found, new
                break


def _statements_drawn(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Columns that one statement reads and a test compares by order, each with the statement that the database computes it in."""
    for act in unit.accesses(Op.UPDATE, kinds=(Kind.TABLE, Kind.STORE)):
        one = "_id" in act.tested or act.how in ("update_one", "update_item")  # else it may be many documents
        conditional = act.how == "conditional" or "ConditionExpression" in act.assigned
        if conditional or (act.resource.kind is Kind.STORE and not one):
            continue
        for mark in unit.marks("ordered"):
            columns = {re.findall(r"\w+", side)[-1] for side in mark.related if re.search(r"[A-Za-z_]\w*\W*$", side)}
            columns |= {seen.subject for seen in unit.marks("compared") if seen.place == mark.place}
            checks = (c for c in _decided(unit, act) if c.id in mark.stems and c.op in (Op.READ, Op.CHECK))
            check = next((c for c in checks if c.how not in COUNTS and _of_one_document(c, act)), None)
            if check is None or not (columns | only_column(unit, check)) & act.assigned:
                continue
            alike = check.resource.kind is Kind.STORE or check.related & act.related or _by_own_key(check, act)
            if (check.tested == act.tested or check.id in act.chosen) and alike and not row_locked_at(unit, act):
                yield check, act
                break


def _by_own_key(check: Access, act: Access) -> bool:
    """Whether a statement changes the row that another read, by the key that was in it: `WHERE id = row["id"]`."""
    return check.id in act.chosen and act.tested <= KEYS and any(_OWN_KEY.search(name) for name in act.related)


_OWN_KEY = expression(r"\w(\.(id|pk)|\[[\"'](id|pk)[\"']\])$")
"""The key of a row, as an attribute or an item of it."""


def _of_one_document(check: Access, act: Access) -> bool:
    """Whether a statement changes what the other has read: by the same key, or by one that was in what it read."""
    chosen = check.resource.kind is Kind.STORE and check.id in act.chosen and check.resource.place == act.resource.place
    return check.resource == act.resource or chosen


def entries_enlarged(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counters and sizes of a store that are compared by order, each with the step that adds to them because of it."""
    for act in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
        if act.how not in ADDING or act.resource.owner != "store":
            continue
        for check in _decided(unit, act, Sense.ABSENT):
            asked = check.how in SIZES if act.how in ENLARGING else check.how in ("get", "aget", "hget")
            if asked and exactly(check.resource, act.resource) and _small_enough(unit, act, check):
                yield check, act
                break


def _small_enough(unit: Unit, act: Access, check: Access) -> bool:
    """Whether the act runs because what was read is below something."""
    sense = Sense.OTHERWISE if check.id in unit.flow.above else Sense.OTHER
    seen = dict(act.control).get(check.id)
    return check.id in unit.flow.ordered and seen in (sense, Sense.ABSENT)  # it may be that there is none yet


def entries_drawn(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counters of a store that are compared by order, each with the step that takes from them because there is enough."""
    for act in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
        lowered = act.how in DRAWING or (act.how in ADDING - ENLARGING and _lowers(unit, act))
        if not lowered or act.resource.owner != "store":
            continue
        for check in _decided(unit, act):
            enough = Sense.OTHER if check.id in unit.flow.above else Sense.OTHERWISE
            asked = check.how in ("get", "aget", "hget") and exactly(check.resource, act.resource)
            asked = asked and (check.how != "hget" or of_one_member(unit, check, act))
            if asked and check.id in unit.flow.ordered and dict(act.control).get(check.id) is enough:
                yield check, act
                break


def _lowers(unit: Unit, act: Access) -> bool:
    """Whether a negative amount is added."""
    return _NEGATIVE.search(unit.module.text(act.place)) is not None


_NEGATIVE = expression(r"[,=]\s*-\s*[\w(][^,]*\)$")


def of_one_member(unit: Unit, check: Access, act: Access) -> bool:
    """Whether both are about one member of a hash."""
    asked, given = unit.module.text(check.place), unit.module.text(act.place)
    if any(member in asked for member in act.related - {act.resource.key}):
        return True
    whole = set(_LITERAL.findall(act.resource.key))
    return bool(set(_LITERAL.findall(asked)) & set(_LITERAL.findall(given)) - whole)


_LITERAL = expression(r"(?<![fF])([\"'])([\w.:-]+)\1")
"""A member that is named by a constant."""


DRAWING = frozenset("decr adecr dec decrement decrby".split())
"""How a counter is made smaller."""

SIZES = frozenset("llen scard zcard hlen xlen".split())
"""How the size of a collection is read from Redis."""

ENLARGING = frozenset("lpush rpush sadd zadd hset xadd".split())
"""How an entry is added to a collection of Redis."""

ADDING = frozenset("incr aincr inc increment incrby hincrby incrbyfloat hincrbyfloat".split()) | ENLARGING
"""How a counter or a collection grows."""


def _decided(unit: Unit, act: Access, *also: Sense) -> Iterator[Access]:
    """The accesses that were compared and so decided that the act runs, with no lock over both."""
    for number, sense in act.control:
        check = unit.access(number)
        if check is not None and (sense.vague or sense in also) and not unit.guarded(check, act, World.PROCESSES):
            yield check


def _ordered_checks(unit: Unit, act: Access) -> Iterator[Access]:
    """Fields of loaded rows that were compared by order and so decided that the act runs, with no lock over both."""
    for number, sense in act.control:
        check = unit.access(number)
        if check is None or not sense.vague or number not in unit.flow.ordered or check.resource.kind is not Kind.ROW:
            continue
        row = _row(unit, check) or next(
            (row for row in unit.flow.rows if row.name == check.resource.name.rpartition(".")[0]), None
        )
        if row is not None and not row.locked and not row.new and not unit.guarded(check, act, World.PROCESSES):
            yield check


def _draws(unit: Unit, act: Access, check: Access) -> bool:
    """Whether the act changes the very column that was tested, and does not test it again itself."""
    column = check.resource.path
    if column not in act.assigned or act.how == "conditional" or "create" in act.how:
        return False
    if act.resource.kind is Kind.ROW:
        row = _row(unit, act)
        return row is not None and row.name == check.resource.name.rpartition(".")[0]
    if act.resource.name != check.resource.owner:
        return False
    return not act.tested - KEYS or (column not in act.tested and _by_key_of_row(unit, act, check))


def _by_key_of_row(unit: Unit, act: Access, check: Access) -> bool:
    """Whether the one column that says which row is changed is compared with what the tested row was loaded by."""
    name = check.resource.name.rpartition(".")[0]
    row = next((row for row in unit.flow.rows if row.name == name and row.loaded is not None), None)
    loaded = unit.access(row.loaded) if row is not None and row.loaded is not None else None
    if loaded is None or len(act.tested) != 1 or (loaded.tested and loaded.tested != act.tested):
        return False
    return bool((loaded.related - {loaded.resource.name}) & act.related)


def _row(unit: Unit, access: Access) -> Row | None:
    index = access.value.row
    return unit.flow.rows[index] if index is not None else None


def children_then_parent(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests that nothing refers to a row, each with the deletion of the row."""
    for gone in unit.accesses(Op.DELETE, kinds=(Kind.TABLE,)):
        row = _row(unit, gone)
        if (row is None and not gone.tested) or (row is not None and row.locked):
            continue
        if unit.module.models.tells_taken(gone.handled):
            continue
        for number, sense in gone.control:
            check = unit.access(number)
            if check is None or check.resource.kind is not Kind.TABLE or sense not in (Sense.ABSENT, Sense.OTHERWISE):
                continue
            asked = check.how in ("exists", "aexists", *COUNTS) or (check.how in _ONE_OF and sense is Sense.ABSENT)
            if not asked or check.resource.name == gone.resource.name:
                continue
            if (
                not (_speaks_of(unit, check, row, gone) if row is not None else _by_its_key(check, gone, gone))
                or unit.guarded(check, gone, World.PROCESSES)
                or row_locked_at(unit, gone)
            ):
                continue
            yield check, gone
            break


_ONE_OF = frozenset({"first", "afirst", "one_or_none", "scalar_one_or_none", "fetchone", "fetchrow", "fetchval"})
"""How any one of some rows is asked for: that there is none says that there are none at all."""


def _by_its_key(check: Access, keyed: Access, gone: Access) -> bool:
    """Whether rows were asked for by the key of the very row that is deleted: `department_id=pk`, then `pk=pk`."""
    if not keyed.tested <= KEYS or not check.related & keyed.related - {check.resource.name, gone.resource.name}:
        return False
    model = gone.resource.name.rpartition(".")[2].lower()
    return any(name.removesuffix("_id").replace("_", "") == model for name in check.tested)


def _speaks_of(unit: Unit, check: Access, row: Row, gone: Access) -> bool:
    """Whether the rows that were asked for are those that refer to the row."""
    asked = {check.resource.name.rpartition(".")[0], *check.related}
    if row.name and {row.name, f"{row.name}.id", f"{row.name}.pk"} & asked:
        return True
    load = unit.access(row.loaded) if row.loaded is not None else None
    return load is not None and load.how in _BY_KEY and _by_its_key(check, load, gone)


_BY_KEY = frozenset({"get", "aget", "get_one", "get_object_or_404", "get_or_404"})
"""How one row is loaded by its key, or by what is unique."""
