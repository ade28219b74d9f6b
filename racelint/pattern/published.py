"""What can be seen before it is complete, and whether anybody looks at it without the lock."""

from __future__ import annotations

from racelint.events import Access, Op, Shape
from racelint.finding import World
from racelint.pattern.unit import Unit, same


def finished_later(unit: Unit, write: Access) -> bool:
    """Whether what was published, or the data that its flag stands for, is still being made afterwards.

    What an exception handler makes stands in for what failed: where the flag has come to be set, all before it went well.
    """
    later: frozenset[int] | None = None
    for access in unit.flow.accesses:
        if (
            access.id == write.id
            or not unit.before(write.id, access.id)
            or not set(write.controlled_by) <= set(access.controlled_by)
        ):
            continue
        part = access.resource.name.startswith(write.resource.name + ".") or (
            access.resource.owner == write.resource.owner and access.resource.path.startswith(write.resource.path + ".")
        )
        fills = same(access.resource, write.resource) and (
            access.op is Op.UPDATE
            or (access.op is Op.USE and access.how != "start" and not _only_asks(unit, write, access))
            or (bool(access.resource.key) and not write.resource.key and access.op is Op.WRITE)
        )
        if write.value.shape is not Shape.TRUE:
            made = (part and access.op.changes) or fills
        else:
            made = access.op is Op.WRITE and access.value.shape in (Shape.NEW, Shape.CALL, Shape.AWAITED)
            made = made and access.resource.owner == write.resource.owner
        if made:
            later = _comes_after(unit, write) if later is None else later
            if access.id in later:
                return True
    return False


def _comes_after(unit: Unit, write: Access) -> frozenset[int]:
    """The events that may follow the write, but for those in the handlers of what fails before it or at it."""
    handlers = {mark.id for mark in unit.marks("handler")}
    around = (
        {n for event in unit.events[: write.id + 1] for n in unit.flow.after[event.id] if n in handlers}
        if handlers
        else set()
    )
    seen, todo = set[int](), [write.id]
    while todo:
        followers = set(unit.flow.after[todo.pop()]) - seen - around
        seen |= followers
        todo.extend(followers)
    return frozenset(seen)


def _only_asks(unit: Unit, write: Access, use: Access) -> bool:
    """Whether the method that is called changes nothing of the new object: it neither sets anything nor calls other methods of it."""
    scope, kind = unit.module.scope, write.value.type
    method = scope.method(kind[1:], use.how) if kind.startswith(":") else None
    if method is None or not method.params:
        return False
    own = method.params[0][0] + "."
    return not any(write.path.startswith(own) for write in method.writes) and not any(
        call.callee.startswith(own) for call in method.calls
    )


def checked_outside(unit: Unit, write: Access) -> bool:
    """Whether the resource is also tested without the lock under which it is set."""
    return any(
        same(access.resource, write.resource)
        and not unit.guarded(access, write, World.THREADS)
        and not under_one_lock(unit, access, write)  # the same code, run twice
        for access in unit.accesses(Op.CHECK)
        if unit.before(access.id, write.id)
    )


def under_one_lock(unit: Unit, one: Access, other: Access) -> bool:
    """Whether both are made under the same lock, even if it was let go of in between."""
    locks = {lock.lock.place for lock in unit.locked_at(one)}
    return any(lock.lock.place in locks for lock in unit.locked_at(other))
