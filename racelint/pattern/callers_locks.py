"""Locks that whoever calls a function holds around the call, wherever in the project."""

from __future__ import annotations

from racelint.evidence import runs_alone
from racelint.facts import CallSite, FunctionFacts
from racelint.pattern.unit import Unit

MOST_CALLERS = 3
"""Calls on the way from who takes the lock to the unit."""


def locked_by_callers(unit: Unit) -> bool:
    """Whether each call of the unit in the project, seen by its name, is made under a lock, or in a function that is called so.

    The object that has the lock is not looked at: who takes one wherever it calls has thought of others.
    """
    index, names_lock = unit.module.scope.index, unit.module.models.names_lock
    names, seen = [unit.facts.name], {unit.facts.name}
    for _ in range(MOST_CALLERS):
        open_names: list[str] = []
        for name in names:
            sites = [(f, call) for module, f, call in index.calls.get(name, ()) if not runs_alone(module.path)]
            if not sites or name.startswith("__"):
                return False
            open_names += [caller.name for caller, call in sites if not any(map(names_lock, _held(caller, call)))]
        names = [name for name in dict.fromkeys(open_names) if name not in seen]
        if not open_names:
            return True
        seen.update(names)
        if len(names) < len(set(open_names)) or len(names) > MOST_CALLERS:
            return False  # it calls itself, or another one of its name
    return False


def _held(caller: FunctionFacts, call: CallSite) -> list[str]:
    """What is entered around the call, and what was acquired before it and is not given back in between."""
    held = list(call.within)
    for other in caller.calls:
        receiver, _, method = other.callee.rpartition(".")
        if other.line >= call.line or not receiver:
            continue
        if method == "acquire":
            held.append(receiver)
        elif method == "release" and receiver in held:
            held.remove(receiver)
    return held
