"""RL103, RL104, RL107, RL501, RL502, RL503: SQL statements that lock what they read, in a transaction around all steps.

SQLite takes its only lock at the beginning (`BEGIN IMMEDIATE`), PostgreSQL locks rows (`FOR UPDATE`). All of it is unsafe:
others wait.
"""

from __future__ import annotations

import re

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.locking import region
from racelint.expressions import expression
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of

# SQLite


def begin_at_once(code: Code, finding: Finding) -> Fix | None:
    """`BEGIN IMMEDIATE` ahead of the first statement of a connection that the function itself opens and closes."""
    spans = [*(step.span for step in finding.trace), finding.span]
    name = connection_of(code, spans) if code.scope.libraries & {"sqlite3", "aiosqlite"} else ""
    statements = region(code, spans) if name else []
    if not statements:
        return None
    opened = _opening(code, name)
    if opened is None or _is_used_before(code, name, statements[0], opened):
        return None
    awaited = "await " if isinstance(opened, cst.With) and opened.asynchronous is not None else ""
    begin = f'{awaited}{name}.execute("BEGIN IMMEDIATE")'
    title = "take the lock of the database before the first read"
    if _commits_itself(opened, code):
        ahead = code.before(statements[0], begin)
        return Fix(title, Applicability.UNSAFE, (ahead,)) if ahead is not None else None
    if awaited or "isolation_level=None" not in code.text(opened):
        return None  # what follows may belong to the same transaction; aiosqlite's `async with` does not commit
    first, edits = code.span(statements[0]), code.wrapped(statements, f"with {name}:")
    indentation = code.indentation(statements[0])
    if not edits or indentation is None:
        return None
    there = Edit(Span(first.line, 1, first.line, 1), f"{indentation}{begin}\n")
    return Fix(title, Applicability.UNSAFE, (there, *edits))


def connection_of(code: Code, spans: list[Span]) -> str:
    """The local name on which all statements at these places are executed; "" if there is none."""
    names = set()
    for span in spans:
        call = _call_at(code, span)
        while call is not None and not _executes(call):
            parent = code.parents.get(call)
            call = code.enclosing(parent, cst.Call) if parent is not None else None
        if call is None or not isinstance(call.func, cst.Attribute) or not isinstance(call.func.value, cst.Name):
            return ""
        names.add(call.func.value.value)
    return names.pop() if len(names) == 1 else ""


def _call_at(code: Code, span: Span) -> cst.Call | None:
    """The call at a place, awaited or not."""
    node = code.at(span)
    if isinstance(node, cst.Expr):
        node = node.value
    if isinstance(node, cst.Await):
        node = node.expression
    return node if isinstance(node, cst.Call) else code.around(span, cst.Call)


