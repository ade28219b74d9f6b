"""What is done in several steps under a lock, and single steps without it that come in between."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op, Shape
from racelint.evidence import Evidence
from racelint.evidence.overlap import brings_up
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.apart import made_apart
from racelint.pattern.iterating import SIZES, VIEWS, fails_when_resized, replaced_before
from racelint.pattern.locking import lets_several_in
from racelint.pattern.module import Module
from racelint.pattern.unit import Unit, same
from racelint.words import first_word

HARMLESS = frozenset({"wait", "join", "flush"})
"""Of what is right to do twice, what ends nothing."""
OWNED = (Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CLASS, Kind.CAPTURED)


@dataclass(frozen=True, slots=True)
class Broken:
    """A step without the lock, the last step of what it breaks, its unit, the lock, and why both run at once."""

    unit: Unit
    step: Access
    rest: Access
    other: Unit
    lock: Acquire
    evidence: Evidence


def broken_compounds(module: Module) -> Iterator[Broken]:
    """Changes of collections, and ends of objects, outside of the lock under which others test and use them."""
    steps = [(unit, step) for unit in module.units if not unit.is_constructor for step in _steps(unit)]
    if not steps:
        return
    seen: set[tuple[object, ...]] = set()
    for other in module.units:
        for rest, locks in _compounds(other):
            for unit, step in steps:
                key = (step.place, step.resource.place)
                if key in seen or not _breaks(step, rest) or any(_excluded(unit, step, lock) for lock in locks):
                    continue
                evidence = module.concurrency.overlap(
                    unit.facts.qualname, other.facts.qualname, "threads", step.resource
                )
                if evidence is None:
                    continue
                seen.add(key)
                expected = step.op is Op.USE and bool(step.handled)  # who ends it knows that others are at it
                if expected or module.concurrency.called_under_lock(unit.facts):
                    evidence = evidence.weakened()
                elif evidence.strength is not Confidence.HIGH:
                    stopped = next((lock for lock in locks if _stops(unit, step, other, rest, lock)), None)
                    evidence = _of_threads(evidence, other, stopped)
                yield Broken(unit, step, rest, other, locks[0], evidence)


def _stops(unit: Unit, step: Access, other: Unit, rest: Access, lock: Acquire) -> bool:
    """Whether the step makes the other unit's loop over the collection itself fail, which goes over it under the lock of its object.

    Who brings the object up does so before there is anything to go over.
    """
    own = lock.lock.kind is Kind.ATTRIBUTE and lock.lock.name.count(".") == 1 and lock.lock.owner == rest.resource.owner
    within = unit.module.scope.functions.get(rest.place.unit, other.facts)
    around = lock.lock.name in within.decorators and within.owner == unit.facts.owner == rest.resource.owner
    return (
        (own or around)
        and step.how in SIZES
        and not unit.facts.parent  # whoever it is handed to may call it under the lock
        and not unit.locked_at(step)
        and not _of_old(unit, step)
        and _iterates(other, rest)
        and not rest.resource.key
        and "." not in rest.resource.path
        and fails_when_resized(other, rest)
        and not replaced_before(other, rest)
        and not rest.handled & {"", "RuntimeError"}
        and not brings_up(unit.facts)
        and first_word(unit.facts.name) not in unit.module.models.lifecycle
    )


def _of_old(unit: Unit, step: Access) -> bool:
    """Whether the unit has put another collection in the place of this one before, and goes on with the old one."""
    return any(
        write.how == "="
        and write.resource.place == step.resource.place
        and not write.resource.key
        and unit.before(write.id, step.id)
        for write in unit.accesses(Op.WRITE, kinds=OWNED)
    )


def _of_threads(evidence: Evidence, other: Unit, lock: Acquire | None) -> Evidence:
    """The evidence that is left: the lock of the loop says that threads share the object, whatever its methods say."""
    if lock is None:
        return evidence.weakened()
    text = f"`{other.facts.qualname}` takes `{lock.lock.name}` to go over it, so that threads share the object"
    return Evidence(text, Confidence.MEDIUM, evidence.world)


def broken_sections(module: Module) -> Iterator[Broken]:
    """Changes without a lock of what another task reads, awaits and writes back under one."""
    seen: set[tuple[object, ...]] = set()
    for other in module.units:
        for rest, lock in _sections(other):
            for unit in module.units:
                for step in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=OWNED):
                    key = (step.place, step.resource.place)
                    if key in seen or not _tears(unit, step, rest) or _excluded(unit, step, lock):
                        continue
                    held = frozenset(h.lock.place for h in unit.locked_at(step))
                    there = frozenset(h.lock.place for h in other.locked_at(rest))
                    if held and (not made_apart(unit, held, there) or (rest.place, rest.resource.place) in seen):
                        continue
                    evidence = module.concurrency.overlap(
                        unit.facts.qualname, other.facts.qualname, "tasks", step.resource
                    )
                    if evidence is None or module.concurrency.called_under_lock(unit.facts):
                        continue
                    seen.add(key)
                    yield Broken(unit, step, rest, other, lock, evidence)


def _sections(unit: Unit) -> Iterator[tuple[Access, Acquire]]:
    """Changes computed from what was read of the same under the same lock, with a switch point in between."""
    for access in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=OWNED) if unit.facts.is_async else ():
        for lock in unit.locked_at(access):
            looks = (unit.access(number) for number in sorted(access.value.stems - access.value.opaque))
            if lock.world != "threads" and any(
                look is not None
                and lock.id in look.held
                and same(look.resource, access.resource)
                and unit.switch_between(look.id, access.id) is not None
                for look in looks
            ):
                yield access, lock


def _tears(unit: Unit, step: Access, rest: Access) -> bool:
    """Whether the step, in the unit's own text, is of the same state, and more than a flag that is raised or lowered."""
    if step.place.unit != unit.facts.qualname or unit.is_constructor or step.place == rest.place:
        return False
    if step.value.shape in (Shape.TRUE, Shape.FALSE) or step.resource.place != rest.resource.place:
        return False
    keyed = step.resource.key and rest.resource.key and step.resource.key != rest.resource.key
    return not keyed and not (step.op is Op.UPDATE and step.how in ("append", "appendleft", "extend"))


