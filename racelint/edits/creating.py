"""RL503: a row that is looked up and created by hand comes from Django's `get_or_create`.

Unsafe, for it needs a unique constraint: only that keeps the second row out. Where the model is seen and has none, what is
found afterwards says so, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.finding import Applicability, Finding, Fix
from racelint.flow.summaries import source_of
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look-up says: the manager, and the values of the columns that it asks for."""

    manager: str
    columns: dict[str, str]


def get_or_create(code: Code, finding: Finding) -> Fix | None:
    """`try: get … except DoesNotExist: create`, and `if not exists: create`, where both speak of the same columns."""
    if "django" not in code.scope.libraries or code.facts.is_async:
        return None
    act = code.statement_at(finding.span)
    block = code.block(act) if act is not None else None
    holder = code.parents.get(block) if block is not None else None
    if act is None or block is None:
        return None
    created = code.statements(block)
    if isinstance(holder, cst.ExceptHandler):
        return _for_handler(code, holder, created)
    return _for_branch(code, holder, created) if isinstance(holder, cst.If) else None


def _for_handler(code: Code, handler: cst.ExceptHandler, created: Sequence[Statement]) -> Fix | None:
    """`try: row = M.objects.get(…)`, `except M.DoesNotExist: row = M.objects.create(…)`."""
    attempt = code.parents.get(handler)
    if not isinstance(attempt, cst.Try) or len(attempt.handlers) != 1 or attempt.orelse or attempt.finalbody:
        return None
    if handler.type is None or not source_of(handler.type).endswith("DoesNotExist") or handler.name is not None:
        return None
    tried = code.statements(attempt.body) if isinstance(attempt.body, cst.IndentedBlock) else []
    if len(tried) != 1:
        return None
    looked = _looked_up(code, _value(tried[0]), "get")
    return _written(code, attempt, tried[0], looked, created)


def _for_branch(code: Code, branch: cst.If, created: Sequence[Statement]) -> Fix | None:
    """`if not M.objects.filter(…).exists(): M.objects.create(…)`; or the row of `first()` is tested that is set right above."""
    if not code.stands_alone(branch) or code.indentation(branch) is None:
        return None
    name = _absent(branch.test)
    if not name:
        tested = branch.test.expression if isinstance(branch.test, cst.UnaryOperation) else None
        looked = _looked_up(code, tested, "exists")
        made = created[0] if len(created) == 1 else None
        plain = made if isinstance(made, cst.Expr) else None
        return _written(code, branch, plain, looked, created) if plain is not None else None
    block = code.block(branch)
    siblings = code.statements(block) if block is not None else []
    above = siblings[siblings.index(branch) - 1] if branch in siblings[1:] else None
    if not isinstance(above, cst.Assign) or source_of(above.targets[0].target) != name:
        return None
    fix = _written(code, branch, above, _looked_up(code, above.value, "first"), created)
    gone = code.without(above) if fix is not None else None
    between = code.span(above).end_line + 1 == code.span(branch).line
    return Fix(fix.title, fix.applicability, (gone, *fix.edits)) if fix is not None and gone and between else None


def _absent(test: cst.BaseExpression) -> str:
    """The name that a test finds empty: `not row`, `row is None`; "" for another test."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression.value if isinstance(test.expression, cst.Name) else ""
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1 and isinstance(test.left, cst.Name):
        target = test.comparisons[0]
        is_none = isinstance(target.operator, cst.Is) and source_of(target.comparator) == "None"
        return test.left.value if is_none else ""
    return ""


def _value(statement: Statement) -> cst.BaseExpression | None:
    """What a statement assigns, returns or evaluates."""
    if isinstance(statement, (cst.Assign, cst.Return, cst.Expr)):
        return statement.value
    return None


def _head(code: Code, statement: Statement) -> str:
    """What stands before the value of such a statement; "" for an expression."""
    if isinstance(statement, cst.Return):
        return "return "
    return f"{code.text(statement.targets[0].target)} = " if isinstance(statement, cst.Assign) else ""


def _looked_up(code: Code, node: cst.BaseExpression | None, method: str) -> Looked | None:
    """`M.objects.get(…)`, or `M.objects.filter(…)` with `first()` or `exists()` behind it; keywords without a lookup in them."""
    call = node if isinstance(node, cst.Call) else None
    if call is not None and method != "get":
        chain = call.func if isinstance(call.func, cst.Attribute) and not call.args else None
        call = (
            chain.value
            if chain is not None and chain.attr.value == method and isinstance(chain.value, cst.Call)
            else None
        )
        method = "filter"
    if call is None or not isinstance(call.func, cst.Attribute) or call.func.attr.value != method:
        return None
    columns = _keywords(code, call)
    manager = call.func.value
    if not columns or not isinstance(manager, cst.Attribute) or manager.attr.value != "objects":
        return None
    return Looked(code.text(manager), columns) if not any("__" in name for name in columns) else None


def _keywords(code: Code, call: cst.Call) -> dict[str, str] | None:
    """The arguments of a call by their keywords; None if it has others."""
    if any(argument.keyword is None or argument.star for argument in call.args):
        return None
    return {argument.keyword.value: code.text(argument.value) for argument in call.args if argument.keyword is not None}


def _written(
    code: Code, there: Statement, looked_in: Statement, looked: Looked | None, created: Sequence[Statement]
) -> Fix | None:
    """`get_or_create` in place of a statement that creates what was not found, if nothing else happens in it."""
    made = _made(code, created, looked.manager) if looked is not None else None
    if looked is None or made is None or "#" in code.text(there):
        return None
    statement, call = made
    values, head = _keywords(code, call), _head(code, looked_in)
    if values is None or _head(code, statement) != head:
        return None
    if any(values.get(name) != text for name, text in looked.columns.items()):
        return None
    extra = [argument for argument in call.args if argument.keyword and argument.keyword.value not in looked.columns]
    if any(list(code.walk(argument.value, cst.Call, cst.Await, cst.NamedExpr)) for argument in extra):
        return None  # it would be evaluated also for a row that is there
    arguments = [f"{name}={text}" for name, text in looked.columns.items()]
    if extra:
        pairs = (f'"{one.keyword.value}": {code.text(one.value)}' for one in extra if one.keyword is not None)
        arguments.append(f"defaults={{{', '.join(pairs)}}}")
    text = f"{head}{looked.manager}.get_or_create({', '.join(arguments)}){'[0]' if head else ''}"
    if "\n" in text:
        return None
    return Fix("let `get_or_create` do it, on a unique key", Applicability.UNSAFE, (code.replace(there, text),))


def _made(code: Code, created: Sequence[Statement], manager: str) -> tuple[Statement, cst.Call] | None:
    """The statement that creates the row: `M.objects.create(…)`; or `row = M(…)`, which `row.save()` follows."""
    model = manager.removesuffix(".objects")
    value = _value(created[0]) if created else None
    if not isinstance(value, cst.Call):
        return None
    made = source_of(value.func)
    if len(created) == 1 and made == f"{manager}.create":
        return created[0], value
    if len(created) != 2 or made != model or not isinstance(created[0], cst.Assign):
        return None
    name, saved = source_of(created[0].targets[0].target), _value(created[1])
    return (created[0], value) if saved is not None and source_of(saved) == f"{name}.save()" else None
