"""What needs ask of locks: what is changed, used or handed out under one, and by whom without it."""

from __future__ import annotations

from racelint.candidate import Candidate
from racelint.finding import World
from racelint.touch import waits_for_condition


def guarded_state(c: Candidate) -> bool:
    """Whether state is changed that is changed under a lock somewhere."""
    module = c.module
    if not module.concurrency.has_locks:
        return False
    return any(
        module.meetings.runs(f, World.THREADS).rank >= module.least
        for key in c.changes
        if key in module.guarded
        for f, _ in module.changers.get(key, ())
    )


def guarded_by_tasks(c: Candidate) -> bool:
    """Whether state is changed that a coroutine changes under a lock somewhere."""
    module = c.module
    if not module.concurrency.has_locks or c.rank(World.TASKS) < module.least:
        return False
    return any(
        f.is_async and module.meetings.runs(f, World.TASKS).rank >= module.least
        for key in c.changes
        for f, _ in module.changers.get(key, ())
    )


def under_lock(c: Candidate) -> bool:
    """Whether state is changed under a lock, or by a helper that is called under one."""
    if any(c.module.scope.canonical(built) == "copy.copy" for _, built in c.facts.locals_built):
        return c.module.concurrency.has_locks
    if not c.changes or not c.module.concurrency.has_locks:
        return False
    is_guard = c.module.is_guard
    return any(call.callee.endswith(".acquire") or any(map(is_guard, call.within)) for call in c.calls) or any(
        any(map(is_guard, write.within)) for writes in c.changes.values() for write in writes
    )


def used_under_lock(c: Candidate) -> bool:
    """Whether an object or collection is used or iterated under a lock, or ended without one."""
    if not c.module.concurrency.has_locks or c.rank(World.THREADS) < c.module.least:
        return False
    ends = c.module.scope.models.idempotent
    return any(
        call.callee.rpartition(".")[2] in ends or any(map(c.module.is_guard, call.within))
        for call in c.calls
        if call.callee.count(".") > 1 or "." not in call.callee
    )


def hands_out(c: Candidate) -> bool:
    """Whether a public function looks at a collection that is changed in place under a lock."""
    if c.facts.is_async or (c.facts.name.startswith("_") and not c.facts.name.startswith("__")):
        return False
    return any(
        key in c.module.guarded and any(w.how not in ("=", "del", "+=") for _, w in c.module.changers.get(key, ()))
        for key in c.reads
    )


def declared_guard(c: Candidate) -> bool:
    """Whether state that declares its lock is touched."""
    declared = c.module.scope.facts.guarded
    if not declared:
        return False
    names = {"." + name.partition(".")[0] if owner else name for owner, name, _ in declared}
    return not names.isdisjoint(c.reads) or not names.isdisjoint(c.changes)


def own_lock(c: Candidate) -> bool:
    """Whether a lock is made and state is changed."""
    return bool(c.changes) and any(c.module.makes_own_lock(function) for function in c.functions)


def condition(c: Candidate) -> bool:
    """Whether a condition variable is waited for."""
    return any(waits_for_condition(function, c.module.concurrency) for function in c.functions)
