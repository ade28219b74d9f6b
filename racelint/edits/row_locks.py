"""RL105, RL107, RL501, RL502: a row is locked while it is read, until what was decided by it is written.

All of it is unsafe: others wait for the row. Where there is no transaction yet that keeps the lock, Django gets one.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.imports import imported
from racelint.edits.locking import region
from racelint.edits.transactions import may_be_one
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of


def lock_row(code: Code, finding: Finding) -> Fix | None:
    """The row that decides is read with a lock."""
    return next(filter(None, (_locked(code, finding, row, skip=False) for row in _deciding(code, finding))), None)


def take_unlocked_row(code: Code, finding: Finding) -> Fix | None:
    """The next item is read with a lock, past those that other workers have locked."""
    loaded = code.statement_at(finding.trace[0].span) if finding.trace else None
    if not isinstance(loaded, cst.Assign) or not isinstance(loaded.targets[0].target, cst.Name):
        return None
    return _locked(code, finding, loaded.targets[0].target.value, skip=True)


def _deciding(code: Code, finding: Finding) -> Iterator[str]:
    """Names of rows by which the function decides: the one whose column is tested; or those that both steps speak of."""
    read = code.at(finding.trace[0].span) if finding.trace else None
    act = code.statement_at(finding.span)
    if read is None or act is None:
        return
    root = source_of(read).partition(".")[0]
    yield root
    spoken = {name.value for name in code.walk(act, cst.Name)}
    for name in code.walk(read, cst.Name):
        if name.value in spoken and name.value != root:
            yield name.value


def _locked(code: Code, finding: Finding, row: str, *, skip: bool) -> Fix | None:
    loads = [one for one in code.walk(code.function, cst.Assign) if _assigns(one, row)]
    if len(loads) != 1 or "sqlite" in code.source.text or "select_for_update" in code.text(loads[0]):
        return None  # SQLite has no row locks; the libraries leave the clause out
    title = f"lock the row of `{row}` while it is read"
    if "sqlalchemy" in code.scope.libraries:
        edits = (_locking_read(code, call, skip=skip) for call in code.walk(loads[0].value, cst.Call))
        edit = next(filter(None, edits), None)
        return Fix(title, Applicability.UNSAFE, (edit,)) if edit is not None else None
    if "django" not in code.scope.libraries or code.facts.is_async:
        return None
    edit = _locking_query(code, loads[0], skip=skip)
    kept = _kept(code, finding, loads[0]) if edit is not None else None
    return Fix(title, Applicability.UNSAFE, (*kept, edit)) if edit is not None and kept is not None else None


def _assigns(statement: cst.Assign, name: str) -> bool:
    return len(statement.targets) == 1 and source_of(statement.targets[0].target) == name


# SQLAlchemy


def _locking_read(code: Code, call: cst.Call, *, skip: bool) -> Edit | None:
    """`get(Model, key)` with an argument more, `select(…)` and `query(…)` chains with `.with_for_update()` behind them."""
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    plain = not any(argument.keyword or argument.star for argument in call.args)
    if name in ("get", "get_one") and len(call.args) == 2 and plain and not skip:
        return _behind(code, call.args[-1].value, ", with_for_update=True")
    function, clause = call.func, f".with_for_update({'skip_locked=True' if skip else ''})"
    if name in READERS and isinstance(function, cst.Attribute) and ".query(" in source_of(function.value):
        return _behind(code, function.value, clause) if "with_for_update" not in source_of(function.value) else None
    if name in ("scalars", "scalar", "execute") and call.args:
        statement = call.args[0].value
        text = source_of(statement)
        if text.startswith(("select(", "sa.select(", "sqlalchemy.select(")) and "with_for_update" not in text:
            return _behind(code, statement, clause)
    return None


READERS = frozenset({"first", "one", "one_or_none", "scalar"})


def _behind(code: Code, node: cst.BaseExpression, text: str) -> Edit:
    end = code.span(node)
    return Edit(Span(end.end_line, end.end_column, end.end_line, end.end_column), text)


# Django


def _locking_query(code: Code, load: cst.Assign, *, skip: bool) -> Edit | None:
    """`Model.objects.get(…)` and its kin with `select_for_update()` behind the manager."""
    clause = f".select_for_update({'skip_locked=True' if skip else ''})"
    query = load.value
    if isinstance(query, cst.Call) and code.scope.canonical(source_of(query.func)) == SHORTCUT and query.args:
        query = query.args[0].value
        if isinstance(query, cst.Name) and query.value[:1].isupper():
            return _behind(code, query, f".objects{clause}")
    while isinstance(query, cst.Call) and isinstance(query.func, cst.Attribute) and query.func.attr.value in QUERIES:
        query = query.func.value
    is_manager = isinstance(query, cst.Attribute) and query.attr.value == "objects"
    return _behind(code, query, clause) if is_manager and query is not load.value else None


SHORTCUT = "django.shortcuts.get_object_or_404"
QUERIES = frozenset({"all", "earliest", "exclude", "filter", "first", "get", "last", "latest", "order_by"})
"""Methods after which a row lock is still possible: no joins to rows that need not be there, nothing that groups."""


def _kept(code: Code, finding: Finding, load: Statement) -> tuple[Edit, ...] | None:
    """What keeps the lock until the last step: nothing if a transaction is around all, else a new one."""
    spans = [code.span(load), *(step.span for step in finding.trace), finding.span]
    if any(not code.facts.first <= span.line <= code.facts.last for span in spans):
        return None
    statements = region(code, spans)
    if not statements or any(list(code.walk(one, cst.Yield, cst.FunctionDef, cst.Await)) for one in statements):
        return None
    if not may_be_one(code, statements) or any(_handles_database_errors(code, one) for one in statements):
        return None  # an error that is handled inside breaks the transaction for what follows
    if any("atomic" in source_of(one.decorator) for one in code.function.decorators):
        return ()
    if _is_atomic_around(code, statements[0]):
        return ()
    transaction = imported(code, "django.db", "transaction")
    wrapped = code.wrapped(statements, f"with {transaction.name}.atomic():") if transaction is not None else ()
    return (*transaction.edits, *wrapped) if transaction is not None and wrapped else None


def _is_atomic_around(code: Code, statement: Statement) -> bool:
    node: cst.CSTNode | None = code.parents.get(statement)
    while node is not None:
        if isinstance(node, cst.With) and any("atomic(" in source_of(item.item) for item in node.items):
            return True
        node = code.parents.get(node)
    return False


def _handles_database_errors(code: Code, statement: Statement) -> bool:
    handlers = (one.type for one in code.walk(statement, cst.ExceptHandler))
    return any(kind is None or source_of(kind).endswith(("Error", "Exception")) for kind in handlers)