def _executes(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value in EXECUTES


EXECUTES = frozenset({"execute", "fetch", "fetchrow", "fetchval"})


def _opening(code: Code, name: str) -> cst.With | cst.Assign | None:
    """The statement by which the function opens a connection to SQLite under that name."""
    found: list[cst.With | cst.Assign] = []
    for held in code.walk(code.function, cst.With):
        found += [
            held
            for item in held.items
            if item.asname is not None and source_of(item.asname.name) == name and _connects(item.item, code)
        ]
    for assign in code.walk(code.function, cst.Assign):
        if [source_of(one.target) for one in assign.targets] == [name]:
            if not _connects(assign.value, code):
                return None
            found.append(assign)
    return found[0] if len(found) == 1 else None


def _connects(node: cst.CSTNode, code: Code) -> bool:
    calls = [code.scope.canonical(source_of(call.func)) for call in code.walk(node, cst.Call)]
    return any(call in ("sqlite3.connect", "aiosqlite.connect") for call in calls)


def _is_used_before(code: Code, name: str, first: Statement, opened: cst.CSTNode) -> bool:
    """Whether a transaction may have begun before the first statement: the connection was used for more than settings."""
    start, here = code.span(opened), code.span(first)
    for call in code.walk(code.function, cst.Call):
        place = code.span(call)
        between = (start.line, start.column) <= (place.line, place.column) < (here.line, here.column)
        uses = _executes(call) and source_of(call.func).partition(".")[0] == name
        if between and uses and "PRAGMA" not in code.text(call).upper():
            return True
    return False


def _commits_itself(opened: cst.With | cst.Assign, code: Code) -> bool:
    """Whether what was begun is ended in any case: the connection is closed with its `with`, and there is a commit."""
    commits = any(source_of(call.func).endswith(".commit") for call in code.walk(code.function, cst.Call))
    return isinstance(opened, cst.With) and commits


# PostgreSQL


def lock_selected(code: Code, finding: Finding) -> Fix | None:
    """`SELECT … FOR UPDATE`."""
    return _for_update(code, finding, " FOR UPDATE")


def skip_locked(code: Code, finding: Finding) -> Fix | None:
    """`SELECT … FOR UPDATE SKIP LOCKED`: the next item that no other worker has chosen."""
    return _for_update(code, finding, " FOR UPDATE SKIP LOCKED")


def _for_update(code: Code, finding: Finding, clause: str) -> Fix | None:
    if not code.scope.libraries & {"asyncpg", "psycopg"} or not finding.trace:
        return None
    spans = [*(step.span for step in finding.trace), finding.span]
    name, text = connection_of(code, spans), _literal(code, spans[0])
    place = _end_of_select(text.value) if text is not None else None
    if not name or text is None or place is None:
        return None
    edit = _inserted(code, text, place, clause)
    if len({(span.line, span.column) for span in spans}) == 1:  # one statement is a transaction of its own
        return Fix("lock what the statement chooses", Applicability.UNSAFE, (edit,))
    statements = region(code, spans)
    if not statements or any(list(code.walk(one, cst.Yield, cst.FunctionDef)) for one in statements):
        return None
    kept: tuple[Edit, ...] = ()
    if not _is_in_transaction(code, statements[0], name):
        kept = code.wrapped(statements, f"{'async ' if code.facts.is_async else ''}with {name}.transaction():")
        if not kept:
            return None
    return Fix("lock what is chosen until it is changed", Applicability.UNSAFE, (*kept, edit))


def _literal(code: Code, span: Span) -> cst.SimpleString | None:
    """The plain text of the statement that is executed at a place."""
    call = _call_at(code, span)
    first = call.args[0].value if call is not None and call.args else None
    return first if isinstance(first, cst.SimpleString) and "\\" not in first.value else None


SELECT = expression(r"\s*SELECT\b(?!\s+DISTINCT)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
NO_ROWS = expression(
    r"\b(FOR\s+(UPDATE|SHARE)|UNION|GROUP\s+BY|HAVING|LEFT|RIGHT|FULL|WITH|COUNT|MAX|MIN|SUM|AVG|OVER)\b", re.IGNORECASE
)
"""What says that the rows of the result are not rows of one table, or that they are locked already."""
SUBQUERY = expression(r"\(\s*(SELECT\b[^()]*?\bLIMIT\s+\d+)\s*\)", re.IGNORECASE)


def _end_of_select(text: str) -> int | None:
    """Where the clause belongs in the source of a statement: at the end of a SELECT, or of the only subquery that picks."""
    quote = len(text) - len(text.lstrip("rRbBuU"))
    width = 3 if text[quote : quote + 3] in ('"""', "'''") else 1
    inner = text[quote + width : -width]
    if NO_ROWS.search(inner):
        return None
    if SELECT.fullmatch(inner):
        return quote + width + len(inner.rstrip("; \n\t"))
    found = list(SUBQUERY.finditer(inner))
    return quote + width + found[0].end(1) if len(found) == 1 else None


def _inserted(code: Code, text: cst.SimpleString, place: int, clause: str) -> Edit:
    span, before = code.span(text), text.value[:place]
    line = span.line + before.count("\n")
    column = place - (before.rfind("\n") + 1) + (span.column if line == span.line else 1)
    return Edit(Span(line, column, line, column), clause)


def _is_in_transaction(code: Code, statement: Statement, name: str) -> bool:
    node: cst.CSTNode | None = code.parents.get(statement)
    while node is not None:
        if isinstance(node, cst.With) and any(source_of(one.item) == f"{name}.transaction()" for one in node.items):
            return True
        node = code.parents.get(node)
    return False
