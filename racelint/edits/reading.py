"""RL111: an attribute is read once, into a local."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of


def read_once(code: Code, finding: Finding) -> Fix | None:
    """`if self.span: self.span.end()` becomes `span = self.span`, then `if span: span.end()`.

    Only for an `if` whose test and body read the attribute and never write it; or for one that leaves if there is nothing,
    and the statement right behind it.
    """
    if finding.fix is None or " local" not in finding.fix.title:
        return None  # what is taken out of it, an entry of a queue, is gone from the local's object just the same
    name = finding.resource
    first = min((step.span for step in finding.trace), key=lambda span: (span.line, span.column), default=finding.span)
    branch = code.around(first, cst.If)
    if branch is None or not _only_read(code, branch, name):
        return None
    uses = [*code.mentions(branch.test, name), *code.mentions(branch.body, name)]
    if not code.mentions(branch.test, name):
        return None
    use = code.statement_at(finding.span)
    if use is not None and use in code.following(branch)[:1] and _leaves(code, branch):
        if not isinstance(use, (cst.Expr, cst.Return, cst.Assign)) or not _only_read(code, use, name):
            return None
        uses += code.mentions(use, name)
    elif not any(code.span(one) == finding.span or _holds(code.span(branch.body), finding.span) for one in uses):
        return None
    local = code.new_name(name.rpartition(".")[2].strip("_") or "current", "current")
    ahead = code.before(branch, f"{local} = {name}")
    if ahead is None:
        return None
    edits: tuple[Edit, ...] = (ahead, *(code.replace(use, local) for use in uses))
    return Fix(f"read `{name}` once, into a local", Applicability.SAFE, edits)


def _leaves(code: Code, branch: cst.If) -> bool:
    """Whether what follows is reached only if the test fails."""
    body = (
        code.statements(branch.body) if isinstance(branch.body, (cst.IndentedBlock, cst.SimpleStatementSuite)) else []
    )
    return (
        branch.orelse is None and bool(body) and isinstance(body[-1], (cst.Return, cst.Raise, cst.Continue, cst.Break))
    )


def _holds(outer: Span, inner: Span) -> bool:
    return outer.line <= inner.line and inner.end_line <= outer.end_line


def _only_read(code: Code, branch: Statement, name: str) -> bool:
    """Whether nothing below a statement writes the attribute, rebinds its object or suspends."""
    owner = name.rpartition(".")[0]
    if any(source_of(target) in (name, owner) for target in code.written(branch)):
        return False
    return not list(code.walk(branch, cst.Await, cst.Lambda, cst.FunctionDef))
