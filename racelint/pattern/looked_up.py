"""Entries that functions throw out or put elsewhere of which callers only expect that they look something up.

Whoever calls `get_dumper(kind)` or a function with a cache does not know that anything changes, and so keeps no threads apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from racelint.events import Access, Kind, Op, Sense
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.unit import Unit, exactly
from racelint.touch import looks_up_and_changes, says_that_it_looks


def changed_by_looking(unit: Unit, use: Access, removals: Iterable[Access]) -> Evidence | None:
    """Why several threads come to the use of an entry in a function that answers what it finds, and then takes that very entry out.

    `removals` are those that fail when it is gone: who foresees that has thought of others.
    """
    concurrency, function = unit.module.concurrency, unit.module.scope.functions.get(use.place.unit)
    if function is None or concurrency.unlikely or concurrency.for_tasks or not looks_up_and_changes(function):
        return None
    removal = next((r for r in removals if r.id >= use.id and exactly(r.resource, use.resource)), None)
    if removal is None or removal.place.unit != use.place.unit:
        return None
    if _keeps_in_all(unit, removal):
        text = f"`{function.name}` keeps what it finds for all its callers, which do not see that it throws entries out"
    elif says_that_it_looks(function) and _puts_elsewhere(unit, removal):
        text = f"`{function.name}` is there to look something up; its callers do not see that it takes entries out"
    else:
        return None
    return Evidence(text, Confidence.MEDIUM, World.THREADS.value)


def _keeps_in_all(unit: Unit, removal: Access) -> bool:
    """Whether the function throws out what a loop goes over, and puts entries into the collection, which the program has but once."""
    resource = removal.resource
    if resource.key not in unit.facts.loop_names:
        return False  # one that is meant by its name, which two callers would have to give
    of_all = resource.kind is Kind.GLOBAL or unit.module.concurrency.of_class(resource)
    return of_all and any(
        write.how == "[]" and write.resource.place == resource.place and write.place.unit == removal.place.unit
        for write in unit.accesses(Op.WRITE)
    )


def _puts_elsewhere(unit: Unit, removal: Access) -> bool:
    """Whether what is taken out is found under another name from then on: in another collection of the same owner, or under another key."""
    found = {(number, sense) for number, sense in removal.control if sense is Sense.PRESENT}
    return any(
        write.how == "[]"
        and write.resource.kind is removal.resource.kind
        and write.resource.owner == removal.resource.owner
        and bool(write.resource.key)
        and (write.resource.place, write.resource.key) != (removal.resource.place, removal.resource.key)
        and write.place.unit == removal.place.unit
        and not found.isdisjoint(write.control)
        for write in unit.accesses(Op.WRITE)
    )
