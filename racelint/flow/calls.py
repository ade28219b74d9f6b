"""Calls: helpers followed into, library effects from the models, spawns, and switch points of awaited calls."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

import libcst as cst

from racelint.events import NO_IDS, Access, Ids, Kind, Op, Resource, Row, Shape, Switch, Value
from racelint.flow.expressions import BUILTIN_PURE, WRAPPERS, Evaluator
from racelint.flow.resources import CONTAINER_READS, CONTAINERS, REMOVALS, UPDATES, item_of
from racelint.flow.sql import classify
from racelint.flow.summaries import source_of
from racelint.models.loader import Call

_PAIRS = (("load", "save"), ("load", "store"), ("load", "dump"), ("load", "write"), ("read", "write"), ("get", "set"), ("get", "put"),
          ("fetch", "store"), ("fetch", "save"), ("get", "save"), ("get", "update"), ("get", "store"), ("read", "save"),
          ("find", "save"), ("retrieve", "store"), ("download", "upload"))
_READ_VERBS = frozenset(read for read, _ in _PAIRS)
_WRITE_VERBS = frozenset(write for _, write in _PAIRS)


@dataclass(slots=True)
class Arguments:
    """The evaluated arguments of a call."""

    positional: list[Value]
    keywords: dict[str, Value]
    nodes: list[cst.Arg]
    starred: bool

    @property
    def every(self) -> list[Value]:
        return [*self.positional, *self.keywords.values()]

    @property
    def stems(self) -> Ids:
        return NO_IDS.union(*(value.stems for value in self.every)) if self.every else NO_IDS

    @property
    def texts(self) -> frozenset[str]:
        """Sources of the arguments that are names or attributes."""
        listed = {word for v in self.every if (keys := v.part("keys")) is not None for word in keys.text.split() if not word.endswith("=")}
        return frozenset(listed) | frozenset(text for v in self.every if (text := v.text) and re.fullmatch(r"[A-Za-z_][\w.]*", text) and text not in ("None", "True", "False"))

    def at(self, index: int | None) -> Value | None:
        """The positional argument, if it is there."""
        if index is None:
            return None
        return self.positional[index] if 0 <= index < len(self.positional) else None


def evaluate_call(ev: Evaluator, node: cst.Call, awaiting: cst.Await | None) -> Value:
    """Walks a call; `awaiting` is the `await` around it."""
    function = node.func
    base: Value | None = None
    method = ""
    if isinstance(function, cst.Attribute):
        base = _super(ev, function.value) or ev.evaluate(function.value)
        method = function.attr.value
        callee = _member(ev, base, function)
    else:
        callee = ev.evaluate(function)
        method = function.value if isinstance(function, cst.Name) else ""
    type_name = callee.type
    if type_name in WRAPPERS and awaiting is not None and node.args and isinstance(node.args[0].value, cst.Call):
        inner = node.args[0].value
        waited = cst.Await(inner)
        ev.definition.stand_for(waited, awaiting)
        value = evaluate_call(ev, inner, waited)
        for argument in node.args[1:]:
            ev.plain(argument.value)
        return value
    handed = _THREAD_CALLS.get(type_name) if type_name in _THREAD_CALLS else (1 if method == "run_in_executor" else None)
    if handed is not None and awaiting is not None and len(node.args) > handed and not isinstance(node.args[handed].value, cst.Lambda):
        inner = cst.Call(node.args[handed].value, node.args[handed + 1 :])
        ev.definition.stand_for(inner, node)
        number = ev.next_id
        value = evaluate_call(ev, inner, awaiting)
        if not any(isinstance(event, Switch) for event in ev.events[number:]):
            ev.switch(awaiting, callee=method)
        return value
    spawner = _spawner(ev, node, type_name, method, base)
    if spawner:
        return _spawn(ev, node, awaiting, method or source_of(function))
    arguments = _arguments(ev, node)
    if type_name.startswith("def:"):
        return _own(ev, node, awaiting, type_name[4:], base, arguments)
    if type_name.startswith("type[:"):
        return _construct(ev, node, type_name[5:-1], arguments)
    model = ev.models.functions.get(type_name)
    if model is None and base is not None:
        found = _modelled_type(ev, base, method)
        model = ev.models.method(found, method)
        if model is not None and found not in ("row", "sql"):
            base = replace(base, type=found)
    if model is not None:
        if set(model.unless) & set(arguments.keywords):
            model = replace(model, effect="atomic")
        value = _effect(ev, node, model, base, method, arguments, awaiting)
        if value is not None:
            return value
    if base is not None and base.ref is not None and awaiting is None:
        value = _container(ev, node, base, method, arguments)
        if value is not None:
            return value
    if base is not None and base.ref is None and awaiting is None:
        _local_container(ev, function, base, method, arguments)
    return _unknown(ev, node, awaiting, base, method, type_name, arguments)


_THREAD_CALLS = {"asyncio.to_thread": 0, "anyio.to_thread.run_sync": 0, "trio.to_thread.run_sync": 0, "starlette.concurrency.run_in_threadpool": 0,
                 "fastapi.concurrency.run_in_threadpool": 0}
"""Run their argument in a thread and wait for it; the number is the argument's position."""


