"""Changes of one object of a class under the lock of another one, which does not guard it."""

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


def changed_under_others_lock(unit: Unit) -> Iterator[tuple[Access, Acquire]]:
    """Changes in two steps of an own attribute, which the methods of the class guard by the own lock, under that of an argument."""
    facts = unit.facts
    if not facts.owner or len(facts.params) < 2 or unit.is_constructor or "classmethod" in facts.decorators:
        return
    if unit.module.concurrency.called_under_lock(facts):
        return
    (own, _), *others = facts.params
    given = {name for name, _ in others}
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
        attribute = write.resource.path
        if write.resource.name != f"{own}.{attribute}" or not _in_two_steps(unit, write):
            continue
        held = unit.locked_at(write)
        root, _, lock = held[0].lock.name.partition(".") if len(held) == 1 else ("", "", "")
        if (
            root in given
            and (facts.owner, lock) in unit.module.locks_of(facts.owner)
            and _guarded_by(unit, facts.owner, lock, attribute)
        ):
            yield write, held[0]


def changed_under_lock_of_one(unit: Unit) -> Iterator[tuple[Access, Acquire]]:
    """Changes in two steps of an attribute of an argument, which its own methods guard by its lock, under that of another argument."""
    facts = unit.facts
    given = {name: annotation.strip("\"'") for name, annotation in facts.params[bool(facts.owner) :]}
    if len(given) < 2:
        return
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ARGUMENT,)):
        root, _, attribute = write.resource.name.partition(".")
        held = unit.locked_at(write)
        holder, _, lock = held[0].lock.name.partition(".") if len(held) == 1 else ("", "", "")
        if root in given and holder in given and holder != root and attribute.isidentifier() and lock.isidentifier():
            owner = _class_with(unit, lock, attribute, {given[root], given[holder]} - {""})
            if owner and _in_two_steps(unit, write):
                yield write, held[0]


def _class_with(unit: Unit, lock: str, attribute: str, named: set[str]) -> str:
    """The one class of the module whose methods guard the attribute by this lock, if arguments are not annotated otherwise."""
    found = [
        class_.qualname
        for class_ in unit.module.scope.facts.classes
        if (class_.qualname, lock) in unit.module.locks_of(class_.qualname)
        and _guarded_by(unit, class_.qualname, lock, attribute)
    ]
    return found[0] if len(found) == 1 and named <= {found[0]} else ""


def _in_two_steps(unit: Unit, change: Access) -> bool:
    """Whether what is written is computed from what was read there."""
    reads = [unit.access(number) for number in change.value.stems]
    return any(read is not None and same(read.resource, change.resource) for read in reads)


def _guards(unit: Unit, lock: Acquire, attribute: str) -> bool:
    """Whether methods change the attribute of their own object under its lock, and never under none."""
    return _guarded_by(unit, unit.facts.owner, lock.lock.path, attribute)


def _guarded_by(unit: Unit, owner: str, lock: str, attribute: str) -> bool:
    scope = unit.module.scope
    changes = [
        write
        for function, write in scope.attribute_writes(owner, attribute)
        if not scope.in_construction(function, write) and write.path.startswith("self.")
    ]
    return all(write.within for write in changes) and any(f"self.{lock}" in w.within for w in changes)
