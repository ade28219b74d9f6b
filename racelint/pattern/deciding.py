"""Decisions that are taken while a lock is held, and acted upon when it is not held any more."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Event, Op, Resource, Sense, Shape
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rereading import fails_when_gone
from racelint.pattern.unit import Unit, exactly, held_at, same


def decided_under_lock(unit: Unit) -> Iterator[tuple[Pair, Acquire]]:
    """What was seen under a lock, the change that it led to after the release, and the lock."""
    for act in unit.accesses(kinds=INTERNAL):
        if not act.op.changes or act.how in TOLERANT or _fails_politely(act):
            continue
        for number, sense in act.control:
            check = unit.access(number)
            lock = _released(unit, check, act) if check is not None else None
            if (
                check is None
                or lock is None
                or (sense in (Sense.ABSENT, Sense.OTHERWISE) and same(check.resource, act.resource) and _creates(act))
            ):
                continue
            if not same(check.resource, act.resource) and not _belongs(unit, check, sense, act):
                continue
            if _set_back(unit, check, act) or _counts_first(unit, check, act, lock):
                continue
            if not (
                unit.rechecked_locked(act)
                or _claimed(unit, check, lock)
                or _looks_again(unit, act)
                or _looks_again(unit, act, check.resource)
            ):
                yield Pair(unit, check, act), lock
                break


def _counts_first(unit: Unit, check: Access, act: Access, lock: Acquire) -> bool:
    """Whether what counts under the lock looks at the number only then: that an earlier one led to another round decides nothing."""
    return (
        act.how in COUNTING
        and check.place.unit == act.place.unit
        and any(held.lock == lock.lock for held in unit.locked_at(act))
        and unit.module.line(act) < unit.module.line(check)
    )


def locks_of_threads(unit: Unit, event: Event) -> list[Acquire]:
    """The locks that are held at an event and keep threads out."""
    return [lock for lock in unit.locked_at(event) if lock.world != "tasks"]


def locked_on_one_way(unit: Unit, event: Event) -> str:
    """The lock that is held at an event on some of the ways to it: who takes it there means the event to be under it; "" if none is."""
    for lock in unit.events[: event.id]:
        if (
            isinstance(lock, Acquire)
            and lock.what == "lock"
            and lock.shared
            and lock.world != "tasks"
            and lock.id not in held_at(event)
            and unit.before(lock.id, event.id)
            and not unit.lets_go(lock, event)
            and _ACQUIRES.search(unit.module.text(lock.place)) is not None  # a block ends before, whatever way leads on
        ):
            return lock.lock.name
    return ""


_ACQUIRES = expression(r"acquire\w*\(")
"""A call that takes a lock and does not give it back by itself."""


def limit_before_lock(unit: Unit) -> Iterator[tuple[Pair, Acquire]]:
    """A limit that was tested before a lock was taken, the counting or adding under the lock without another look, and the lock."""
    for act in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL):
        locks = locks_of_threads(unit, act)
        if act.how not in (*COUNTING, *ADDING) or not locks or unit.rechecked_locked(act) or _looks_again(unit, act):
            continue
        for number, sense in act.control:
            check = unit.access(number)
            if (
                check is not None
                and act.place.unit == unit.facts.qualname
                and only_asked(unit, check)
                and same(check.resource, act.resource)
                and _is_limit(unit, check, sense, act)
                and not any(lock.id in check.held for lock in locks)
                and not unit.guarded(check, act, World.THREADS)
                and not any(_claimed(unit, check, lock) for lock in unit.locked_at(check))  # it gives back what it took
            ):
                yield Pair(unit, check, act), locks[0]
                break


def _is_limit(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether a number is compared with a limit, or asked whether any is left before it is counted."""
    if act.how not in COUNTING:
        return sense.vague and check.id in unit.flow.ordered
    return check.how in ASKS and (
        sense is Sense.PRESENT or (sense.vague and check.id in unit.flow.ordered | unit.flow.compared)
    )


def entry_before_lock(unit: Unit) -> Iterator[tuple[Pair, Acquire]]:
    """An entry that was found missing before a lock was taken, and else the caller is turned away, and is set under it without another
    look; or one that was found there, and is removed under it so that this fails if it is gone; and the lock."""
    for act in unit.accesses(Op.WRITE, Op.DELETE, kinds=INTERNAL):
        locks = locks_of_threads(unit, act)
        wanted = Sense.ABSENT if act.how == "[]" else Sense.PRESENT
        if not locks or not act.resource.key or unit.rechecked_locked(act) or _looks_again(unit, act):
            continue
        if act.place.unit != unit.facts.qualname or (act.op is Op.DELETE and not fails_when_gone(act)):
            continue
        for number, sense in act.control:
            check = unit.access(number)
            if (
                check is not None
                and sense is wanted
                and act.how in ("[]", "del", "pop", "remove")
                and check.how not in ("while", "assert")
                and exactly(check.resource, act.resource)
                and only_asked(unit, check)
                and not any(lock.id in check.held for lock in locks)
                and not unit.guarded(check, act, World.THREADS)
                and not any(_claimed(unit, check, lock) for lock in unit.locked_at(check))
                and (act.op is Op.DELETE or _turns_away(unit, number))
            ):
                yield Pair(unit, check, act), locks[0]
                break