def _super(ev: Evaluator, node: cst.BaseExpression) -> Value | None:
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "super":
        return Value(type="super", text="super()")
    return None


def _member(ev: Evaluator, base: Value, function: cst.Attribute) -> Value:
    """The function that `base.attr` is, without reading an attribute for a method's sake."""
    attr = function.attr.value
    if base.type.startswith(("self:", ":", "type[:")):
        text = source_of(function)
        resource, type_name = ev.resource_of(base, attr, text)
        if type_name.startswith("def:"):
            return Value(type=type_name, text=text)
        if resource is not None and base.type.startswith("self:"):
            return ev.attribute_of(base, function)
        return Value(text=text, type=type_name if type_name.startswith("type[") else "")
    if base.type and not base.type.startswith(("def:", "lambda", "super")) and base.ref is None:
        return Value(type=f"{base.type}.{attr}", text=source_of(function))
    return Value(text=source_of(function))


def _arguments(ev: Evaluator, node: cst.Call) -> Arguments:
    found = Arguments([], {}, list(node.args), False)
    for argument in node.args:
        value = ev.plain(argument.value)
        if argument.keyword is not None:
            found.keywords[argument.keyword.value] = value
        elif argument.star:
            found.starred = True
            found.keywords[f"*{len(found.keywords)}"] = value
        else:
            found.positional.append(value)
    return found


# functions of the module


def _own(
    ev: Evaluator, node: cst.Call, awaiting: cst.Await | None, qualname: str, base: Value | None, arguments: Arguments
) -> Value:
    facts = ev.scope.functions[qualname]
    if facts.is_async and awaiting is None:
        return Value(arguments.stems, type=f"coroutine:{qualname}", text=source_of(node))
    positional = list(arguments.positional)
    if facts.owner and "staticmethod" not in facts.decorators and base is not None:
        if base.type.startswith("type[") and "classmethod" not in facts.decorators:
            pass
        else:
            positional.insert(0, replace(base, row=base.row))
    if not arguments.starred:
        first = ev.next_id
        value = ev.inline(qualname, positional, arguments.keywords, node)
        if value is not None:
            if awaiting is not None and base is not None and base.ref is not None:
                for event in ev.events[first : ev.next_id]:
                    if isinstance(event, Switch) and event.used is None:
                        ev.revise(event.id, used=base.ref)
            if awaiting is not None and value.shape is Shape.OTHER and any(isinstance(e, Switch) for e in ev.events[first : ev.next_id]):
                return replace(value, shape=Shape.AWAITED)
            return value
    if awaiting is not None and ev.program.may_suspend(facts):
        ev.switch(awaiting, arguments.stems, facts.name)
        return Value(shape=Shape.AWAITED, stems=arguments.stems)
    return Value(arguments.stems, Shape.CALL, text=source_of(node))


def _construct(ev: Evaluator, node: cst.Call, type_name: str, arguments: Arguments) -> Value:
    class_name = type_name[1:]
    bases = ev.scope.base_names(class_name)
    if _is_model(bases):
        ev.rows.append(Row("", class_name, _library(bases), None, new=True))
        keys = (("keys", Value(text=" ".join(sorted(arguments.texts)))),)
        return Value(arguments.stems, Shape.NEW, type=type_name, row=len(ev.rows) - 1, known=keys)
    return Value(shape=Shape.NEW, type=type_name, text=source_of(node))


_MODEL_BASES = {
    "django.db.models.Model": "django", "tortoise.models.Model": "tortoise", "tortoise.Model": "tortoise", "peewee.Model": "peewee",
    "sqlalchemy.orm.DeclarativeBase": "sqlalchemy", "sqlmodel.SQLModel": "sqlalchemy",
}


def _is_model(bases: frozenset[str]) -> bool:
    return any(base in _MODEL_BASES or base.endswith(("models.Model", "db.Model", ".DeclarativeBase")) or base in ("Base", "Model") for base in bases)


def _library(bases: frozenset[str]) -> str:
    for base in sorted(bases):
        if base in _MODEL_BASES:
            return _MODEL_BASES[base]
        if base.endswith("models.Model"):
            return "django"
    return "sqlalchemy"


# models


def _modelled_type(ev: Evaluator, base: Value, method: str) -> str:
    """The type in whose table a method of the value stands; "" if it cannot be told."""
    models, known = ev.models, base.type
    if known in models.types:
        return known
    if base.row is not None:
        return "row"
    if known.endswith(".objects") or base.text.endswith(".objects"):
        return "django.QuerySet"
    if re.search(r"(^|\.)[A-Z]\w*\.query$", base.text):
        return "sqlalchemy.Query"
    if known.startswith("self:") and base.ref is None:
        return "row" if _is_model(ev.scope.base_names(known[5:])) else ""
    if known.startswith((":", "def:")) and base.ref is None:
        return ""
    if base.ref is None and (known.startswith("type[") or "." in known):
        queried = _queried_class(ev, known)
        if queried or known.startswith("type["):
            return queried
        if known != ev.scope.canonical(base.text):  # of a class that no table describes, unless it came from the project by its name
            return models.guess("", ev.scope.libraries, method)
    guessed = models.guess(base.text.partition("(")[0], ev.scope.libraries, method) if base.text else ""
    if guessed:
        return guessed
    if method in models.row_methods and base.text and not known and ev.program.maps_rows:
        return "row"
    return "sql"


