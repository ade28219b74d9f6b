"""What methods that cannot be seen do with an entry where a function promises to look and set in one step."""

from __future__ import annotations

import libcst as cst

from racelint.events import Kind, Op, Resource, Shape, Value
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.stores import read_store, write_store
from racelint.words import first_word, promises_one_step

PROMISED = "promised"
"""The owner of such entries."""

_LOOKS = frozenset("get has exists contains read fetch peek find lookup check is".split())
_SETS = frozenset("put set write store save add insert create".split())


def promised_step(
    ev: Evaluator, where: cst.CSTNode, base: Value | None, method: str, arguments: Arguments
) -> Value | None:
    """The look or the write of an entry, told by the first word of the method and its first argument, the key."""
    if base is None or not base.text.startswith(("self", "cls")) or not arguments.positional:
        return None
    key, word = arguments.positional[0].text, first_word(method)
    if not key or not promises_one_step(ev.function.name, ev.function.owner):
        return None
    resource = Resource(Kind.STORE, PROMISED, base.text, f"{base.text}[{key}]", key)
    if word in _LOOKS:
        return read_store(ev, resource, where, method)
    if word in _SETS and len(arguments.every) > 1:
        write_store(ev, resource, where, Value(arguments.stems), method, Op.WRITE, arguments)
        return Value(shape=Shape.CALL)
    return None
