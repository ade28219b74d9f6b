"""Locks that whoever calls a function holds around the call, wherever in the project."""

from __future__ import annotations

from racelint.evidence import runs_alone
from racelint.facts import CallSite, FunctionFacts
from racelint.index import Index
from racelint.models.data import Models
from racelint.pattern.unit import Unit

MOST_CALLERS = 3
"""Calls on the way from who takes the lock to the unit."""


def locked_by_callers(unit: Unit) -> bool:
    """Whether each call of the unit in the project, seen by its name, is made under a lock, or in a function that is called so.

    The object that has the lock is not looked at: who takes one wherever it calls has thought of others. Rows that a look-up locks
    are locked for what they are handed to in its transaction. What a framework calls itself needs no call in the project.
    """
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    if any(root.unit == unit.facts.qualname and root.handler and not root.called for root in roots):
        return False
    index, is_lock = unit.module.scope.index, unit.module.scope.is_lock
    lockers = _lockers(index, unit.module.models)
    names, seen = [unit.facts.name], {unit.facts.name}
    for _ in range(MOST_CALLERS):
        open_names: list[str] = []
        for name in names:
            sites = [(f, call) for module, f, call in index.calls.get(name, ()) if not runs_alone(module.path)]
            sites = [(f, call) for f, call in sites if f.name != name or call.callee != f"super.{name}"]
            if not sites or name.startswith("__"):
                return False
            open_names += [
                caller.name
                for caller, call in sites
                if not any(map(is_lock, _held(caller, call))) and not _row_locked(caller, call, lockers)
            ]
        names = [name for name in dict.fromkeys(open_names) if name not in seen]
        if not open_names:
            return True
        seen.update(names)
        if len(names) < len(set(open_names)) or len(names) > MOST_CALLERS:
            return False  # it calls itself, or another one of its name
    return False


def locked_by_hand(unit: Unit) -> bool:
    """Whether the unit calls a function that takes a lock, by its name, and one that gives it back: `if not lock(name): return`."""
    names = [call.callee.rpartition(".")[2] for call in sorted(unit.facts.calls, key=lambda call: call.line)]
    return any(
        take in names and back in names and names.index(take) < names.index(back)
        for take, back in (("lock", "unlock"), ("acquire_lock", "release_lock"))
    )


def _lockers(index: Index, models: Models) -> frozenset[str]:
    """Names of functions that look up rows and lock them, themselves or by calling such; not `get`, which has many meanings."""
    names: set[str] = set()
    new = set(LOCKING)
    for _ in range(MOST_CALLERS):
        new = {f.name for name in new for module, f, _ in index.calls.get(name, ()) if not runs_alone(module.path)}
        new = {name for name in new if name and not name.startswith("__") and not models.may_reach_stores(name)}
        new -= names
        names |= new
    return frozenset(names | LOCKING) if names else frozenset()


LOCKING = frozenset({"select_for_update", "with_for_update"})
"""Methods of queries that lock the rows which they find until the transaction ends."""


def _row_locked(caller: FunctionFacts, call: CallSite, lockers: frozenset[str]) -> bool:
    """Whether a row that was looked up so is what a call is made of, or is handed to it, within a transaction."""
    if not lockers or not any(
        "atomic" in guard or "transaction" in guard for guard in (*call.within, *caller.decorators)
    ):
        return False
    receiver = call.callee.rpartition(".")[0]
    used = {receiver, *(argument.rpartition("=")[2] for argument in call.arguments)} - {"", "self", "cls"}
    found = _found_locked(caller, lockers)
    looped = caller.loop_names if any(c.callee.rpartition(".")[2] in lockers for c in caller.calls) else frozenset()
    return bool(used & (found | looped))


def _found_locked(caller: FunctionFacts, lockers: frozenset[str]) -> set[str]:
    """Names for locked rows and for queries that lock them: `rows = q.select_for_update()`, `row = get_object_or_404(rows, pk=pk)`."""
    found: set[str] = set()
    for name, built in caller.locals_built:
        first, *steps = built.split(".")
        handed = (a for call in caller.calls if call.callee == built for a in call.arguments)
        if (
            not lockers.isdisjoint((first, *steps))
            or (first in found and steps and OF_QUERIES.issuperset(steps))
            or any(a in found or not lockers.isdisjoint(a.split(".")) for a in handed)
        ):
            found.add(name)
    return found


OF_QUERIES = frozenset(
    {"all", "earliest", "exclude", "filter", "first", "get", "last", "latest", "one", "one_or_none", "order_by"}
)
"""Methods of queries whose results are locked as the query says."""


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
