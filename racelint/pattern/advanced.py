"""Generators that an object's own thread advances, and a public method, too, which does not wait for the thread before."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Acquire, Mark
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.unit import Unit, held_at
from racelint.words import ADVANCED


def advanced_by_two(unit: Unit) -> Iterator[tuple[Mark, str, Evidence]]:
    """The step, the generator as written, and who else makes one.

    A generator that is asked for its next element while it makes one raises `ValueError`; other iterators give some to the one and some
    to the other, in no order.
    """
    facts = unit.facts
    if facts.is_async or not facts.owner or unit.is_constructor:
        return
    seen: set[str] = set()
    for mark in unit.marks("loop", "call"):
        name = _advanced(unit, mark)
        if (
            not name
            or name in seen
            or any(
                isinstance(event := unit.events[number], Acquire) and event.what == "lock" for number in held_at(mark)
            )
        ):
            continue
        seen.add(name)
        evidence = _by_thread_and_caller(unit)
        if evidence is not None:
            yield mark, name, evidence


def _advanced(unit: Unit, mark: Mark) -> str:
    """The attribute of the own object that a loop or a call of `next` advances, if it holds an iterator; "" else."""
    if mark.place.unit != unit.facts.qualname:
        return ""
    text = unit.module.text(mark.place)
    if mark.what == "call":
        found = _NEXT.match(text)
        return found[1] if found is not None and _holds_iterator(unit, found[1]) else ""
    found = _GONE_OVER.match(text)
    if found is None:
        return ""
    by_name = bool(found[2]) and ADVANCED.search(found[1]) is not None
    return found[1] if by_name or (not found[2] and _holds_iterator(unit, found[1])) else ""


_NEXT = expression(r"next\((self\.\w+)[,)]")
_GONE_OVER = expression(r"(self\.\w+)(\.\w+\([^()]*\))?$")


def _holds_iterator(unit: Unit, name: str) -> bool:
    """Whether all that is put there are generators of the module, or iterators that Python code advances."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    writes = [
        (function, write)
        for function, write in scope.attribute_writes(unit.facts.owner, name.removeprefix("self."))
        if write.shape != "none"
    ]
    return bool(writes) and all(
        any(target.yields and not target.is_async for target in concurrency.target(write.built_from, function))
        for function, write in writes
    )


def _by_thread_and_caller(unit: Unit) -> Evidence | None:
    """That a thread of the object comes to the unit, and one of its public methods, which does not wait for that thread before."""
    scope, concurrency, own = unit.module.scope, unit.module.concurrency, unit.facts.qualname
    family = scope.family(unit.facts.owner)
    if concurrency.called_under_lock(unit.facts):
        return None
    root = next(
        (
            root
            for root in (concurrency.roots[number] for number in sorted(concurrency.reached.get(own, ())))
            if root.world == "threads"
            and root.strength is Confidence.HIGH
            and not (root.handler or root.public)
            and (body := scope.functions.get(root.unit)) is not None
            and body.owner in family
        ),
        None,
    )
    if root is None:
        return None
    for caller in scope.facts.functions:
        if caller.owner not in family or caller.name.startswith("_") or concurrency.surely_in_threads(caller):
            continue
        if caller is unit.facts or _comes_to(unit, caller):
            return Evidence(
                f"{root.text}; `{caller.qualname}` does not wait for that thread before", Confidence.MEDIUM, "threads"
            )
    return None


def _comes_to(unit: Unit, caller: FunctionFacts) -> bool:
    """Whether a function calls what leads to the unit, and neither waits for a thread before nor starts one."""
    scope, concurrency, own = unit.module.scope, unit.module.concurrency, unit.facts.qualname
    if own not in concurrency.runs(caller.qualname):
        return False
    steps = [caller, *(scope.functions[step] for step in concurrency.runs(caller.qualname))]
    if any(concurrency.spawning_calls(step) or any(_starts(call) for call in step.calls) for step in steps):
        return False
    waits = [step for step in steps if any(_joins(call) for call in step.calls)]
    return all(_waits_after(unit, step) for step in waits)


def _waits_after(unit: Unit, function: FunctionFacts) -> bool:
    """Whether the function waits for threads only after it has called what leads to the unit."""
    concurrency, own = unit.module.concurrency, unit.facts.qualname
    leading = [
        call.line
        for call in function.calls
        for target in concurrency.target(call.callee, function)
        if target.qualname == own or own in concurrency.runs(target.qualname)
    ]
    return bool(leading) and min(leading) < min(call.line for call in function.calls if _joins(call))


def _starts(call: CallSite) -> bool:
    return call.callee.endswith(".start")


def _joins(call: CallSite) -> bool:
    """Whether a thread is waited for: `join` of a text has something to join."""
    return call.callee.endswith(".join") and all(given.startswith("timeout=") or not given for given in call.arguments)
