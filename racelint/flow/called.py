"""Functions of other modules that a unit calls: what their bodies say of what their names promise."""

from __future__ import annotations

import libcst as cst

from racelint.facts import FunctionFacts
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of
from racelint.resolve import Home
from racelint.words import REFUSES_STALE


def called_elsewhere(ev: Evaluator, function: cst.BaseExpression) -> FunctionFacts | None:
    """The function of another module of the project that is called, if its name says so."""
    path = source_of(function) if isinstance(function, (cst.Name, cst.Attribute)) else ""
    first = path.partition(".")[0]
    if not path.replace(".", "").isidentifier() or (first in ev.state.env and first == path):
        return None
    return ev.program.elsewhere.helper(path, ev.function)


def keeps_no_document(ev: Evaluator, function: cst.BaseExpression) -> bool:
    """Whether a function of the project that is called like one which saves a document does not save it whatever was saved before.

    It changes what it is handed, in memory: `write_settings(entry, settings)`. Or it raises an error for what is not new any more.
    """
    called = called_elsewhere(ev, function)
    if called is None:
        return False
    first = called.params[0][0] if called.params and not called.owner else ""
    in_place = any(write.path.partition(".")[0] == first and write.how != "=" for write in called.writes)
    return (in_place and not _writes_files(called)) or _refuses_stale(ev, called)


def _writes_files(function: FunctionFacts) -> bool:
    return any(call.within or call.callee.rpartition(".")[2] in _STORES for call in function.calls)


_STORES = frozenset(
    "open write write_text write_bytes dump save commit execute put set store upload send flush".split()
)
"""Last names of calls that keep something elsewhere than in memory."""


def _refuses_stale(ev: Evaluator, function: FunctionFacts) -> bool:
    """Whether a function, or one that it calls, makes an error that says that what it was handed is old."""
    if any(REFUSES_STALE.search(call.callee) for call in function.calls):
        return True
    home = ev.scope.names_in(function.qualname)
    beside = home.own.functions if isinstance(home, Home) else ev.scope.functions
    inner = (beside.get(call.callee) for call in function.calls)
    return any(REFUSES_STALE.search(call.callee) for one in inner if one is not None for call in one.calls)