def _queried_class(ev: Evaluator, type_name: str) -> str:
    """The modelled base of a class that is queried by methods of its own: `peewee.Model` of a class that derives from it."""
    if type_name.startswith("type[:"):
        bases = ev.scope.base_names(type_name[6:-1])
    else:
        located = ev.scope.index.find_class(type_name, ev.scope.facts.path) if type_name.rpartition(".")[2][:1].isupper() else None
        if located is None:
            return ""
        imports = dict(located[0].imports)
        bases = frozenset(imports.get(first, first) + dot + rest for first, dot, rest in (b.partition(".") for b in located[1].bases))
    return next((base for base in sorted(bases) if base.endswith(".Model") and base in ev.models.types), "")


def _effect(
    ev: Evaluator, node: cst.Call, model: Call, base: Value | None, method: str, arguments: Arguments, awaiting: cst.Await | None
) -> Value | None:
    """Applies the effect of a modelled call; None to treat it as an unknown call."""
    where: cst.CSTNode = awaiting or node
    effect = model.effect
    if effect == "lock":
        return Value(shape=Shape.NEW, type=base.type if base is not None and base.ref is not None else _type_of(ev, node), text=source_of(node))
    if effect in ("resource", "path"):
        value = Value(shape=Shape.NEW, type=model.returns or _type_of(ev, node), text=source_of(node),
                      known=(("path", Value(text=_path_text(arguments, 0))),) if effect == "path" else (("resource", Value()),))
        if awaiting is not None:
            ev.switch(awaiting, callee=method)
            return replace(value, shape=Shape.AWAITED)
        return value
    if effect == "statement":
        first = arguments.at(0)
        name = first.text.partition(".")[0] if first is not None else ""
        return Value(arguments.stems, type="sqlalchemy.Statement", text=name,
                     known=(("statement", Value(text=model.returns)), ("model", Value(text=name))))
    if effect == "same":
        return arguments.at(0) or Value()
    if effect == "pure":
        value = Value(arguments.stems | (base.stems if base else NO_IDS), type=model.returns, via=base.via if base else None,
                      known=base.known if base is not None and model.returns else ())
        if awaiting is not None:
            ev.switch(awaiting, value.stems, method)
            value = replace(value, shape=Shape.AWAITED)
        return value
    if effect == "lock-context":
        return Value(shape=Shape.NEW, type="lock-context", text=source_of(node))
    if effect == "none":
        if awaiting is not None:
            ev.switch(awaiting, arguments.stems, method, base.ref if base is not None else None)
            return Value(shape=Shape.AWAITED, type=model.returns)
        return Value(arguments.stems, Shape.NEW if model.returns else Shape.CALL, type=model.returns or _type_of(ev, node), text=source_of(node))
    value = _store_effect(ev, where, effect, model, base, method, arguments)
    if value is None:
        return None
    if awaiting is not None:
        ev.switch(awaiting, arguments.stems, method, base.ref if base else None)
        if value.via is not None:
            ev.state.fresh -= {value.via}
        value = replace(value, shape=Shape.AWAITED)
    return value


def _type_of(ev: Evaluator, node: cst.Call) -> str:
    return ev.scope.built_type(source_of(node.func))


def _path_text(arguments: Arguments, index: int) -> str:
    value = arguments.at(index)
    if value is None:
        return ""
    path = value.part("path")
    return path.text if path is not None and path.text else value.text


def _file(text: str) -> Resource:
    return Resource(Kind.FILE, "file", text, text)