def _turns_away(unit: Unit, number: int) -> bool:
    """Whether a caller who finds the entry there gets an error or False."""
    return any((number, Sense.PRESENT) in mark.control for mark in unit.marks("turned away"))


def only_asked(unit: Unit, check: Access) -> bool:
    """Whether the unit itself makes the check, or a helper or property does that changes nothing: `if self.full: …`."""
    if check.place.unit == unit.facts.qualname:
        return True
    return check.site.unit == unit.facts.qualname and not any(
        access.op.changes and access.place.unit == check.place.unit for access in unit.accesses(kinds=INTERNAL)
    )


COUNTING = ("+=", "[]+=")
"""How a number is counted up or down: `self.n += 1`, `self.n["a"] -= 1`."""


ADDING = ("append", "appendleft", "add")
"""How a collection gets one more."""


TOLERANT = frozenset({"discard", "setdefault", "clear"})
"""Changes that are right whatever others did before."""


def _fails_politely(act: Access) -> bool:
    """Whether a removal that finds nothing is foreseen: a default, or a handler."""
    return act.op is Op.DELETE and (
        (act.how == "pop" and not (act.resource.key and fails_when_gone(act)))
        or bool(act.handled & {"", "KeyError", "LookupError", "IndexError"})
    )


def _belongs(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether the unit itself asks a plain question about state that changes together with what it acts on."""
    return (
        not sense.vague
        and check.place.unit == act.place.unit == unit.facts.qualname
        and change_together(unit, check.resource, act.resource)
    )


ASKS = frozenset({"", "in", "while", "assert", "get", "len", "bool", "any", "all", "count"})
"""Reads that ask one question; others give parts, and what is asked of a part says nothing of the whole."""


def _released(unit: Unit, check: Access, act: Access) -> Acquire | None:
    """The lock for threads that was held at the check and let go before the act."""
    if check.how not in ASKS:
        return None
    locks = [lock for lock in unit.locked_at(check) if lock.world != "tasks" and lock.id not in act.held]
    return locks[0] if locks and not unit.guarded(check, act, World.THREADS) else None


def _creates(act: Access) -> bool:
    """Whether the act only stores what was missing: two threads that both do so compute a value twice."""
    return act.op is Op.UPDATE or (act.op is Op.WRITE and act.how in ("=", "[]") and not act.value.shape.absent)


def _looks_again(unit: Unit, act: Access, other: Resource | None = None) -> bool:
    """Whether the state, or the `other` that decided, is looked at once more under the lock that is held at the act, in a statement
    of its own."""
    here = {lock.id for lock in unit.locked_at(act)}
    wanted = other or act.resource
    return any(
        here & access.held
        and access.id not in act.value.stems
        and not (access.place.unit == unit.facts.qualname and access.statement == act.statement)
        and (same(access.resource, wanted) or access.resource.name == wanted.shown)  # or an entry of it
        and unit.before(access.id, act.id)
        for access in unit.accesses(Op.READ, Op.CHECK, kinds=INTERNAL)
    )


def _claimed(unit: Unit, check: Access, lock: Acquire) -> bool:
    """Whether the unit changed what it had checked while it still held the lock, or noted beside it that it is at work."""
    return any(
        access.op.changes and lock.id in access.held and access.resource.owner == check.resource.owner
        for access in unit.accesses(kinds=INTERNAL)
        if unit.before(check.id, access.id)
    )


def _set_back(unit: Unit, check: Access, act: Access) -> bool:
    """Whether a flag is lowered that the unit itself has raised after the check, so that the check says nothing of it any more."""
    return act.value.shape.absent and any(
        access.value.shape is Shape.TRUE
        and same(access.resource, act.resource)
        and check.id in access.controlled_by
        and unit.before(access.id, act.id)
        for access in unit.accesses(Op.WRITE, kinds=INTERNAL)
    )


def change_together(unit: Unit, one: Resource, other: Resource) -> bool:
    """Whether a function of the module changes both in one block of a lock, so that they belong together."""
    if one.owner != other.owner or one.place == other.place:
        return False
    is_lock = unit.module.scope.is_lock
    places = [
        {(function.qualname, write.within) for function, write in unit.module.concurrency.writers(resource)}
        for resource in (one, other)
    ]
    return any(any(map(is_lock, within)) for _, within in places[0] & places[1])
