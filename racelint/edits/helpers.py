"""RL302, RL303, RL702: what a helper of `racelint.runtime` does instead."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code
from racelint.edits.imports import imported
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of

CACHES = frozenset({"functools.cache", "functools.lru_cache"})


def once(code: Code, finding: Finding) -> Fix | None:
    """A cached function without arguments, or a getter that makes a global when it is first asked, becomes `@init_once`."""
    if code.function.params.params or code.function.params.kwonly_params or code.facts.owner:
        return None
    helper = imported(code, code.runtime, "init_once")
    if helper is None:
        return None
    edits = _for_cache(code, helper.name) or _for_getter(code, helper.name)
    if not edits:
        return None
    return Fix("let `init_once` run it", Applicability.UNSAFE, (*helper.edits, *edits))


def _for_cache(code: Code, helper: str) -> tuple[Edit, ...]:
    """The decorator in place of `functools.cache`."""
    for decorator in code.function.decorators:
        node = decorator.decorator
        function = node.func if isinstance(node, cst.Call) else node
        if code.scope.canonical(source_of(function)) in CACHES:
            return (code.replace(node, helper),)
    return ()


def _for_getter(code: Code, helper: str) -> tuple[Edit, ...]:
    """`global x; if x is None: x = make(); return x`, where nothing else uses `x`, becomes `return make()`."""
    body = code.function.body
    if not isinstance(body, cst.IndentedBlock) or code.function.decorators:
        return ()
    statements = [one for one in code.statements(body) if not _is_text(one)]
    if len(statements) != 3 or not isinstance(statements[0], cst.Global) or len(statements[0].names) != 1:
        return ()
    name, branch, end = statements[0].names[0].name.value, statements[1], statements[2]
    if not isinstance(branch, cst.If) or branch.orelse is not None or not isinstance(end, cst.Return):
        return ()
    made = code.statements(branch.body) if isinstance(branch.body, cst.IndentedBlock) else []
    if len(made) != 1 or not isinstance(made[0], cst.Assign) or source_of(branch.test) != f"{name} is None":
        return ()
    if end.value is None or source_of(end.value) != name or source_of(made[0].targets[0].target) != name:
        return ()
    value, start = code.span(made[0].value), code.span(branch)
    there = Span(start.line, start.column, value.line, value.column)
    head = Span(code.facts.line, code.facts.column + 1, code.facts.line, code.facts.column + 1)
    gone = (code.without(statements[0]), code.without(end))
    if "#" in code.between(there) or gone[0] is None or gone[1] is None or _used_elsewhere(code, name):
        return ()
    return Edit(head, f"@{helper}\n"), gone[0], Edit(there, "return "), gone[1]


def _is_text(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.Expr) and isinstance(statement.value, (cst.SimpleString, cst.ConcatenatedString))


def _used_elsewhere(code: Code, name: str) -> bool:
    """Whether another function of the module uses the global: it would never see what is made."""
    others = (one for one in code.scope.facts.functions if one.qualname != code.facts.qualname)
    return any(name in one.reads or name in one.global_names for one in others)


def replace_atomically(code: Code, finding: Finding) -> Fix | None:
    """`with open(path, "w") as f:` becomes `with atomic_write(path) as f:`."""
    call = code.around(finding.span, cst.Call)
    while call is not None and source_of(call.func) != "open":
        parent = code.parents.get(call)
        call = code.enclosing(parent, cst.Call) if parent is not None else None
    statement = code.statement_at(finding.span)
    if call is None and isinstance(statement, cst.With):
        call = next((one for one in code.walk(statement.items[0], cst.Call) if source_of(one.func) == "open"), None)
    if call is None or not isinstance(code.parents.get(call), cst.WithItem) or len(call.args) != 2:
        return None
    if source_of(call.args[1].value) not in ('"w"', "'w'") or call.args[1].keyword is not None or call.args[0].star:
        return None
    helper = imported(code, code.runtime, "atomic_write")
    if helper is None:
        return None
    edit = code.replace(call, f"{helper.name}({code.text(call.args[0].value)})")
    return Fix("write a new file and let it take the place of the old one", Applicability.UNSAFE, (*helper.edits, edit))
