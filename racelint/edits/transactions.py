"""RL201: related changes in one transaction, in the words of their library."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.imports import imported
from racelint.edits.locking import region
from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.flow.summaries import source_of
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """How a transaction is opened: the header of its `with`, and the edits that it needs."""

    header: str
    edits: tuple[Edit, ...] = ()


def in_transaction(code: Code, finding: Finding) -> Fix | None:
    """Puts the statements of the trace under a transaction; unsafe, for errors and locks then concern them all."""
    spans = [step.span for step in finding.trace]
    if any(not code.facts.first <= span.line <= code.facts.last for span in spans):
        return None
    statements = region(code, [*spans, finding.span])
    if not statements or any(list(code.walk(one, cst.Yield, cst.FunctionDef)) for one in statements):
        return None
    opened = _django(code, statements) or _connection(code, [*spans, finding.span])
    edits = code.wrapped(statements, opened.header) if opened is not None else ()
    if opened is None or not edits:
        return None
    return Fix("put the changes into one transaction", Applicability.UNSAFE, (*opened.edits, *edits))


def _django(code: Code, statements: list[Statement]) -> Opened | None:
    """`with transaction.atomic():`, which is for code that is not asynchronous."""
    if "django" not in code.scope.libraries or code.facts.is_async or not may_be_one(code, statements):
        return None
    if any(list(code.walk(one, cst.Await)) for one in statements):
        return None
    transaction = imported(code, "django.db", "transaction")
    return Opened(f"with {transaction.name}.atomic():", transaction.edits) if transaction is not None else None


def may_be_one(code: Code, statements: list[Statement]) -> bool:
    """Whether Django's default transaction may hold the statements: they name no other database, and are few.

    What is long does more than change rows, such as telling others what is not committed yet; a loop over an iterator is long.
    """
    lines = code.span(statements[-1]).end_line - code.span(statements[0]).line + 1
    texts = [code.text(one) for one in statements]
    return lines <= MOST_LINES and not any(word in text for text in texts for word in ("using", ".iterator(", ".send("))


MOST_LINES = 40

OPENERS = frozenset({"acquire", "connect", "connection"})
"""Calls whose `with` gives a connection, not a pool or a cursor, which have no transactions."""


def _connection(code: Code, spans: list[Span]) -> Opened | None:
    """The transaction of the connection on which all the changes are made."""
    receivers = {_receiver(code, span) for span in spans}
    name = next(iter(receivers)) if len(receivers) == 1 else None
    if name is None or not _is_connection(code, name):
        return None
    if code.scope.libraries & {"asyncpg", "psycopg"}:
        return Opened(f"{'async ' if code.facts.is_async else ''}with {name}.transaction():")
    return None


def _is_connection(code: Code, name: str) -> bool:
    """Whether the function itself opens the connection, by a `with` that binds the name."""
    for item in code.walk(code.function, cst.WithItem):
        function = item.item.func if isinstance(item.item, cst.Call) else None
        bound = source_of(item.asname.name) if item.asname is not None else ""
        opener = function.attr.value if isinstance(function, cst.Attribute) else ""
        if bound == name and opener in OPENERS:
            return True
    return False


def _receiver(code: Code, span: Span) -> str | None:
    """What the changing call at a place is a method of."""
    call = code.around(span, cst.Call)
    function = call.func if call is not None else None
    return source_of(function.value) if isinstance(function, cst.Attribute) else None
