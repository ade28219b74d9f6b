"""What a statement of SQL that is sent does to the flow."""

from __future__ import annotations

import ast

import libcst as cst

from racelint.events import NO_IDS, Ids, Kind, Op, Resource, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.committing import surely_commits_each
from racelint.flow.expressions import Evaluator
from racelint.flow.rows import home
from racelint.flow.sql import Effect, Statement
from racelint.flow.summaries import source_of
from racelint.frozen import replace


def literal(text: str) -> str | None:
    """The text of a string literal's source; f-strings keep their braces."""
    stripped = (text[1:-1].strip() if text[:1] == "(" else text).lstrip("rRbBuUfF")
    if stripped[:1] not in ("'", '"'):
        return None
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError):
        return stripped.strip("'\"")
    return value if isinstance(value, str) else None


ALONE = ("alone", Value())
"""The part of a connection that says that it leads to a database which only this unit has."""


def run_statement(
    ev: Evaluator, where: cst.CSTNode, found: Statement, base: Value, method: str, arguments: Arguments
) -> Value | None:
    """The events of a statement that is sent; None for one that is not understood."""
    if base.part(ALONE[0]) is not None and base.ref is None:
        return Value(type="cursor")
    owner = (
        home(ev, base) if base.type and base.part("handed") is None else "sql"
    )  # of a driver that is not known nothing is known, autocommit neither
    resource = Resource(Kind.TABLE, owner, found.table, found.table or base.text)
    if found.effect is Effect.READ:
        return _read(ev, where, found, resource, base, method, arguments)
    if found.effect.changes:
        return _change(ev, where, found, resource, base, method, arguments)
    if base.type.endswith(".Pool") and found.effect in (Effect.BEGIN, Effect.COMMIT, Effect.ROLLBACK):
        return Value()  # each statement goes to any connection, and that is given back after it
    if found.effect is Effect.BEGIN:
        ev.acquire(resource, "transaction", "processes", ev.place(where))
        if found.locking:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
    elif found.effect in (Effect.COMMIT, Effect.ROLLBACK):
        end_transaction(ev)
        ev.mark(found.effect.value, where, base.text)
    elif found.effect is Effect.LOCK:
        _lock_rows(ev, where, resource, base)
    elif found.effect is Effect.HOLD:
        ev.acquire(Resource(Kind.STORE, "lock", found.table, found.table), "lock", "processes", ev.place(where))
    elif found.effect is Effect.UNLOCK:
        for held in ev.acquisitions(ev.state.held):
            if held.what == "lock" and held.lock.owner == "lock":
                ev.release(held.id)
    else:
        return None
    return Value()


def end_transaction(ev: Evaluator) -> None:
    """Drops the transaction and what it has locked."""
    for held in ev.acquisitions(ev.state.held):
        if held.what in ("transaction", "row lock"):
            ev.release(held.id)


def _lock_rows(ev: Evaluator, where: cst.CSTNode, resource: Resource, base: Value) -> None:
    """Takes a lock that lasts until the transaction ends: if none is open and each statement commits itself, that is at once."""
    number = ev.acquire(resource, "row lock", "processes", ev.place(where))
    if not any(held.what == "transaction" for held in ev.acquisitions(ev.state.held)) and surely_commits_each(ev, base):
        ev.release(number)


def _read(
    ev: Evaluator,
    where: cst.CSTNode,
    found: Statement,
    resource: Resource,
    base: Value,
    method: str,
    arguments: Arguments,
) -> Value:
    how = "count" if found.counts else "first" if found.limited else method
    columns = Value(known=(("columns", Value(text=" ".join(found.columns))),)) if found.columns else Value()
    related = _related(found, arguments)
    number = ev.emit(Op.READ, resource, where, columns, how, related=related, tested=found.tested)
    if found.locking:
        _lock_rows(ev, where, resource, base)
    rows: Ids = frozenset((number,))
    if _is_cursor(ev, base):
        ev.state.env[base.text] = replace(base, stems=rows, via=number, type=base.type or "cursor", known=_handed(base))
    return Value(rows, Shape.CALL, via=number, type="cursor", known=(("model", Value(text=found.table)),))


_CURSOR = expression(r"cur(sor|s)?$|txn$|c$|cr$")
"""Names of cursors that were handed in: what they have read is fetched from them."""

_OPS = {Effect.WRITE: Op.WRITE, Effect.UPDATE: Op.UPDATE, Effect.CREATE: Op.CREATE, Effect.DELETE: Op.DELETE}


def _change(
    ev: Evaluator,
    where: cst.CSTNode,
    found: Statement,
    resource: Resource,
    base: Value,
    method: str,
    arguments: Arguments,
) -> Value:
    op = Op.UPDATE if found.effect is Effect.CREATE and found.conditional else _OPS[found.effect]
    flags = (("flags", Value(text=" ".join(sorted(found.flags)))),) if found.flags else ()
    told = _set_to(found, arguments)
    number = ev.emit(
        op,
        resource,
        where,
        Value(known=flags)
        if found.constant
        else replace(told, appended=any(v.appended for v in arguments.every), known=(*told.known, *flags)),
        "conditional" if found.conditional else "picks" if found.picks else method,
        _related(found, arguments),
        found.tested,
        found.assigned,
        arguments.stems,
    )
    rows = frozenset((number,))
    if _is_cursor(ev, base):  # how many rows there were is asked of it: `cursor.rowcount`
        ev.state.env[base.text] = replace(base, stems=rows, via=number, type=base.type or "cursor", known=_handed(base))
    return Value(rows, type="cursor", known=(("model", Value(text=found.table)),))


def _set_to(found: Statement, arguments: Arguments) -> Value:
    """What the values come from that columns are set to: `told` if that is known, or else all that the statement is given."""
    given = arguments.positional[1:]
    each = given[0].part("each") if len(given) == 1 else None
    by_name = dict(each.known) if each is not None else {str(place): value for place, value in enumerate(given)}
    by_name |= arguments.keywords
    if found.told is None or arguments.starred or not by_name.keys() >= set(found.told):
        return Value(arguments.stems)
    return Value(NO_IDS.union(*(by_name[name].stems for name in found.told)), known=(("told", Value()),))


def _is_cursor(ev: Evaluator, base: Value) -> bool:
    """Whether what a statement gives is asked of a local afterwards."""
    known = base.type or ev.models.guess(base.text, ev.libraries) or ("cursor" if _CURSOR.match(base.text) else "")
    return base.text in ev.state.env and ev.models.method(known, "fetchone") is not None


def _handed(base: Value) -> tuple[tuple[str, Value], ...]:
    """The parts of a cursor, of whose driver nothing is known if it has no type yet."""
    return base.known if base.type else (*base.known, ("handed", Value()))


def _related(found: Statement, arguments: Arguments) -> frozenset[str]:
    """What the statement is keyed by: its arguments, alone or in a tuple, and the literals of its condition."""
    statement = arguments.nodes[0].value if arguments.nodes else None
    texts = arguments.texts - ({source_of(statement)} if statement is not None else set())
    listed = [
        element.value
        for node in arguments.nodes[1:]
        for element in (node.value.elements if isinstance(node.value, (cst.Tuple, cst.List)) else (node,))
    ]
    inner = {source_of(value) for value in listed if isinstance(value, (cst.Name, cst.Attribute, cst.Subscript))}
    return texts | inner | found.keys
