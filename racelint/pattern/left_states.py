"""States that are kept under a key of a store, tested, and then left for another."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Shape
from racelint.finding import World
from racelint.pattern.limits import of_one_member
from racelint.pattern.pair import Pair
from racelint.pattern.seen import effects_of
from racelint.pattern.unit import Unit, exactly


def states_left(unit: Unit) -> Iterator[tuple[Pair, Access | Mark]]:
    """Values that were compared and are set to a constant because of that, each with what else is done then.

    `if store.hget(job, "state") == b"queued": store.hset(job, "state", "running")`, and the work.
    """
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if write.resource.owner != "store" or write.how not in _SETS or write.value.stems:
            continue
        if write.value.shape not in (Shape.CONSTANT, Shape.TRUE, Shape.OTHER):
            continue
        for number, sense in sorted(write.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or not sense.vague or look.how not in _GETS or number in unit.flow.ordered:
                continue
            one = exactly(look.resource, write.resource) and (write.how != "hset" or of_one_member(unit, look, write))
            if not one or unit.guarded(look, write, World.PROCESSES) or unit.only_after_error(look, write):
                continue
            effect = next((e for e in effects_of(unit, write) if (number, sense) in e.control), None)
            if effect is not None:
                yield Pair(unit, look, write), effect
                break


_SETS = frozenset({"set", "aset", "hset", "setex"})
_GETS = frozenset({"get", "aget", "hget"})