def _store_effect(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value | None, method: str, arguments: Arguments
) -> Value | None:
    base = base or Value()
    if effect == "open":
        mode = arguments.at(1) if base.type != "pathlib.Path" else arguments.at(0)
        mode = mode or arguments.keywords.get("mode")
        path = base.part("path") or (Value(text=base.text) if base.text and model.key is None else None)
        text = path.text if path is not None and model.key is None else _path_text(arguments, 0)
        return Value(type="file", known=(("path", Value(text=text)), ("mode", Value(text=(mode.text if mode else "'r'").strip("'\"")))))
    if effect in ("json-load", "json-dump"):
        handle = arguments.at(model.key)
        path = handle.part("path") if handle is not None else None
        if path is None:
            return Value(arguments.stems)
        if effect == "json-load":
            return _read_store(ev, _file(path.text), where, method)
        _write_store(ev, _file(path.text), where, arguments.at(model.value) or Value(), method, Op.WRITE, arguments)
        return Value()
    if effect in ("file-read", "file-write"):
        path = base.part("path")
        text = path.text if path is not None and base.type == "file" else base.text
        if model.key is not None:
            text = _path_text(arguments, model.key)
        if not text:
            return None
        if effect == "file-read":
            return _read_store(ev, _file(text), where, method)
        mode = base.part("mode")
        if mode is not None and ("a" in mode.text or "x" in mode.text):
            return Value()
        written = arguments.at(model.value) or Value()
        if model.key is not None and not written.stems:  # a file that replaces another holds what was written to it
            last = next((e for e in reversed(ev.events) if isinstance(e, Access) and e.op is Op.WRITE and e.resource == _file(written.text)), None)
            written = replace(written, stems=last.value.stems) if last is not None else written
        _write_store(ev, _file(text), where, written, method, Op.WRITE, arguments)
        return Value()
    if effect == "delete":
        first = arguments.at(0)
        deleted = base.row if base.row is not None else (first.row if first is not None and _home(ev, base) == "sqlalchemy" else None)
        if deleted is not None:
            row = ev.rows[deleted]
            table = row.model or row.name
            ev.emit(Op.DELETE, Resource(Kind.TABLE, row.library or _home(ev, base), table, table), where, Value(), method, frozenset({row.name}))
            return Value()
    if effect in ("read", "exists", "write", "update", "delete", "atomic") and (
        base.part("model") is not None or base.type.endswith((".QuerySet", ".Query", ".Model"))
    ):
        return _table(ev, where, effect, model, base, method, arguments)
    if effect in ("read", "exists", "write", "update", "delete", "atomic"):
        return _keyed(ev, where, effect, model, base, method, arguments)
    if effect in ("query", "query-locked", "row", "row-locked", "create", "save", "add", "refresh"):
        return _orm(ev, where, effect, model, base, method, arguments)
    if effect == "sql":
        return _sql(ev, where, model, base, method, arguments)
    if effect in ("transaction", "begin"):
        return Value(type="transaction", text=base.text or "transaction", known=(("transaction", Value(text=base.text)), ("target", Value(type=model.returns))))
    if effect == "commit":
        _flush(ev, where, base, method)
        if method != "flush":
            ev.mark("commit", where, base.text)
        for held in ev.acquisitions(ev.state.held):
            if held.what in ("transaction", "row lock") and method != "flush":
                ev.release(held.id)
        return Value()
    if effect == "rollback":
        ev.state.written.clear()
        ev.mark("rollback", where, base.text)
        return Value()
    if effect == "acquire":
        return None
    return None


def _read_store(ev: Evaluator, resource: Resource, where: cst.CSTNode, how: str, op: Op = Op.READ) -> Value:
    number = ev.emit(op, resource, where, how=how)
    return Value(frozenset((number,)), Shape.CALL, via=number)


def _write_store(
    ev: Evaluator, resource: Resource, where: cst.CSTNode, value: Value, how: str, op: Op, arguments: Arguments
) -> int:
    return ev.emit(op, resource, where, value, how, arguments.texts)


def _keyed(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value, method: str, arguments: Arguments
) -> Value | None:
    """A store with keys: cache, Redis, document table."""
    key = arguments.at(model.key)
    text = key.text if key is not None else ""
    if model.key is not None and not text:
        text = source_of(arguments.nodes[model.key].value) if model.key < len(arguments.nodes) else ""
    resource = Resource(Kind.STORE, "store", base.text, f"{base.text}[{text}]" if text else base.text, text)
    if effect == "read":
        return _read_store(ev, resource, where, method)
    if effect == "exists":
        return _read_store(ev, resource, where, method, Op.CHECK)
    value = arguments.at(model.value) or Value(arguments.stems)
    op = {"write": Op.WRITE, "update": Op.UPDATE, "atomic": Op.UPDATE, "delete": Op.DELETE}[effect]
    number = _write_store(ev, resource, where, value, method, op, arguments)
    return Value(frozenset((number,)) if effect == "atomic" else NO_IDS, via=number if effect == "atomic" else None)


def _table(ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value, method: str, arguments: Arguments) -> Value:
    """A query set reads, changes or deletes the rows that it selects, in one statement."""
    name = _model_name(base)
    resource = Resource(Kind.TABLE, _home(ev, base), name, name)
    keys = base.part("keys")
    related = frozenset(k for k in (keys.text.split() if keys is not None else ()) if not k.endswith("=")) | arguments.texts
    if effect in ("read", "exists"):
        number = ev.emit(Op.CHECK if effect == "exists" else Op.READ, resource, where, how=method, related=related)
        return Value(frozenset((number,)), Shape.CALL, via=number, type=model.returns, known=(("model", Value(text=name)),) if model.returns else ())
    op = {"write": Op.WRITE, "update": Op.UPDATE, "atomic": Op.UPDATE, "delete": Op.DELETE}[effect]
    number = ev.emit(op, resource, where, Value(arguments.stems), method, related)
    value = Value(frozenset((number,)), via=number)
    if model.returns == "row":  # the row, and whether it was made
        ev.rows.append(Row("", name, _home(ev, base), number))
        return replace(value, known=(("0", replace(value, row=len(ev.rows) - 1)),))
    return replace(value, type=model.returns, known=(("model", Value(text=name)),) if model.returns else ())


def _home(ev: Evaluator, base: Value) -> str:
    """The library that a query set, session or connection belongs to."""
    home = base.type.partition(".")[0]
    if home in ("cursor", "sqlite3", "aiosqlite", "psycopg", "mysql"):  # a cursor and its connection meet
        return "sqlite3 autocommit" if ev.scope.facts.autocommit else "sqlite3"
    return home or "django"


