"""What can be seen of a state, as plain data that two runs can be compared by.

An object is its type and its attributes; a lock, a task or a connection is its type alone. JSON in a string, a file or a
column is taken apart, so that a time in it does not make the whole differ. A SQLite file is its rows.
"""

from __future__ import annotations

import asyncio
import json
import math
import queue
import sqlite3
import threading
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AnySet
from contextlib import closing
from enum import Enum
from pathlib import Path, PurePath
from typing import TypeAlias

from racelint.testing.stand_in import StandIn

DEPTH = 8
"""How deep attributes and entries are followed."""

ALIASES = "one object:"
"""How the leaves begin that say which values are one and the same object."""

Leaf: TypeAlias = tuple[str, ...]
"""One value with the way to it; a place in a list is `*`, because two units that both append may come in any order."""

PLAIN = (type(None), bool, int, float, complex, str, bytes)
_SKIPPED = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_MAGIC = b"SQLite format 3\0"


def leaves(value: object, way: tuple[str, ...] = (), above: tuple[int, ...] = ()) -> Iterator[Leaf]:
    """The leaves of a value; what cannot be looked into is its type."""
    if isinstance(value, StandIn) and not (value.first and value.calls):
        yield (*way, repr(value))
        return
    if isinstance(value, Enum):
        yield (*way, str(value))
        return
    if isinstance(value, PLAIN):
        yield from _plain(value, way, above)
        return
    if len(way) > DEPTH or id(value) in above:
        yield (*way, f"<{type(value).__name__}>")
        return
    inner = [*_parts(value)]
    if not inner:
        yield (*way, _named(value))
    for name, part in inner:
        yield from leaves(part, (*way, name), (*above, id(value)))


def _plain(value: object, way: tuple[str, ...], above: tuple[int, ...]) -> Iterator[Leaf]:
    if isinstance(value, str | bytes) and value[:1] in ("{", "[", b"{", b"["):
        try:
            data = json.loads(value)
        except ValueError:
            data = None
        if isinstance(data, dict | list):
            yield from leaves(data, (*way, "json"), above)
            return
    yield (*way, "nan" if isinstance(value, float) and math.isnan(value) else repr(value))


def _named(value: object) -> str:
    """A value without parts: an empty collection, or something that cannot be looked into."""
    if isinstance(value, Mapping | AnySet | Sequence | deque):
        return f"empty {type(value).__name__}"
    if isinstance(value, asyncio.Event | threading.Event):
        return f"{type(value).__name__} {'set' if value.is_set() else 'not set'}"
    if isinstance(value, PurePath):
        return f"path {value.name}"
    if type(value).__module__ in _TEXTUAL:
        return repr(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return f"<{type(value).__name__}>"


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """The parts of a value by name."""
    if isinstance(value, StandIn):
        yield from (("*", call) for call in [*value.calls])
    elif isinstance(value, Mapping):
        yield from ((f"[{key!r}]", part) for key, part in [*value.items()])
    elif isinstance(value, AnySet | list | deque):
        yield from (("*", part) for part in [*value])
    elif isinstance(value, tuple):
        yield from ((f"[{place}]", part) for place, part in enumerate(value))
    elif isinstance(value, asyncio.Queue):
        yield from (("*", part) for part in [*getattr(value, "_queue", ())])
    elif isinstance(value, queue.Queue):
        yield from (("*", part) for part in [*value.queue])
    elif (
        not isinstance(value, (*_SKIPPED, BaseException, PurePath)) and type(value).__module__ not in _OPAQUE | _TEXTUAL
    ):
        yield from _attributes(value)


_OPAQUE = {
    "asyncio.locks",
    "asyncio.tasks",
    "_asyncio",
    "asyncio.events",
    "asyncio.unix_events",
    "threading",
    "_thread",
}
_OPAQUE |= {"sqlite3", "_sqlite3", "aiosqlite.core", "re", "_io", "concurrent.futures.thread", "logging", "weakref"}
_OPAQUE |= {"contextvars", "_contextvars", "functools", "itertools"}
"""Modules whose objects are not taken apart: what they hold has nothing to do with the state."""
_TEXTUAL = {"datetime", "decimal", "fractions", "ipaddress", "uuid", "zoneinfo"}
"""Modules whose objects are what their text says."""


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    try:
        names = dict(vars(value))
    except Exception:  # noqa: BLE001 - slots, or an object that answers as it likes
        names = {}
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if hasattr(value, name):
                names.setdefault(name, getattr(value, name))
    for name, part in names.items():
        if not name.startswith("__") and not isinstance(part, _SKIPPED):
            yield f".{name}", part


def of_module(module: types.ModuleType) -> dict[str, object]:
    """The data at the top of a module, and of its classes."""
    found: dict[str, object] = {}
    for name, value in [*vars(module).items()]:
        if name.startswith("__"):
            continue
        if isinstance(value, type) and value.__module__ == module.__name__:
            found.update(
                (f"{name}.{key}", part)
                for key, part in [*vars(value).items()]
                if not key.startswith("__") and _is_data(part)
            )
        elif _is_data(value):
            found[name] = value
    return found


def _is_data(value: object) -> bool:
    wrappers = (staticmethod, classmethod, property)
    return not isinstance(value, (*_SKIPPED, *wrappers)) and not type(value).__module__.startswith(("typing", "types"))


def of_folder(folder: Path) -> dict[str, object]:
    """What is in the files of a folder, by their names."""
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(("-journal", "-wal", "-shm"))
    }


def _content(path: Path) -> object:
    if not path.is_file():
        return "a folder"
    data = path.read_bytes()
    if data.startswith(_MAGIC):
        return _rows(path)
    return data.decode("utf-8", "backslashreplace")


def _rows(path: Path) -> object:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        found: dict[str, object] = {}
        for (table,) in tables.fetchall():
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return found


def same_objects(named: Iterable[tuple[str, object]]) -> list[Leaf]:
    """Which of some values are one and the same object; values that cannot be told apart anyway do not count."""
    ways: dict[int, list[str]] = {}
    for name, value in named:
        if not isinstance(value, (*PLAIN, *_SKIPPED, StandIn, Enum, tuple, frozenset)):
            ways.setdefault(id(value), []).append(name)
    return [(ALIASES, " is ".join(sorted(names))) for names in ways.values() if len(names) > 1]
