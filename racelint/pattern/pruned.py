"""Entries that a unit finds by going through a collection, and then removes in a way that fails when they are gone."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op
from racelint.finding import World
from racelint.pattern.iterating import VIEWS
from racelint.pattern.looked_up import changed_by_looking
from racelint.pattern.pair import Pair
from racelint.pattern.rereading import SHARED, Reread, fails_when_gone, remover
from racelint.pattern.unit import Unit

LISTED = (*VIEWS, "list", "copy", "")
"""How a collection is read whole: by a loop, or to make a copy of it."""


def pruned(unit: Unit) -> Iterator[Reread]:
    """Removals of entries that the unit has listed before, with no lock over both, and who removes them in between."""
    if unit.is_constructor or unit.facts.is_async:
        return
    seen: set[tuple[str, str]] = set()
    for removal in unit.accesses(Op.DELETE, kinds=SHARED):
        key = removal.resource.key
        if removal.resource.place in seen or key not in unit.facts.loop_names or not fails_when_gone(removal):
            continue
        listed = next((r for r in reversed([*unit.accesses(Op.READ)]) if _lists(unit, r, removal)), None)
        if listed is None or unit.guarded(listed, removal, World.THREADS) or _looked_up(unit, removal):
            continue  # what was read before that is not what the loop goes through
        found = remover(unit, removal)
        if found is None:
            continue
        seen.add(removal.resource.place)
        evidence, name = found
        if evidence.public or evidence.called:
            evidence = changed_by_looking(unit, removal, [removal]) or evidence.weakened()
        yield Reread(Pair(unit, listed, removal), evidence, name)


def _lists(unit: Unit, read: Access, removal: Access) -> bool:
    """Whether a read is of the whole collection, and not to remove."""
    return (
        read.resource.place == removal.resource.place
        and read.resource.name == removal.resource.name
        and not read.resource.key
        and read.how in LISTED
        and read.statement != removal.statement
        and unit.before(read.id, removal.id)
    )


def _looked_up(unit: Unit, removal: Access) -> bool:
    """Whether a look at this very entry decides that it is removed: then that is the test which is too old."""
    return any(
        (check := unit.access(number)) is not None
        and check.op is Op.CHECK
        and check.resource.place == removal.resource.place
        and check.resource.key == removal.resource.key
        for number in removal.controlled_by
    )
