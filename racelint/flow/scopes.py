"""Context managers of the project that lend a session and commit it when the body is done: `with session_scope() as session:`."""

from __future__ import annotations

import libcst as cst

from racelint.events import Value
from racelint.evidence.sessions import session_type
from racelint.evidence.wrappers import is_transaction
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of
from racelint.words import SCOPES


def manager_of(ev: Evaluator, expression: cst.BaseExpression) -> tuple[FunctionFacts, bool] | None:
    """The function of the project, written as a generator, that a context manager is a call of, and whether it is of this module."""
    if not isinstance(expression, cst.Call):
        return None
    path = source_of(expression.func)
    targets = ev.program.concurrency.target(path, ev.function) if path.count(".") < 2 else []
    manager = targets[0] if len(targets) == 1 else ev.program.elsewhere.helper(path, ev.function)
    if manager is None or not any("contextmanager" in decorator for decorator in manager.decorators):
        return None
    return manager, manager in targets


def committing_scope(ev: Evaluator, expression: cst.BaseExpression) -> Value | None:
    """The transaction that a context manager of the project makes of its body; None if it commits nothing at its end."""
    found = manager_of(ev, expression)
    if found is None or not isinstance(expression, cst.Call):
        return None
    told = SCOPES.search(source_of(expression.func)) is not None
    return (committed_after_yield if told else _begun_in_sql)(ev, found[0], source_of(expression))


def committed_after_yield(ev: Evaluator, maker: FunctionFacts, text: str) -> Value | None:
    """The transaction that a generator makes of what is done while it yields: it commits a session, or yields within a transaction."""
    for call in maker.calls:
        name, _, last = call.callee.rpartition(".")
        kind = _type_of(ev, maker, name) if last == "commit" else ""
        if kind:
            return Value(type="transaction", text=text, known=(("target", Value(type=kind)),))
    if any(is_transaction(guard) and guard.endswith(".begin") for guard in maker.yields_within):
        return Value(type="transaction", text=text)
    return _begun_in_sql(ev, maker, text)


def _begun_in_sql(ev: Evaluator, maker: FunctionFacts, text: str) -> Value | None:
    """The same of a generator that executes `BEGIN` and commits; its part "alone" is there if no other writer runs meanwhile."""
    if not maker.sql:
        return None
    source = "\n".join(ev.program.lines_of(maker)[maker.first - 1 : maker.last])
    begun = _BEGIN.findall(source)
    if not begun or _COMMIT.search(source) is None:
        return None
    path = next((call.callee.rpartition(".")[0] for call in maker.calls if call.callee.endswith(".execute")), "")
    kind = _type_of(ev, maker, path) if path else ""
    known = (("target", Value(type=kind)),) if kind else ()
    return Value(type="transaction", text=text, known=(*known, ("alone", Value())) if all(begun) else known)


_BEGIN = expression(r"(?i)\bexecute\(\s*[\"']+BEGIN\b\s*(IMMEDIATE|EXCLUSIVE)?")
_COMMIT = expression(r"(?i)\bexecute\(\s*[\"']+(?:COMMIT|END)\b|\.commit\(")


def _type_of(ev: Evaluator, maker: FunctionFacts, name: str) -> str:
    """The type of a session or connection that a generator commits, as far as its maker or its name tells."""
    kind = session_type(ev.program.concurrency, name, maker) or ev.models.guess(name, ev.libraries, "commit")
    model = ev.models.method(kind, "commit")
    return kind if model is not None and model.effect == "commit" else ""