def _steps(unit: Unit) -> Iterator[Access]:
    """Single changes of collections, and calls that end an object, in the unit's own text."""
    ends = unit.module.models.idempotent
    for access in unit.accesses(Op.UPDATE, Op.DELETE, Op.WRITE, Op.USE, kinds=OWNED):
        if access.place.unit != unit.facts.qualname:
            continue
        ending = access.op is Op.USE and access.how in ends - HARMLESS
        if ending or access.op in (Op.UPDATE, Op.DELETE) or (access.op is Op.WRITE and bool(access.resource.key)):
            yield access


def _compounds(unit: Unit) -> Iterator[tuple[Access, list[Acquire]]]:
    """Last steps of what the unit does in several steps under a lock: iterate, test and change, test and use. With all such locks."""
    for access in unit.accesses(kinds=OWNED):
        locks = [
            lock
            for lock in unit.locked_at(access)
            if lock.world != "tasks"
            and lock.lock.name != access.resource.name  # to wait and notify is what the holder does with it
            and not lets_several_in(lock)
            and (_iterates(unit, access) or _acts(unit, access, lock))
        ]
        if locks:
            yield access, locks


def _iterates(unit: Unit, access: Access) -> bool:
    return access.op is Op.READ and access.how in VIEWS and any(access.id in mark.stems for mark in unit.marks("loop"))


def _acts(unit: Unit, access: Access, lock: Acquire) -> bool:
    """Whether the access follows from a look at the same under the same lock."""
    if access.op is Op.USE:
        return any(
            lock.id in first.held
            and same(first.resource, access.resource)
            and first.statement != access.statement
            and unit.before(first.id, access.id)
            for first in unit.accesses(Op.USE, kinds=OWNED)
        )
    return access.op.changes and any(
        (check := unit.access(number)) is not None and lock.id in check.held and same(check.resource, access.resource)
        for number in access.controlled_by
    )


def _breaks(step: Access, rest: Access) -> bool:
    """Whether the step is of the same state, and of the sort that breaks the rest."""
    if step.resource.place != rest.resource.place or step.place == rest.place:
        return False
    if (step.resource.kind is Kind.GLOBAL) and step.resource.name.partition(".")[0] != rest.resource.name.partition(
        "."
    )[0]:
        return False
    if (step.op is Op.USE) is not (rest.op is Op.USE):
        return False
    # what is added at the end breaks no test that found something there
    return not (step.op is Op.UPDATE and step.how in ("append", "appendleft", "extend"))


def _excluded(unit: Unit, step: Access, lock: Acquire) -> bool:
    """Whether the step is made under the same lock, or a condition of it."""
    if lock.lock.path.startswith(step.resource.path + "."):  # the object has a lock of its own, which its methods take
        return True
    held = unit.locked_at(step)
    return any(
        h.lock.place == lock.lock.place or _of_one_manager(h, lock) or unit.is_condition(h) or unit.is_condition(lock)
        for h in held
    )


def _of_one_manager(one: Acquire, other: Acquire) -> bool:
    """Whether both are what one context manager of the project takes: `with held():`, here and around what calls the function."""
    return "(" in one.lock.path + other.lock.path and _manager(one) == _manager(other)


def _manager(lock: Acquire) -> str:
    return lock.lock.path.partition("(")[0].removeprefix("lock of ")
