"""What stands in a call that seems to start units, and is run by the caller itself."""

from __future__ import annotations

from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.resolve import Scope

_THEN_ARGUMENTS = frozenset(
    {
        "submit",
        "run_in_executor",
        "to_thread",
        "run_sync",
        "run_in_threadpool",
        "deferToThread",
        "async_add_executor_job",
    }
)
"""Last names of calls that take what they start, and then what it is called with."""

_CALLED = expression(
    r"(?i)callable|coroutine|awaitable|(^|_)(fn|func|function|coro|coroutine|call|callback|target|work|job|task)s?$"
)
"""Names and annotations of parameters that are called."""


def handed_to_start(call: CallSite) -> tuple[str, ...]:
    """The arguments of a call that starts a unit, without the pool which it is told to take."""
    return call.arguments[1:] if call.callee.rpartition(".")[2] == "run_in_executor" else call.arguments


def called_before(call: CallSite, argument: str, caller: FunctionFacts) -> bool:
    """Whether what is started gets the result of the argument, which its caller asks for: `pool.submit(send, self.next_number())`."""
    if call.callee.rpartition(".")[2] not in _THEN_ARGUMENTS or "=" in argument:
        return False
    path = argument.lstrip("*")
    if path in caller.references or handed_to_start(call).index(argument) == 0:
        return False
    return any(other.callee == path and other.line >= call.line for other in caller.calls)


def means_plain_function(scope: Scope, callee: str, caller: FunctionFacts, spawning: frozenset[str]) -> bool:
    """Whether a path is that of a function of another module of the project which calls nothing that it is handed, nor starts anything.

    `statements.submit(connection, text)` is called as pools are, and runs in its caller.
    """
    first = callee.partition(".")[0]
    names = scope.names_in(caller.qualname)
    if first in caller.local_names or first not in names.imports:
        return False
    found = scope.index.meaning(callee, names.facts)
    function = scope.index.table(found.module).functions.get(found.name) if found is not None else None
    if function is None or function.owner or function.is_async or function.decorators or not function.params:
        return False
    if any(_CALLED.search(name) or _CALLED.search(annotation) for name, annotation in function.params):
        return False
    called = {call.callee.rpartition(".")[2] for call in function.calls} | function.unnamed
    return called.isdisjoint(spawning) and {name for name, _ in function.params}.isdisjoint(called)


def run_in_place(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether a thread or process that a call makes is not started: its caller does the work itself, as all that it asks of it is `run`."""
    if not call.callee.endswith(("Thread", "Process", "Timer")):
        return False
    return only_run(call, caller)


def only_run(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether a function that makes an object with a call runs it itself: all that it does with it is to call its `run`."""
    names = [w.path for w in caller.writes if w.built_from == call.callee and w.line == call.line]
    asked = {other.callee for other in caller.calls}
    if any(other.callee == f"{call.callee}.run" and other.line == call.line for other in caller.calls):
        return True
    kept = {argument.rpartition("=")[2].lstrip("*") for other in caller.calls for argument in other.arguments}
    kept |= {write.built_from for write in caller.writes}
    return any(f"{name}.run" in asked and f"{name}.start" not in asked and name not in kept for name in names)
