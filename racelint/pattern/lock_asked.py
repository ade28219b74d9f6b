"""Locks that are asked whether somebody has them, and taken in another step: who finds one free may then have to wait for it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import ASKED, Access, Acquire, Event, Mark, Op, Shape, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.made import is_told
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, held_at
from racelint.words import first_word


@dataclass(frozen=True, slots=True)
class Asked:
    """The question, what is done under the lock because it was free, a switch point in between for tasks, and the evidence."""

    check: Access
    lock: Acquire
    act: Access | Mark | Switch
    switch: Switch | None
    evidence: Evidence


def asked_then_taken(unit: Unit) -> Iterator[Asked]:
    """Locks of threads that are found free, and are waited for after that by who was not to wait; of tasks, with an await in between.

    What is done under the lock is then done once more by the one who has waited, without a look at what the first has done.
    """
    for check in unit.accesses(Op.CHECK):
        if check.how != "locked" or unit.module.concurrency.called_under_lock(unit.facts):
            continue
        for lock in unit.events[check.id :]:
            if not isinstance(lock, Acquire) or lock.what != "lock" or not lock.shared:
                continue
            if f"{lock.lock.name}{ASKED}" != check.resource.name or check.place.unit != lock.place.unit:
                continue
            switch = _awaited_between(unit, check, lock)
            act = _done(unit, check, lock) if lock.world == "threads" or switch is not None else None
            if act is None:
                continue
            world = World.TASKS if lock.world == "tasks" else World.THREADS
            evidence = with_itself(unit, world)
            if evidence is None or evidence.public:
                # why else should it ask?
                evidence = Evidence(f"it asks whether another has `{lock.lock.name}`", Confidence.MEDIUM, world.value)
            yield Asked(check, lock, act, switch, evidence)
            break


def _awaited_between(unit: Unit, check: Access, lock: Acquire) -> Switch | None:
    """An await between the question and the taking, apart from that of the lock itself, which waits only where it is not free."""
    if lock.world != "tasks":
        return None
    return next((switch for switch in unit.switches_between(check.id, lock.id) if switch.callee != "acquire"), None)


def _done(unit: Unit, check: Access, lock: Acquire) -> Access | Mark | Switch | None:
    """The first thing that is done under the lock because it was found free, unless it is looked there what has been done by then."""
    for event in unit.events[lock.id :]:
        if isinstance(event, Acquire) or lock.id not in held_at(event):
            continue
        if not any(number == check.id and sense.vague for number, sense in event.control):
            continue
        if _looked_inside(unit, lock, event):
            return None
        if _is_work(unit, event):
            return event
    return None


def _looked_inside(unit: Unit, lock: Acquire, event: Access | Mark | Switch) -> bool:
    """Whether a look under the lock decided that it is done."""
    looks = (unit.access(number) for number, _ in event.control)
    return any(look is not None and lock.id in look.held for look in looks)


def _is_work(unit: Unit, event: Event) -> bool:
    """Whether it is more than a look, a word to the log, or a value that is the same each time."""
    if isinstance(event, Switch):
        return event.callee not in ("", "sleep", "acquire")
    if isinstance(event, Mark):
        word = first_word(event.subject)
        return (
            event.what in ("call", "slow", "own", "helper", "spawn")
            and not is_told(event.subject)
            and word not in unit.module.models.looks
            and word not in unit.module.models.idempotent
        )
    if not isinstance(event, Access) or not event.op.changes:
        return False
    constant = event.value.shape in (Shape.NONE, Shape.TRUE, Shape.FALSE, Shape.CONSTANT, Shape.EMPTY)
    return event.resource.kind not in INTERNAL or not constant