def _model_name(base: Value) -> str:
    path = base.part("model")
    if path is not None:
        return path.text
    text = base.text or base.type
    return re.sub(r"\.(objects|query)$", "", text).rpartition(".")[2]


def _orm(
    ev: Evaluator, where: cst.CSTNode, effect: str, model: Call, base: Value, method: str, arguments: Arguments
) -> Value | None:
    name = _model_name(base)
    if effect in ("query", "query-locked"):
        first = arguments.at(0)
        if model.key == 0 and first is not None:
            name = first.text
        keys = base.part("keys")
        wanted = " ".join(sorted({*(keys.text.split() if keys else ()), *arguments.texts, *(f"{k}=" for k in arguments.keywords)}))
        locked = effect == "query-locked" or base.part("locked") is not None
        statement = base.part("statement")
        known: tuple[tuple[str, Value], ...] = (("model", Value(text=name)), ("keys", Value(text=wanted)))
        if statement is not None:
            known = (*known, ("statement", statement), *_clauses(base, method, arguments, name))
        if locked:
            known = (*known, ("locked", Value()))
        return Value(base.stems | (arguments.stems if statement is not None else NO_IDS), type=model.returns or base.type or "django.QuerySet", known=known, text=name)
    if effect in ("row", "row-locked"):
        first = arguments.at(0)
        if model.key == 0 and first is not None:
            name = first.text.partition(".objects")[0]
        locked = effect == "row-locked" or base.part("locked") is not None or "with_for_update" in arguments.keywords or "for_update" in arguments.keywords
        locked = locked or any(a.part("locked") is not None for a in arguments.every)
        resource = Resource(Kind.TABLE, _home(ev, base), name, name)
        if base.type == "sqlalchemy.Result" and base.via is not None:
            ev.rows.append(Row("", name, "sqlalchemy", base.via, locked))
            return Value(base.stems, Shape.CALL, via=base.via, row=len(ev.rows) - 1)
        number = ev.emit(Op.READ, resource, where, how=method, related=arguments.texts)
        ev.rows.append(Row("", name, base.type.partition(".")[0] or "django", number, locked))
        if locked:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        return Value(frozenset((number,)), Shape.CALL, via=number, row=len(ev.rows) - 1, type="")
    if effect == "create":
        resource = Resource(Kind.TABLE, _home(ev, base), name, name)
        number = ev.emit(Op.CREATE, resource, where, Value(arguments.stems), method, arguments.texts)
        ev.rows.append(Row("", name, _home(ev, base), None, new=True))
        return Value(shape=Shape.NEW, row=len(ev.rows) - 1)
    if effect == "add":
        added = arguments.at(0)
        row = ev.rows[added.row] if added is not None and added.row is not None else None
        if row is not None and not row.new and row.loaded is not None:
            return Value()
        table = row.model if row is not None else (added.text.partition("(")[0] if added is not None else "")
        ev.emit(Op.CREATE, Resource(Kind.TABLE, "sqlalchemy", table, table), where, Value(arguments.stems), method, arguments.texts)
        return Value()
    if effect == "refresh":
        refreshed = arguments.at(0) or base
        if refreshed.row is not None and ev.rows[refreshed.row].model:
            old = ev.rows[refreshed.row]
            number = ev.emit(Op.READ, Resource(Kind.TABLE, old.library, old.model, old.model), where, how=method)
            ev.rows.append(replace(old, loaded=number, new=False, locked=old.locked or "with_for_update" in arguments.keywords))
            ev.state.env[refreshed.text] = Value(frozenset((number,)), row=len(ev.rows) - 1, text=refreshed.text)
            return Value()
        locked = "with_for_update" in arguments.keywords
        if refreshed is not None:
            number = ev.emit(Op.READ, Resource(Kind.TABLE, "sqlalchemy", refreshed.text, refreshed.text), where, how=method)
            ev.rows.append(Row(refreshed.text, refreshed.text, "sqlalchemy", number, locked))
            if refreshed.text.isidentifier():
                ev.state.env[refreshed.text] = Value(refreshed.stems, row=len(ev.rows) - 1, text=refreshed.text)
            if locked:
                ev.acquire(Resource(Kind.TABLE, "sqlalchemy", refreshed.text, refreshed.text), "row lock", "processes", ev.place(where))
        return Value()
    return _save(ev, where, base, method, arguments)


def _save(ev: Evaluator, where: cst.CSTNode, base: Value, method: str, arguments: Arguments) -> Value | None:
    """`row.save()`: the fields set since the last save go to the database."""
    row = base.row
    if row is None:
        row = row_of(ev, base)
    if row is None:
        return None
    write_row(ev, where, row, method)
    return Value()


def row_of(ev: Evaluator, base: Value) -> int | None:
    """The row that a value stands for; `self` of a model class and arguments become rows when they are first written."""
    if base.row is not None:
        return base.row
    if not base.text or not base.text.replace(".", "_").isidentifier():
        return None
    for index, row in enumerate(ev.rows):
        if row.name == base.text:
            return index
    if base.type.startswith("self:"):
        name = base.type[5:]
    else:
        name = base.text
    ev.rows.append(Row(base.text, name, "", None))
    return len(ev.rows) - 1


