"""What needs ask of locks: what is changed, used or handed out under one, and by whom without it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.candidate import Candidate
from racelint.facts import FunctionFacts, Write
from racelint.finding import World
from racelint.touch import steps_on_paths, waits_for_condition


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


def guarded_pair(c: Candidate) -> bool:
    """Whether a function that threads may run looks at two attributes or globals that are changed under a lock somewhere."""
    module = c.module
    if c.facts.is_async or not module.concurrency.has_locks:
        return False
    both = module.guarded.intersection(c.reads)
    if len(both) < 2:
        return False
    return sum(c.meets(key, module.changing, World.THREADS) >= module.least for key in both) > 1


def guarded_by_tasks(c: Candidate) -> bool:
    """Whether state is changed that a coroutine changes under a lock somewhere."""
    module = c.module
    if not module.concurrency.has_locks or c.rank(World.TASKS) < 0:
        return False
    return any(
        any(f.is_async for f in module.changing.get(key, ()))
        and c.meets(key, module.changing, World.TASKS) >= module.least
        for key in c.changes
    )


def lock_asked(c: Candidate) -> bool:
    """Whether a lock is asked whether somebody has it."""
    return any(call.callee.endswith(".locked") for call in c.facts.calls)


def under_lock(c: Candidate) -> bool:
    """Whether state is changed under a lock that may not exclude those who change it, too: see `locking.useless_locks`."""
    if any(c.module.scope.canonical(built) == "copy.copy" for _, built in c.facts.locals_built):
        return c.module.concurrency.has_locks
    if not c.changes or not c.module.concurrency.has_locks:
        return False
    is_guard = c.module.is_guard
    taken = {guard for function in c.functions for guard in c.module.taken(function) if is_guard(guard)}
    if not taken and not any(call.callee.endswith(".acquire") for call in c.calls):
        return False
    roots = (c.module.concurrency.roots[n] for n in c.module.concurrency.reached.get(c.facts.qualname, ()))
    return (
        any("." not in guard or guard.rpartition(".")[2][:1].isupper() for guard in taken)  # one that the call may make
        or any(call.callee.endswith(".acquire") and call.arguments for call in c.calls)  # that may not be waited for
        or any(root.world == "processes" and not root.handler for root in roots)
        or _of_another(c, taken)
        or _of_what_all_have(c)
        or any(not c.module.is_plain_lock(guard) for guard in taken)  # one of several
        or any(_of_several(c, write) for writes in c.changes.values() for write in writes)
    )


def _of_what_all_have(c: Candidate) -> bool:
    """Whether a method changes a part of what all objects of its class were handed."""
    return bool(c.facts.owner) and any(
        write.path.count(".") == 2 and c.module.concurrency.handed_to_all(c.facts.owner, write.path.split(".")[1])
        for write in c.facts.writes
    )


def _of_another(c: Candidate, taken: set[str]) -> bool:
    """Whether an attribute of an argument is changed, which may be another object of the class, or the lock of one is taken."""
    given = {name for name, _ in c.facts.params[bool(c.facts.owner) :]}
    return any(guard.partition(".")[0] in given for guard in taken) or any(
        write.path.count(".") == 1 and write.path.partition(".")[0] in given for write in c.facts.writes
    )


def _of_several(c: Candidate, write: Write) -> bool:
    """Whether the change may be of what all objects of a class share, or removes an entry, which may be the lock of one key."""
    root = write.path.partition(".")[0]
    if write.how in ("del[]", "pop", "popitem") or root == "cls" or root in c.module.scope.classes:
        return True
    return not any(root in function.local_names and root not in function.outer_names for function in c.functions)


def used_under_lock(c: Candidate) -> bool:
    """Whether an object or collection is used or iterated under a lock, or ended without one."""
    if not c.module.concurrency.has_locks:
        return False
    if not c.module.gone_over_locked.isdisjoint((*c.changes, *(c.reads if c.facts.loop_names else ()))):
        return not c.facts.is_async  # the lock says that threads share it, whoever they are
    if c.rank(World.THREADS) < c.module.least:
        return False
    if not c.module.replaced.isdisjoint(c.reads):
        return True
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
    return not c.module.changed_in_place.isdisjoint(c.reads)


def declared_guard(c: Candidate) -> bool:
    """Whether state that declares its lock is touched."""
    declared = c.module.scope.facts.guarded
    if not declared:
        return False
    names = {"." + name.partition(".")[0] if owner else name for owner, name, _ in declared}
    return not names.isdisjoint(c.reads) or not names.isdisjoint(c.changes)


def own_lock(c: Candidate) -> bool:
    """Whether a lock is made and state, a file or a store is changed, if only by what the function wraps as a decorator."""
    if not any(map(c.module.makes_own_lock, (*c.functions, *_entered(c)))) and not _handed_one(c):
        return False
    return bool(c.changes) or c.changes_stores or steps_on_paths(c.called) or (bool(c.facts.parent) and _wraps(c))


def _handed_one(c: Candidate) -> bool:
    """Whether a framework may hand the function a lock that is made for each call: it takes an argument of its own."""
    scope = c.module.scope
    if not any(name.partition(".")[0] in scope.libraries for name in scope.models.hands_in):
        return False
    taken = {*c.module.taken(c.facts), *(call.callee.removesuffix(".acquire") for call in c.facts.calls)}
    return any(name in taken for name, _ in c.facts.params)


def _entered(c: Candidate) -> Iterator[FunctionFacts]:
    """The context managers of the module that the function enters."""
    for path in c.module.taken(c.facts):
        yield from c.module.concurrency.target(path, c.facts)


def _wraps(c: Candidate) -> bool:
    """Whether the function calls what the function around it was handed."""
    maker = c.module.scope.functions.get(c.facts.parent)
    return (
        maker is not None
        and bool(maker.params)
        and any(call.callee == maker.params[0][0] and call.within for call in c.facts.calls)
    )


def condition(c: Candidate) -> bool:
    """Whether a condition variable is waited for."""
    if "wait" not in c.called:
        return False
    return any(waits_for_condition(function, c.module.concurrency) for function in c.functions)


def joined(c: Candidate) -> bool:
    """Whether anything happens within a block of which facts have no name, as in `with self.one and self.other:`."""
    return any("" in call.within for call in c.facts.calls) or any("" in write.within for write in c.facts.writes)


def given_back(c: Candidate) -> bool:
    """Whether a lock is taken and given back by calls of the definition itself, or taken by `__enter__` and given back by `__exit__`."""
    taken = {call.callee.removesuffix(".acquire") for call in c.facts.calls if call.callee.endswith(".acquire")}
    if not taken:
        return False
    end = c.module.scope.method(c.facts.owner, "__exit__") if c.facts.name == "__enter__" and c.facts.owner else None
    calls = (*c.facts.calls, *(end.calls if end is not None else ()))
    return any(call.callee.removesuffix(".release") in taken for call in calls)
