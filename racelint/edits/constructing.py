"""RL306: attributes first, then the start. RL304: insertion in one step. RL110: filled first, then shown."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.finding import Applicability, Finding, Fix
from racelint.flow.summaries import source_of


def start_last(code: Code, finding: Finding) -> Fix | None:
    """The statement that starts a thread or a timer moves behind the assignments that follow it in the constructor."""
    for step in finding.trace:
        start = code.around(step.span, cst.Expr)
        if start is None or not isinstance(start.value, cst.Call):
            continue
        rest = code.following(start)
        last = next((number for number, one in enumerate(rest) if not _only_assigns(code, one)), len(rest))
        if last == 0:
            continue
        there, gone = code.behind(rest[last - 1], code.text(start)), code.without(start)
        if there is not None and gone is not None:
            return Fix("assign first, start last", Applicability.SAFE, (there, gone))
    return None


def _only_assigns(code: Code, statement: Statement) -> bool:
    """Whether a statement sets attributes to something that does not call anything the start could matter to."""
    if not isinstance(statement, (cst.Assign, cst.AnnAssign)):
        return False
    targets = [one.target for one in statement.targets] if isinstance(statement, cst.Assign) else [statement.target]
    calls = [source_of(call.func) for call in code.walk(statement, cst.Call)]
    return all(isinstance(target, (cst.Attribute, cst.Name)) for target in targets) and not any(
        call.startswith("self.") or call.endswith((".join", ".is_alive")) for call in calls
    )


CHEAP = (cst.List, cst.Dict, cst.Set, cst.Tuple, cst.Name, cst.Integer, cst.SimpleString)


def set_default(code: Code, finding: Finding) -> Fix | None:
    """`if key not in d: d[key] = Lock()` becomes `d.setdefault(key, Lock())`, for a value that is cheap to make in vain."""
    assign = code.around(finding.span, cst.Assign)
    if assign is None or len(assign.targets) != 1:
        return None
    target, block = assign.targets[0].target, code.block(assign)
    branch = code.parents[block] if block is not None else None
    if not isinstance(target, cst.Subscript) or not isinstance(branch, cst.If) or not code.stands_alone(branch):
        return None
    if block is None or len(code.statements(block)) != 1 or not _is_cheap(code, assign.value):
        return None
    key = target.slice[0].slice
    if len(target.slice) != 1 or not isinstance(key, cst.Index) or not _absent(branch.test, key.value, target.value):
        return None
    text = code.text(branch)
    if "#" in text:  # a comment would be lost with the branch
        return None
    call = f"{code.text(target.value)}.setdefault({code.text(key.value)}, {code.text(assign.value)})"
    return Fix("insert it with `setdefault`", Applicability.SAFE, (code.replace(branch, call),))


def _absent(test: cst.BaseExpression, key: cst.BaseExpression, of: cst.BaseExpression) -> bool:
    """Whether a test is `key not in of`."""
    return (
        isinstance(test, cst.Comparison)
        and len(test.comparisons) == 1
        and isinstance(test.comparisons[0].operator, cst.NotIn)
        and source_of(test.left) == source_of(key)
        and source_of(test.comparisons[0].comparator) == source_of(of)
    )


def _is_cheap(code: Code, value: cst.BaseExpression) -> bool:
    """A display without calls in it, or a lock: nothing is lost if it is made and thrown away."""
    if isinstance(value, cst.Call):
        known = code.scope.models.functions.get(code.scope.canonical(source_of(value.func)))
        return not value.args and ((known is not None and known.effect == "lock") or source_of(value.func) in PLAIN)
    return isinstance(value, CHEAP) and not list(code.walk(value, cst.Call, cst.Await))


PLAIN = frozenset({"dict", "list", "set", "object"})


def fill_then_swap(code: Code, finding: Finding) -> Fix | None:
    """`self.d = {}`, filled by a loop with switches, becomes a local that is filled and then stored."""
    name = finding.resource
    first = code.around(finding.trace[0].span, cst.Assign) if finding.trace else None
    if first is None or len(first.targets) != 1 or source_of(first.targets[0].target) != name:
        return None
    rest = code.following(first)
    last = max((number for number, one in enumerate(rest) if code.mentions(one, name)), default=-1)
    filling = rest[: last + 1]
    if not filling or any(list(code.walk(one, cst.Return, cst.Break, cst.Lambda, cst.FunctionDef)) for one in filling):
        return None
    if any(source_of(one.target) == name for part in filling for one in code.walk(part, cst.AssignTarget)):
        return None
    local = code.new_name(name.rpartition(".")[2].strip("_") or "filled", "filled")
    there = code.behind(filling[-1], f"{name} = {local}")
    if there is None:
        return None
    uses = [use for part in (first, *filling) for use in code.mentions(part, name)]
    return Fix(
        f"fill a local, then let `{name}` be it",
        Applicability.SAFE,
        (*(code.replace(use, local) for use in uses), there),
    )
