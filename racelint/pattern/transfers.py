"""Changes of another object of the class under the lock of the own one, which does not guard it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op
from racelint.pattern.unit import Unit, same


def changed_under_own_lock(unit: Unit) -> Iterator[tuple[Access, Acquire]]:
    """Changes in two steps of an attribute of an argument, which its own methods guard by their lock, under that of `self`."""
    facts, scope = unit.facts, unit.module.scope
    if not facts.owner or len(facts.params) < 2 or unit.is_constructor or "classmethod" in facts.decorators:
        return
    given = {
        name
        for name, annotation in facts.params[1:]
        if not annotation or annotation.strip("\"'") in ("Self", facts.owner, facts.owner.rpartition(".")[2])
    }
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ARGUMENT,)):
        root, _, attribute = write.resource.name.partition(".")
        if root not in given or not attribute.isidentifier() or not _in_two_steps(unit, write):
            continue
        held = unit.locked_at(write)
        own = [
            lock for lock in held if lock.lock.kind is Kind.ATTRIBUTE and lock.lock.owner in scope.family(facts.owner)
        ]
        own = [lock for lock in own if lock.lock.name == f"{facts.params[0][0]}.{lock.lock.path}"]
        if len(held) == len(own) == 1 and _guards(unit, own[0], attribute):
            yield write, own[0]


def _in_two_steps(unit: Unit, change: Access) -> bool:
    """Whether what is written is computed from what was read there."""
    reads = [unit.access(number) for number in change.value.stems]
    return any(read is not None and same(read.resource, change.resource) for read in reads)


def _guards(unit: Unit, lock: Acquire, attribute: str) -> bool:
    """Whether methods change the attribute of their own object under its lock, and never under none."""
    scope = unit.module.scope
    changes = [
        write
        for function, write in scope.attribute_writes(unit.facts.owner, attribute)
        if not scope.in_construction(function, write) and write.path.startswith("self.")
    ]
    return all(write.within for write in changes) and any(f"self.{lock.lock.path}" in w.within for w in changes)
