"""Tasks of which there is one for each key: whoever starts one has looked whether there is one, and keeps it under its key."""

from __future__ import annotations

from racelint.events import Access, Op, Resource, Sense
from racelint.evidence.own_objects import BUILDERS
from racelint.facts import FunctionFacts
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same


def of_one_task(unit: Unit, resource: Resource, body: FunctionFacts, starters: list[FunctionFacts]) -> bool:
    """Whether all starters of a task keep it under the key that an entry has, and only if none is kept there that is still at work.

    `if name not in self.tasks or self.tasks[name].done(): self.tasks[name] = create_task(self.serve(name))`. Who takes it out while
    it is at work lets another one begin: the task itself may do so, and whoever sees that the entry is not there.
    """
    kept = {_kept_at(unit, starter, body) for starter in starters}
    place = kept.pop() if len(kept) == 1 else None
    if place is None:
        return False
    concurrency = unit.module.concurrency
    own = set(concurrency.runs(body.qualname)) | {starter.qualname for starter in starters}
    return not _goes_on_without(unit, body, place, resource) and all(
        function.qualname in own
        or function.name in BUILDERS
        or (write.how != "[]" and _taken_out_without(unit, function, place, resource))
        for function, write in concurrency.writers(place)
    )


def _goes_on_without(unit: Unit, body: FunctionFacts, place: Resource, resource: Resource) -> bool:
    """Whether the task comes to the entry after it has taken itself out, so that another one may have begun."""
    task = unit.module.unit(body.qualname)
    if task is None:
        return True
    ends = [a for a in task.accesses(Op.DELETE, kinds=INTERNAL) if a.resource.place == place.place]
    comes = [a for a in task.accesses(kinds=INTERNAL) if a.resource.place == resource.place]
    return any(task.before(end.id, access.id) for end in ends for access in comes)


def _kept_at(unit: Unit, starter: FunctionFacts, body: FunctionFacts) -> Resource | None:
    """The collection in which a starter keeps each such task that it starts, after it has seen that there is none; without the key."""
    begun = unit.module.unit(starter.qualname)
    if begun is None:
        return None
    spawns = [mark for mark in begun.marks("spawn") if body.qualname in mark.related]
    found: list[Resource] = []
    for spawn in spawns:
        for write in begun.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL):
            if write.statement == spawn.statement and write.resource.key and _seen_missing(begun, write):
                found.append(write.resource)
    places = {(one.place, one.name) for one in found}
    return _whole(found[0]) if spawns and len(found) == len(spawns) and len(places) == 1 else None


def _seen_missing(unit: Unit, write: Access) -> bool:
    """Whether the write is done only where a check has found nothing under the key, or what is no longer at work, with no switch between."""
    return any(
        sense is Sense.ABSENT
        and (check := unit.access(number)) is not None
        and check.op is Op.CHECK
        and same(check.resource, write.resource)
        and unit.switch_between(number, write.id) is None
        for number, sense in write.control
    )


def _whole(resource: Resource) -> Resource:
    return Resource(resource.kind, resource.owner, resource.path, resource.name)


def _taken_out_without(unit: Unit, function: FunctionFacts, place: Resource, resource: Resource) -> bool:
    """Whether a function takes a task out only if it has seen that there is no entry of the resource."""
    other = unit.module.unit(function.qualname)
    if other is None:
        return False
    removals = [
        act
        for act in other.accesses(Op.DELETE, Op.WRITE, kinds=INTERNAL)
        if (act.resource.place, act.resource.name) == (place.place, place.name)
    ]
    return bool(removals) and all(
        act.op is Op.DELETE
        and any(
            sense is Sense.ABSENT
            and (check := other.access(number)) is not None
            and (check.resource.place, check.resource.name) == (resource.place, resource.name)
            for number, sense in act.control
        )
        for act in removals
    )
