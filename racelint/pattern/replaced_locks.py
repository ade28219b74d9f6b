"""Locks for which a new one is put in the place, while others may hold the old one or wait for it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.anew import Useless
from racelint.pattern.unit import Unit
from racelint.resolve import CONSTRUCTORS

EXCUSED = frozenset(
    {"__setstate__", "__getstate__", "__copy__", "__deepcopy__", "__enter__", "__aenter__", *CONSTRUCTORS}
)
"""Methods that may give an object its lock: nobody else has the object, or its parts, yet."""
FRESH = ("fork", "child", "init", "setup", "set_up", "restore", "unpickle", "reinit", "copy", "clone")
"""Parts of names of functions that do so before others use the object."""


def replaced(unit: Unit) -> Iterator[Useless]:
    """A new lock put in the place of one that others may hold or wait for."""
    if unit.facts.name in EXCUSED or _after_fork(unit) or any(part in unit.facts.name.lower() for part in FRESH):
        return
    scope = unit.module.scope
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
        call = unit.module.models.functions.get(write.value.type)
        if (
            call is None
            or call.effect != "lock"
            or write.resource.key
            or write.control
            or write.place.unit != unit.facts.qualname
        ):
            continue
        place = write.resource.place
        begun = _begins(unit)
        if place not in unit.module.locks_of(write.resource.owner) or not (_has_lock_before(unit, write) or begun):
            continue
        if not _runs_later(unit) or _only_in_child(unit):
            continue
        users = [f for f in scope.facts.functions if f is not unit.facts and _takes(f, write.resource.path)]
        if users:
            yield Useless(
                write,
                write,
                write.resource.name,
                "is replaced here: who holds the old one does not keep those who take the new one",
                _how_sure(unit, write)
                if call.world == "tasks"
                else Confidence.LOW
                if _ended_before(unit, write)
                else _among_threads(unit)
                if begun
                else Confidence.MEDIUM,
                "make the lock once, in the constructor or at import",
            )


def _begins(unit: Unit) -> bool:
    """Whether a constructor calls the method, which gives the object its first lock, and others may call it later."""
    callers = _callers(unit)
    begun = any(_constructs(unit, caller) for caller in callers)
    return begun and (not unit.facts.name.startswith("_") or not all(_constructs(unit, c) for c in callers))


def _among_threads(unit: Unit) -> Confidence:
    """How sure it is that who calls such a method again does so while others use the object: medium if threads of the module do.

    A thread may be started with the method itself, too.
    """
    again = [unit.facts, *(caller for caller in _callers(unit) if not _constructs(unit, caller))]
    return Confidence.MEDIUM if any(map(unit.module.concurrency.surely_in_threads, again)) else Confidence.LOW


def _callers(unit: Unit) -> list[FunctionFacts]:
    return [caller for caller, _ in unit.module.concurrency.callers.get(unit.facts.qualname, [])]


def _constructs(unit: Unit, caller: FunctionFacts) -> bool:
    return caller.name in CONSTRUCTORS and caller.owner == unit.facts.owner


def _how_sure(unit: Unit, write: Access) -> Confidence:
    """How sure it is that a task holds a lock which is replaced: medium if one is seen to wait for something under it meanwhile."""
    module = unit.module
    users = (f for f in module.scope.facts.functions if f.is_async and _takes(f, write.resource.path))
    for other in filter(None, (module.unit(user.qualname) for user in users if user is not unit.facts)):
        held = [
            switch
            for switch in other.switches()
            if other is not unit
            for number in switch.held
            if isinstance(lock := other.events[number], Acquire) and lock.lock.place == write.resource.place
        ]
        found = (
            module.concurrency.overlap(unit.facts.qualname, other.facts.qualname, "tasks", write.resource)
            if held
            else None
        )
        if found is not None and found.strength is Confidence.HIGH and not (found.public or found.called):
            return Confidence.MEDIUM
    return Confidence.LOW


def _after_fork(unit: Unit) -> bool:
    """Whether the function is registered to run in a child process, where nobody holds a lock of the parent."""
    facts = unit.module.scope.facts
    return any(
        call.callee.endswith("register_at_fork")
        and any(_last_name(argument) == unit.facts.name for argument in call.arguments)
        for function in (*facts.functions, facts.module_body)
        for call in function.calls
    )


def _last_name(argument: str) -> str:
    """The last name of what is handed over: `after_in_child=self._renew`."""
    return argument.rpartition("=")[2].rpartition(".")[2]


def _only_in_child(unit: Unit) -> bool:
    """Whether all in the project that calls the method on the object which the module keeps resets state in a child after a fork,
    as the names of functions or their modules tell."""
    scope, name = unit.module.scope, unit.facts.name
    kept = {kept for kept, built in scope.facts.assigned if unit.facts.owner and built == unit.facts.owner}
    sites = [
        (module, caller)
        for module, caller, call in (scope.index.calls.get(name, ()) if kept else ())
        if call.callee.rpartition(".")[0].rpartition(".")[2] in kept
    ]
    return bool(sites) and all("fork" in f"{module.path} {caller.name}".lower() for module, caller in sites)


def _ended_before(unit: Unit, write: Access) -> bool:
    """Whether the function has waited for the end of a thread of the object before: nobody else is at work then."""
    line = unit.module.line(write)
    return any(
        call.line < line and call.callee.endswith(".join") and not call.arguments and call.callee.count(".") > 1
        for call in unit.facts.calls
    )


def _runs_later(unit: Unit) -> bool:
    """Whether anything but a constructor is known to run the function."""
    concurrency, functions = unit.module.concurrency, unit.module.scope.functions
    roots = (concurrency.roots[n] for n in concurrency.reached.get(unit.facts.qualname, ()))
    return any(root.unit in functions and functions[root.unit].name not in CONSTRUCTORS for root in roots)


def _has_lock_before(unit: Unit, write: Access) -> bool:
    """Whether the state has a lock from the beginning."""
    scope, resource = unit.module.scope, write.resource
    if resource.kind is Kind.GLOBAL:
        return scope.assigned.get(resource.path, "none") not in ("none", "other")
    return any(
        w.shape == "call" and scope.in_construction(f, w)
        for f, w in scope.attribute_writes(resource.owner, resource.path)
    )


def _takes(function: FunctionFacts, lock: str) -> bool:
    """Whether the function takes something of this name in a `with`."""
    return any(guard.rpartition(".")[2] == lock for call in function.calls for guard in call.within) or any(
        guard.rpartition(".")[2] == lock for write in function.writes for guard in write.within
    )
