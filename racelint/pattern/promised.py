"""Functions that promise by their names to look and set in one step, and do it in two."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.expressions import expression
from racelint.finding import World
from racelint.flow.promised import PROMISED
from racelint.pattern.pair import Pair
from racelint.pattern.transactions import transactions_at
from racelint.pattern.unit import Unit, exactly
from racelint.words import STAND_INS

_IN_MEMORY = expression(rf"(?i){STAND_INS}|mapping|parser")
"""Parts of the names of classes, and of what they derive from, whose entries no other process has."""


def promises_broken(unit: Unit) -> Iterator[tuple[Pair, Access]]:
    """Looks for an entry, each with the step that sets it because there was none.

    Whoever calls such a function relies on its promise, so that it need not be known who does. Errors that are handled may say that
    somebody else was first.
    """
    bases = unit.owner.bases if unit.owner is not None else ()
    if any(map(_IN_MEMORY.search, (unit.facts.owner, *bases))):
        return
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.resource.owner != PROMISED or write.handled or transactions_at(unit, write):
            continue
        for number, sense in sorted(write.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or sense is Sense.PRESENT or not exactly(look.resource, write.resource):
                continue
            if not unit.guarded(look, write) and not unit.guarded(look, write, World.PROCESSES):
                yield Pair(unit, look, write), write
                break
