"""Reads what is known of libraries from the TOML tables beside this file.

`docs/models.md` describes the format; a table that does not follow it is an error that names the file and the entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from racelint.models import ModelError as ModelError
from racelint.models.bundled import read, tables
from racelint.models.data import Call, Conversation, Handler, Models, Spawner

EFFECTS = frozenset(
    [
        "file-check",
        "file-make",
        "file-remove",
        "file-use",
        "file-list",
        "file-move",
        "file-copy",
        "file-join",
        "file-name",
        "file-handle",
        "open-flags",
        "open-mode",
        "lock",
        "acquire",
        "release",
        "lock-context",
        "none",
        "resource",
        "read",
        "write",
        "update",
        "delete",
        "create",
        "exists",
        "row",
        "row-locked",
        "query",
        "query-locked",
        "transaction",
        "begin",
        "commit",
        "rollback",
        "save",
        "add",
        "refresh",
        "sql",
        "open",
        "json-load",
        "json-dump",
        "file-read",
        "file-write",
        "path",
        "atomic",
        "pure",
        "same",
        "spawn",
        "statement",
        "enqueue",
        "remove",
        "stop",
        "expire",
    ]
)
_CALL_KEYS = {"effect", "key", "value", "sql", "returns", "world", "path", "unless", "names", "raises"}


def _call(table: object, where: str) -> Call:
    if isinstance(table, str):
        table = {"effect": table}
    if not isinstance(table, dict):
        raise ModelError(f"{where}: expected an effect or a table")
    unknown = set(table) - _CALL_KEYS
    if unknown:
        raise ModelError(f"{where}: unknown key {min(unknown)!r}; known are {', '.join(sorted(_CALL_KEYS))}")
    effect = table.get("effect", "none")
    if effect not in EFFECTS:
        raise ModelError(f"{where}: unknown effect {effect!r}; known are {', '.join(sorted(EFFECTS))}")
    unless = table.get("unless", [])
    return Call(
        effect,
        table.get("key"),
        table.get("value"),
        table.get("sql"),
        table.get("returns", ""),
        table.get("world", "any"),
        tuple(map(str, unless if isinstance(unless, list) else [unless])),
        str(dict(table.get("names", {})).get("key", "")),
        bool(table.get("raises")),
    )


def _merge(models: Models, data: dict[str, object], where: str) -> None:
    imports = tuple(_strings(data.get("imports", []), where))
    if data.get("types"):
        models.libraries.update(imports)
    for names, table in _table(data, "functions", where).items():
        call = _call(table, f"{where}: functions.{names!r}")
        models.functions.update(dict.fromkeys(names.split(), call))
    for name, raw in _table(data, "types", where).items():
        _merge_type(models, name, raw if isinstance(raw, dict) else {}, imports, where)
    for name, raw in _table(data, "spawners", where).items():
        table = raw if isinstance(raw, dict) else {"world": raw}
        models.spawners[name] = Spawner(
            _word(table, "world", f"{where}: spawners.{name!r}"), bool(table.get("many")), bool(table.get("once"))
        )
    for handler in _tables(data, "handlers", where):
        _merge_handler(models, handler, imports, where)
    for name, raw in _table(data, "conversations", where).items():
        table = raw if isinstance(raw, dict) else {}
        made, alone, asks, answers = (
            frozenset(_strings(table.get(key, []), f"{where}: conversations.{name!r}"))
            for key in ("made-by", "alone", "asks", "answers")
        )
        models.conversations[name] = Conversation(made, alone, asks, answers, str(table.get("what", "connection")))
    models.guards.extend(_strings(data.get("guards", []), where))
    for key, words in (
        ("awaited", models.awaited),
        ("beginnings", models.beginnings),
        ("by-one-process", models.by_one_process),
        ("constraint-errors", models.constraint_errors),
        ("hands-in", models.hands_in),
        ("idempotent", models.idempotent),
        ("lifecycle", models.lifecycle),
        ("looks", models.looks),
        ("once", models.once),
        ("one-at-a-time", models.one_at_a_time),
        ("one-request", models.one_request),
        ("plain", models.plain),
        ("process-settings", models.process_settings),
        ("process-wide", models.process_wide),
        ("ready-when-awaited", models.ready_when_awaited),
        ("refusing", models.refusing),
        ("row-methods", models.row_methods),
        ("sent-by-tests", models.sent_by_tests),
        ("serialised", models.serialised),
        ("slow", models.slow),
    ):
        words.update(_strings(data.get(key, []), where))


def _merge_type(models: Models, name: str, table: dict[str, object], imports: tuple[str, ...], where: str) -> None:
    models.types.add(name)
    for alias in _strings(table.get("aliases", []), where):
        models.types.add(alias)
        models.parents[alias] = models.aliases[alias] = name
    if table.get("exclusive"):
        models.exclusive.add(name)
    if table.get("context"):
        models.contexts[name] = str(table["context"])
    if table.get("like"):
        models.parents[name] = str(table["like"])
    needed = tuple(_strings(table.get("imports", []), where)) or imports
    for receiver in _strings(table.get("receivers", []), where):
        models.receivers.setdefault(receiver, []).append((name, needed))
    for methods, raw in _table(table, "methods", where).items():
        call = _call(raw, f"{where}: types.{name!r}.methods.{methods}")
        models.methods.update(((name, method), call) for method in methods.split())


def _merge_handler(models: Models, table: dict[str, object], imports: tuple[str, ...], where: str) -> None:
    what, world = (_word(table, key, f"{where}: handlers") for key in ("what", "world"))
    when = frozenset(_strings(table.get("when", []), where))
    processes, shared, on_loop, atomic = (bool(table.get(k)) for k in ("processes", "shared", "on-loop", "atomic"))
    methods = frozenset(_strings(table.get("methods", []), where))
    anew = str(table.get("anew", ""))
    alone, machine, each = (bool(table.get(k)) for k in ("alone", "own-machine", "each"))
    unless = frozenset(_made_with(text) for text in _strings(table.get("unless", []), where))
    handler = Handler(
        what, world, processes, shared, on_loop, when, atomic, alone, each, unless, methods, machine, anew
    )
    for decorator in _strings(table.get("decorators", []), where):
        models.handler_decorators.append((decorator, handler, imports))
    for registration in _strings(table.get("registered", []), where):
        models.registrations.append((registration, handler, imports))
    models.assigned.update(dict.fromkeys(_strings(table.get("assigned", []), where), handler))
    for base in _strings(table.get("bases", []), where):
        models.handler_bases[base] = handler
    for signature in _strings(table.get("calls", []), where):
        models.called_objects.append((tuple(signature.split()), str(table.get("made-with", "")), handler))
    for parameter in _strings(table.get("parameters", []), where):
        models.parameter_handlers.append((parameter, handler, imports))
    models.answers.update(dict.fromkeys(_strings(table.get("answers", []), where), handler))


def _made_with(text: str) -> tuple[str, str]:
    """The name and the argument of a call that makes something: of `SocketIO(async_mode='gevent')`."""
    name, _, argument = text.rstrip(")").partition("(")
    return name, argument


def _table(data: dict[str, object], key: str, where: str) -> dict[str, object]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise ModelError(f"{where}: {key} must be a table")
    return found


def _tables(data: dict[str, object], key: str, where: str) -> list[dict[str, object]]:
    found = data.get(key, [])
    if not isinstance(found, list):
        raise ModelError(f"{where}: {key} must be an array of tables")
    return [dict(entry) for entry in found]


def _strings(value: object, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ModelError(f"{where}: expected a list of strings")
    return [str(entry) for entry in value]


def _word(table: Mapping[str, object], key: str, where: str) -> str:
    """What must be said. Raises ModelError."""
    if key not in table:
        raise ModelError(f"{where}: `{key}` is missing")
    return str(table[key])


@cache
def load_models(extra: tuple[str, ...] = ()) -> Models:
    """All bundled tables, then the user's; raises ModelError for a table that cannot be used."""
    models = Models()
    for path, data in tables():
        _merge(models, data, path)
    for path in extra:
        try:
            data = read(path)
        except (OSError, ValueError, RecursionError) as error:  # ValueError also of numbers with thousands of digits
            raise ModelError(f"{path}: {error}") from error
        _merge(models, data, path)
        for name in models.parents:
            _check_parents(models, name, path)
    return models


def _check_parents(models: Models, name: str, where: str) -> None:
    """Raises ModelError for a type that is like itself, over others or not: looking for its methods would not end."""
    seen, parent = {name}, models.parents[name]
    while parent:
        if parent in seen:
            raise ModelError(f"{where}: types.{name!r} is like itself")
        seen.add(parent)
        parent = models.parents.get(parent, "")
