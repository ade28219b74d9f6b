"""Flags that say that there is something to do, and that are lowered only when it is done."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.pattern.made import is_told
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit, same
from racelint.resolve import CONSTRUCTORS
from racelint.words import TAKES_BACK, first_word

Lowered = tuple[Access, "Switch | Mark", Access, str, Evidence]


def lowered_late(unit: Unit) -> Iterator[Lowered]:
    """The test that found a flag up, the work, the step that lowers it, who raises it, and why that comes in between.

    Who raises the flag changes first what the work reads, and finds the flag up already: the work does not see the change, and when
    the flag is down nobody does it again. A flag that mirrors a state (`connected`) is another matter: there is nothing to read. So does
    what is lowered by whoever takes back what was set up (`unregister`).
    """
    if first_word(unit.facts.name) in TAKES_BACK:
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for lower in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if lower.value.shape is not Shape.FALSE or lower.how != "=" or lower.resource.key:
            continue
        for number, sense in lower.control:
            check = unit.access(number)
            if check is None or sense is not Sense.PRESENT or not same(check.resource, lower.resource):
                continue
            if unit.guarded(check, lower, world) or (
                unit.fresh(lower, lower.resource) is not None and world is World.TASKS
            ):
                continue
            work = _work(unit, check, lower)
            if work is None or _lowered_before(unit, check, lower) or _goes_on(unit, lower):
                continue
            found = _raised_by(unit, check, work, lower, world)
            if found is not None:
                yield check, work, lower, *found
                break


def _work(unit: Unit, check: Access, lower: Access) -> Switch | Mark | None:
    """What is done because the flag is up, before it is lowered, and takes its time or is seen: more than to wait or to end something."""
    idle = {*unit.module.models.idempotent, "sleep", "acquire", ""}
    if unit.facts.is_async:
        switches = unit.switches_between(check.id, lower.id)
        return next((s for s in switches if s.callee not in idle and check.id < s.id < lower.id), None)
    marks = (m for m in unit.marks("call", "slow") if check.id < m.id < lower.id and unit.before(check.id, m.id))
    return next((m for m in marks if m.subject.rpartition(".")[2] not in idle and not is_told(m.subject)), None)


def _lowered_before(unit: Unit, check: Access, lower: Access) -> bool:
    """Whether the flag was lowered before the work, too, or is raised again by the unit itself: it is more than a sign of work."""
    return any(
        write.id != lower.id and same(write.resource, lower.resource) and unit.before(check.id, write.id)
        for write in unit.accesses(Op.WRITE, kinds=INTERNAL)
    )


def _goes_on(unit: Unit, lower: Access) -> bool:
    """Whether the work, or more of it, is done when the flag is down."""
    idle = {*unit.module.models.idempotent, "sleep"}
    marks = (m for m in unit.marks("call", "slow") if m.id > lower.id and unit.before(lower.id, m.id))
    if any(lower.controlled_by <= dict(mark.control).keys() and not is_told(mark.subject) for mark in marks):
        return True
    return any(
        switch.id > lower.id and unit.before(lower.id, switch.id) and lower.controlled_by <= dict(switch.control).keys()
        for switch in unit.switches()
        if switch.callee not in idle
    )


def _raised_by(
    unit: Unit, check: Access, work: Switch | Mark, lower: Access, world: World
) -> tuple[str, Evidence] | None:
    """The function that changes what the work reads and raises the flag, and the evidence that it comes during the work."""
    read = {
        access.resource.path.partition(".")[0]
        for access in unit.flow.accesses
        if access.op in (Op.READ, Op.CHECK, Op.USE)
        and access.resource.owner == lower.resource.owner
        and access.resource.place != lower.resource.place
        and access.id <= work.id
        and unit.before(check.id, access.id)
    }
    best: tuple[str, Evidence] | None = None
    for _, function, evidence in rivals(unit, lower.resource, world, ("true",)) if read else ():
        if not _changes(function, read) or first_word(function.name) in unit.module.models.lifecycle:
            continue
        if function.qualname == unit.facts.qualname or function.name in CONSTRUCTORS:
            continue
        if world is World.THREADS and (evidence.public or evidence.strength is not Confidence.HIGH):
            evidence = evidence.weakened()
        if best is None or evidence.strength.rank > best[1].strength.rank:
            best = (function.qualname, evidence)
    return best


def _changes(function: FunctionFacts, read: set[str]) -> bool:
    """Whether the function changes any of what is read, of its object or of the module."""
    parts = [write.path.split(".") for write in function.writes]
    return any(part in read for path in parts for part in (path[1:2] if len(path) > 1 else path))
