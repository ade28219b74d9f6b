"""Drivers of databases whose connections and cursors are not shared: `threadsafety = 1`, as PEP 249 has it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.facts import CallSite
from racelint.pattern.unit import Unit

_MOST_LEVELS = 5
"""Calls on the way from what is started to the unit."""


def used_by_one(unit: Unit, owner: str) -> bool:
    """Whether the objects of a class belong to such a driver, so that who has a connection is alone with it and its cursors.

    Not so if the class has a lock of its own, or if something that the driver itself starts may lead to the unit.
    """
    index = unit.module.scope.index
    if not owner or not index.of_unshared_connections(unit.module.scope.names_in(owner).facts.path):
        return False
    return not unit.module.locks_of(owner) and not _led_to_by_started(unit)


def _led_to_by_started(unit: Unit) -> bool:
    """Whether the driver starts the unit beside what runs, or a function that leads to it, by the names of what they call."""
    index = unit.module.scope.index
    calls = (one for start in sorted(unit.module.models.spawning_names) for one in index.calls.get(start, ()))
    started = {
        name for module, _, call in calls if index.of_unshared_connections(module.path) for name in _handed(call)
    }
    level = seen = {unit.facts.name}
    for _ in range(_MOST_LEVELS if started else 0):
        if not started.isdisjoint(level):
            return True
        callers = (one for name in sorted(level) for one in index.calls.get(name, ()))
        level = {function.name for module, function, _ in callers if index.of_unshared_connections(module.path)} - seen
        seen = seen | level
    return False


def _handed(call: CallSite) -> Iterator[str]:
    """Last names of what is handed to a call."""
    return (argument.rpartition("=")[2].rpartition(".")[2].lstrip("*") for argument in call.arguments)
