"""Waits for conditions, and whether what they wait for is looked at under the condition's lock and again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from racelint.events import Access, Acquire, Mark, Op
from racelint.facts import CallSite
from racelint.finding import World
from racelint.frozen import dataclass
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same


class Mistake(Enum):
    """In which way a wait is wrong."""

    OUTSIDE = "the test is made without the lock"
    ONCE = "the test is not repeated"
    UNTESTED = "there is no test"


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that can miss its notification, or return without what it waits for."""

    mistake: Mistake
    wait: Mark
    at: Access
    """The test that comes before it, or the use of what is waited for after it."""
    world: World


def wrong_waits(unit: Unit) -> Iterator[Wait]:
    """Waits for a condition whose predicate is tested without its lock, once, or not at all."""
    for wait in unit.marks("wait"):
        locks = unit.locked_at(wait)
        if not locks:
            continue
        world = World.TASKS if any(lock.world == "tasks" for lock in locks) else World.THREADS
        checks = [c for number, _ in wait.control if (c := unit.access(number)) is not None and _changes(unit, c)]
        inside = [check for check in checks if unit.guards(check, wait, "lock")]
        limited = "limited" in wait.related
        if any(unit.before(wait.id, check.id) for check in inside):
            continue
        if inside:
            if _repeated(unit, wait, inside[0]):
                continue
            if _goes_on(unit, wait, inside[0]) if limited else not _asked_again(unit, wait, inside[0]):
                yield Wait(Mistake.ONCE, wait, inside[0], world)
        elif checks:
            notified = [check for check in checks if notifies(unit, wait, check)]
            if notified and not limited and not _tested_in_lock(unit, wait, locks):
                yield Wait(Mistake.OUTSIDE, wait, notified[0], world)
        elif (
            (not limited or "or endless" in wait.related) and "until" not in wait.related and not _callers_repeat(unit)
        ):
            used = next((a for a in unit.accesses(kinds=INTERNAL) if _follows(unit, wait, a)), None)
            if used is not None and not _sets_going(unit, wait, locks):
                yield Wait(Mistake.UNTESTED, wait, used, world)


def _changes(unit: Unit, access: Access) -> bool:
    """Whether anything else in the module changes what the access looks at."""
    return access.resource.kind in INTERNAL and any(
        function.qualname != unit.facts.qualname for function, _ in unit.module.concurrency.writers(access.resource)
    )


def _repeated(unit: Unit, wait: Mark, check: Access) -> bool:
    """Whether the wait stands in a loop that looks at the same again before and after it, in another test."""
    return any(
        unit.before(wait.id, again.id) and unit.before(again.id, wait.id) and same(again.resource, check.resource)
        for again in unit.accesses(Op.CHECK, kinds=INTERNAL)
    )


def _asked_again(unit: Unit, wait: Mark, check: Access) -> bool:
    """Whether what was waited for is tested once more after the wait, before the lock is let go."""
    return any(
        unit.before(wait.id, again.id) and same(again.resource, check.resource) and unit.guards(wait, again, "lock")
        for again in unit.accesses(Op.CHECK, kinds=INTERNAL)
    )


def _goes_on(unit: Unit, wait: Mark, check: Access) -> bool:
    """Whether what was waited for is used or taken after the wait without being looked at."""
    ops = {a.op for a in unit.accesses() if unit.before(wait.id, a.id) and same(a.resource, check.resource)}
    return bool(ops) and not ops & {Op.CHECK, Op.READ}


def _tested_in_lock(unit: Unit, wait: Mark, locks: list[Acquire]) -> bool:
    """Whether anything is tested between the taking of the lock and the wait, even what this module does not see changing."""
    return any(
        access.held & {lock.id for lock in locks} and unit.before(access.id, wait.id)
        for access in unit.accesses(Op.CHECK, kinds=INTERNAL)
    )


def _sets_going(unit: Unit, wait: Mark, locks: list[Acquire]) -> bool:
    """Whether the unit, with the lock in hand and before the wait, itself or by a helper lets somebody else begin or go on: who then
    notifies needs the lock for it, and gets it once the wait has let it go."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    function, names = scope.functions.get(wait.place.unit), {lock.lock.name for lock in locks}
    for call in function.calls if function is not None else ():
        if function is None or call.line >= unit.module.line(wait) or names.isdisjoint(call.within):
            continue
        helpers = [inner for helper in concurrency.target(call.callee, function) for inner in helper.calls]
        if any(_lets_go_on(one) and one.callee.rpartition(".")[0] not in names for one in (call, *helpers)):
            return True
    return False


def _lets_go_on(call: CallSite) -> bool:
    """Whether a call raises an event, gives back a semaphore, starts a thread or hands somebody work."""
    name = call.callee.rpartition(".")[2]
    return name in _HANDS_WORK or (name in _SETS_GOING and not call.arguments)


_SETS_GOING = frozenset({"release", "set", "start"})
_HANDS_WORK = frozenset({"put", "put_nowait", "submit", "start_new_thread"})


def _follows(unit: Unit, wait: Mark, access: Access) -> bool:
    """Whether the access uses after the wait, before the lock is taken anew, what a notifier changes."""
    return bool(
        unit.before(wait.id, access.id)
        and (unit.guards(wait, access, "lock") or not unit.locked_at(access))
        and not unit.before(access.id, wait.id)
        and notifies(unit, wait, access)
    )


def notifies(unit: Unit, wait: Mark, access: Access) -> bool:
    """Whether a function that changes the resource also notifies the condition, itself or by a helper."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    condition = wait.subject.rpartition(".")[2]
    for function, _ in concurrency.writers(access.resource):
        if function.qualname == unit.facts.qualname:
            continue
        for name in concurrency.runs(function.qualname):
            callees = (call.callee.rpartition(".") for call in scope.functions[name].calls if name in scope.functions)
            if any(m in NOTIFY and r.rpartition(".")[2] == condition for r, _, m in callees):
                return True
    return False


NOTIFY = frozenset({"notify", "notify_all", "notifyAll"})


def _callers_repeat(unit: Unit) -> bool:
    """Whether a helper's callers wait in a loop, where they can test again."""
    sites = unit.module.concurrency.callers.get(unit.facts.qualname, ())
    return bool(sites) and all(call.looped for _, call in sites)
