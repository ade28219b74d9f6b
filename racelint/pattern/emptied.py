"""Collections whose entries a unit deals with over an await and then empties: what came meanwhile goes unseen."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Shape, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.pattern.one_way import added_before
from racelint.pattern.own_tasks import starts_own_task
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit, same

ADDS = ("append", "add", "[]", "extend", "update", "insert", "setdefault", "appendleft")
"""Changes of a collection after which there is more in it."""


def emptied_after_await(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """A collection that is handed to an await, or iterated around one, and then emptied; and who adds to it meanwhile."""
    for write in unit.accesses(Op.WRITE, Op.DELETE, kinds=INTERNAL):
        if write.value.shape is not Shape.EMPTY or write.resource.key or _looked_again(unit, write):
            continue
        for read, switch in _dealt_with(unit, write):
            evidence = _added_to(unit, read, write)
            if evidence is not None and not _taken_between(unit, read, write):
                yield Pair(unit, read, write, switch), evidence
                break


def _dealt_with(unit: Unit, write: Access) -> Iterator[tuple[Access, Switch]]:
    """The reads whose value an await works on before the collection is emptied, with that await."""
    seen = _gone_through(unit, write)
    for switch in unit.switches():
        if switch.id > write.id or not unit.before(switch.id, write.id):
            continue
        for number in sorted((switch.stems | switch.handed) - seen):
            read = unit.access(number)
            if read is not None and number < switch.id and _is_read(read, write):
                yield read, switch
    for loop in unit.marks("loop"):
        for number in sorted(loop.stems - seen):
            read = unit.access(number)
            if read is None or loop.id > write.id or not _is_read(read, write):
                continue
            inside = next((s for s in unit.switches_between(number, loop.id) if loop.id < s.id < write.id), None)
            if inside is not None:
                yield read, inside


def _gone_through(unit: Unit, write: Access) -> frozenset[int]:
    """The reads by loops over the collection itself, which come to what is added meanwhile, where no await follows on the loop.

    A dictionary or a set fails instead (RL802).
    """
    found: set[int] = set()
    for loop in unit.marks("loop"):
        if loop.id > write.id or unit.module.text(loop.place).startswith(("[", "{")):
            continue
        after = (switch for switch in unit.switches_between(loop.id, write.id) if not unit.before(switch.id, loop.id))
        if next(after, None) is None:
            found.update(n for n in loop.stems if (a := unit.access(n)) is not None and a.how == "iterate")
    return frozenset(found)


def _is_read(read: Access, write: Access) -> bool:
    return (
        read.op in (Op.READ, Op.CHECK)
        and read.id < write.id
        and read.id not in write.fresh
        and same(read.resource, write.resource)
    )


def _looked_again(unit: Unit, write: Access) -> bool:
    """Whether the collection was read since the last switch point, other than to empty it."""
    return any(
        (read := unit.access(number)) is not None
        and same(read.resource, write.resource)
        and read.op in (Op.READ, Op.CHECK)
        and not (write.how == "clear" and number == write.id - 1)  # the receiver of `clear` itself
        for number in write.fresh
    )


def _taken_between(unit: Unit, read: Access, write: Access) -> bool:
    """Whether the unit itself swapped or changed the collection in between."""
    return any(
        read.id < other.id < write.id and same(other.resource, write.resource)
        for other in unit.accesses(Op.WRITE, Op.DELETE)
    )


def _one_object(unit: Unit, owner: str) -> bool:
    """Whether an object can be of the unit's class and of the other one: not of two classes with a common base."""
    mine = unit.facts.owner
    if not mine or not owner:
        return True
    scope = unit.module.scope
    return any(c.qualname == owner for c in scope.lineage(mine)) or any(
        c.qualname == mine for c in scope.lineage(owner)
    )


def _only_public(unit: Unit, function: FunctionFacts) -> bool:
    """Whether nothing but that somebody may call it tells of who adds: mostly before the object is at work."""
    concurrency = unit.module.concurrency
    return all(concurrency.roots[number].public for number in concurrency.reached.get(function.qualname, ()))


def _added_to(unit: Unit, read: Access, write: Access) -> Evidence | None:
    """Who adds meanwhile; under a lock that the unit holds too, nobody does."""
    guarded, scope, resource = unit.guarded(read, write), unit.module.scope, write.resource
    known = resource.owner in scope.classes
    is_list = known and scope.attribute_type(resource.owner, resource.path) in ("list", "deque", "collections.deque")
    best: Evidence | None = None
    for change, function, found in rivals(unit, resource, World.TASKS, ADDS):
        if not _one_object(unit, function.owner) or (is_list and change.how == "[]"):
            continue
        if unit.module.concurrency.cancels(unit.facts, function.qualname):
            continue  # the task that adds is ended first
        if added_before(unit, function, write):
            continue
        locked = bool(change.within) or bool(unit.module.concurrency.held_on_entry(function))
        if (guarded and locked) or (best is not None and found.strength.rank <= best.strength.rank):
            continue
        text = f"{found.text}; `{function.qualname}` adds to it on line {change.line}"
        before = _only_public(unit, function) and not starts_own_task(unit, function)
        strength = Confidence.LOW if before else found.strength
        best = Evidence(text, strength, found.world, found.public)
    return best
