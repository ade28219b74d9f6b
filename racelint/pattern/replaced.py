"""Who puts something else into a resource while a unit is busy with what it held."""

from __future__ import annotations

from racelint.events import Op, Resource, Sense, Shape
from racelint.evidence import Evidence
from racelint.finding import World
from racelint.pattern.rivals import rivals, stronger, used_by_many, with_itself
from racelint.pattern.unit import Unit

PUTS = ("call", "await", "other", "true", "display", "constant")


def replaced_meanwhile(unit: Unit, resource: Resource) -> Evidence | None:
    """The evidence that another unit, or another run of this one, sets the resource to something else meanwhile.

    Whoever sets it only if nothing is there does not while the old one is: then a second run of this unit has to clear it first.
    Nor does a task that the unit cancels.
    """
    best: Evidence | None = None
    for _, function, found in rivals(unit, resource, World.TASKS, PUTS):
        evidence: Evidence | None = found
        name = function.qualname
        if name != unit.facts.qualname and unit.module.concurrency.cancels(unit.facts, name):
            continue  # it runs in a task that this unit ends first
        if name != unit.facts.qualname and sets_only_if_missing(unit, name, resource):
            evidence = with_itself(unit, World.TASKS, resource)
            if evidence is not None and (evidence.public or evidence.half):
                evidence = None
        if name == unit.facts.qualname:  # it takes the old one down and makes a new one for whoever comes
            evidence = stronger(found.weakened(), used_by_many(unit))
        if evidence is None or (best is not None and evidence.strength.rank <= best.strength.rank):
            continue
        text = evidence.text if name == unit.facts.qualname else f"{evidence.text}; `{name}` changes it too"
        best = Evidence(text, evidence.strength, evidence.world, evidence.public)
    return best


def sets_only_if_missing(unit: Unit, qualname: str, resource: Resource) -> bool:
    """Whether a function of the module sets the resource to something only where it found nothing there."""
    setter = unit.module.unit(qualname)
    if setter is None:
        return False
    writes = [
        write
        for write in setter.accesses(Op.WRITE)
        if write.resource.place == resource.place
        and write.place.unit == qualname
        and write.value.shape not in (Shape.NONE, Shape.FALSE)
    ]
    return bool(writes) and all(
        any(
            sense in (Sense.ABSENT, Sense.OTHER)
            and (check := setter.access(number)) is not None
            and check.resource.place == resource.place
            for number, sense in write.control
        )
        for write in writes
    )
