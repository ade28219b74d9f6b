"""RL106, RL204: only what was set is saved; jobs are sent when their rows are there."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code
from racelint.edits.imports import imported
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of


def save_only_set_fields(code: Code, finding: Finding) -> Fix | None:
    """`row.save()` becomes `row.save(update_fields=["title"])`, with the attributes that this function sets on the row.

    Unsafe, for columns that `save` itself fills, such as a time of the last change, are then not written.
    """
    call = code.around(finding.span, cst.Call)
    if call is None or call.args or not isinstance(call.func, cst.Attribute) or call.func.attr.value != "save":
        return None
    row = source_of(call.func.value)
    written = [
        target.attr.value
        for target in code.written(code.function)
        if isinstance(target, cst.Attribute) and source_of(target.value) == row
    ]
    if not written or code.may_touch(_uses(code, row), [".save", "setattr"]):
        return None
    names = ", ".join(f'"{name}"' for name in dict.fromkeys(written))
    end = code.span(call)
    here = Span(end.end_line, end.end_column - 1, end.end_line, end.end_column - 1)
    edit = Edit(here, f"update_fields=[{names}]")
    return Fix(f"save only what is set of `{row}`", Applicability.UNSAFE, (edit,))


def _uses(code: Code, row: str) -> list[cst.BaseSmallStatement]:
    """The statements that hand the row to a function, which may set more of it."""
    calls = [
        call for call in code.walk(code.function, cst.Call) if any(source_of(one.value) == row for one in call.args)
    ]
    found = (code.statement(call) for call in calls)
    return [one for one in found if isinstance(one, cst.BaseSmallStatement)]


SENDERS = frozenset({"delay", "apply_async", "send"})


def send_on_commit(code: Code, finding: Finding) -> Fix | None:
    """Django: `job.delay(order.pk)` becomes `transaction.on_commit(partial(job.delay, order.pk))`.

    Unsafe, for the result of sending is no longer at hand, and the job is sent later.
    """
    statement = code.statement_at(finding.span)
    if "django" not in code.scope.libraries or not isinstance(statement, cst.Expr):
        return None
    call = statement.value
    if (
        not isinstance(call, cst.Call)
        or not isinstance(call.func, cst.Attribute)
        or call.func.attr.value not in SENDERS
    ):
        return None
    transaction, partial = imported(code, "django.db", "transaction"), imported(code, "functools", "partial")
    if transaction is None or partial is None or not call.args:
        return None
    first, last = code.span(call.args[0]), code.span(call)
    arguments = code.between(Span(first.line, first.column, last.end_line, last.end_column - 1))
    text = f"{transaction.name}.on_commit({partial.name}({code.text(call.func)}, {arguments}))"
    edits = (*transaction.edits, *partial.edits, code.replace(call, text))
    return Fix("send it when the transaction is committed", Applicability.UNSAFE, edits)
