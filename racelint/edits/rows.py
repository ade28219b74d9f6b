"""RL105: a column is changed by the database, not by a copy of it in memory."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.imports import Imported, imported
from racelint.finding import Applicability, Edit, Finding, Fix
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
    if not isinstance(column, cst.Attribute):
        return None
    texts = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString, cst.List)
    if "django" in code.scope.libraries and any(isinstance(one, texts) for one in code.walk(statement.value, *texts)):
        return None  # `F() +` adds numbers; texts would need `Concat`
    fresh = _read_again(code, finding, statement, column)
    old = _column(code, column) if fresh is not None else None
    edit = _in_database(code, statement, column, old.name) if old is not None else None
    if fresh is None or old is None or edit is None:
        return None
    title = f"let the database change `{source_of(column)}`"
    return Fix(title, Applicability.UNSAFE, (*old.edits, edit, *fresh))


def _read_again(code: Code, finding: Finding, changed: Statement, column: cst.Attribute) -> tuple[Edit, ...] | None:
    """What gives the attribute its value back after Django has saved the row; None if it is needed before that.

    As long as it holds the expression, whoever saves the same object once more changes the column once more. Nothing is
    needed for a row that is loaded here and not used any more; SQLAlchemy reads it again by itself.
    """
    row, saved = source_of(column.value), code.statement_at(finding.span)
    uses = code.mentions(code.function, source_of(column))
    if "django" not in code.scope.libraries:
        return () if not any(_is_behind(code, use, changed) for use in uses) else None
    if saved is None or any(_is_behind(code, use, changed) and not _is_behind(code, use, saved) for use in uses):
        return None
    loaded = any(_assigns(one, row) for one in code.walk(code.function, cst.Assign))
    if loaded and not any(_is_behind(code, use, saved) for use in code.mentions(code.function, row)):
        return ()
    again = code.behind(saved, f'{row}.refresh_from_db(fields=["{column.attr.value}"])')
    return (again,) if again is not None else None


def _is_behind(code: Code, node: cst.CSTNode, statement: Statement) -> bool:
    """Whether a node stands behind a statement."""
    place, end = code.span(node), code.span(statement)
    return (place.line, place.column) >= (end.end_line, end.end_column)


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


def _assigns(statement: cst.Assign, name: str) -> bool:
    return len(statement.targets) == 1 and source_of(statement.targets[0].target) == name
