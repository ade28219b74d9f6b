"""Entries that are made because there were none, where whoever finds one is refused."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.finding import World
from racelint.pattern.pair import Pair
from racelint.pattern.unit import Unit, exactly

_LOOKS = frozenset("exists aexists hexists sismember has_key ahas_key has get aget hget".split())
"""How it is asked whether there is an entry."""

_MAKING = frozenset("set aset setex psetex hset hmset sadd put".split())
"""How an entry is made, whether there is one or not."""


def entries_refused(unit: Unit) -> Iterator[tuple[Pair, None]]:
    """Each making with the look that allowed it: two callers both find no entry, and the second takes the place of the first.

    Who finds an entry gets an exception or False, so that callers rely on being the only one; a value that is kept to save time
    is given back instead.
    """
    refused = [mark.control for mark in unit.marks("refused")]
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.STORE,)) if refused else ():
        if write.how not in _MAKING or write.resource.owner != "store":
            continue
        for number, sense in sorted(write.control, key=lambda one: one[0]):
            look = unit.access(number)
            if look is None or sense is not Sense.ABSENT or look.how not in _LOOKS:
                continue
            if (
                not _same_entry(unit, look, write)
                or number in write.value.stems
                or unit.guarded(look, write, World.PROCESSES)
            ):
                continue
            if any((number, Sense.PRESENT) in control for control in refused) and not _asked(unit, write):
                yield Pair(unit, look, write), None
                break


def is_taken(unit: Unit, check: Access) -> bool:
    """Whether whoever finds an entry in memory turns back without a look at what it holds: it says that something is under way.

    A value that is kept to save time is read instead.
    """
    found = (check.id, Sense.PRESENT)
    return any(found in mark.control for mark in unit.marks("occupied")) and not any(
        found in access.control and exactly(access.resource, check.resource) and access.id != check.id
        for access in unit.flow.accesses
    )


def _same_entry(unit: Unit, look: Access, write: Access) -> bool:
    """Whether the entry that was asked for is the one that is made; of a hash and a set the member, too."""
    if not exactly(look.resource, write.resource):
        return False
    members = write.related - {write.resource.key}
    asked = unit.module.text(look.place)
    return look.how not in ("hexists", "hget", "sismember") or any(member in asked for member in members)


def _asked(unit: Unit, write: Access) -> bool:
    """Whether what the making answers decides anything: whether the entry was new."""
    return any(write.id in dict(mark.control) for mark in unit.marks("refused")) or any(
        write.id in access.controlled_by for access in unit.flow.accesses
    )
