"""Object-relational mappers: query sets, rows, and what `save` and `commit` send to the database."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import NO_IDS, Ids, Kind, Op, Resource, Row, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.clauses import clauses, counted_rows, picks
from racelint.flow.columns import (
    choosing_keywords,
    chosen_by,
    clause_columns,
    defaults_of,
    flags_of,
    kept_with_read,
    set_by_dictionary,
    tested_columns,
)
from racelint.flow.committing import commits_each
from racelint.flow.expressions import MADE_OF_EACH, Evaluator
from racelint.flow.files import saved_to_path
from racelint.flow.made import columns_of, create_made, create_served, handled_at_flush, is_served
from racelint.flow.managers import asked_of, table_name
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.models.data import Call
from racelint.resolve import MAPPED_BASES


def library_of(bases: frozenset[str]) -> str:
    for base in sorted(bases):
        if base in MAPPED_BASES:
            return MAPPED_BASES[base]
        if base.endswith("models.Model"):
            return "django"
    return "sqlalchemy"


def table_effect(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value, method: str, arguments: Arguments
) -> Value:
    """A query set reads, changes or deletes the rows that it selects, in one statement."""
    name = _table_of(ev, base)
    resource = Resource(Kind.TABLE, home(ev, base), name, name)
    related = _keys_of(base) | arguments.texts
    if effect in ("read", "exists"):
        number = ev.emit(
            Op.CHECK if effect == "exists" else Op.READ,
            resource,
            where,
            how=method,
            related=related,
            tested=tested_columns(base),
        )
        return Value(
            frozenset((number,)),
            Shape.CALL,
            via=number,
            type=model.returns,
            known=(("model", Value(text=name)),) if model.returns else (),
        )
    op = {"write": Op.WRITE, "update": Op.UPDATE, "atomic": Op.UPDATE, "delete": Op.DELETE}[effect]
    if method in BULK:
        _save_all(ev, where, name, arguments)
    computing = f"{name}." if base.type.startswith("peewee.") else "F("
    relative = op is Op.UPDATE and any(computing in source_of(argument.value) for argument in arguments.nodes)
    told = arguments.stems
    if relative and computing != "F(":  # the column itself stands for its old value
        told = frozenset(n for n in told if (a := ev.access(n)) is None or a.resource.owner != name)
    known = (("relative", Value()),) if relative else (*defaults_of(arguments), *flags_of(arguments))
    number = ev.emit(
        op,
        resource,
        where,
        Value(told, known=known),
        method,
        related,
        tested_columns(base),
        frozenset(arguments.keywords) | (set_by_dictionary(arguments) if method == "update" else frozenset()),
        chosen_by(base),
    )
    value = Value(frozenset((number,)), via=number)
    if model.returns == "row":  # the row, and whether it was made
        locked = base.part("locked") is not None
        ev.rows.append(Row("", name, home(ev, base), number, locked))
        if locked:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        return replace(value, known=(("0", replace(value, row=len(ev.rows) - 1)),))
    return replace(value, type=model.returns, known=(("model", Value(text=name)),) if model.returns else ())


BULK = ("bulk_update", "abulk_update")


def _save_all(ev: Evaluator, where: cst.CSTNode, table: str, arguments: Arguments) -> None:
    """`bulk_update(rows, fields)` saves the listed fields of all rows that were given new values."""
    listed = next((a.value for a in arguments.nodes if a.keyword is not None and a.keyword.value == "fields"), None)
    if listed is None and len(arguments.positional) > 1:
        listed = arguments.nodes[1].value
    fields = set(re.findall(r"[\"'](\w+)[\"']", source_of(listed))) if listed is not None else set()
    for index in sorted(ev.state.written):
        row = ev.rows[index]
        known = row.loaded is not None or row.model != row.name
        if row.new or row.name == "self" or (known and row.model != table):
            continue
        if not fields or fields & set(ev.state.written[index]):
            write_row(ev, where, index, "bulk_update fields")


def _keys_of(query: Value) -> frozenset[str]:
    """Sources of the values that the clauses of a query compare with."""
    keys = query.part("keys")
    return frozenset(k for k in (keys.text.split() if keys is not None else ()) if not k.endswith("="))


def home(ev: Evaluator, base: Value) -> str:
    """The library that a query set, session or connection belongs to."""
    home = base.type.partition(".")[0]
    if home in ("cursor", "sqlite3", "aiosqlite", "psycopg", "mysql"):  # a cursor and its connection meet
        return "sqlite3 autocommit" if commits_each(ev) else "sqlite3"
    return home or "django"


def model_name(base: Value) -> str:
    path = base.part("model")
    if path is not None:
        return path.text
    text = base.text or base.type
    return re.sub(r"\.(objects|query)$", "", text).rpartition(".")[2]


def _table_of(ev: Evaluator, base: Value) -> str:
    """As `model_name`; what a class method asks its own class for are rows of that class."""
    name = model_name(base)
    return table_name(ev, name) if name == "cls" else name


def _built_class(added: Value) -> str:
    """The name of the class that an object added to a session was built from, else its source."""
    made = added.part("made") or added.part(MADE_OF_EACH)
    return made.text.rpartition(".")[2] if made is not None else added.text.partition("(")[0]


def _asks_for_count(arguments: Arguments) -> bool:
    """Whether a query asks for the number of rows alone: `query(func.count(Task.id))`."""
    return len(arguments.nodes) == 1 and _COUNT.search(source_of(arguments.nodes[0].value)) is not None


_COUNT = expression(r"(^|\.)count\(")


def orm_effect(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value, method: str, arguments: Arguments
) -> Value | None:
    name = _table_of(ev, base)
    if effect in ("query", "query-locked"):
        first = arguments.at(0) or arguments.keywords.get("model")
        if (model.key == 0 or method == "select_from") and first is not None:
            text = first.text or source_of(arguments.nodes[0].value)
            name = asked_of(first.origin if text == "model" and first.origin else text)
            name = table_name(ev, name) if name == "cls" else name
            looked = ev.access(first.via) if first.via is not None else None
            if looked is not None and looked.how == "exists":  # `query(rows.exists())` has looked already
                return replace(first, type="sqlalchemy.Query", known=(("asked", first),))
        name = counted_rows(name, method, arguments)
        keys = base.part("keys")
        wanted = " ".join(
            sorted({*(keys.text.split() if keys else ()), *arguments.texts, *choosing_keywords(method, arguments)})
        )
        locked = effect == "query-locked" or base.part("locked") is not None
        statement = base.part("statement")
        known: tuple[tuple[str, Value], ...] = (("model", Value(text=name)), ("keys", Value(text=wanted)))
        if base.part("counts") is not None or (model.returns == "sqlalchemy.Query" and _asks_for_count(arguments)):
            known = (*known, ("counts", Value()))
        if statement is not None:
            known = (*known, ("statement", statement), *clauses(base, method, arguments, name))
            if base.part("picks") is not None or picks(ev, arguments, name):
                known = (*known, ("picks", Value()))
        known = (*known, *clause_columns(base, method, arguments))
        if locked:
            known = (*known, ("locked", Value()))
        return Value(
            base.stems | (arguments.stems if statement is not None else NO_IDS),
            type=model.returns or base.type or "django.QuerySet",
            known=known,
            text=name,
        )
    if effect in ("row", "row-locked"):
        asked = base.part("asked")
        if asked is not None:
            return asked
        first = arguments.at(0)
        if model.key == 0 and first is not None:
            name = first.text.partition(".objects")[0]
        locked = (
            effect == "row-locked"
            or base.part("locked") is not None
            or "with_for_update" in arguments.keywords
            or "for_update" in arguments.keywords
        )
        locked = locked or any(a.part("locked") is not None for a in arguments.every)
        resource = Resource(Kind.TABLE, home(ev, base), name, name)
        if base.type == "sqlalchemy.Result" and base.via is not None:
            ev.rows.append(Row("", name, "sqlalchemy", base.via, locked))
            return Value(base.stems, Shape.CALL, via=base.via, row=len(ev.rows) - 1)
        asked = replace(base, known=(*base.known, *clause_columns(base, method, arguments)))
        counted = base.type == "sqlalchemy.Query" and base.part("counts") is not None
        number = ev.emit(
            Op.READ,
            resource,
            where,
            kept_with_read(asked),
            "count" if counted else method,
            related=_keys_of(base) | arguments.texts,
            tested=tested_columns(base) | frozenset(arguments.keywords),
        )
        if counted:
            return Value(frozenset((number,)), Shape.CALL, via=number)
        ev.rows.append(Row("", name, base.type.partition(".")[0] or "django", number, locked))
        if locked:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        return Value(frozenset((number,)), Shape.CALL, via=number, row=len(ev.rows) - 1, type="")
    if effect == "create":
        resource = Resource(Kind.TABLE, home(ev, base), name, name)
        number = ev.emit(
            Op.CREATE,
            resource,
            where,
            Value(arguments.stems),
            method,
            arguments.texts,
            assigned=frozenset(arguments.keywords),
        )
        ev.rows.append(Row("", name, home(ev, base), None, new=True))
        ev.stored.add(len(ev.rows) - 1)
        return Value(shape=Shape.NEW, row=len(ev.rows) - 1)
    if effect == "add":
        added = arguments.at(0)
        row = ev.rows[added.row] if added is not None and added.row is not None else None
        if row is not None and not row.new and row.loaded is not None:
            if added is not None and added.part("made") is not None:  # built here on one way, loaded on another
                ev.added.append(ev.next_id)
                create_made(ev, where, added, method)
            return Value()
        table = row.model if row is not None else _built_class(added) if added is not None else ""
        number = ev.emit(
            Op.CREATE,
            Resource(Kind.TABLE, "sqlalchemy", table, table),
            where,
            Value(arguments.stems),
            method,
            arguments.texts,
            assigned=columns_of(added),
        )
        ev.added.append(number)
        if added is not None and added.row is not None:
            ev.stored.add(added.row)
        return Value()
    if effect == "refresh":
        refreshed = arguments.at(0) or base
        source = arguments.keywords.get("from_queryset")  # of Django
        locking = "with_for_update" in arguments.keywords or (source is not None and source.part("locked") is not None)
        if refreshed.row is not None and ev.rows[refreshed.row].model:
            old = ev.rows[refreshed.row]
            number = ev.emit(Op.READ, Resource(Kind.TABLE, old.library, old.model, old.model), where, how=method)
            ev.rows.append(
                replace(
                    old,
                    loaded=number,
                    new=False,
                    locked=old.locked or locking or _locked_before(ev, old.model),
                )
            )
            ev.state.env[refreshed.text] = Value(frozenset((number,)), row=len(ev.rows) - 1, text=refreshed.text)
            if locking:
                rows = Resource(Kind.TABLE, old.library, old.model, old.model)
                ev.acquire(rows, "row lock", "processes", ev.place(where))
            return Value()
        if refreshed is not None:
            number = ev.emit(
                Op.READ, Resource(Kind.TABLE, "sqlalchemy", refreshed.text, refreshed.text), where, how=method
            )
            ev.rows.append(Row(refreshed.text, refreshed.text, "sqlalchemy", number, locking))
            if refreshed.text.isidentifier():
                ev.state.env[refreshed.text] = Value(refreshed.stems, row=len(ev.rows) - 1, text=refreshed.text)
            if locking:
                ev.acquire(
                    Resource(Kind.TABLE, "sqlalchemy", refreshed.text, refreshed.text),
                    "row lock",
                    "processes",
                    ev.place(where),
                )
        return Value()
    return _save(ev, where, base, method, arguments)


def _locked_before(ev: Evaluator, model: str) -> bool:
    """Whether rows of the model are locked, so that one that is read now is the one that is locked."""
    held = ev.acquisitions(ev.state.held)
    return any(guard.what == "row lock" and guard.lock.path == model for guard in held)


def _save(ev: Evaluator, where: cst.CSTNode, base: Value, method: str, arguments: Arguments) -> Value | None:
    """`row.save()`: the fields set since the last save go to the database."""
    if len(arguments.positional) > 1 or saved_to_path(arguments):
        return None  # the content of a file is saved, by its name
    row = base.row
    instance = base.part("self")
    if base.type == "super" and instance is not None:
        base, method = instance, f"super().{method}"
        row = row_of(ev, base)
    if is_served(ev, base):
        return create_served(ev, where, base, method, arguments.texts)
    made_only = row is None and base.shape is Shape.NEW
    if made_only and base.part("made") is not None:
        create_made(ev, where, base, method)
        _forget_made(ev, base)
        return Value()
    if row is None:
        row = row_of(ev, base)
    if row is None:
        return None
    if base.part("made") is not None and (not ev.rows[row].new or base.shape is not Shape.NEW):
        create_made(ev, where, base, method)  # built here on one way, loaded on another
        _forget_made(ev, base)
        row = next((n for n, one in enumerate(ev.rows) if one.name == ev.rows[row].name and not one.new), row)
    partly = bool({"update_fields", "only"} & set(arguments.keywords)) or arguments.starred
    write_row(ev, where, row, f"{method} fields" if partly else method, _named_fields(arguments))
    return Value()


def _named_fields(arguments: Arguments) -> frozenset[str] | None:
    """The columns that a save names, if they stand there: only those are written."""
    for node in arguments.nodes:
        if node.keyword is not None and node.keyword.value == "update_fields":
            listed = node.value
            if isinstance(listed, (cst.List, cst.Tuple, cst.Set)):
                names = [one.value.raw_value for one in listed.elements if isinstance(one.value, cst.SimpleString)]
                if len(names) == len(listed.elements):
                    return frozenset(map(str, names))
    return None


def _forget_made(ev: Evaluator, base: Value) -> None:
    """What has been saved once is no longer created by another save."""
    known = ev.state.env.get(base.text)
    if known is not None:
        rest = tuple(part for part in known.known if part[0] != "made")
        ev.state.env[base.text] = replace(known, known=rest, shape=Shape.OTHER)


def row_of(ev: Evaluator, base: Value) -> int | None:
    """The row that a value stands for; `self` of a model class and arguments become rows when they are first written."""
    if base.row is not None:
        return base.row
    if not base.text or not base.text.replace(".", "_").isidentifier():
        return None
    for index, row in enumerate(ev.rows):
        if row.name == base.text and index not in ev.rebound:
            return index
    name = base.type[5:] if base.type.startswith("self:") else base.text
    ev.rows.append(Row(base.text, name, "", None, bool(base.stems & ev.locked_reads)))
    return len(ev.rows) - 1


def change_field(ev: Evaluator, base: Value, method: str, arguments: Arguments) -> None:
    """`row.tags.append(tag)`: the collection in a field is changed in place, and goes to the database when the row is saved."""
    if method in _IN_PLACE and arguments.positional:
        note_changed(ev, base, base.stems | arguments.stems)


def note_changed(ev: Evaluator, field: Value, stems: Ids) -> None:
    """What a field of a row holds is changed in place, to something that was computed from the accesses."""
    read = ev.access(field.via) if field.via is not None else None
    if read is None or read.resource.kind not in (Kind.ROW, Kind.ATTRIBUTE, Kind.ARGUMENT):
        return
    name, _, column = read.resource.name.rpartition(".")
    if column in _OF_FORMS or name.lower().endswith(("form", "formset", "serializer")):
        return
    if read.resource.kind is Kind.ATTRIBUTE:  # of a model's own methods
        owner = ev.state.env.get(name) if "sqlalchemy" not in ev.libraries or "django" in ev.libraries else None
        index = row_of(ev, owner) if owner is not None and ev.scope.is_mapped(owner.type.rpartition(":")[2]) else None
    elif read.resource.kind is Kind.ARGUMENT:  # only Django's rows are saved by a call of their own
        held = ev.state.env.get(name) if "django" in ev.libraries else None
        index = row_of(ev, held) if held is not None else None
        if held is not None and index is not None:
            ev.state.env[name] = replace(held, row=index)
    else:
        index = next((n for n, row in enumerate(ev.rows) if row.name == name and n not in ev.rebound), None)
    if index is not None and _library(ev, index) != "sqlalchemy":  # there it is a set of related rows
        ev.state.written.setdefault(index, {})[column] = stems | {read.id}


_OF_FORMS = frozenset({"cleaned_data", "validated_data", "initial_data", "initial", "errors", "fields"})
"""Attributes of forms and serializers, which are saved, too."""


def _library(ev: Evaluator, index: int) -> str:
    """The mapper of a row; of an argument that is the one that the module imports."""
    known = ev.rows[index].library
    if not known and any(origin.partition(".")[0] == "sqlalchemy" for origin in ev.scope.imports.values()):
        return "sqlalchemy"
    return known


def set_field(ev: Evaluator, arguments: Arguments) -> bool:
    """`setattr(row, "views", n)` sets a field; whether it did."""
    row, name, value = arguments.at(0), arguments.at(1), arguments.at(2)
    if row is None or name is None or value is None or row.row is None or name.text[:1] not in ("'", '"'):
        return False
    ev.state.written.setdefault(row.row, {})[name.text.strip("\"'")] = value.stems - value.opaque
    return True


_IN_PLACE = frozenset("append extend insert pop setdefault update".split())
"""Methods that change a collection; with keywords only, `update` is that of a set of related rows."""


def write_row(ev: Evaluator, where: cst.CSTNode, index: int, how: str, named: frozenset[str] | None = None) -> None:
    """Emits the write of a row with all that its fields were computed from; what the database computes itself is an update.

    Of `named` columns only those that are named; the others stay changed in memory.
    """
    row = ev.rows[index]
    fields = ev.state.written.pop(index, {})
    if named is not None:
        kept = {name: stems for name, stems in fields.items() if name not in named}
        fields = {name: stems for name, stems in fields.items() if name in named}
        if kept:
            ev.state.written[index] = kept
    table = row.model or row.name
    if (row.new and index not in ev.stored) or KEYS & set(fields):  # a copy under a new key
        ev.stored.add(index)
        stems = NO_IDS.union(*fields.values())
        ev.emit(
            Op.CREATE, Resource(Kind.TABLE, row.library, table, table), where, Value(stems), how, frozenset({row.name})
        )
        return
    relative = {field for field in fields if (index, field) in ev.relative}
    for op, names in ((Op.UPDATE, relative), (Op.WRITE, set(fields) - relative)):
        if names or (op is Op.WRITE and not relative):
            home = row.library or ("django" if "save" in how else "sqlalchemy")
            resource = Resource(Kind.ROW, home, ",".join(sorted(names)), row.name or table)
            stems = NO_IDS.union(*(fields[name] for name in names))
            parts = tuple((name, Value(fields[name])) for name in sorted(names))
            value = Value(stems, row=index, known=parts)
            ev.emit(op, resource, where, value, how, frozenset({row.name}), assigned=frozenset(names))


KEYS = frozenset({"pk", "id"})
"""Names of primary keys: setting one makes another row of an object."""


def flush(ev: Evaluator, where: cst.CSTNode, base: Value, method: str) -> None:
    handled_at_flush(ev)
    for index in sorted(ev.state.written):
        write_row(ev, where, index, method)
