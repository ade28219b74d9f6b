"""Row locks that a query is told to take: whether it is ever evaluated, and how long the lock lasts."""

from __future__ import annotations

import libcst as cst

from racelint.events import Shape, Value
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.graph import State
from racelint.flow.making import parts_of

_LAZY = (".QuerySet", ".Query", ".Statement")


def _is_lazy(value: Value) -> bool:
    """Whether the value is a query that locks rows once it is evaluated."""
    return value.part("locked") is not None and value.type.endswith(_LAZY) and value.shape is not Shape.AWAITED


def note_dropped(ev: Evaluator, value: Value, node: cst.CSTNode, target: cst.BaseExpression | None = None) -> None:
    """Marks a query that was told to lock rows and that nobody evaluates: alone in a statement, or kept in an unused name."""
    if not _is_lazy(value) or value.row is not None:
        return
    if target is None or (isinstance(target, cst.Name) and _is_unused(ev, target.value)):
        model = value.part("model")
        ev.mark("lock not taken", node, model.text if model is not None else value.text)


def note_nested(ev: Evaluator, arguments: Arguments, node: cst.CSTNode) -> None:
    """Marks a query with row locks that another query is made with, as a condition."""
    for value in arguments.every:
        if _is_lazy(value):
            model = value.part("model")
            ev.mark("lock within a query", node, model.text if model is not None else value.text)


def end_begun(ev: Evaluator, state: State, opened: frozenset[int]) -> None:
    """Drops the transactions that statements have begun since (`BEGIN IMMEDIATE`): the context that commits ends them, too."""
    if opened:
        held = ev.acquisitions(state.held)
        state.held -= {guard.id for guard in held if guard.what == "transaction" and guard.id > min(opened)}


def end_row_locks(ev: Evaluator, state: State, opened: frozenset[int]) -> None:
    """Drops the row locks that were taken since, when the outermost transaction ends."""
    held = ev.acquisitions(state.held)
    if opened and not any(guard.what == "transaction" for guard in held):
        state.held -= {guard.id for guard in held if guard.what == "row lock" and guard.id > min(opened)}


def _is_unused(ev: Evaluator, name: str) -> bool:
    """Whether the name stands in the definition once only, where it is bound."""
    if name in ev.function.outer_names:
        return False
    count = 0
    todo: list[cst.CSTNode] = [ev.definition.node]
    while todo:
        node = todo.pop()
        if isinstance(node, cst.Name):
            count += node.value == name
        elif isinstance(node, (cst.Attribute, cst.Arg)):
            todo.append(node.value)
        else:
            todo.extend(parts_of(node))
    return count == 1
