"""Context managers of the project that lend a session and commit it when the body is done: `with session_scope() as session:`."""

from __future__ import annotations

import libcst as cst

from racelint.events import Value
from racelint.evidence.sessions import session_type
from racelint.evidence.wrappers import is_transaction
from racelint.expressions import expression
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of
from racelint.grafts import shown_name
from racelint.words import SCOPES

MOST_MANAGERS = 3
"""Context managers that are entered within one another."""
MOST_ALIKE = 8
"""Methods of one name that are looked at."""


def manager_of(ev: Evaluator, expression: cst.BaseExpression) -> tuple[FunctionFacts, bool] | None:
    """The function of the project, written as a generator, that a context manager is a call of, and whether it is of this module."""
    if not isinstance(expression, cst.Call):
        return None
    path = source_of(expression.func)
    concurrency = ev.program.concurrency
    holder = path.rpartition(".")[0]
    known = "." not in holder or concurrency.receiver_type(holder, ev.function).startswith(":")
    targets = concurrency.target(path, ev.function) if known else []
    manager = targets[0] if len(targets) == 1 else ev.program.elsewhere.helper(path, ev.function)
    if manager is None or not any("contextmanager" in decorator for decorator in manager.decorators):
        return None
    return manager, manager in targets


def committing_scope(ev: Evaluator, expression: cst.BaseExpression, untyped: bool) -> Value | None:
    """The transaction that a context manager of the project makes of its body; None if it commits nothing at its end.

    `untyped` is whether nothing tells what the expression is.
    """
    if not isinstance(expression, cst.Call):
        return None
    found, path = manager_of(ev, expression), source_of(expression.func)
    if found is None:
        alone = None if not untyped else begun_by_name(ev, path, ev.scope.facts, ev.function)
        return None if alone is None else _transaction(source_of(expression), "", alone)
    told = SCOPES.search(path) is not None
    return (committed_after_yield if told else _begun_in_sql)(ev, found[0], source_of(expression))


def committed_after_yield(ev: Evaluator, maker: FunctionFacts, text: str) -> Value | None:
    """The transaction that a generator makes of what is done while it yields: it commits a session, or yields within a transaction."""
    for call in maker.calls:
        name, _, last = call.callee.rpartition(".")
        kind = _type_of(ev, maker, name) if last == "commit" else ""
        if kind:
            return _transaction(text, kind, bool(_begun_in(ev, ev.scope.names_in(maker.qualname).facts, maker, 0)))
    if any(is_transaction(guard) and guard.endswith(".begin") for guard in maker.yields_within):
        return Value(type="transaction", text=text)
    return _begun_in_sql(ev, maker, text)


def _begun_in_sql(ev: Evaluator, maker: FunctionFacts, text: str) -> Value | None:
    """The same of a generator that executes `BEGIN` and commits, or yields within another one that does."""
    alone = _begun_in(ev, ev.scope.names_in(maker.qualname).facts, maker, MOST_MANAGERS)
    if alone is None:
        return None
    path = next((call.callee.rpartition(".")[0] for call in maker.calls if call.callee.endswith(".execute")), "")
    return _transaction(text, _type_of(ev, maker, path) if path else "", alone)


def _transaction(text: str, kind: str, alone: bool) -> Value:
    """A transaction that lends something of a type, if that is known; its part "alone" is there if no other writer runs meanwhile."""
    known = (("target", Value(type=kind)),) if kind else ()
    return Value(type="transaction", text=text, known=(*known, ("alone", Value())) if alone else known)


def _begun_in(ev: Evaluator, module: ModuleFacts, maker: FunctionFacts, hops: int) -> bool | None:
    """Whether no other writer runs in the transaction that a context manager of a module makes; None if it makes none."""
    if maker.sql:
        source = "\n".join(ev.program.lines_at(module.path)[maker.first - 1 : maker.last])
        begun = _BEGIN.findall(source)
        if begun and _COMMIT.search(source) is not None:
            return all(begun)
    inner = maker.yields_within
    if not any("contextmanager" in decorator for decorator in maker.decorators):
        inner = () if maker.yields else tuple(path[:-2] for path in maker.returned if path.endswith("()"))
        if len(inner) != len(maker.returned):
            return None
    found = (begun_by_name(ev, path, module, maker, hops - 1) for path in inner if hops)
    return next((alone for alone in found if alone is not None), None)


def begun_by_name(
    ev: Evaluator, path: str, module: ModuleFacts, caller: FunctionFacts, hops: int = MOST_MANAGERS
) -> bool | None:
    """The same of a method of an object whose type nobody knows: all methods of the project that are called so must make one."""
    holder, _, name = path.rpartition(".")
    named = ev.scope.index.methods_named.get(name, []) if holder else []
    if holder == "self" and caller.owner:
        owner = shown_name(caller.owner)
        named = [(home, method) for home, method in named if home.path == module.path and method.owner == owner]
    found = [_begun_in(ev, home, method, hops) for home, method in named[:MOST_ALIKE]]
    if not found or len(found) < len(named) or None in found:
        return None
    return all(found)


_BEGIN = expression(r"(?i)\bexecute\(\s*[\"']+BEGIN\b\s*(IMMEDIATE|EXCLUSIVE)?")
_COMMIT = expression(r"(?i)\bexecute\(\s*[\"']+(?:COMMIT|END)\b|\.commit\(")


def _type_of(ev: Evaluator, maker: FunctionFacts, name: str) -> str:
    """The type of a session or connection that a generator commits, as far as its maker or its name tells."""
    kind = session_type(ev.program.concurrency, name, maker) or ev.models.guess(name, ev.libraries, "commit")
    model = ev.models.method(kind, "commit")
    return kind if model is not None and model.effect == "commit" else ""
