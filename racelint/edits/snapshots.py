"""RL802, RL608: a copy instead of the collection itself."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code
from racelint.finding import Applicability, Finding, Fix

VIEWS = frozenset({"items", "keys", "values"})


def iterate_over_snapshot(code: Code, finding: Finding) -> Fix | None:
    """`for x in self.d:` becomes `for x in list(self.d):`, a comprehension likewise."""
    for span in (*(step.span for step in finding.trace), finding.span):
        loop = code.around(span, cst.CompFor) or code.around(span, cst.For)
        if loop is None or loop.asynchronous is not None:
            continue
        over = loop.iter
        if _is_collection(over, finding.resource, code) and "list" not in code.scope.assigned:
            edit = code.replace(over, f"list({code.text(over)})")
            return Fix(f"iterate over a snapshot of `{finding.resource}`", Applicability.SAFE, (edit,))
    return None


def _is_collection(node: cst.BaseExpression, name: str, code: Code) -> bool:
    """The resource itself, or one of its live views."""
    if isinstance(node, cst.Call) and not node.args and isinstance(node.func, cst.Attribute):
        return node.func.attr.value in VIEWS and node.func.value in code.mentions(node, name)
    return node in code.mentions(node, name)


def return_copy(code: Code, finding: Finding) -> Fix | None:
    """`return self.d` becomes `return dict(self.d)`; a view becomes a list, which is unsafe, for it can do less."""
    statement = code.statement_at(finding.span)
    if not isinstance(statement, cst.Return) or statement.value is None:
        return None
    name = finding.resource
    if statement.value not in code.mentions(statement.value, name):
        if not _is_collection(statement.value, name, code):
            return None
        edit = code.replace(statement.value, f"list({code.text(statement.value)})")
        return Fix(f"return a list of what `{name}` holds", Applicability.UNSAFE, (edit,))
    owner, self_name = code.owner
    kind = code.scope.attribute_type(owner, name.partition(".")[2]) if name.startswith(f"{self_name}.") else ""
    if kind not in ("dict", "list", "set") or kind in code.scope.assigned:
        return None
    edit = code.replace(statement.value, f"{kind}({code.text(statement.value)})")
    return Fix(f"return a copy of `{name}`", Applicability.SAFE, (edit,))
