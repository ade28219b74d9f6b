"""Futures: who asks whether one is completed, who completes it, and who has it completed later."""

from __future__ import annotations

import libcst as cst

from racelint.events import Kind, Op, Resource, Value
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.touch import COMPLETIONS

LOOKS = frozenset({"done", "cancelled"})
"""Methods that say whether a future is completed."""


def future_call(
    ev: Evaluator, node: cst.Call, base: Value | None, method: str, awaiting: cst.Await | None
) -> Value | None:
    """`future.done()`, a read of its state, and `future.set_result(…)`, a change of it."""
    if base is None or awaiting is not None or method not in LOOKS | COMPLETIONS:
        return None
    resource = Resource(Kind.FUTURE, ev.function.qualname, base.text, base.text)
    if base.ref is not None:
        resource = replace(base.ref, kind=Kind.FUTURE)
    if method in LOOKS:
        value = ev.read(resource, node, how=method)
        return replace(value, ref=None, stems=value.stems | base.stems)
    ev.emit(Op.UPDATE, resource, node, Value(base.stems, born=base.born), method)
    return Value()


def completed_later(ev: Evaluator, node: cst.Call, method: str) -> None:
    """Marks a `future.set_result` that is handed to a timer or to the loop."""
    for argument in node.args:
        function = argument.value
        if isinstance(function, cst.Attribute) and function.attr.value in COMPLETIONS:
            ev.mark("completed later", node, source_of(function.value), frozenset((method,)))


def oldest(arguments: Arguments) -> int:
    """When the first of the arguments that a local name held came to be held; -1 if none was."""
    return min((value.born for value in arguments.every if value.born >= 0), default=-1)
