"""Files that are there for the lock of the system on them: what stands in them says nothing."""

from __future__ import annotations

from racelint.events import Access
from racelint.pattern.unit import Unit

_SYSTEM = frozenset({"flock", "lockf", "locking"})
"""Words in names of calls that lock a file for the process."""


def locked_by_system(unit: Unit, opened: Access, later: bool = False) -> bool:
    """Whether the function that opens a file locks one; `later`: after that."""
    function, line = unit.module.scope.functions.get(opened.place.unit, unit.facts), unit.module.line(opened)
    return any(
        call.callee == "portalocker.lock" or not _SYSTEM.isdisjoint(call.callee.rpartition(".")[2].split("_"))
        for call in function.calls
        if not later or call.line > line
    )
