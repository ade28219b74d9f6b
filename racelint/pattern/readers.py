"""Locks of readers, which several hold at once, around what is changed."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Acquire
from racelint.finding import Confidence
from racelint.pattern.anew import Useless, locks_taken
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same
from racelint.words import WRITERS_OF


def changed_by_readers(unit: Unit) -> Iterator[Useless]:
    """A change that rests on the old value, made under the lock of readers, where the module takes that of writers, too."""
    for guard in locks_taken(unit):
        half = _half_of_writers(unit, guard)
        if not half or not _taken_somewhere(unit, half):
            continue
        for change in unit.accesses(kinds=INTERNAL):
            reads = (unit.access(number) for number in change.value.stems)
            rests = any(read is not None and same(read.resource, change.resource) for read in reads)
            if guard.id in change.held and change.op.changes and rests and unit.locked_at(change) == [guard]:
                yield Useless(
                    change,
                    change,
                    guard.lock.name,
                    "is held by all readers at once, so it does not keep the others",
                    Confidence.MEDIUM,
                    f"take `{half}` where something is changed",
                )
                break


def _half_of_writers(unit: Unit, guard: Acquire) -> str:
    """The source of the lock for writers that belongs to a lock for readers; "" if the guard is none.

    A `read_lock` that the object itself has may be a lock like any other, for those who read from a connection.
    """
    holder, dot, name = guard.lock.name.removesuffix("()").rpartition(".")
    own = {given for given, _ in unit.facts.params[:1]} if unit.facts.owner else set()
    return f"{holder}.{WRITERS_OF[name]}" if dot and name in WRITERS_OF and holder not in own else ""


def _taken_somewhere(unit: Unit, path: str) -> bool:
    return any(
        path == call.callee or path in call.within
        for function in unit.module.scope.facts.functions
        for call in function.calls
    ) or any(path in write.within for function in unit.module.scope.facts.functions for write in function.writes)
