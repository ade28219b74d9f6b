"""RL101: the await first, then the update."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code
from racelint.finding import Applicability, Finding, Fix

PLAIN = (cst.Name, cst.Attribute, cst.Integer, cst.Float, cst.SimpleString)
"""Expressions that may be evaluated after an await instead of before it without anybody noticing."""


def await_first(code: Code, finding: Finding) -> Fix | None:
    """`self.n += await f()` becomes `value = await f()` and `self.n += value`."""
    statement = code.statement_at(finding.span)
    if not isinstance(statement, (cst.AugAssign, cst.Assign)):
        return None
    moved = _moved(code, statement)
    if moved is None:
        return None
    name = code.new_name(*_names_for(moved))
    ahead = code.before(statement, f"{name} = {_on_its_own(code, moved)}")
    if ahead is None:
        return None
    return Fix(f"await first, then update `{finding.resource}`", Applicability.SAFE, (ahead, code.replace(moved, name)))


def _moved(code: Code, statement: cst.AugAssign | cst.Assign) -> cst.BaseExpression | None:
    """What can be evaluated ahead of the statement without changing the order of anything that can be noticed.

    That is the whole right side of an augmented assignment whose target is only named; of another assignment the only
    await, if what stands to the left of it is plain.
    """
    if isinstance(statement, cst.AugAssign):
        return None if list(code.walk(statement.target, cst.Call, cst.NamedExpr)) else statement.value
    awaits = list(code.walk(statement.value, cst.Await))
    if not awaits:  # what suspends is an asynchronous comprehension
        return None
    node: cst.CSTNode = awaits[0]
    while len(awaits) == 1 and node is not statement.value:
        parent = code.parents[node]
        if not isinstance(parent, (cst.BinaryOperation, cst.UnaryOperation)):
            return None
        if isinstance(parent, cst.BinaryOperation) and parent.right is node and not _plain(parent.left):
            return None
        node = parent
    return awaits[0] if len(awaits) == 1 and awaits[0] is not statement.value else None


def _plain(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.BinaryOperation):
        return _plain(node.left) and _plain(node.right)
    if isinstance(node, cst.Attribute):
        return _plain(node.value)
    return isinstance(node, PLAIN)


def _names_for(moved: cst.BaseExpression) -> tuple[str, ...]:
    """A name for what is awaited: the noun of `fetch_size`, else `value`."""
    call = moved.expression if isinstance(moved, cst.Await) else moved
    function = call.func if isinstance(call, cst.Call) else call
    last = (
        function.attr.value
        if isinstance(function, cst.Attribute)
        else (function.value if isinstance(function, cst.Name) else "")
    )
    verb, _, noun = last.strip("_").partition("_")
    return (noun, "value", "result") if verb in GETTERS and noun.isidentifier() else ("value", "result")


GETTERS = frozenset({"compute", "count", "fetch", "find", "get", "load", "query", "read", "receive"})
"""Verbs whose object is what they return."""


def _on_its_own(code: Code, node: cst.BaseExpression) -> str:
    """The source of an expression as the right side of an assignment: over several lines only in parentheses."""
    text = code.text(node)
    inner = node.expression if isinstance(node, cst.Await) else node
    return f"({text})" if "\n" in text and not isinstance(inner, cst.Call) else text
