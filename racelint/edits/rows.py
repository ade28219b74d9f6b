"""RL105: a column is changed by the database, not by a copy of it in memory; or its row is locked before it is read."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code
from racelint.edits.imports import Imported, imported
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of

OPERATORS: dict[type[cst.BaseAugOp], str] = {
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
}


def update_by_expression(code: Code, finding: Finding) -> Fix | None:
    """`row.n += k` becomes `row.n = F("n") + k` in Django, `row.n = Model.n + k` in SQLAlchemy.

    Unsafe, for the attribute then holds an expression until the row is read again.
    """
    statement = code.statement_at(finding.trace[0].span) if finding.trace else None
    if not isinstance(statement, (cst.Assign, cst.AugAssign)):
        return None
    column = statement.target if isinstance(statement, cst.AugAssign) else statement.targets[0].target
    if not isinstance(column, cst.Attribute) or _used_afterwards(code, statement, source_of(column)):
        return None
    old = _column(code, column)
    edit = _in_database(code, statement, column, old.name) if old is not None else None
    if old is None or edit is None:
        return None
    title = f"let the database change `{source_of(column)}`"
    return Fix(title, Applicability.UNSAFE, (*old.edits, edit))


def _column(code: Code, column: cst.Attribute) -> Imported | None:
    """How the database is told of the old value of a column."""
    if "django" in code.scope.libraries:
        expression = imported(code, "django.db.models", "F")
        return expression and Imported(f'{expression.name}("{column.attr.value}")', expression.edits)
    if "sqlalchemy" in code.scope.libraries:
        model = _model(code, source_of(column.value))
        return Imported(f"{model}.{column.attr.value}") if model else None
    return None


def _model(code: Code, row: str) -> str:
    """The mapped class of a row that the function loads by `get(Model, key)`; "" if it is not seen."""
    for one in code.walk(code.function, cst.Assign):
        for call in code.walk(one.value, cst.Call) if _assigns(one, row) else ():
            name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
            if name in GETTERS and call.args and isinstance(call.args[0].value, cst.Name):
                return call.args[0].value.value
    return ""


GETTERS = frozenset({"get", "get_one"})


def _in_database(code: Code, statement: cst.Assign | cst.AugAssign, column: cst.Attribute, old: str) -> Edit | None:
    """The assignment with the old value of the column in place of the attribute's."""
    if isinstance(statement, cst.AugAssign):
        operator = OPERATORS.get(type(statement.operator))
        if operator is None:
            return None
        return code.replace(statement, f"{code.text(column)} = {old} {operator} {_operand(code, statement.value)}")
    uses = code.mentions(statement.value, source_of(column))
    if len(uses) != 1 or not isinstance(statement.value, cst.BinaryOperation):
        return None
    return code.replace(uses[0], old)


def _operand(code: Code, value: cst.BaseExpression) -> str:
    """The source of the right side, in parentheses if it binds less tightly than an operator."""
    text = code.text(value)
    return text if isinstance(value, (cst.Name, cst.Attribute, cst.Call, cst.Integer, cst.Float)) else f"({text})"


def _used_afterwards(code: Code, statement: cst.CSTNode, column: str) -> bool:
    """Whether the function reads the attribute later: it would find an expression there, not a number."""
    end = code.span(statement)
    return any(code.span(use).line > end.end_line for use in code.mentions(code.function, column))


def lock_row(code: Code, finding: Finding) -> Fix | None:
    """SQLAlchemy: the row is read `with_for_update`; unsafe, for others then wait for it."""
    if "sqlalchemy" not in code.scope.libraries or not finding.trace or "sqlite" in code.source.text:
        return None  # SQLite has no row locks; SQLAlchemy leaves the clause out
    read = code.at(finding.trace[0].span)
    row = source_of(read).partition(".")[0] if read is not None else ""
    loaded = next((one for one in code.walk(code.function, cst.Assign) if _assigns(one, row)), None)
    if loaded is None:
        return None
    for call in code.walk(loaded.value, cst.Call):
        edit = _locking_read(code, call)
        if edit is not None:
            return Fix(f"lock the row of `{row}` while it is read", Applicability.UNSAFE, (edit,))
    return None


def _assigns(statement: cst.Assign, name: str) -> bool:
    return len(statement.targets) == 1 and source_of(statement.targets[0].target) == name


def _locking_read(code: Code, call: cst.Call) -> Edit | None:
    """`get(Model, key)` with an argument more, `select(…)` and `query(…)` chains with `.with_for_update()` behind them."""
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    if (
        name in ("get", "get_one")
        and len(call.args) == 2
        and not any(argument.keyword or argument.star for argument in call.args)
    ):
        end = code.span(call.args[-1].value)
        return Edit(Span(end.end_line, end.end_column, end.end_line, end.end_column), ", with_for_update=True")
    function = call.func
    if name in READERS and isinstance(function, cst.Attribute) and ".query(" in source_of(function.value):
        return _behind(code, function.value)
    if name in ("scalars", "scalar", "execute") and call.args:
        statement = call.args[0].value
        text = source_of(statement)
        if text.startswith(("select(", "sa.select(", "sqlalchemy.select(")) and "with_for_update" not in text:
            return _behind(code, statement)
    return None


READERS = frozenset({"first", "one", "one_or_none", "scalar"})


def _behind(code: Code, node: cst.BaseExpression) -> Edit:
    end = code.span(node)
    return Edit(Span(end.end_line, end.end_column, end.end_line, end.end_column), ".with_for_update()")
