"""RL701: the file is used, and what is then found to be so is handled, instead of being tested before."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.imports import imported
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Guarded:
    """`if exists(path): act(path)` and nothing else: the branch, its test, and the only statement in it."""

    branch: cst.If
    statement: Statement
    call: cst.Call
    absent: bool
    """The act is done if the path is not there."""
    how: Applicability
    """Unsafe where the test also tells files from folders, which the act does not."""


def tolerate(code: Code, finding: Finding) -> Fix | None:
    """The test goes, and the act tolerates what was tested for: `exist_ok=True`, `missing_ok=True`, or `suppress`."""
    found = _guarded(code, finding)
    if found is None:
        return None
    name = found.call.func.attr.value if isinstance(found.call.func, cst.Attribute) else _bare(found.call)
    if found.absent and name in ("makedirs", "mkdir"):
        if name == "makedirs" or _is_method(found.call, code):
            return _with_keyword(code, found, "exist_ok")
        return _suppressing(code, found, "FileExistsError")
    if not found.absent and name == "unlink" and _is_method(found.call, code):
        return _with_keyword(code, found, "missing_ok")
    if not found.absent and name in ("remove", "unlink", "rmdir"):
        return _suppressing(code, found, "FileNotFoundError")
    return None


def _bare(call: cst.Call) -> str:
    return call.func.value if isinstance(call.func, cst.Name) else ""


def _is_method(call: cst.Call, code: Code) -> bool:
    """A method of a path, not a function of `os`: it needs no path as an argument."""
    return isinstance(call.func, cst.Attribute) and not any(argument.keyword is None for argument in call.args)


def _guarded(code: Code, finding: Finding) -> Guarded | None:
    """The branch around the act, if the test is all that it tests and the act is all that it does."""
    call = code.around(finding.trace[-1].span, cst.Call) if finding.trace else None
    test = code.around(finding.trace[0].span, cst.Call) if finding.trace else None
    if call is None or test is None:
        return None
    statement = code.statement(call)
    block = code.block(statement) if statement is not None else None
    branch = code.parents[block] if block is not None else None
    if not isinstance(branch, cst.If) or not code.stands_alone(branch) or not isinstance(statement, cst.Expr):
        return None
    if statement.value is not call or block is None or len(code.statements(block)) != 1:
        return None
    absent = isinstance(branch.test, cst.UnaryOperation) and isinstance(branch.test.operator, cst.Not)
    tested = branch.test.expression if isinstance(branch.test, cst.UnaryOperation) else branch.test
    if tested is not test or code.indentation(branch) is None or "#" in _header(code, branch, statement):
        return None
    kind_matters = not absent and source_of(test.func).rpartition(".")[2] in (
        "isfile",
        "is_file",
        "islink",
        "is_symlink",
    )
    return Guarded(branch, statement, call, absent, Applicability.UNSAFE if kind_matters else Applicability.SAFE)


def _header(code: Code, branch: cst.If, statement: Statement) -> str:
    """What stands between the `if` and the statement."""
    start, end = code.span(branch), code.span(statement)
    return code.between(Span(start.line, start.column, end.line, end.column))


def _unwrapped(code: Code, found: Guarded, header: str) -> list[Edit]:
    """Takes the `if` away, or puts another header in its place; the act keeps its text."""
    outer, inner = code.span(found.branch), code.span(found.statement)
    there = Span(outer.line, outer.column, inner.line, inner.column)
    if header:
        return [Edit(there, f"{header}\n{code.indentation(found.branch)}{code.step}")]
    kept = code.inside_strings([found.statement])
    return [
        Edit(there, ""),
        *(
            Edit(Span(number, 1, number, 1 + len(code.step)), "")
            for number in range(inner.line + 1, inner.end_line + 1)
            if number not in kept and code.lines[number - 1].startswith(code.step) and inner.line > outer.line
        ),
    ]


def _with_keyword(code: Code, found: Guarded, keyword: str) -> Fix | None:
    """The call with `keyword=True`; a keyword that is there already says that somebody decided otherwise."""
    call = found.call
    if any(argument.star or (argument.keyword and argument.keyword.value == keyword) for argument in call.args):
        return None
    if call.args:
        end = code.span(call.args[-1].value)
        here = Span(end.end_line, end.end_column, end.end_line, end.end_column)
        edit = Edit(here, f", {keyword}=True")
    else:
        span = code.span(call)
        here = Span(span.end_line, span.end_column - 1, span.end_line, span.end_column - 1)
        edit = Edit(here, f"{keyword}=True")
    return Fix(f"drop the test and pass `{keyword}=True`", found.how, (*_unwrapped(code, found, ""), edit))


def _suppressing(code: Code, found: Guarded, error: str) -> Fix | None:
    """The call under `contextlib.suppress`."""
    suppress = imported(code, "contextlib", "suppress")
    if suppress is None:
        return None
    header = f"with {suppress.name}({error}):"
    return Fix(f"drop the test and suppress `{error}`", found.how, (*suppress.edits, *_unwrapped(code, found, header)))
