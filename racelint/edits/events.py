"""RL605, RL606: what is signalled between tasks."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code
from racelint.finding import Applicability, Finding, Fix
from racelint.flow.summaries import source_of

SETTERS = frozenset({"set_result", "set_exception"})


def clear_after_wait(code: Code, finding: Finding) -> Fix | None:
    """`event.clear()` moves up to the line behind `await event.wait()`."""
    clear = code.around(finding.span, cst.Expr)
    block = code.block(clear) if clear is not None else None
    if clear is None or block is None:
        return None
    siblings = code.statements(block)
    here = siblings.index(clear)
    for number in range(here - 1, -1, -1):
        one = siblings[number]
        if number < here - 1 and isinstance(one, cst.Expr) and _waits_for(one, finding.resource):
            there, gone = code.behind(one, code.text(clear)), code.without(clear)
            if there is not None and gone is not None:
                return Fix(f"clear `{finding.resource}` right after the wait", Applicability.SAFE, (there, gone))
    return None


def _waits_for(statement: cst.Expr, event: str) -> bool:
    awaited = statement.value.expression if isinstance(statement.value, cst.Await) else statement.value
    return isinstance(awaited, cst.Call) and source_of(awaited.func) == f"{event}.wait"


def unless_done(code: Code, finding: Finding) -> Fix | None:
    """`future.set_result(x)` becomes `if not future.done(): …`; only as a statement that stands alone on its lines."""
    statement = code.around(finding.span, cst.Expr)
    if statement is None or not isinstance(statement.value, cst.Call):
        return None
    function = statement.value.func
    if not isinstance(function, cst.Attribute) or function.attr.value not in SETTERS:
        return None
    if list(code.walk(function.value, cst.Call)) or source_of(function.value) == code.owner[1]:
        return None  # calling it twice could give two futures; an object that completes itself need not be a future
    edits = code.wrapped([statement], f"if not {source_of(function.value)}.done():")
    return Fix(f"complete `{finding.resource}` only if it is not done", Applicability.SAFE, edits) if edits else None
