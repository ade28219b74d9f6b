"""Objects of an event loop that a thread uses which is not the loop's own: they are not safe for that, and the loop is not woken."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark
from racelint.evidence import Evidence
from racelint.evidence.data import Root
from racelint.facts import CallSite
from racelint.pattern.only_polled import only_polled
from racelint.pattern.unit import Unit
from racelint.words import ASKS_FOR_THREAD, LOOP_CALLS, OF_LOOP, OWN_LOOPS, THREAD_CALLS, named_loop

_FUTURE = "asyncio.Future"


def told_from_thread(unit: Unit) -> Iterator[tuple[Access | Mark, CallSite, Evidence]]:
    """The steps by which a thread tells tasks something, each with the call, and why a thread runs it.

    A thread that has a loop of its own may speak to that, and a function that asks which thread it runs in knows what it does.
    """
    facts = unit.facts
    if facts.is_async or unit.is_constructor or any(_last(call.callee) in ASKS_FOR_THREAD for call in facts.calls):
        return
    evidence = _by_thread(unit)
    if evidence is None:
        return
    statements: set[int] = set()
    for call in facts.calls:
        if call.awaited or not tells_loop(unit, call):
            continue
        event = next((e for e in unit.events if isinstance(e, (Access, Mark)) and _is_of(unit, e, call)), None)
        if event is not None and event.statement not in statements and not _wakes_nobody(unit, call, event):
            statements.add(event.statement)
            # the end of what a coroutine hands to a thread wakes the loop, too
            yield event, call, evidence if call.looped or not _handed_by_loop(evidence) else evidence.weakened()


def _wakes_nobody(unit: Unit, call: CallSite, event: Access | Mark) -> bool:
    """Whether an event is set that tasks only ask whether it is."""
    if _last(call.callee) != "set" or not only_polled(unit, call):
        return False
    return unit.safe(
        event, because=lambda: f"nobody waits for `{call.callee.rpartition('.')[0]}`; it is only asked by `is_set()`"
    )


def _handed_by_loop(evidence: Evidence) -> bool:
    return any(f"{name}`" in evidence.text for name in THREAD_CALLS)


def tells_loop(unit: Unit, call: CallSite) -> bool:
    """Whether the call is one of an object that only the thread of its loop may use, and by which a task goes on or begins."""
    receiver, _, method = call.callee.rpartition(".")
    if method in LOOP_CALLS:
        return named_loop(receiver)
    if call.callee == "asyncio.ensure_future":
        # a future is returned as it is; its work goes to the pool at once, and the end of that wakes the loop
        pooled = any(_last(given) == "run_in_executor" for given in call.arguments[:1])
        return not pooled and any(given.startswith("loop=") for given in call.arguments)
    if method not in OF_LOOP or not receiver:
        return False
    made = _FUTURE if _made_by_loop(unit, receiver) else unit.module.concurrency.receiver_type(receiver, unit.facts)
    return made in OF_LOOP[method]


def _made_by_loop(unit: Unit, receiver: str) -> bool:
    """Whether a name or an attribute of the object holds a future that a loop has made."""
    facts, scope = unit.facts, unit.module.scope
    owner, dot, attribute = receiver.partition(".")
    if dot:
        made = [w.built_from for _, w in scope.attribute_writes(facts.owner, attribute)] if owner == "self" else []
    else:
        parent = scope.functions.get(facts.parent)
        built = (*facts.locals_built, *(parent.locals_built if parent is not None else ()))
        made = [source for name, source in built if name == receiver]
    made = [source for source in made if source]
    return bool(made) and all(_last(source) == "create_future" or scope.canonical(source) == _FUTURE for source in made)


def _by_thread(unit: Unit) -> Evidence | None:
    """That a thread without a loop of its own runs the unit.

    Where a coroutine waits for the thread's work, the end of that wakes the loop. A thread that another module starts may have a loop.
    """
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    if any(root.world == "tasks" and not root.public for root in roots):
        return None
    told = [root for root in roots if root.world == "threads" and not root.public and not _has_loop(unit, root)]
    if unit.facts.parent:  # which may be handed to the loop by a function that the thread runs
        told = [root for root in told if root.unit == unit.facts.qualname]
    best = max(told, key=lambda root: (not root.waited, not root.called, root.strength.rank), default=None)
    if best is None:
        return None
    evidence = Evidence(best.text, best.strength, "threads")
    return evidence.weakened() if best.waited or best.called else evidence


def _has_loop(unit: Unit, root: Root) -> bool:
    """Whether what the thread does runs a loop of its own."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    functions = (scope.functions.get(name) for name in {root.unit, *concurrency.runs(root.unit)})
    return any(
        _last(call.callee) in OWN_LOOPS or scope.canonical(call.callee) == "asyncio.run"
        for f in functions
        if f
        for call in f.calls
    )


def _is_of(unit: Unit, event: Access | Mark, call: CallSite) -> bool:
    """Whether an event of the unit is that of the call."""
    if event.place.unit != unit.facts.qualname or unit.module.line(event) != call.line:
        return False
    if isinstance(event, Access):
        return event.how == _last(call.callee)
    return event.what in ("call", "spawn") and _last(event.subject) == _last(call.callee)


def _last(path: str) -> str:
    return path.rpartition(".")[2]
