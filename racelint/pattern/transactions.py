"""Changes of a database: the transactions around them, and whether two belong together."""

from __future__ import annotations

import re

from racelint.events import Access, Acquire, Event, Kind, Mark, Op
from racelint.expressions import expression
from racelint.pattern.branches import one_or_other
from racelint.pattern.constraints import orphans
from racelint.pattern.entries import opposite_entries
from racelint.pattern.unit import Unit, held_at

COMMITTING = frozenset({"django", "asyncpg", "tortoise", "peewee", "databases"})
"""Libraries that commit each statement by itself unless a transaction is open."""


def transactions_at(unit: Unit, event: Event) -> list[Acquire]:
    """The transactions that are open at an event."""
    return [
        e
        for e in (unit.events[n] for n in sorted(held_at(event)))
        if isinstance(e, Acquire) and e.what == "transaction"
    ]


def serializable_at(unit: Unit, event: Event) -> bool:
    """Whether the transaction of an event is one of which the database lets only one through of two that rest on the same rows.

    What is saved at its end is saved in it, though nothing is held there any more.
    """
    return any("serializable" in transaction.lock.name.lower() for transaction in transactions_at(unit, event))


def row_locked_at(unit: Unit, event: Event, since: Access | None = None) -> bool:
    """Whether rows are locked, or any lock is held, at an event.

    `since`: a read that the event rests on; a lock between threads or tasks that is taken after it comes too late.
    """
    held = (e for n in sorted(held_at(event)) if isinstance(e := unit.events[n], Acquire) and e.shared)
    return any(e.what == "row lock" or (e.what == "lock" and not _too_late(unit, e, since)) for e in held)


def _too_late(unit: Unit, lock: Acquire, read: Access | None) -> bool:
    """Whether a lock of one process is taken only after the read, on every way."""
    alone = lock.world in ("threads", "tasks")
    return read is not None and alone and unit.before(read.id, lock.id) and not unit.before(lock.id, read.id)


def locked_by_look(unit: Unit, look: Access, act: Access) -> bool:
    """Whether the look locks what it reads, and nothing on the ways from it to the act releases that."""
    return any(
        isinstance(event, Acquire)
        and event.what == "row lock"
        and event.place == look.place
        and unit.before(event.id, act.id)
        and not unit.lets_go(event, act)
        for event in unit.events
    )


def row_locked_since(unit: Unit, look: Access, act: Access) -> bool:
    """Whether rows were locked on every way to the look, and still are at the act if the way to it led through the look."""
    locks = [e for e in (unit.events[n] for n in sorted(held_at(look))) if isinstance(e, Acquire)]
    if not any(lock.what == "row lock" and lock.shared for lock in locks):
        return False
    still = held_at(act)
    if any(lock.what == "transaction" and lock.id not in still for lock in locks):
        return False
    return not any(isinstance(e, Mark) and e.what in ("commit", "rollback") for e in unit.between(look.id, act.id))


def table_of(unit: Unit, access: Access) -> str:
    """The table or model of a change, as far as it is known."""
    index = access.value.row
    if access.resource.kind is Kind.ROW and index is not None:
        row = unit.flow.rows[index]
        return row.model or row.name
    return access.resource.name