def write_row(ev: Evaluator, where: cst.CSTNode, index: int, how: str) -> None:
    """Emits the write of a row with all that its fields were computed from."""
    row = ev.rows[index]
    fields = ev.state.written.pop(index, {})
    stems = NO_IDS.union(*fields.values()) if fields else NO_IDS
    table = row.model or row.name
    if row.new:
        ev.emit(Op.CREATE, Resource(Kind.TABLE, row.library, table, table), where, Value(stems), how, frozenset({row.name}))
        return
    ev.emit(
        Op.WRITE, Resource(Kind.ROW, row.library or ("django" if how in ("save", "asave") else "sqlalchemy"), ",".join(sorted(fields)), row.name or table),
        where, Value(stems, row=index), how,
        frozenset({row.name}),
    )


def _flush(ev: Evaluator, where: cst.CSTNode, base: Value, method: str) -> None:
    for index in sorted(ev.state.written):
        write_row(ev, where, index, method)


def _sql(ev: Evaluator, where: cst.CSTNode, model: Call, base: Value, method: str, arguments: Arguments) -> Value | None:
    """A statement of SQL in a string, or a SQLAlchemy construct."""
    statement = arguments.at(model.sql)
    if statement is None:
        return None
    text = _literal(statement.text)
    if text is None:
        built = statement.part("statement")
        if built is not None:
            value = _built_statement(ev, where, statement, built.text, base, method, arguments)
            if model.returns == "row" and built.text == "select":
                ev.rows.append(Row("", _model_name(statement), "sqlalchemy", value.via, statement.part("locked") is not None))
                value = replace(value, type="", row=len(ev.rows) - 1)
            return value
        return None
    found = classify(text)
    resource = Resource(Kind.TABLE, _home(ev, base), found.table, found.table or base.text)
    related = arguments.texts - {statement.text}
    inner = frozenset(
        source_of(element.value)
        for node in arguments.nodes[1:]
        for element in (node.value.elements if isinstance(node.value, (cst.Tuple, cst.List)) else ())
        if isinstance(element.value, (cst.Name, cst.Attribute))
    )
    related |= inner
    related |= found.keys
    values = Value(arguments.stems, appended=any(v.appended for v in arguments.every))
    known = (("model", Value(text=found.table)),)
    if found.effect == "read":
        number = ev.emit(Op.READ, resource, where, how=method, related=related)
        if found.locking:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        if base.text in ev.state.env and ev.models.method(base.type or ev.models.guess(base.text, ev.scope.libraries), "fetchone") is not None:
            ev.state.env[base.text] = replace(base, stems=frozenset((number,)), via=number, type=base.type or "cursor")
        return Value(frozenset((number,)), Shape.CALL, via=number, type="cursor", known=known)
    if found.effect == "begin":
        ev.acquire(resource, "transaction", "processes", ev.place(where))
        if "immediate" in text.lower() or "exclusive" in text.lower():
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        return Value()
    if found.effect in ("commit", "rollback"):
        for held in ev.acquisitions(ev.state.held):
            if held.what in ("transaction", "row lock"):
                ev.release(held.id)
        ev.mark(found.effect, where, base.text)
        return Value()
    if found.effect == "lock":
        ev.acquire(resource, "row lock", "processes", ev.place(where))
        return Value()
    op = {"write": Op.WRITE, "update": Op.UPDATE, "create": Op.UPDATE if found.conditional else Op.CREATE, "delete": Op.DELETE}.get(found.effect)
    if op is None:
        return None
    ev.emit(op, resource, where, values, "conditional" if found.conditional else method, related)
    return Value(type="cursor", known=known)


def _built_statement(
    ev: Evaluator, where: cst.CSTNode, statement: Value, kind: str, base: Value, method: str, arguments: Arguments
) -> Value:
    table = _model_name(statement)
    resource = Resource(Kind.TABLE, "sqlalchemy", table, table)
    if kind == "select":
        locked = statement.part("locked") is not None
        number = ev.emit(Op.READ, resource, where, how=method)
        if locked:
            ev.acquire(resource, "row lock", "processes", ev.place(where))
        known: tuple[tuple[str, Value], ...] = (("model", Value(text=table)),)
        if locked:
            known = (*known, ("locked", Value()))
        return Value(frozenset((number,)), Shape.CALL, via=number, type="sqlalchemy.Result", known=known, text=table)
    keys = statement.part("keys")
    relative = statement.part("relative") is not None
    op = {"insert": Op.CREATE, "update": Op.UPDATE if relative else Op.WRITE, "delete": Op.DELETE}[kind]
    related = frozenset(k for k in (keys.text.split() if keys else ()) if not k.endswith("="))
    conditions = statement.part("conditions")
    how = "conditional" if conditions is not None and len(conditions.text) > 1 else method
    ev.emit(op, resource, where, Value(statement.stems), how, related)
    return Value(type="sqlalchemy.Result", text=table)


