"""Two functions of an object that whoever calls them runs one after the other: first who adds, then who works through and empties."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Resource
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.finding import Confidence, World
from racelint.pattern.unit import Unit

_MOST_LEVELS = 4
"""Calls on the way from who calls both to the unit."""


def added_before(unit: Unit, adder: FunctionFacts, write: Access) -> bool:
    """Whether each coroutine that has the entries added comes to the write that empties later, and nothing else leads to either.

    Then they meet only if one such coroutine runs twice at once for the same object.
    """
    concurrency = unit.module.concurrency
    emptier = unit.module.scope.functions.get(write.place.unit)
    first = concurrency.callers.get(adder.qualname, ())
    starters = {caller.qualname: caller for caller, _ in first}
    if emptier is None or adder.is_async or not starters or not _only_called(unit, adder):
        return False
    later = dict[str, int]()
    if set(starters) == {emptier.qualname}:
        later[emptier.qualname] = unit.module.line(write)
    elif not (_only_called(unit, emptier) and _leads_from(unit, emptier, starters, later, _MOST_LEVELS)):
        return False
    return all(
        caller.is_async
        and not call.looped
        and call.line < later.get(caller.qualname, 0)
        and not _twice_at_once(unit, caller, write.resource)
        for caller, call in first
    )


def _leads_from(
    unit: Unit, function: FunctionFacts, starters: dict[str, FunctionFacts], later: dict[str, int], levels: int
) -> bool:
    """Whether all ways to a function come from these, by awaits outside of loops; notes the first line of each that leads there."""
    sites = unit.module.concurrency.callers.get(function.qualname, ())
    for caller, call in sites:
        if not call.awaited or call.looped:
            return False
        if caller.qualname in starters:
            later[caller.qualname] = min(call.line, later.get(caller.qualname, call.line))
        elif not (levels and _only_called(unit, caller) and _leads_from(unit, caller, starters, later, levels - 1)):
            return False
    return bool(sites)


def _only_called(unit: Unit, function: FunctionFacts) -> bool:
    """Whether nobody outside of the module calls a function, and nobody hands it on."""
    name = function.name
    if not name.startswith("_") or name.startswith("__"):
        return False
    index, scope = unit.module.scope.index, unit.module.scope
    here = unit.module.concurrency.callers.get(function.qualname, ())
    handed = any(reference.rpartition(".")[2] == name for f in scope.every_function for reference in f.references)
    calls = [
        call
        for module, caller, call in index.calls.get(name, ())
        if module.path == scope.facts.path or call.callee != f"self.{name}" or _derived(unit, module, caller, function)
    ]
    return not handed and len(calls) <= len(here)


def _derived(unit: Unit, module: ModuleFacts, caller: FunctionFacts, function: FunctionFacts) -> bool:
    """Whether the class of a method of another module is derived from the one that a method belongs to."""
    index = unit.module.scope.index
    class_ = index.table(module).classes.get(caller.owner)
    lineage = index.lineage((module, class_)) if class_ is not None else ()
    return any(one.qualname == function.owner and home.path == unit.module.path for home, one in lineage)


def _twice_at_once(unit: Unit, caller: FunctionFacts, resource: Resource) -> bool:
    found = unit.module.concurrency.overlap(caller.qualname, caller.qualname, World.TASKS.value, resource)
    return found is not None and not found.public and found.strength is not Confidence.LOW


def joined_first(unit: Unit, adder: FunctionFacts) -> bool:
    """Whether the thread that adds also runs the unit, and all others who call that have waited for the thread's end before.

    One thread of an object adds, which begins only if none is at work: the starter looks at what says so, and sets it.
    """
    concurrency = unit.module.concurrency
    callers = concurrency.callers.get(unit.facts.qualname, ())
    if unit.facts.qualname not in concurrency.runs(adder.qualname) or not _only_called(unit, unit.facts):
        return False
    if concurrency.callers.get(adder.qualname):
        return False
    threads = set(_threads(unit, adder))
    own = set(concurrency.runs(adder.qualname))
    return len(threads) == 1 and all(
        caller.qualname in own
        or any(
            f"{thread}.join" == other.callee and other.line < call.line for thread in threads for other in caller.calls
        )
        for caller, call in callers
    )


def _threads(unit: Unit, body: FunctionFacts) -> Iterator[str]:
    """The attributes in which methods keep the thread that runs a function of the object; "" where it is kept otherwise."""
    concurrency = unit.module.concurrency
    for starter in unit.module.scope.facts.functions:
        for call, _ in concurrency.spawning_calls(starter):
            given = [one for a in call.arguments for one in concurrency.spawned_units(a, starter, call.line)]
            if not any(one.qualname == body.qualname for one in given):
                continue
            kept = [
                w.path
                for w in starter.writes
                if w.built_from == call.callee and w.path.startswith("self.") and w.line == call.line
            ]
            claims = {w.path for w in starter.writes if w.shape == "true" and w.path in starter.reads}
            yield kept[0] if len(kept) == 1 and claims and not call.looped else ""
