"""State that the module keeps under a lock, as its own changes of it show."""

from __future__ import annotations

from collections.abc import Collection

from racelint.events import Resource
from racelint.pattern.unit import Unit


def kept_under_lock(unit: Unit, resource: Resource, hows: Collection[str] = ()) -> bool:
    """Whether most changes of the resource (in one of the ways `hows`) are made under a lock, but the unit is never called under one.

    Their author says so that threads share the state.
    """
    module = unit.module
    if module.concurrency.called_under_lock(unit.facts):
        return False
    changes = [
        (function, write)
        for function, write in module.concurrency.writers(resource)
        if function.qualname != unit.facts.qualname and (not hows or write.how in hows)
    ]
    bare = sum(not module.under_lock(function, write) for function, write in changes)
    return bare * 2 < len(changes)
