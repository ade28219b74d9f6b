"""Entries that a task has read, and takes out after an await though they may be gone by then."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rereading import fails_when_gone
from racelint.pattern.rivals import rival
from racelint.pattern.unit import Unit, exactly


def removed_late(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """The read of an entry that was there, the removal after a switch, which fails if it is gone, and why somebody takes it out meanwhile.

    Who has put the entry there itself takes out what is its own.
    """
    if not unit.facts.is_async or unit.is_constructor:
        return
    for act in unit.accesses(Op.DELETE, kinds=INTERNAL):
        if not act.resource.key or act.how not in ("del", "pop") or not fails_when_gone(act) or act.forgiven:
            continue
        about = [a for a in unit.accesses(kinds=INTERNAL) if exactly(a.resource, act.resource) and a.id != act.id]
        if any(a.op.changes or a.id in act.fresh or a.id in act.controlled_by for a in about):
            continue
        read = next((a for a in about if _found(unit, a, act)), None)
        switch = unit.switch_between(read.id, act.id) if read is not None else None
        if read is None or switch is None or unit.guarded(read, act):
            continue
        evidence = rival(unit, act.resource, World.TASKS, ("del[]", "pop", "popitem", "clear"))
        if evidence is not None and evidence.strength is not Confidence.LOW and not evidence.public:
            yield Pair(unit, read, act, switch), evidence


def _found(unit: Unit, read: Access, act: Access) -> bool:
    """Whether the entry was there, or the read had failed: `room = rooms[name]`."""
    return read.op is Op.READ and read.how == "" and read.id < act.id and unit.before(read.id, act.id)
