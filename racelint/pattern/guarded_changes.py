"""Changes of what threads share, each with the locks that are held over it."""

from __future__ import annotations

from racelint.pattern import Access, Acquire, Kind
from racelint.pattern.unit import Unit

Place = tuple[str, str]
State = tuple[str, str, str]

Guarded = tuple[Unit, Access, frozenset[Place], frozenset[Place]]
"""A change in a unit, the locks that are held there, and those of them that the function takes in which it is written."""


def maybe_of_self(unit: Unit, lock: Acquire) -> bool:
    """Whether the lock is that of an object under a local name, which may be the own object: `with first.lock, second.lock`."""
    root, dot, name = lock.lock.name.partition(".")
    local = root in unit.facts.local_names and root not in {given for given, _ in unit.facts.params}
    return bool(dot) and local and any(name == known for _, known in unit.module.locks_of(unit.facts.owner))


def object_of(access: Access) -> str:
    """The module-level object whose attribute it is: two objects of a class may have a lock each."""
    return access.resource.name.partition(".")[0] if access.resource.kind is Kind.GLOBAL else ""


def decided_under(unit: Unit, access: Access, locks: frozenset[Place]) -> bool:
    """Whether the change follows from a look at the same state under one of the locks, which was released in between."""
    looks = [unit.access(number) for number in access.controlled_by]
    return any(
        look is not None
        and look.resource == access.resource
        and look.how != "while"
        and any(lock.lock.place in locks for lock in unit.locked_at(look))
        for look in looks
    )


def one_lock(unit: Unit, some: frozenset[Place], others: frozenset[Place]) -> bool:
    """Whether one of the locks is among the others: a base calls by the same name the lock that each subclass makes."""
    scope = unit.module.scope
    return any(
        one == other or (one[1] == other[1] and (other[0] in scope.family(one[0]) or one[0] in scope.family(other[0])))
        for one in some
        for other in others
    )


def guards_of(one: Guarded, other: Guarded) -> frozenset[Place]:
    """The locks that speak for a change, seen from another: those of the function in which it is written.

    Where both are made by one helper that takes none, its callers' locks have to do: they should be the same.
    """
    if one[1].place != other[1].place:
        return one[3]
    return one[2] if other[2] and not (one[3] or other[3]) else frozenset()


def of_one_object(one: Unit, other: Unit) -> bool:
    """Whether the methods can run on one object: not those of two subclasses, neither of which is the other's base."""
    owners = one.facts.owner, other.facts.owner
    if not all(owners) or owners[0] == owners[1]:
        return True
    lineages = [{class_.qualname for class_ in one.module.scope.lineage(owner)} for owner in owners]
    return owners[0] in lineages[1] or owners[1] in lineages[0] or not lineages[0] & lineages[1]


def fewer(change: Guarded, other: Guarded, guarded: int, changes: list[Guarded]) -> bool:
    """Whether fewer changes are made under the locks of one than the `guarded` under others; of as many, whether it is the odd one.

    That is who has no lock of the owner of what is changed, else the one that comes later; in a helper of both, by their names.
    """
    alike = {c[1].place for c in changes if c[2] & change[2]}
    return len(alike) < guarded or (len(alike) == guarded and _oddness(change) >= _oddness(other))


def _oddness(change: Guarded) -> tuple[bool, int, str]:
    unit, access, locks, _ = change
    foreign = all(lock[0] != access.resource.place[0] for lock in locks)
    return foreign, unit.module.line(access), unit.facts.qualname