def _clauses(base: Value, method: str, arguments: Arguments, model: str) -> tuple[tuple[str, Value], ...]:
    """What is kept of the clauses of a statement: a mark for each condition, and whether a value refers to the model's columns."""
    found: list[tuple[str, Value]] = []
    conditions = base.part("conditions")
    count = conditions.text if conditions is not None else ""
    if method in ("where", "filter", "filter_by"):
        for argument in arguments.nodes:
            both = isinstance(argument.value, cst.BinaryOperation) and isinstance(argument.value.operator, cst.BitAnd)
            count += "&&" if both else "&"
    found.append(("conditions", Value(text=count)))
    relative = base.part("relative")
    if relative is not None or (method == "values" and any(f"{model}." in source_of(argument.value) for argument in arguments.nodes)):
        found.append(("relative", Value()))
    return tuple(found)


def _literal(text: str) -> str | None:
    """The text of a string literal's source; f-strings keep their braces."""
    stripped = text.lstrip("rRbBuUfF")
    if not stripped[:1] in ("'", '"'):
        return None
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError):
        return stripped.strip("'\"")
    return value if isinstance(value, str) else None


# containers


def _container(ev: Evaluator, node: cst.Call, base: Value, method: str, arguments: Arguments) -> Value | None:
    """A method of a shared collection, judged by its name unless the type is known to be something else."""
    resource = base.ref
    assert resource is not None
    known_type = base.type
    if known_type and known_type not in CONTAINERS and known_type not in ("tuple", "str"):
        return None
    first = arguments.positional[0] if arguments.positional else None
    key = first.text if first is not None else ""
    if method in ("get", "pop", "setdefault") and key:
        item = item_of(resource, key)
        if method == "get":
            return ev.read(item, node, how="get")
        number = ev.emit(Op.UPDATE if method == "setdefault" else Op.DELETE, item, node, Value(arguments.stems), method)
        return Value(frozenset((number,)) if method == "setdefault" else NO_IDS, ref=item if method == "setdefault" else None)
    if method in UPDATES:
        ev.emit(Op.UPDATE, resource, node, Value(arguments.stems, Shape.NEW), method, arguments.texts)
        return Value(shape=Shape.NONE)
    if method in REMOVALS:
        item = item_of(resource, key) if key and method in ("remove", "discard") else resource
        ev.emit(Op.DELETE, item, node, Value(shape=Shape.EMPTY if method == "clear" else Shape.OTHER), method)
        return Value(shape=Shape.OTHER)
    if method in CONTAINER_READS:
        value = ev.read(resource, node, how=method)
        return replace(value, ref=None)
    return None


def _local_container(ev: Evaluator, function: cst.BaseExpression, base: Value, method: str, arguments: Arguments) -> None:
    """A local that was read from shared state and is changed in place stays computed from it."""
    if method not in UPDATES and method not in REMOVALS or not isinstance(function, cst.Attribute):
        return
    root: cst.BaseExpression = function.value
    while isinstance(root, (cst.Attribute, cst.Subscript, cst.Call)):
        root = root.func if isinstance(root, cst.Call) else root.value
    if isinstance(root, cst.Name) and root.value in ev.state.env:
        value = ev.state.env[root.value]
        if value.stems:
            ev.state.env[root.value] = replace(
                value, stems=value.stems | arguments.stems, appended=value.appended or method in ("append", "extend", "insert", "add", "appendleft")
            )


# spawns and unknown calls


def _spawner(ev: Evaluator, node: cst.Call, type_name: str, method: str, base: Value | None) -> bool:
    spawners = ev.models.spawners
    known = spawners.get(type_name)
    if known is not None:
        return not known.once
    by_method = spawners.get("." + method) if base is not None else None
    return by_method is not None and not by_method.once and not type_name.startswith("def:")


def _spawn(ev: Evaluator, node: cst.Call, awaiting: cst.Await | None, name: str) -> Value:
    stems: Ids = NO_IDS
    for argument in node.args:
        inner = argument.value
        if isinstance(inner, cst.Call):
            for nested in inner.args:
                stems |= ev.plain(nested.value).stems
            if isinstance(inner.func, cst.Attribute):
                ev.plain(inner.func.value)
        else:
            stems |= ev.plain(inner).stems
    ev.mark("spawn", node, name)
    if awaiting is not None:
        ev.switch(awaiting, stems, name)
        return Value(shape=Shape.AWAITED)
    return Value(stems, Shape.SPAWNED, type="task", text=source_of(node))


