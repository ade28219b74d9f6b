"""What a thread of the module does beside a coroutine, which runs in the thread of its loop."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.events import Kind, Resource
from racelint.evidence.data import Evidence
from racelint.evidence.overlap import Concurrency
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.finding import Confidence
from racelint.grafts import shown_name
from racelint.resolve import CONSTRUCTORS
from racelint.words import first_word


def counted_on_loop(
    concurrency: Concurrency, function: FunctionFacts, changes: Iterable[tuple[FunctionFacts, Write]]
) -> Evidence | None:
    """That a coroutine, too, counts in what the function does, which only threads run that nobody waits for; None if none does.

    Who has started the thread, begins or ends the object may do so before or after it.
    """
    if function.is_async or not function.owner:
        return None
    roots = [concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ())]
    told = [root for root in roots if not root.public]
    if not told or any(
        root.world != "threads" or root.waited or root.called or root.strength is not Confidence.HIGH for root in told
    ):
        return None
    names = {root.unit.rpartition(".")[2] for root in told}
    for other, write in changes:
        if not other.is_async or write.how not in ("+=", "[]+=") or write.within:
            continue
        starts = any(argument.rpartition(".")[2] in names for call in other.calls for argument in call.arguments)
        if not starts and first_word(other.name) not in concurrency.scope.models.lifecycle:
            text = f"{told[0].text}; `{other.qualname}` changes it too, in the thread of its loop"
            return Evidence(text, Confidence.MEDIUM, "threads")
    return None


def meets_loop(
    concurrency: Concurrency, one: FunctionFacts, other: FunctionFacts, resource: Resource
) -> Evidence | None:
    """That a thread runs one of two functions, and a loop in another thread the other one; None if that is not sure.

    Whoever hands something to a loop as only other threads need to, by `run_coroutine_threadsafe`, runs in one.
    """
    for thread, on_loop in ((one, other), (other, one)):
        if thread.is_async or on_loop.name in CONSTRUCTORS or thread.name in CONSTRUCTORS:
            continue
        if not _runs_on_loop(concurrency, on_loop) or _begins_or_ends(concurrency, on_loop):
            continue
        why = _runs_in_thread(concurrency, thread, on_loop, resource)
        if why:
            text = f"{why}; `{shown_name(on_loop.qualname)}` runs in the thread of its loop"
            return Evidence(text, Confidence.MEDIUM, "threads")
    return None


def _begins_or_ends(concurrency: Concurrency, function: FunctionFacts) -> bool:
    """Whether the function begins or ends what the object does, which it mostly does before its threads start and after their end."""
    return (
        function.name in ("__aenter__", "__aexit__") or first_word(function.name) in concurrency.scope.models.lifecycle
    )


def _runs_on_loop(concurrency: Concurrency, function: FunctionFacts) -> bool:
    """Whether the function runs on an event loop, and nowhere else as far as that is seen."""
    if function.is_async:
        return True
    roots = [concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ())]
    told = [root for root in roots if not root.public]
    if not told or any(root.world != "tasks" for root in told):
        return False
    return any(one.is_async for one in concurrency.scope.every_function)  # else they are callbacks of whatever thread


def _runs_in_thread(
    concurrency: Concurrency, function: FunctionFacts, on_loop: FunctionFacts, resource: Resource
) -> str:
    """Why the function runs in another thread than the loop's, on the same object; "" if that is not sure."""
    reaching = [concurrency.roots[number] for number in concurrency.reached_sharing(function.qualname, resource)]
    for root in reaching:
        if root.world != "threads" or root.public or root.waited or root.called or root.strength is not Confidence.HIGH:
            continue
        if root.own_object and resource.kind is Kind.ATTRIBUTE:
            continue
        starts = any(
            argument.rpartition(".")[2] == root.unit.rpartition(".")[2]
            for call in on_loop.calls
            for argument in call.arguments
        )
        if not starts and _of_the_object(concurrency, root.unit, resource) and not _has_loop(concurrency, root.unit):
            return root.text
    crosses = next((call for call in function.calls if call.callee.rpartition(".")[2] in _CROSSING), None)
    on_loops = any(root.world == "tasks" and not root.public for root in reaching)
    if crosses is None or on_loops or _called_by_coroutines(concurrency, function):
        return ""
    return (
        f"`{function.name}` hands over to a loop with `{crosses.callee}`, as other threads do"
        if _of_the_object(concurrency, function.qualname, resource)
        else ""
    )


_CROSSING = frozenset({"run_coroutine_threadsafe", "call_soon_threadsafe"})
"""What is there for threads other than that of the loop."""


def _called_by_coroutines(concurrency: Concurrency, function: FunctionFacts) -> bool:
    """Whether a coroutine of the module calls the function, or what calls it."""
    todo, seen = [function.qualname], {function.qualname}
    while todo:
        for caller, _ in concurrency.callers.get(todo.pop(), ()):
            if caller.is_async:
                return True
            if caller.qualname not in seen:
                seen.add(caller.qualname)
                todo.append(caller.qualname)
    return False


def _of_the_object(concurrency: Concurrency, unit: str, resource: Resource) -> bool:
    """Whether a function is a method of the object that has the resource, if an object has it."""
    if resource.kind is not Kind.ATTRIBUTE:
        return True
    function = concurrency.scope.functions.get(unit)
    return function is not None and (
        function.owner == resource.owner or function.owner in concurrency.scope.family(resource.owner)
    )


def _has_loop(concurrency: Concurrency, unit: str) -> bool:
    """Whether the thread that runs the unit runs a loop itself."""
    functions = (concurrency.scope.functions.get(name) for name in concurrency.runs(unit))
    return any(
        call.callee.rpartition(".")[2] in ("run_until_complete", "run_forever", "run", "serve_forever")
        and (
            call.callee.rpartition(".")[2] != "run"
            or call.callee.rpartition(".")[0] in ("asyncio", "anyio", "trio", "uvloop")
        )
        and _leads_into(concurrency, call)
        for function in functions
        if function is not None
        for call in function.calls
    )


def _leads_into(concurrency: Concurrency, call: CallSite) -> bool:
    """Whether a loop runs something of the module, or goes on for ever: not just what another library has to do once."""
    names = {function.name for function in concurrency.scope.every_function}
    given = {argument.rpartition("=")[2].rpartition(".")[2] for argument in call.arguments}
    return call.callee.endswith("forever") or not call.arguments or not names.isdisjoint(given)
