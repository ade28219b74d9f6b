"""Live views of collections that a lock guards, handed out to callers who do not hold it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.unit import Unit


@dataclass(frozen=True, slots=True)
class Escape:
    """What is returned, the read of the collection it stems from, and the lock that its changes are made under."""

    at: Mark
    read: Access
    lock: str
    strength: Confidence


LIVE = frozenset({"keys", "values", "items", "iterate"})
"""Ways to read a collection whose result follows its changes."""


def escapes(unit: Unit) -> Iterator[Escape]:
    """Returns of a guarded collection, a view of it or a generator over it, from public functions."""
    if unit.facts.name.startswith("_") and not unit.facts.name.startswith("__"):
        return
    for mark in unit.marks("hand out"):
        read = next((a for number in sorted(mark.stems) if (a := unit.access(number)) is not None), None)
        if read is None or read.resource.kind not in (Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CLASS) or read.resource.key:
            continue
        held = [lock for lock in unit.locked_at(mark) if lock.world != "tasks"]
        locks = changed_under(unit, read, [lock.lock.path for lock in held])
        if locks is None:
            continue
        if _replaced(unit, read, mark):
            continue
        if read.op is Op.USE and not _is_mapping(unit, read):
            continue
        live = read.how in LIVE
        if held or live:
            listed = unit.locked_at(read) and not held and read.place.unit != mark.place.unit
            # a helper that takes the lock for itself mostly gives a list of what it saw
            yield Escape(mark, read, locks, Confidence.LOW if listed else Confidence.MEDIUM)


def changed_under(unit: Unit, read: Access, held: list[str]) -> str | None:
    """The lock under which others change the collection in place: one of `held`, or if nothing is held, one of all changes."""
    is_lock = unit.module.scope.is_lock
    changes = [
        write
        for function, write in unit.module.concurrency.writers(read.resource)
        if write.how not in ("=", "del") and function.qualname != unit.facts.qualname
    ]
    found = [{g.rpartition(".")[2] for g in write.within if is_lock(g)} for write in changes]
    if not found:
        return None
    if held:
        return next((name for name in held if any(name in names for names in found)), None)
    common = set.intersection(*found)
    return min(common) if common else None


def _replaced(unit: Unit, read: Access, mark: Mark) -> bool:
    """Whether another collection is put in the place of what was read: the caller has the old one alone."""
    return any(
        write.how == "=" and write.resource == read.resource and read.id < write.id < mark.id
        for write in unit.accesses(Op.WRITE)
    )


def _is_mapping(unit: Unit, read: Access) -> bool:
    """Whether what is not known to be a collection is set by key somewhere, and no object of a class that is in view."""
    scope, resource = unit.module.scope, read.resource
    if resource.owner in scope.classes and scope.attribute_type(resource.owner, resource.path).startswith(":"):
        return False
    return any(write.how == "[]" for _, write in unit.module.concurrency.writers(resource))