def _unknown(
    ev: Evaluator, node: cst.Call, awaiting: cst.Await | None, base: Value | None, method: str, type_name: str, arguments: Arguments
) -> Value:
    where: cst.CSTNode = awaiting or node
    if base is not None and base.ref is not None:
        ev.emit(Op.USE, base.ref, node, Value(arguments.stems, via=base.via), method)
    if "for_update" in method:
        resource = Resource(Kind.TABLE, _home(ev, base or Value()), method, method)
        number = ev.emit(Op.READ, resource, where, how=method)
        ev.rows.append(Row("", method, "", number, True))
        ev.acquire(resource, "row lock", "processes", ev.place(where))
        if awaiting is not None:
            ev.switch(awaiting, callee=method)
        return Value(frozenset((number,)), Shape.CALL, row=len(ev.rows) - 1)
    lock = _lock_call(ev, node, base, method, awaiting)
    if lock is not None:
        return lock
    pair = _named_pair(ev, where, base, method, arguments, awaiting)
    if awaiting is not None:
        ev.switch(awaiting, arguments.stems | (base.stems if base else NO_IDS), method, base.ref if base else None)
        if pair is not None:
            return replace(pair, shape=Shape.AWAITED)
        return Value(shape=Shape.AWAITED, known=base.known if base is not None and base.part("path") is not None else ())
    if pair is not None:
        return pair
    ev.mark("call", node, type_name or (base.text + "." + method if base is not None else method))
    if type_name in BUILTIN_PURE:
        looked = [ev.read(v.ref, node, how=type_name).stems for v in arguments.positional if v.ref is not None and v.via is None]
        stems = arguments.stems.union(*looked)
        via = arguments.positional[0].via if type_name in ("bool",) and arguments.positional else None
        return Value(stems, Shape.EMPTY if type_name in ("dict", "list", "set") and not node.args else Shape.CALL, via=via,
                     type=type_name if type_name in ("dict", "list", "set") else "", text=source_of(node), appended=any(v.appended for v in arguments.every))
    stems = arguments.stems | (base.stems if base is not None else NO_IDS)
    known = base.known if base is not None else ()
    if not known:
        known = next((v.known for v in arguments.every if v.part("path") is not None), ())
    if not known and (texts := arguments.texts):
        known = (("keys", Value(text=" ".join(sorted(texts)))),)
    constructor = (type_name.rpartition(".")[2] or method)[:1].isupper()
    return Value(stems, Shape.NEW if constructor else Shape.CALL, type=type_name if constructor else "",
                 appended=any(v.appended for v in arguments.every), known=known,
                 row=arguments.positional[0].row if type_name in ("cast", "typing.cast") and arguments.positional else None)


def _lock_call(ev: Evaluator, node: cst.Call, base: Value | None, method: str, awaiting: cst.Await | None) -> Value | None:
    """`lock.acquire()` and `lock.release()`."""
    if base is None or method not in ("acquire", "release", "__aenter__", "__aexit__"):
        return None
    if not is_lock(ev, base):
        return None
    lock = base.ref or Resource(Kind.ATTRIBUTE, ev.function.qualname, base.text, base.text)
    if method in ("acquire", "__aenter__"):
        if awaiting is not None:
            ev.switch(awaiting, callee="acquire")
        ev.acquire(lock, "lock", lock_world(ev, base), ev.place(node))
        return Value(shape=Shape.CALL)
    for held in ev.acquisitions(ev.state.held):
        if held.what == "lock" and (held.lock.place, held.lock.name) == (lock.place, lock.name):
            ev.release(held.id)
    return Value()


def is_lock(ev: Evaluator, value: Value) -> bool:
    """Whether the value excludes other units: by its type, or by a name that says so."""
    call = ev.models.functions.get(value.type)
    if call is not None:
        return call.effect == "lock"
    if value.type.endswith("#many"):
        return False
    if value.type and value.type in ev.models.types:
        return False
    text = (value.text or value.type).lower()
    last = text.partition("(")[0]
    return any(part in last for part in ev.models.guards) or bool(re.search(r"\b(_?cond(ition)?|_?sem)\b", last))


def lock_world(ev: Evaluator, value: Value) -> str:
    """The world that the lock excludes in; `any` if it is not known."""
    call = ev.models.functions.get(value.type)
    return call.world if call is not None else "any"


def _named_pair(
    ev: Evaluator, where: cst.CSTNode, base: Value | None, method: str, arguments: Arguments, awaiting: cst.Await | None
) -> Value | None:
    """`load_x`/`save_x` and their kin on one key, when their bodies cannot be seen."""
    verb, _, noun = method.lstrip("_").partition("_")
    if verb not in _READ_VERBS and verb not in _WRITE_VERBS:
        return None
    generic = not noun
    if base is None and generic:
        return None
    if awaiting is None and (generic or verb in ("get", "set", "put", "update", "find")):
        return None
    if base is not None and base.type.startswith(("def:", "super", "lambda", "typing")):
        return None
    receiver = base.text if base is not None else ""
    if not receiver and base is not None:
        return None
    first = arguments.positional[0] if arguments.positional else None
    key = ""
    if first is not None and verb in _READ_VERBS and not arguments.keywords.get("default"):
        key = first.text
    elif first is not None and len(arguments.every) > 1:
        key = first.text
    resource = Resource(Kind.STORE, "named", f"{receiver}.{noun}", f"{receiver}.{noun}".strip("."), key)
    if verb in _READ_VERBS and not (verb == "get" and len(arguments.every) > 2):
        return _read_store(ev, resource, where, method)
    if not arguments.every:
        return None
    value = arguments.positional[-1] if arguments.positional else next(iter(arguments.keywords.values()))
    value = replace(value, stems=arguments.stems)
    _write_store(ev, resource, where, value, method, Op.WRITE, arguments)
    return Value(shape=Shape.CALL)

