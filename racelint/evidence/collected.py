"""Coroutines that a function collects in a list before it has all of them run: `jobs = [self.fetch(u) for u in urls]`, `gather(*jobs)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from racelint.evidence.calls import Calls
from racelint.facts import CallSite, FunctionFacts

GATHERERS = frozenset({"gather", "wait", "as_completed", "gatherResults", "DeferredList", "multi"})
"""Last names of calls that are handed a list of coroutines."""


def collected(calls: Calls, caller: FunctionFacts) -> Iterator[tuple[CallSite, CallSite, FunctionFacts, bool]]:
    """The call that has a list run, the call that makes a coroutine for the list, its unit, and whether there are many of it."""
    gatherers = [
        call for call, spawner in calls.spawning_calls(caller) if spawner.world == "tasks" and _of_list(call, caller)
    ]
    if not gatherers:
        return
    last = max(gatherers, key=lambda call: call.line)
    appended = {a for call in caller.calls if call.callee.endswith(".append") for a in call.arguments}
    handed = calls.handed_over(caller)
    made = [
        (site, unit)
        for site in caller.calls
        if not site.awaited
        and site.line <= last.line
        and site.callee not in handed
        and (site.looped or site.callee in appended)
        and _told(calls, site, caller)
        for unit in calls.target(site.callee, caller)
        if unit.is_async and not unit.yields
    ]
    times = Counter(unit.qualname for _, unit in made)
    for site, unit in made:
        yield last, site, unit, site.looped or times[unit.qualname] > 1


def _told(calls: Calls, site: CallSite, caller: FunctionFacts) -> bool:
    """Whether more than the name of the method says whose it is: a receiver of a local name has a known type, or is the own object."""
    root, dot, _ = site.callee.partition(".")
    own = caller.params[0][0] if caller.owner and caller.params else ""
    return not dot or root == own or root not in caller.local_names or bool(calls.local_type(root, caller))


def _of_list(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether what is handed to the call is a local name: the list."""
    names = (argument.lstrip("*").removesuffix(".values") for argument in call.arguments)
    return call.callee.rpartition(".")[2] in GATHERERS and any(name in caller.local_names for name in names)
