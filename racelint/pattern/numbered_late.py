"""Numbers that a task takes before an await and counts up, or uses up by an entry, only after it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.deciding import COUNTING
from racelint.pattern.dependence import asks_size
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, exactly
from racelint.words import NUMBER


def sized_before_await(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Entries that get a number, or a key, which comes from how many there were before an await."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL) if unit.facts.is_async else ():
        function = unit.module.scope.functions.get(write.place.unit, unit.facts)
        if write.how not in ("[]", "append") or write.resource.key in function.loop_names:
            continue
        for number in sorted((write.chosen | write.value.stems - write.value.opaque) - write.fresh):
            read = unit.access(number)
            if read is None or read.resource.key or read.resource.place != write.resource.place:
                continue
            switch = unit.switch_between(number, write.id)
            if switch is None or not asks_size(unit, read) or unit.guarded(read, write):
                continue
            evidence = _sure(unit, write)
            if evidence is not None:
                yield Pair(unit, read, write, switch), evidence
                break


def counted_after_use(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Numbers that are read, used by what is awaited, and counted up only then: `send(self.seq)`, `self.seq += 1`.

    The name has to say that it is one that is given out. How much has been done may well be told before it is counted.
    """
    for count in unit.accesses(Op.WRITE, kinds=INTERNAL) if unit.facts.is_async else ():
        name = count.resource.path.rpartition(".")[2]
        if count.how not in COUNTING or NUMBER.search(name) is None or count.place.unit != unit.facts.qualname:
            continue
        if not unit.module.text(count.place).endswith("+= 1"):
            continue
        for read in unit.accesses(Op.READ, kinds=INTERNAL):
            if read.id >= count.id or read.id in count.fresh or not exactly(read.resource, count.resource):
                continue
            switch = next((s for s in unit.switches_between(read.id, count.id) if read.id in s.stems), None)
            if (
                switch is None
                or unit.guarded(read, count)
                or unit.claimed(read, count)
                or read.control != count.control
            ):
                continue
            evidence = _sure(unit, count)
            if evidence is not None:
                yield Pair(unit, read, count, switch), evidence
                break


def _sure(unit: Unit, write: Access) -> Evidence | None:
    """The evidence that the unit runs several times at once, if it is more than that callers may do so."""
    found = with_itself(unit, World.TASKS, write.resource)
    return found if found is not None and found.strength is Confidence.HIGH and not found.public else None
