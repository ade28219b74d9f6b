"""`load_x`/`save_x` and their kin: names that stand for a store whose code cannot be seen."""

from __future__ import annotations

import libcst as cst

from racelint.events import Kind, Op, Resource, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.called import keeps_no_document
from racelint.flow.expressions import Evaluator
from racelint.flow.stores import read_store, write_store
from racelint.frozen import replace

_PAIRS = (
    ("load", "save"),
    ("load", "store"),
    ("load", "dump"),
    ("load", "write"),
    ("read", "write"),
    ("get", "set"),
    ("get", "put"),
    ("fetch", "store"),
    ("fetch", "save"),
    ("get", "save"),
    ("get", "update"),
    ("get", "store"),
    ("read", "save"),
    ("find", "save"),
    ("retrieve", "store"),
    ("download", "upload"),
)


_READ_VERBS = frozenset(read for read, _ in _PAIRS)


_WRITE_VERBS = frozenset(write for _, write in _PAIRS)


_EXPECTED = expression(r"expect|revision|version|if_match|etag|generation|cas\b")
"""Names of arguments that make a save conditional."""


PARTS = frozenset("attribute attr field header item member property value".split())
"""Nouns of what belongs to an object in memory: `read_field(row, "text")`, `set_attr(node, "id", 1)`."""

TEXTS = frozenset({"str", "string", "bytes"})
"""Last words of what is made of a value, or a value of it: `read_yaml_str(text)`, `dump_yaml_str(value)`."""


def split_name(method: str) -> tuple[str, str, bool]:
    """The verb of a name, what it speaks of, and whether the verb comes last: `metadata_get`, as C and key-value stores name it."""
    verb, _, noun = method.lstrip("_").partition("_")
    if verb in _READ_VERBS or verb in _WRITE_VERBS:
        return verb, noun, False
    noun, _, verb = method.lstrip("_").rpartition("_")
    return (verb, noun, True) if noun and noun not in PARTS else ("", "", False)


UNTOLD = "?"
"""A key that something computes: none of those that are plain names."""


def named_pair(
    ev: Evaluator, node: cst.Call, base: Value | None, method: str, arguments: Arguments, awaiting: cst.Await | None
) -> Value | None:
    """`load_x`/`save_x` and their kin on one key, when their bodies cannot be seen."""
    where: cst.CSTNode = awaiting or node
    verb, noun, last = split_name(method)
    if verb not in _READ_VERBS and verb not in _WRITE_VERBS:
        return None
    generic = not noun
    if base is not None and (base.type in ev.models.functions or base.type in ev.models.types):
        return None  # a library's class: its tables say what it does, or nothing is known
    if base is None and generic:
        return None
    if awaiting is None and (noun in PARTS or noun.rpartition("_")[2] in TEXTS):
        return None
    if awaiting is None and (generic or (verb in ("get", "set", "put", "update", "find") and not last)):
        return None
    if last and len(arguments.every) < (1 if verb in _READ_VERBS else 2):
        return None  # without a key it is what many name a property: `size_get()`
    if base is not None and base.type.startswith(("def:", "super", "lambda", "typing")):
        return None
    receiver = base.text if base is not None else ""
    if not receiver and base is not None:
        return None
    encodes = base.ref is None if base is not None else len(arguments.every) == 1
    if verb == "write" and awaiting is None and where is not ev.unused and encodes:
        return None  # what is written is handed on: it encodes a value, and nothing is stored
    first = arguments.positional[0] if arguments.positional else None
    key = ""
    if (first is not None and verb in _READ_VERBS and not arguments.keywords.get("default")) or (
        first is not None and len(arguments.every) > 1
    ):
        key = first.text or (UNTOLD if verb in _WRITE_VERBS else "")
    resource = Resource(Kind.STORE, "named", f"{receiver}.{noun}", f"{receiver}.{noun}".strip("."), key)
    if verb in _READ_VERBS:
        many = verb == "get" and len(arguments.every) > 2  # something is asked for, no entry by its key
        return None if many else read_store(ev, resource, where, method)
    if not arguments.every or (awaiting is None and keeps_no_document(ev, node.func)):
        return None
    value = arguments.positional[-1] if arguments.positional else next(iter(arguments.keywords.values()))
    value = replace(value, stems=arguments.stems)
    expected = any(_EXPECTED.search(name) for name in arguments.keywords)
    write_store(ev, resource, where, value, "conditional" if expected else method, Op.WRITE, arguments)
    return Value(shape=Shape.CALL)
