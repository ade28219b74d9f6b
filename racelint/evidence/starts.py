"""Which functions of a module a constructor or method starts in threads of their own, as far as facts tell."""

from __future__ import annotations

from racelint.evidence.calls import Calls
from racelint.facts import CallSite, FunctionFacts
from racelint.resolve import THREADS, enclosing_self


def started_in_constructor(calls: Calls, class_name: str) -> frozenset[str]:
    """The functions that run in other threads once an object of the class is built."""
    constructor = calls.scope.method(class_name, "__init__")
    return thread_bodies(calls, constructor) if constructor is not None else frozenset()


def thread_bodies(calls: Calls, function: FunctionFacts) -> frozenset[str]:
    """The functions that the function starts in threads: targets of threads it makes and starts, or `run` of its own class."""
    starts = [call for call in function.calls if call.callee.rpartition(".")[2] == "start"]
    found: set[str] = set()
    owner, self_name = enclosing_self(function, calls.scope)
    if owner and calls.scope.is_thread(owner) and any(call.callee == f"{self_name}.start" for call in starts):
        run = calls.scope.method(owner, "run")
        found.update((run.qualname,) if run is not None else ())
    for call in function.calls:
        if _spawns_threads(calls, call, function) and (starts or not _started_later(call)):
            found.update(body for argument in call.arguments for body in _bodies(calls, argument, function))
    return frozenset(found)


def starts_one(calls: Calls, call: CallSite, function: FunctionFacts) -> bool:
    """Whether a call makes a unit that runs on beside the function, or starts it."""
    return call.callee.rpartition(".")[2] == "start" or _spawns_threads(calls, call, function)


def may_start(calls: Calls, function: FunctionFacts) -> bool:
    """Whether the function starts a thread itself, builds an object that does, or is a constructor that runs another one."""
    scope = calls.scope
    for call in function.calls:
        last = call.callee.rpartition(".")[2]
        if last == "start" or (last == "__init__" and "." in call.callee) or _spawns_threads(calls, call, function):
            return True
        if call.callee in scope.classes and started_in_constructor(calls, call.callee):
            return True
    return False


def _spawns_threads(calls: Calls, call: CallSite, function: FunctionFacts) -> bool:
    spawner = calls.spawner(call.callee, function)
    return spawner is not None and spawner.world in THREADED


THREADED = ("threads", "greenlets")
"""Worlds of units that run on while their starter does. Greenlets switch only where they block, so in nothing else they are threads."""


def _started_later(call: CallSite) -> bool:
    """Whether the call only makes a thread, which `start` starts."""
    return call.callee.rpartition(".")[2] in THREADS


def _bodies(calls: Calls, argument: str, function: FunctionFacts) -> list[str]:
    name, equals, value = argument.partition("=")
    if equals and name not in ("target", "function"):
        return []
    path = value if equals else argument
    return [unit.qualname for unit in calls.target(path, function)] if path in function.references else []
