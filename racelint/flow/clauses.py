"""What the clauses of a statement under construction tell: conditions, values that the database computes, rows that may be there."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import Value
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of


def picks(ev: Evaluator, arguments: Arguments, model: str) -> bool:
    """Whether a clause chooses by a query of the same table that takes some of the rows only and locks none."""
    for argument in arguments.nodes:
        text = source_of(argument.value)
        if (
            re.search(rf"\b(select|query)\({re.escape(model)}\b", text)
            and ".limit(" in text
            and "for_update" not in text
        ):
            return True
        for name in re.findall(r"(?<![\w.])([a-z_]\w*)", text):
            query = ev.state.env.get(name)
            asked = query.part("model") if query is not None else None
            if query is not None and asked is not None and asked.text == model and query.part("limited") is not None:
                return query.part("locked") is None
    return False


def clauses(base: Value, method: str, arguments: Arguments, model: str) -> tuple[tuple[str, Value], ...]:
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
    if relative is not None or (
        method == "values" and any(f"{model}." in source_of(argument.value) for argument in arguments.nodes)
    ):
        found.append(("relative", Value()))
    columns = base.part("columns")
    if columns is not None and method != "with_only_columns":
        found.append(("columns", columns))
    tolerates = method in _TOLERATE or (method == "prefix_with" and _tells_to_ignore(arguments))
    if tolerates or base.part("tolerates") is not None:
        found.append(("tolerates", Value()))
    return tuple(found)


def counted_rows(name: str, method: str, arguments: Arguments) -> str:
    """What a statement that asks for a number alone speaks of: `select(func.count()).where(Ticket.show == show)` names it only there."""
    if not name.startswith("count(") or method not in ("where", "filter"):
        return name
    for argument in arguments.nodes:
        column = argument.value.left if isinstance(argument.value, cst.Comparison) else argument.value
        if (
            isinstance(column, cst.Attribute)
            and isinstance(column.value, cst.Name)
            and column.value.value[:1].isupper()
        ):
            return column.value.value
    return name


_TOLERATE = frozenset({"on_conflict_do_nothing", "on_conflict_do_update", "on_duplicate_key_update"})
"""What an insert is told to do where there is such a row."""


def _tells_to_ignore(arguments: Arguments) -> bool:
    """Whether a word before `INTO` says the same: `insert(t).prefix_with("OR IGNORE")`, and `IGNORE` for MySQL."""
    return any("ignore" in value.text.lower() or "replace" in value.text.lower() for value in arguments.every)
