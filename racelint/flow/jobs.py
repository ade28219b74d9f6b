"""Jobs and messages: what is handed to a worker, and what it may look up."""

from __future__ import annotations

import libcst as cst

from racelint.events import Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of


def enqueue(
    ev: Evaluator, node: cst.Call, base: Value | None, arguments: Arguments, awaiting: cst.Await | None
) -> Value:
    """A job is sent: marks what it is told, and which rows have fields that are not saved yet."""
    delays = (arguments.keywords[name] for name in ("countdown", "eta") if name in arguments.keywords)
    later = any(delay.text not in ("0", "0.0", "None") for delay in delays)
    told = frozenset() if later else _mentioned(node) | _held(arguments)  # by then that has long been committed
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
    finder = _Names()
    for argument in node.args:
        argument.value.visit(finder)
    inner = node.func
    while isinstance(inner, (cst.Attribute, cst.Call)):
        if isinstance(inner, cst.Call):
            for argument in inner.args:
                argument.value.visit(finder)
            inner = inner.func
        else:
            inner = inner.value
    return frozenset(finder.found)


def _held(arguments: Arguments) -> frozenset[str]:
    """The same of dictionaries that locals hold: `told = {"id": order.pk}`, then `notify.delay(**told)`."""
    texts = (_TEXT.sub("", value.origin) for value in arguments.every if value.origin.startswith("{"))
    return frozenset(name for text in texts for name in _DOTTED.findall(text))


_TEXT = expression(r"'[^']*'|\"[^\"]*\"")
_DOTTED = expression(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


class _Names(cst.CSTVisitor):
    """Collects dotted names, the longest of each."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        self.found.add(source_of(node))
        return not isinstance(node.value, (cst.Name, cst.Attribute))

    def visit_Name(self, node: cst.Name) -> None:
        self.found.add(node.value)

    def visit_Call(self, node: cst.Call) -> bool:
        for argument in node.args:
            argument.value.visit(self)
        if isinstance(node.func, cst.Attribute):
            node.func.value.visit(self)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False