def related(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two changes are about the same thing: they are keyed by, or refer to, a common value."""
    given = (
        first.op is Op.CREATE and first.id in second.value.stems
    )  # `INSERT … RETURNING id`, and rows that refer to it
    return given or bool(_names(unit, first) & _names(unit, second) - {"unit", "session", "request", "now"})


def one_change(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two changes are halves of one: of two tables and related, or of two rows of one table by the same amount."""
    if one_or_other(unit, first, second):
        return False
    if Kind.STORE in (first.resource.kind, second.resource.kind):
        return _counted_elsewhere(first, second) or (
            first.resource.place == second.resource.place and (_moved_amount(first, second) or _switches(first, second))
        )
    if table_of(unit, first) != table_of(unit, second):
        return related(unit, first, second) or _claimed_amount(first, second) or has_parts(unit, first, second)
    if _decides_on(unit, first, second):
        return False
    if first.op is second.op is Op.CREATE:
        return opposite_entries(unit, first, second)
    if _rewrites(first, second) or _switches(first, second) or _moves_between(unit, first, second):
        return True
    moved = (  # what one row loses another gets
        _moves(first)
        and _moves(second)
        and first.value.stems == second.value.stems
        and (_mapped(first) or (first.assigned == second.assigned and first.tested == second.tested))
    )
    return (
        first.op is second.op is Op.UPDATE
        and first.statement != second.statement
        and (bool(first.related & second.related) or moved or _passes_on(unit, first, second))
    )


def tables_handed_in(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two calls of a helper make the changes, each in a table that is handed to it: they may be of different ones."""
    helper = unit.module.scope.functions.get(first.place.unit)
    return (
        first.place.unit == second.place.unit != unit.facts.qualname
        and first.site != second.site
        and helper is not None
        and first.resource.name in {name for name, _ in helper.params}
    )


def _passes_on(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two statements take from a column of one row what they add to that of another, the first perhaps only if there is enough."""
    if _mapped(first) or "picks" in (first.how, second.how) or first.assigned != second.assigned:
        return False
    asked = first.tested - first.assigned
    signs = [_signs(unit, change) for change in (first, second)]
    return bool(asked) and asked == second.tested - second.assigned and sorted(signs) == ["+", "-"]


def _signs(unit: Unit, change: Access) -> str:
    """How a statement changes the one column that it sets: `+` or `-`; "" if it cannot be told."""
    if len(change.assigned) != 1:
        return ""
    (column,) = change.assigned
    found = set(
        re.findall(
            rf"\b{re.escape(column)}\s*=\s*(?:\w+\.)*{re.escape(column)}\s*([-+])", unit.module.text(change.place)
        )
    )
    return found.pop() if len(found) == 1 else ""


def _decides_on(unit: Unit, first: Access, second: Access) -> bool:
    """Whether the second is a claim that rests on what the first has changed, as it is by then: who gets no row goes away."""
    asked = any(second.id in mark.stems for mark in unit.marks("asked"))
    return asked and bool(second.tested & first.assigned) and not first.assigned & second.assigned


def _moves_between(unit: Unit, first: Access, second: Access) -> bool:
    """Whether one column of two rows is set, each to what is computed from its old value: what one row loses the other gets."""
    rows = (first.value.row, second.value.row)
    if not first.resource.kind is second.resource.kind is Kind.ROW or None in rows or rows[0] == rows[1]:
        return False
    return any(
        _steps(unit, first, column) and _steps(unit, second, column) for column in first.assigned & second.assigned
    )


def _steps(unit: Unit, write: Access, column: str) -> bool:
    """Whether a save sets the column to what is computed from what its row had there."""
    part = write.value.part(column)
    reads = (unit.access(number) for number in (part.stems if part is not None else ()))
    return any(
        read is not None
        and read.resource.kind is Kind.ROW
        and read.resource.path == column
        and read.value.row == write.value.row
        for read in reads
    )


def _rewrites(first: Access, second: Access) -> bool:
    """Whether some rows of a set are deleted and others changed or made anew, so that the set is another one in between."""
    ops = (first.op, second.op)
    return (
        first.resource.kind is second.resource.kind is Kind.TABLE
        and ops in ((Op.DELETE, Op.UPDATE), (Op.UPDATE, Op.DELETE), (Op.DELETE, Op.CREATE))
        and bool(first.related & second.related)
    )


def _switches(first: Access, second: Access) -> bool:
    """Whether a column is taken from all rows of a set and given to one: in between none of them has it."""
    if first.op not in (Op.UPDATE, Op.WRITE) or not first.tested - _KEYS:
        return False
    if second.resource.kind is Kind.ROW:
        return first.resource.kind is Kind.TABLE and bool(first.assigned & set(second.resource.path.split(",")))
    taken, given = _flags(first), _flags(second)
    return bool(second.tested & _KEYS) and any(column.replace("=False", "=True") in given for column in taken)


_KEYS = frozenset({"pk", "id", "_id"})


def _flags(change: Access) -> frozenset[str]:
    part = change.value.part("flags")
    return frozenset(part.text.split()) if part is not None else frozenset()


def _moved_amount(first: Access, second: Access) -> bool:
    """Whether one document loses what another gets."""
    one, other = first.value.part("amounts"), second.value.part("amounts")
    if one is None or other is None or first.resource.key == second.resource.key:
        return False
    amounts = (pair.split("=") for pair in one.text.split())
    opposite = {f"{field}={value[1:] if value[0] == '-' else '-' + value}" for field, value in amounts}
    return bool(opposite & set(other.text.split()))


def _counted_elsewhere(first: Access, second: Access) -> bool:
    """Whether a document is inserted, and what it says is added to an amount in one of another collection, found by a value of it."""
    inserted = first.op is Op.CREATE and first.how == "insert_one"
    counted = second.how == "update_one" and second.value.part("amounts") is not None
    return inserted and counted and bool(first.related & second.related)


def _claimed_amount(first: Access, second: Access) -> bool:
    """Whether an amount is changed because a claim of a row of another table succeeded: `UPDATE … WHERE id = ? AND NOT claimed`."""
    columns = {column.partition("__")[0] for column in first.tested}
    claims = first.op in (Op.WRITE, Op.UPDATE) and first.resource.kind is Kind.TABLE and columns & first.assigned
    return bool(claims) and first.id in second.controlled_by and _moves(second)


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


def in_one_breath(unit: Unit, first: Event, second: Event) -> bool:
    """Whether nothing but the two lies between them that takes time, can fail by itself or was meant to come between.

    Who marks a row, does the work and marks it again wants two transactions; so does a handler of an error.
    """
    return first.place.unit == second.place.unit and not _works_between(unit, first, second)


def moved_at_once(unit: Unit, first: Access, second: Access) -> bool:
    """Whether one row loses what another of its table gets, by helpers that the unit calls one after the other."""
    sites = {first.site.unit, second.site.unit}
    if first.resource.place != second.resource.place or sites != {unit.facts.qualname}:
        return False
    taken, given = ({m.group(1, 2) for m in _SIGNED.finditer(unit.module.text(a.place))} for a in (first, second))
    opposite = {(column, "+-"["-+".index(sign)]) for column, sign in taken}
    return not opposite.isdisjoint(given) and not _works_between(unit, first, second)


_SIGNED = expression(r"\b(\w+)(?:[\"']\))? ([+-]) [\w:$%?]")
"""A column that something is added to or taken from: `Purse.coins - price`, `F("coins") + price`, `coins = coins - $1`."""


def _works_between(unit: Unit, first: Event, second: Event) -> bool:
    return any(
        isinstance(event, Mark)
        and first.id < event.id < second.id
        and unit.before(event.id, second.id)
        and (event.what in WORK or (event.what == "call" and not _is_trifle(event)))
        for event in unit.events
    )


WORK = frozenset({"slow", "enqueue", "spawn", "spawn and wait", "handler"})
"""Marks of what is done between two changes."""

_TRIFLES = frozenset(
    "len str int float dict list set tuple print bool isinstance debug info warning error exception now utcnow uuid4 get getlist".split()
)


def _is_trifle(call: Mark) -> bool:
    """Whether a call logs, converts a value or makes an object."""
    name = call.subject.rpartition(".")[2]
    return name in _TRIFLES or name[:1].isupper()


def halves(unit: Unit, first: Access, second: Access) -> bool:
    """Whether two changes that commit by themselves surely keep one fact.

    Statements of SQL, amounts that the database itself moves, or a row that is made and an update of the one row that it refers to.
    Most other changes in a row are work that happens to be done together, such as a log entry or one deletion after the other.
    """
    if opposite_entries(unit, first, second):
        return True
    if first.op is second.op is Op.CREATE and has_parts(unit, first, second):
        return not any(first.id < mark.id < second.id for mark in unit.marks(*WORK))
    if not in_one_breath(unit, first, second):
        return False
    if first.resource.kind is Kind.STORE or orphans(unit, first, second):
        return True
    if first.resource.kind is second.resource.kind is Kind.TABLE and not _mapped(first):
        return True
    if (
        _moves(first)
        or _moves(second)
        or (first.resource == second.resource and _rewrites(first, second))
        or _switches(first, second)
        or _moves_between(unit, first, second)
    ):
        return True
    return first.op is Op.CREATE and second.op is Op.UPDATE and bool(second.tested & {"pk", "id"})


def has_parts(unit: Unit, first: Access, second: Access) -> bool:
    """Whether a row is made, and then several that refer to it, at once or in a loop: an order and its lines."""
    at_once = second.how in ("bulk_create", "abulk_create")
    if unit.repeats(first.id) or not (at_once or (second.op is Op.CREATE and unit.repeats(second.id))):
        return False
    names = [row.name for row in unit.flow.rows if row.new and row.name and row.model == first.resource.name]
    makers = (
        first.resource.name,
        first.place.unit,
    )  # the class, or the function of the module that makes and returns it
    if first.op is Op.CREATE:
        names += [name for name, built in unit.facts.locals_built if built.rpartition(".")[2] in makers]
    if not at_once:
        looks = (unit.access(number) for number in second.controlled_by)
        if any(look is not None and look.resource == second.resource for look in looks):
            return False  # what is missing can be added once more
        return any(told in second.related for name in names for told in (name, f"{name}.pk", f"{name}.id"))
    text = unit.module.text(second.place)
    return any(re.search(rf"=\s*{re.escape(name)}\b(\.(pk|id)\b)?(?![\w.])", text) for name in names)


def _mapped(access: Access) -> bool:
    return access.resource.owner in ("django", "tortoise", "peewee")


def _moves(access: Access) -> bool:
    """Whether the database computes a column from its old value."""
    if access.op is not Op.UPDATE:
        return False
    if not _mapped(access):  # a statement: what it says is known
        return access.how not in ("conditional", "picks") and bool(access.assigned)
    return access.how in ("update", "aupdate") and access.value.part("relative") is not None
