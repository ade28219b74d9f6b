"""Uses of what another thread ends under a lock, and puts another in its place."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op
from racelint.finding import Confidence
from racelint.pattern.compounds import Broken
from racelint.pattern.locking import lets_several_in
from racelint.pattern.module import Module
from racelint.pattern.unit import Unit, same
from racelint.words import REPLACED_AFTER, first_word


def used_while_replaced(module: Module) -> Iterator[Broken]:
    """Calls of a method of a file or connection without the lock under which a thread closes it and opens the next one.

    Only where both surely run in threads: who rotates a file mostly knows who writes to it.
    """
    replaced = [(other, *found) for other in module.units if not other.is_constructor for found in _replaced(other)]
    seen: set[tuple[object, ...]] = set()
    for unit in module.units if replaced else ():
        if unit.is_constructor or unit.facts.is_async or first_word(unit.facts.name) in module.models.lifecycle:
            continue
        for step in unit.accesses(Op.USE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
            if not _is_bare_use(unit, step) or (step.place, step.resource.place) in seen:
                continue
            for other, end, lock in replaced:
                if end.resource.place != step.resource.place or other is unit:
                    continue
                evidence = module.concurrency.overlap(
                    unit.facts.qualname, other.facts.qualname, "threads", step.resource
                )
                if evidence is None or evidence.strength is not Confidence.HIGH or evidence.public or evidence.half:
                    continue
                seen.add((step.place, step.resource.place))
                yield Broken(unit, step, end, other, lock, evidence)
                break


def _replaced(unit: Unit) -> Iterator[tuple[Access, Acquire]]:
    """The ends of what the unit replaces under the same lock."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
        if write.how != "=" or write.resource.key or write.value.shape.absent:
            continue
        for lock in unit.locked_at(write):
            end = next(
                (
                    use
                    for use in unit.accesses(Op.USE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL))
                    if use.how in REPLACED_AFTER
                    and lock.id in use.held
                    and same(use.resource, write.resource)
                    and unit.before(use.id, write.id)
                ),
                None,
            )
            if end is not None and lock.world != "tasks" and not lets_several_in(lock):
                yield end, lock
                break


def _is_bare_use(unit: Unit, step: Access) -> bool:
    """Whether the unit itself uses it whatever happens, under no lock, minds no error, and ends or replaces nothing."""
    return (
        step.place.unit == unit.facts.qualname
        and not step.handled
        and step.how not in unit.module.models.idempotent
        and not any(isinstance(event := unit.events[n], Acquire) and event.what == "lock" for n in step.held)
        and not unit.module.concurrency.called_under_lock(unit.facts)
        and not any(write.resource.place == step.resource.place for write in unit.accesses(Op.WRITE, Op.DELETE))
    )
