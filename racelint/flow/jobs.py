"""Jobs and messages: what is handed to a worker, and what it may look up."""

from __future__ import annotations

from racelint.events import Shape, Value
from racelint.flow import tree as cst
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of


def enqueue(
    ev: Evaluator, node: cst.Call, base: Value | None, arguments: Arguments, awaiting: cst.Await | None
) -> Value:
    """A job is sent: marks what it is told, and which rows have fields that are not saved yet."""
    told = _mentioned(node)
    unsaved = frozenset(ev.rows[index].name for index in ev.state.written)
    ev.mark(
        "enqueue", node, source_of(node.func), told, arguments.stems | (base.stems if base is not None else frozenset())
    )
    if unsaved:
        ev.mark("unsaved", node, source_of(node.func), unsaved)
    if awaiting is not None:
        ev.switch(awaiting, arguments.stems, "enqueue")
        return Value(shape=Shape.AWAITED)
    return Value(shape=Shape.CALL, text=source_of(node))


def _mentioned(node: cst.Call) -> frozenset[str]:
    """Sources of all names and attributes among the arguments, however deep: `[order.pk]`, `kwargs={"id": str(order.id)}`.

    Those of calls before it in the chain count, too: `notify.s(order.pk).delay()`.
    """
    found: set[str] = set()
    todo: list[cst.CSTNode] = [argument.value for argument in node.args]
    inner = node.func
    while isinstance(inner, (cst.Attribute, cst.Call)):
        if isinstance(inner, cst.Call):
            todo += [argument.value for argument in inner.args]
            inner = inner.func
        else:
            inner = inner.value
    while todo:
        part = todo.pop()
        if isinstance(part, cst.Name):
            found.add(part.value)
        elif isinstance(part, cst.Attribute):
            found.add(source_of(part))  # the longest of each chain
            todo += [part.value] if not isinstance(part.value, (cst.Name, cst.Attribute)) else []
        elif isinstance(part, cst.Call):
            todo += [argument.value for argument in part.args]
            todo += [part.func.value] if isinstance(part.func, cst.Attribute) else []
        elif not isinstance(part, cst.Lambda):
            todo += part.children
    return frozenset(found)
