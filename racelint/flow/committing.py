"""Connections on which each statement commits itself, and the locks that end with it."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.events import Value
from racelint.facts import CallSite, FunctionFacts
from racelint.flow.expressions import Evaluator

_CONNECTS = ("psycopg.connect", "psycopg.Connection.connect", "psycopg.AsyncConnection.connect", "psycopg2.connect")
_OPTIONS = ("isolation_level=", "autocommit=")


def commits_each(ev: Evaluator) -> bool:
    """Whether each statement commits itself: by the connection that the function makes, else by those of its class, or of the module."""
    made = _made_in((ev.function,))
    if not made and ev.function.owner and ev.scope.facts.autocommit:
        made = _made_in(ev.scope.methods.get(ev.function.owner, {}).values())
    if not made:  # who commits has no connection that does so by itself
        return ev.scope.facts.autocommit and not _calls(ev.function, ".commit")
    return any(_tells(call) for call in made)


def _made_in(functions: Iterable[FunctionFacts]) -> list[CallSite]:
    """The calls that make a connection."""
    return [call for f in functions for call in f.calls if call.callee in ("sqlite3.connect", *_CONNECTS)]


def lends_committing(ev: Evaluator) -> bool:
    """Whether each statement commits itself on what a pool lends: the only ones of the module that say how they commit are pools."""
    return ev.scope.facts.autocommit and not any(
        _tells(call) for f in _functions(ev) for call in f.calls if not call.callee.endswith("Pool")
    )


def _tells(call: CallSite) -> bool:
    return any(argument.startswith(_OPTIONS) for argument in call.arguments)


def surely_commits_each(ev: Evaluator, base: Value) -> bool:
    """Whether nothing but a transaction that is seen can join the statements of a connection: the unit itself has it from its maker.

    Who hands a connection in may have opened one.
    """
    root, _, rest = base.text.partition(".")
    if any(call.callee.endswith((".start", ".begin")) for call in ev.function.calls):
        return False
    if base.type == "asyncpg.Pool":  # each statement on another connection, perhaps
        return True
    if root not in ev.function.local_names or rest or any(root == name for name, _ in ev.function.params):
        return False
    if base.type == "asyncpg.Connection":
        return True
    if not ev.scope.facts.autocommit:
        return False
    if base.type.startswith("sqlalchemy."):
        return _all_told(_calls(ev.function, ".execution_options")) or _all_told(_engines(ev))
    own = [call for call in ev.function.calls if call.callee in _CONNECTS]
    return _all_told(own or [call for f in _functions(ev) for call in f.calls if call.callee in _CONNECTS])


def _calls(function: FunctionFacts, *ends: str) -> list[CallSite]:
    return [call for call in function.calls if call.callee.endswith(ends)]


def _engines(ev: Evaluator) -> list[CallSite]:
    return [call for f in _functions(ev) for call in _calls(f, "create_engine", "create_async_engine")]


def _functions(ev: Evaluator) -> Iterable[FunctionFacts]:
    return (ev.scope.facts.module_body, *ev.scope.facts.functions)


def _all_told(calls: list[CallSite]) -> bool:
    """Whether there are any, and all say how the connection commits."""
    return bool(calls) and all(_tells(call) for call in calls)
