"""Flags that are raised before what they stand for is there."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Resource, Sense, Shape
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.half_ready import FILLS, missing_at_first, taken_back
from racelint.pattern.unit import Unit
from racelint.resolve import enclosing_self


@dataclass(frozen=True, slots=True)
class EarlyFlag:
    """The flag that is raised, the later write of what `reader` uses because the flag is up, and why both come at once."""

    flag: Access
    write: Access
    reader: str
    world: World
    evidence: Evidence


def raised_too_early(unit: Unit) -> Iterator[EarlyFlag]:
    """Flags that are up before an attribute or global is set that was nothing until then, and that another function uses once they are."""
    if unit.is_constructor:
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for flag in unit.accesses(Op.WRITE, kinds=_KINDS):
        if flag.value.shape is not Shape.TRUE or flag.how != "=" or flag.resource.key:
            continue
        if taken_back(unit, flag) or not _nothing_before(unit, flag):
            continue
        for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=_KINDS):
            if not _gives_late(unit, flag, write) or not _others_between(unit, flag, write, world):
                continue
            found = _relied_on(unit, flag, write, world)
            if found is not None:
                yield EarlyFlag(flag, write, found[0], world, found[1])
                break


_KINDS = (Kind.ATTRIBUTE, Kind.GLOBAL)


def _gives_late(unit: Unit, flag: Access, write: Access) -> bool:
    """Whether the write gives a value, after the flag was raised, to what had none."""
    if (
        write.id < flag.id
        or write.resource.owner != flag.resource.owner
        or write.resource.kind is not flag.resource.kind
    ):
        return False
    if write.resource.place == flag.resource.place or not unit.before(flag.id, write.id):
        return False
    if write.op is Op.UPDATE or write.resource.key:
        if not fills(unit, write):
            return False
    elif write.how != "=" or write.value.shape.absent or write.value.shape in (Shape.TRUE, Shape.CONSTANT):
        return False
    return _nothing_before(unit, write) and not unit.only_after_error(flag, write)


def fills(unit: Unit, write: Access) -> bool:
    """Whether a collection gets what it is to hold: an entry, or one for each element of what a loop goes through.

    What is added for as long as something holds is never complete.
    """
    if write.how not in FILLS:
        return False
    return not unit.repeats(write.id) or any(
        mark.id < write.id and unit.before(write.id, mark.id) for mark in unit.marks("loop")
    )


def _nothing_before(unit: Unit, write: Access) -> bool:
    """Whether the attribute or global had nothing at first, and gets nothing in the unit before the write."""
    place = write.resource.place
    if any(
        a.id < write.id and a.resource.place == place and a.op.changes and not a.value.shape.absent
        for a in unit.flow.accesses
    ):
        return False
    if write.resource.kind is Kind.GLOBAL:
        body = unit.module.scope.facts.module_body
        first = [w for w in body.writes if w.path == write.resource.path]
        return bool(first) and all(w.shape in ("none", "empty", "false") for w in first)
    return "." not in write.resource.path and missing_at_first(unit, write.resource)


def _others_between(unit: Unit, flag: Access, write: Access, world: World) -> bool:
    if unit.guards(flag, write, "lock"):
        return False
    return world is World.THREADS or unit.switch_between(flag.id, write.id) is not None


def _relied_on(unit: Unit, flag: Access, write: Access, world: World) -> tuple[str, Evidence] | None:
    """Another function that uses what is missing because it found the flag up, and the evidence that it runs meanwhile."""
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or not _reads_both(unit, function, flag.resource, write.resource):
            continue
        other = unit.module.unit(function.qualname)
        if other is None or other.is_constructor or not _goes_on(other, flag, write):
            continue
        found = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, world.value, write.resource)
        if found is not None and found.strength is not Confidence.LOW and not found.public:
            # who calls the method that raises the flag may well do so before there are others
            return function.qualname, found.weakened() if found.half == unit.facts.qualname else found
    return None


def _reads_both(unit: Unit, function: FunctionFacts, *resources: Resource) -> bool:
    """Whether the function looks at all of the attributes or globals, and changes none."""
    owner, name = enclosing_self(function, unit.module.scope)
    paths = []
    for resource in resources:
        if resource.kind is Kind.GLOBAL:
            paths.append(resource.path)
        elif owner and owner in unit.module.scope.family(resource.owner):
            paths.append(f"{name}.{resource.path}")
        else:
            return False
    return function.reads.issuperset(paths) and not any(write.path in paths for write in function.writes)


def _goes_on(other: Unit, flag: Access, write: Access) -> bool:
    """Whether the unit uses what is set late because the flag is up, without asking whether it is there."""
    looks = {
        check.id for check in other.accesses(Op.CHECK, kinds=_KINDS) if check.resource.place == flag.resource.place
    }
    uses = [a for a in other.accesses(kinds=_KINDS) if a.resource.place == write.resource.place]
    if any(a.op is Op.CHECK and not a.resource.key and a.how != "in" for a in uses):
        return False
    return any(number in looks and sense is Sense.PRESENT for a in uses for number, sense in a.control)
