"""Effects of modelled calls on files, keyed stores and tables."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import NO_IDS, Access, Ids, Kind, Mark, Op, Resource, Row, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.columns import document_parts, selected_columns, tested_columns
from racelint.flow.committing import lends_committing
from racelint.flow.expressions import Evaluator
from racelint.flow.files import FILE_EFFECTS, file_effect, path_text
from racelint.flow.jobs import enqueue
from racelint.flow.managers import asked_of, table_name
from racelint.flow.row_locks import note_nested
from racelint.flow.rows import flush, home, model_name, orm_effect, table_effect
from racelint.flow.sql import classify
from racelint.flow.statement import ALONE, literal, run_statement
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.models.data import Call
from racelint.words import COUNTING, MANY


def apply_effect(
    ev: Evaluator,
    node: cst.Call,
    model: Call,
    base: Value | None,
    method: str,
    arguments: Arguments,
    awaiting: cst.Await | None,
) -> Value | None:
    """Applies the effect of a modelled call; None to treat it as an unknown call."""
    where: cst.CSTNode = awaiting or node
    effect = model.effect
    pipeline = base is not None and base.type == "redis.Pipeline"
    if pipeline and (method == "watch" or method in _ANSWERED):
        ev.mark("watch" if method == "watch" else "watched read", where, method)
    if base is not None and pipeline and effect != "none":
        client, sent, _ = base.origin.replace("._pipeline(", ".pipeline(").partition(".pipeline(")
        watches = any(call.callee.endswith(".watch") for call in ev.function.calls)
        if not sent or (watches and not _watched_late(ev)):
            effect = "none"
        else:  # what the commands change is what the client's own would
            base = replace(base, text=client)
    if effect == "lock":
        kind = base.type if base is not None and base.ref is not None else type_of(ev, node)
        count = node.args[0].value if node.args else None
        if kind.endswith(COUNTING) and isinstance(count, cst.Integer) and count.value != "1":
            kind += MANY
        return Value(shape=Shape.NEW, type=kind, text=source_of(node))
    if effect in ("resource", "path"):
        value = Value(
            shape=Shape.NEW,
            type=model.returns or type_of(ev, node),
            text=source_of(node),
            known=_path_parts(node, arguments)
            if effect == "path"
            else (("resource", Value()), *_temporary(ev, node), *_in_memory(node)),
        )
        if awaiting is not None:
            ev.switch(awaiting, callee=method)
            return replace(value, shape=Shape.AWAITED)
        return value
    if effect == "statement":
        first = arguments.at(0)
        if base is not None and base.type == "sqlalchemy.Table":  # `jobs.update()` is `update(jobs)`
            name = base.text.rpartition(".")[2]
        else:
            name = asked_of(first.text or source_of(node.args[0].value)) if first is not None else ""
            name = table_name(ev, name) if name == "cls" else name
        return Value(
            arguments.stems,
            type="sqlalchemy.Statement",
            text=name,
            known=(
                ("statement", Value(text=model.returns)),
                ("model", Value(text=name)),
                *((("counts", Value()),) if node.args and "count(" in source_of(node.args[0].value) else ()),
                *(selected_columns(arguments) if model.returns == "select" else ()),
            ),
        )
    if effect == "same":
        return arguments.at(0) or base or Value()
    if effect == "stop":
        return Value(type="stopped")
    if effect == "pure":
        value = Value(
            arguments.stems | (base.stems if base else NO_IDS),
            type=model.returns,
            via=base.via if base else None,
            known=base.known if base is not None and model.returns else (),
        )
        if awaiting is not None:
            ev.switch(awaiting, value.stems, method)
            value = replace(value, shape=Shape.AWAITED)
        return value
    if effect == "enqueue":
        return enqueue(ev, node, base, arguments, awaiting)
    if effect == "lock-context":
        return Value(shape=Shape.NEW, type="lock-context", text=source_of(node))
    if effect == "none":
        if awaiting is not None:
            ev.switch(awaiting, arguments.stems, method, base.ref if base is not None else None)
            return Value(shape=Shape.AWAITED, type=model.returns)
        return Value(
            arguments.stems,
            Shape.NEW if model.returns else Shape.CALL,
            type=model.returns or type_of(ev, node),
            text=source_of(node),
            known=(ALONE,) if base is not None and base.part(ALONE[0]) is not None else (),
        )
    if effect in FILE_EFFECTS:
        stored = file_effect(ev, node, where, model, base, method, arguments)
    else:
        stored = _store_effect(ev, where, effect, model, base, method, arguments)
    if stored is None:
        return None
    value = stored
    if awaiting is not None:
        ev.switch(awaiting, arguments.stems, method, base.ref if base else None)
        if value.via is not None:
            ev.state.fresh -= {value.via}
        value = replace(value, shape=Shape.AWAITED)
    return value


_ANSWERED = frozenset(
    "get mget hget hmget hgetall hexists exists sismember smembers scard llen lrange lindex zscore zcard zrange ttl".split()
)
"""Commands by which a pipeline reads at once, once it watches keys."""


def _watched_late(ev: Evaluator) -> bool:
    """Whether all that was read of a store was read before the keys were watched: who writes them in between is not noticed.

    What is read afterwards, by the pipeline or by its client, is as it was when the commands are sent.
    """
    watch = next((e.id for e in reversed(ev.events) if isinstance(e, Mark) and e.what == "watch"), None)
    if watch is None:
        return False
    return not any(
        event.what == "watched read"
        if isinstance(event, Mark)
        else isinstance(event, Access) and event.op in (Op.READ, Op.CHECK) and event.resource.kind is Kind.STORE
        for event in ev.events[watch + 1 :]
    )


def _in_memory(node: cst.Call) -> tuple[tuple[str, Value], ...]:
    """That nobody else reaches a database which the call makes in memory, unless its object is handed on."""
    first = node.args[0].value if node.args else None
    return (ALONE,) if isinstance(first, cst.SimpleString) and first.raw_value == ":memory:" else ()


def _path_parts(node: cst.Call, arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """What a new path object is told by: what it was made of."""
    pairs = zip(arguments.positional, node.args, strict=False)
    text = " / ".join(path_text(value, argument.value) for value, argument in pairs)
    return (("path", Value(text=text or source_of(node))),)


def _temporary(ev: Evaluator, node: cst.Call) -> tuple[tuple[str, Value], ...]:
    """The path of a temporary file or folder, also where it is the second of two results."""
    if "tempfile." not in type_of(ev, node):
        return ()
    path = ("path", Value(text=source_of(node)))
    return (path, ("0", Value(known=(path,))), ("1", Value(known=(path,))))


def type_of(ev: Evaluator, node: cst.Call) -> str:
    return ev.scope.names_in(ev.function.qualname).built_type(source_of(node.func))


def _store_effect(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value | None, method: str, arguments: Arguments
) -> Value | None:
    base = base or Value()
    if effect == "delete":
        first = arguments.at(0)
        deleted = (
            base.row
            if base.row is not None
            else (first.row if first is not None and home(ev, base) == "sqlalchemy" else None)
        )
        if deleted is not None:
            row = ev.rows[deleted]
            table = row.model or row.name
            ev.emit(
                Op.DELETE,
                Resource(Kind.TABLE, row.library or home(ev, base), table, table),
                where,
                Value(row=deleted),
                method,
                frozenset({row.name}),
            )
            return Value()
    if effect in ("read", "exists", "write", "update", "delete", "atomic") and (
        base.part("model") is not None or base.type.endswith((".QuerySet", ".Query", ".Model"))
    ):
        return table_effect(ev, where, effect, model, base, method, arguments)
    if effect in ("read", "exists", "write", "update", "delete", "atomic"):
        return _keyed(ev, where, effect, model, base, method, arguments)
    if effect == "expire":
        key = arguments.at(model.key)
        ev.mark("expire", where, f"{base.text}[{key.text if key is not None else ''}]")
        return Value()
    if effect == "remove":
        return _remove(ev, where, model, base, arguments)
    if effect in ("query", "query-locked", "row", "row-locked", "create", "save", "add", "refresh"):
        if effect in ("query", "query-locked"):
            note_nested(ev, arguments, where)
        return orm_effect(ev, where, effect, model, base, method, arguments)
    if effect == "sql":
        return _sql(ev, where, model, base, method, arguments)
    if effect in ("transaction", "begin"):
        if model.returns == "psycopg.Connection" and lends_committing(ev):  # what a pool lends is no transaction then
            return Value(shape=Shape.NEW, type=model.returns, text=source_of(where))
        return Value(
            type="transaction",
            text=base.text or "transaction",
            known=(("transaction", Value(text=base.text)), ("target", Value(type=model.returns))),
        )
    if effect == "commit":
        flush(ev, where, base, method)
        ev.mark("flush" if method == "flush" else "commit", where, base.text)
        for held in ev.acquisitions(ev.state.held):
            if held.what in ("transaction", "row lock") and method != "flush":
                ev.release(held.id)
        return Value()
    if effect == "rollback":
        ev.state.written.clear()
        ev.mark("rollback", where, base.text)
        return Value()
    if effect == "acquire":
        text = source_of(where)
        if "LOCK_UN" in text or "UNLCK" in text:
            effect = "release"
        else:
            handle = arguments.at(0)
            file = handle.part("path") if handle is not None else None
            lock = Resource(Kind.STORE, "lock", method, text, key=file.text if file is not None else "")
            ev.acquire(lock, "lock", model.world, ev.place(where))
            return Value()
    if effect == "release":
        for held in ev.acquisitions(ev.state.held):
            if held.what == "lock" and held.lock.owner == "lock":
                ev.release(held.id)
        return Value()
    return None


def read_store(
    ev: Evaluator,
    resource: Resource,
    where: cst.CSTNode,
    how: str,
    op: Op = Op.READ,
    tested: frozenset[str] = frozenset(),
    chosen: Ids = NO_IDS,
) -> Value:
    number = ev.emit(op, resource, where, how=how, tested=tested, chosen=chosen)
    return Value(frozenset((number,)), Shape.CALL, via=number)


def write_store(
    ev: Evaluator,
    resource: Resource,
    where: cst.CSTNode,
    value: Value,
    how: str,
    op: Op,
    arguments: Arguments,
    tested: frozenset[str] = frozenset(),
    assigned: frozenset[str] = frozenset(),
    chosen: Ids = NO_IDS,
) -> int:
    return ev.emit(op, resource, where, value, how, arguments.texts, tested, assigned, chosen)


def _sets(arguments: Arguments, index: int | None) -> bool:
    """Whether an update of MongoDB sets values (`{"$set": …}`) instead of having the old ones changed."""
    node = arguments.nodes[index] if index is not None and index < len(arguments.nodes) else None
    return node is not None and _SETS.search(source_of(node.value)) is not None


_SETS = expression(r"""["']\$set["']""")


_KNOWN_KEY = expression(r"self(\.[A-Za-z_]\w*)+|([\"'])[^\"'\\]*\2")
"""What a local stands for that is set to an attribute of the own object, or to a text: `key = self.key`."""


def _keyed(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value, method: str, arguments: Arguments
) -> Value | None:
    """A store with keys: cache, Redis, document table."""
    key = arguments.at(model.key)
    text = (_KNOWN_KEY.fullmatch(key.origin) and key.origin) or key.text if key is not None else ""
    if model.key is not None and not text:
        text = source_of(arguments.nodes[model.key].value) if model.key < len(arguments.nodes) else ""
    named = [node for node in arguments.nodes if node.keyword is not None and node.keyword.value == model.named_key]
    text = source_of(named[0].value) if named else text
    resource = Resource(Kind.STORE, "store", base.text, f"{base.text}[{text}]" if text else base.text, text)
    tested, chosen = _fields(arguments, model.key), key.stems if key is not None else NO_IDS
    if effect in ("read", "exists"):
        op = Op.READ if effect == "read" else Op.CHECK
        found = read_store(ev, resource, where, method, op, tested, chosen)
        return replace(found, stems=found.stems | chosen) if chosen else found
    value = arguments.at(model.value) or Value(arguments.stems)
    op = {"write": Op.WRITE, "update": Op.UPDATE, "atomic": Op.UPDATE, "delete": Op.DELETE}[effect]
    if effect == "update" and value.stems and _sets(arguments, model.value):
        op = Op.WRITE
    assigned = frozenset(arguments.keywords) | _fields(arguments, model.value) | _computed(arguments)
    if method == "bulk_write":
        op, value = Op.UPDATE, Value()  # what it is told stems from what was read, at least the keys do
        if (one := _one_of_many(arguments)) is not None:
            (tested, assigned), method = one, "update_many"
    if method in DOCUMENT_UPDATES:
        value = replace(value, known=(*value.known, *document_parts(_document(arguments, model.value))))
    if effect in ("atomic", "delete") and where is ev.unused:
        value = replace(value, known=(*value.known, ("unasked", Value())))
    number = write_store(ev, resource, where, value, method, op, arguments, tested, assigned, chosen)
    return Value(frozenset((number,)) if effect == "atomic" else NO_IDS, via=number if effect == "atomic" else None)


DOCUMENT_UPDATES = frozenset("update_one update_many find_one_and_update".split())
"""How MongoDB is told what to do with the fields of a document."""


def _fields(arguments: Arguments, index: int | None) -> frozenset[str]:
    """The fields that a document given as an argument names, however deep."""
    document = _document(arguments, index)
    spread = (name for told in _SPREAD.findall(document) for name in _NAMED.findall(told))
    return frozenset(_FIELD.findall(document)).union(spread)


def _document(arguments: Arguments, index: int | None) -> str:
    """The source of a document given as an argument, which may stand in a local; "" for anything else."""
    value = arguments.at(index)
    if value is None or index is None:
        return ""
    written = source_of(arguments.nodes[index].value) if index < len(arguments.nodes) else ""
    text = written if written.startswith("{") else value.origin
    return text if text.startswith("{") else ""


def _computed(arguments: Arguments) -> frozenset[str]:
    """The attributes that an update of DynamoDB has the server compute from what they were: `SET n = n - :k`, `ADD n :k`."""
    told = arguments.keywords.get("UpdateExpression")
    text = literal(told.text) if told is not None else None
    return frozenset(one or other for one, other in _COMPUTED.findall(text or ""))


_COMPUTED = expression(r"(?i)\b(\w+)\s*=\s*\1\s*[-+]|\badd\s+(\w+)\s+:")


def _one_of_many(arguments: Arguments) -> tuple[frozenset[str], frozenset[str]] | None:
    """The fields that the updates of a list choose documents by, and those that they set; None if the list is not seen."""
    first = arguments.at(0)
    written = source_of(arguments.nodes[0].value) if arguments.nodes and first is not None else ""
    found = _UPDATE.search(written if first is None or written.startswith("[") else first.origin)
    return (frozenset(_FIELD.findall(found[1])), frozenset(_FIELD.findall(found[2]))) if found else None


_UPDATE = expression(r"\b(?:UpdateOne|UpdateMany|ReplaceOne)\(\s*({[^}]*})\s*,(.*)", re.DOTALL)
_FIELD = expression(r"""["']([A-Za-z_]\w*)["']\s*:""")
_SPREAD = expression(r"\*\*[\w.]+\(([^(){}]*)\)")
"""What the maker of a part of a document is told: `**dates("due", due)`."""
_NAMED = expression(r"""["']([A-Za-z_]\w*)["']""")


def _remove(ev: Evaluator, where: cst.CSTNode, model: Call, base: Value, arguments: Arguments) -> Value:
    """Entries of a collection are removed in one step, which says how many there were."""
    key = arguments.at(model.key)
    text = key.text if key is not None else ""
    resource = Resource(Kind.STORE, "store", base.text, f"{base.text}[{text}]" if text else base.text, text)
    number = write_store(ev, resource, where, Value(arguments.stems), "remove", Op.DELETE, arguments)
    return Value(frozenset((number,)), Shape.CALL, via=number)


def _sql(
    ev: Evaluator, where: cst.CSTNode, model: Call, base: Value, method: str, arguments: Arguments
) -> Value | None:
    """A statement of SQL in a string, or a SQLAlchemy construct."""
    statement = arguments.at(model.sql)
    if statement is None:
        return None
    text = literal(statement.text)
    if text is None:
        built = statement.part("statement")
        if built is not None:
            value = _built_statement(ev, where, statement, built.text, base, method, arguments)
            if model.returns == "row" and built.text == "select":
                ev.rows.append(
                    Row("", model_name(statement), "sqlalchemy", value.via, statement.part("locked") is not None)
                )
                value = replace(value, type="", row=len(ev.rows) - 1)
            return value
        text = _kept_statement(ev, statement)
        if text is None:
            return None
    return run_statement(ev, where, classify(text), base, method, arguments)


def _kept_statement(ev: Evaluator, statement: Value) -> str | None:
    """The text of a statement that a local name holds, or a constant of a module or a class."""
    path = statement.text
    if not path or path in ev.state.env:
        return literal(statement.origin)
    return ev.scope.statement(path, ev.function.owner)


def _built_statement(
    ev: Evaluator, where: cst.CSTNode, statement: Value, kind: str, base: Value, method: str, arguments: Arguments
) -> Value:
    table = model_name(statement)
    resource = Resource(Kind.TABLE, "sqlalchemy", table, table)
    if kind == "select":
        locked = statement.part("locked") is not None
        counted = statement.part("counts") is not None
        how = "count" if counted else "first" if statement.part("limited") is not None else method
        asked = statement.part("keys")
        related = frozenset(k for k in (asked.text.split() if asked else ()) if not k.endswith("="))
        columns = statement.part("columns")
        read = Value(known=(("columns", columns),)) if columns is not None else Value()
        number = ev.emit(Op.READ, resource, where, read, how, related, tested_columns(statement))
        if locked:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        known: tuple[tuple[str, Value], ...] = (("model", Value(text=table)),)
        if locked:
            known = (*known, ("locked", Value()))
        return Value(frozenset((number,)), Shape.CALL, via=number, type="sqlalchemy.Result", known=known, text=table)
    keys = statement.part("keys")
    relative = statement.part("relative") is not None
    tolerates = statement.part("tolerates") is not None  # a row that is there: nothing fails, and one of two is made
    op = {
        "insert": Op.UPDATE if tolerates else Op.CREATE,
        "update": Op.UPDATE if relative else Op.WRITE,
        "delete": Op.DELETE,
    }[kind]
    related = frozenset(k for k in (keys.text.split() if keys else ()) if not k.endswith("="))
    conditions = statement.part("conditions")
    how = "conditional" if tolerates or (conditions is not None and len(conditions.text) > 1) else method
    if statement.part("picks") is not None:
        how = "picks"
    sets, compared = statement.part("sets"), statement.part("compared")
    assigned = frozenset(sets.text.split() if sets is not None else ())
    tested = frozenset(compared.text.split() if compared is not None and kind != "insert" else ())
    number = ev.emit(op, resource, where, Value(statement.stems), how, related, tested, assigned)
    rows = frozenset((number,)) if kind != "insert" else NO_IDS  # how many there were may be asked: `result.rowcount`
    return Value(rows, type="sqlalchemy.Result", text=table)
