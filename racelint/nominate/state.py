"""What needs ask of state in memory: who looks at it, who changes it, and whether others run in between."""

from __future__ import annotations

from racelint.candidate import Candidate
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.meeting import RANKS
from racelint.nominate.stores import WRITES
from racelint.resolve import CONSTRUCTORS, for_each_thread
from racelint.store_calls import WRITE
from racelint.touch import COMPLETIONS, calls_entry, locks_next, may_race
from racelint.words import ENQUEUES, FLUSHES, NOTES, OF_ENTRY, PUTS, REQUESTS, WAITS_FOR_END, first_word


def anything(c: Candidate) -> bool:
    """Whether changes state or calls a store."""
    concurrency = c.module.concurrency
    if not may_race(c.facts, c.module.scope, concurrency):
        return False
    return not c.module.least or concurrency.can_be_sure(c.facts)


def state_of_tasks(c: Candidate) -> bool:
    """Whether a coroutine looks at state that another task changes or takes away, and then changes it, or uses what it found."""
    module = c.module
    if not c.suspends:
        return False
    given = module.concurrency.collections_of_all(c.facts)
    if given and any(write.path in given for write in c.facts.writes):
        return True
    for key in c.reads:
        if key not in module.changers or not c.switches_between(key):
            continue
        if c.rank(World.TASKS) < 0:
            return False
        if c.meets(key, module.takers, World.TASKS) >= module.least:
            return True
        if key not in c.changes or not c.changes_later(key):
            continue
        if c.meets(key, module.changing, World.TASKS) >= module.least:
            return True
        if _advances(c.changes[key]) and (
            _guarded(c, key) or c.of_several_operations() or _locked_next(c) or _waited_for(c)
        ):
            return True
    return False


def _guarded(c: Candidate, key: str) -> bool:
    """Whether a lock is taken for a change, which says that others come for it."""
    return any(map(c.module.is_guard, (name for write in c.changes[key] for name in write.within)))


def _locked_next(c: Candidate) -> bool:
    """Whether a method takes a lock of its object after it has called this one."""
    callers = c.module.concurrency.callers.get(c.facts.qualname, ())
    return c.facts.is_async and any(locks_next(caller, call, c.module.scope) for caller, call in callers)


def _waited_for(c: Candidate) -> bool:
    """Whether a call on one branch waits until what is under way has ended."""
    return any(
        call.awaited and call.arms and first_word(call.callee.rpartition(".")[2]) in WAITS_FOR_END
        for call in c.facts.calls
    )


def _advances(writes: list[Write]) -> bool:
    """Whether one of the changes sets something that is to be seen by whoever comes later, so that two that do are one too many."""
    return any(write.how in ("=", "[]") and write.shape not in ("none", "false", "empty") for write in writes)


def made_by_tasks(c: Candidate) -> bool:
    """Whether a coroutine looks at state and sets it to something that leaks when it is made twice."""
    if not c.suspends:
        return False
    return (
        any(
            key in c.reads
            and any(w.shape in _MADE and w.how in ("=", "[]") for w in writes)
            and _may_leak(c, key)
            # before the change, or after it: what is put there may not be ready
            and ((c.changes_later(key) and _others_make(c, key)) or _half_made(c, key))
            for key, writes in c.changes.items()
        )
        and c.rank(World.TASKS) >= 0
    )


def flag_of_tasks(c: Candidate) -> bool:
    """Whether a coroutine looks at a flag and sets it, and sets more by an await, or is awaited by others; or puts something
    where it looked, and awaits."""
    function = c.facts
    if not c.suspends:
        return False
    if any(
        _is_shared(w, function) and w.how == "=" and w.shape in ("call", "empty") and w.path in function.reads
        for w in function.writes
    ):
        return c.rank(World.TASKS) >= c.module.least
    return (
        any(_raises(w, function) and w.path in function.reads for w in function.writes)
        and (bool(function.owner) or c.rank(World.TASKS) >= c.module.least)
        and (
            any(
                _is_shared(w, function) and w.how in ("=", *_FILLS) for w in function.writes if not _raises(w, function)
            )
            or any(call.awaited for _, call in c.module.concurrency.callers.get(function.qualname, ()))
        )
    )


def _others_make(c: Candidate, key: str) -> bool:
    """Whether others may come for what the key is set to, whom more than the names of functions tells of where that is wanted."""
    if not c.module.least or c.meets(key, c.module.changing, World.TASKS) >= c.module.least:
        return True
    if key in c.module.guarded or c.of_several_operations() or c.begins_operation() or _locked_next(c):
        return True
    # who comes later may wait for the first
    return not _WAITS.isdisjoint(c.called) or any(map(_awaits_value, c.functions))


def _awaits_value(function: FunctionFacts) -> bool:
    """Whether a coroutine may wait for something that is no call of a function with a name."""
    return function.switches > sum(call.awaited and bool(call.callee) for call in function.calls)


def _half_made(c: Candidate, key: str) -> bool:
    """Whether what is put there may not be ready before a later suspension point, while the definition runs once more."""
    late = c.switches_between(key) or any(
        write.built_from in c.facts.local_names
        and any(call.awaited and call.line > write.line for call in c.facts.calls)
        for write in c.changes[key]
    )
    return late and c.meets_itself(key, World.TASKS) > 0


_FILLS = ("[]", "append", "add", "update", "extend")
"""How a collection gets what it lacks."""


def _raises(write: Write, function: FunctionFacts) -> bool:
    """Whether a flag is set to one of its two values; a local name or an entry of a collection is none."""
    return _is_shared(write, function) and write.how == "=" and write.shape in ("true", "false")


def _is_shared(write: Write, function: FunctionFacts) -> bool:
    """Whether it is more than a local name that is written."""
    return "." in write.path or write.path in function.outer_names or write.path not in function.local_names


def ended(c: Candidate) -> bool:
    """Whether a coroutine looks at a flag that another unit sets to end it, and sets something else, or puts something somewhere; or
    takes out what it has put where the end of the object leaves nothing."""
    module = c.module
    if c.suspends and _own_entry(c):
        return True
    if not c.suspends or module.enders.keys().isdisjoint(c.reads):
        return False
    if any(w.how in NOTES for writes in c.changes.values() for w in writes) and c.rank(World.TASKS) >= module.least:
        return True
    if not any(w.how == "=" and w.shape not in FIXED for writes in c.changes.values() for w in writes):
        return False
    return any(
        c.meets(key, module.enders, World.TASKS) >= module.least for key in module.enders.keys() & c.reads.keys()
    )


def _own_entry(c: Candidate) -> bool:
    """Whether a coroutine puts something into a collection that who ends the object empties, and takes it out."""
    return any(
        key in c.module.emptied_by_end
        and any(write.how in PUTS for write in writes)
        and any(write.how in ("del[]", "pop", "remove") for write in writes)
        and c.switches_between(key)
        for key, writes in c.changes.items()
    )


_MADE = frozenset(["call", "await", "other", "display", "empty"])
"""Shapes of what may be a new object; `other` may be a local name that holds one."""


def _may_leak(c: Candidate, key: str) -> bool:
    """Whether what the key is set to may be a connection, a task or the like: something made here is, or the module closes it."""
    return key in c.module.closed or not _WAITS.isdisjoint(c.called) or any(_makes(c, call) for call in c.calls)


_WAITS = frozenset({"wait", "shield", "wait_for"})
"""Last names of calls that wait for what another task completes."""


def _makes(c: Candidate, call: CallSite) -> bool:
    """Whether a call makes a resource, a lock, a task or an object of a class of the module."""
    scope = c.module.scope
    known = scope.models.functions.get(scope.canonical(call.callee))
    return (
        (known is not None and known.effect in ("resource", "lock"))
        or for_each_thread(scope.canonical(call.callee))
        or "resource" in scope.models.effects.get(call.callee.rpartition(".")[2], ())
        or call.callee in scope.classes
        or call.callee in ("cls", "type", "self.__class__")
        or c.module.concurrency.spawner(call.callee, c.facts) is not None
    )


def pair(c: Candidate) -> bool:
    """Whether two attributes are changed that another method changes side by side."""
    module = c.module
    if _kept_late(c) or _under_locks(c):
        return True
    if not module.neighbours or c.facts.name in CONSTRUCTORS:
        return False
    keys = [key for key in c.changes if key in module.neighbours]
    pairs = [(key, other) for key in keys for other in module.neighbours[key] if other in c.changes]
    if not pairs:
        return False
    if c.suspends and any(c.switches_between(*pair) for pair in pairs) and c.rank(World.TASKS) >= module.least:
        return True
    return module.meetings.runs(c.facts, World.THREADS).other == RANKS[Confidence.HIGH]


def _under_locks(c: Candidate) -> bool:
    """Whether a plain function that threads may run changes two attributes under a lock."""
    if c.facts.is_async or len(c.changes) < 2 or c.facts.name in CONSTRUCTORS:
        return False
    is_lock = c.module.scope.is_lock
    locked = sum(any(any(map(is_lock, w.within)) for w in writes) for writes in c.changes.values())
    return locked > 1 and c.module.concurrency.threaded


def _kept_late(c: Candidate) -> bool:
    """Whether a coroutine changes an entry, and counts or changes another one or sets something, with a suspension point in between."""
    if not c.suspends or len(c.changes) < 2:
        return False
    first = [key for key, writes in c.changes.items() if any(w.how in OF_ENTRY for w in writes)]
    second = [
        key
        for key, writes in c.changes.items()
        if key in first or any(w.how == "+=" or (w.how == "=" and w.shape == "other") for w in writes)
    ]
    return (
        any(one != other and c.switches_between(one, other) for one in first for other in second)
        and c.rank(World.TASKS) >= c.module.least
    )


def _started_for_many(c: Candidate) -> bool:
    """Whether the module itself starts several tasks or threads at once that run the unit."""
    concurrency = c.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(c.facts.qualname, ()))
    return any(root.many and not (root.public or root.called or root.handler) for root in roots)


def state_and_store(c: Candidate) -> bool:
    """Whether a coroutine changes state and a store, or a request or job changes rows and puts something under a key."""
    concurrency = c.module.concurrency
    if (
        c.changes_stores
        and _copies(c)
        and (concurrency.handled_in_processes(c.facts.qualname) is not None or _started_for_many(c))
    ):
        return True
    if not c.suspends or not c.changes:
        return False
    writes = c.changes_stores and c.does(
        WRITE, *WRITES, "create", "update", "atomic", "add", "save", "commit", "transaction"
    )
    # what is put under a key may be old by then
    puts = any(write.how == "[]" for changes in c.changes.values() for write in changes)
    if not (writes or (puts and c.does("read", "row", "query"))):
        return False
    rank = c.rank(World.TASKS)
    if rank < c.module.least or puts or not c.module.least:
        return rank >= c.module.least
    # both are written: either it surely runs twice at once, or another coroutine fills what it changes
    return rank == RANKS[Confidence.HIGH] or any(_loaded_elsewhere(c, key) for key in c.changes)


def _copies(c: Candidate) -> bool:
    """Whether a store is changed as if it kept copies of rows."""
    changes = ("sql", "update", "save", "commit", "transaction")
    return (
        bool(c.does("write") and c.does(*changes, "read", "read-many"))
        or bool("zadd" in c.called and c.does(*changes))
        or bool(c.does("delete") and c.does(*changes, "write", "delete"))
        or bool(c.does("atomic"))
    )


def _loaded_elsewhere(c: Candidate, key: str) -> bool:
    return any(
        write.how == "=" and write.shape in ("await", "other", "call") and function.suspends and function is not c.facts
        for function, write in c.module.changers.get(key, ())
    )


def iteration(c: Candidate) -> bool:
    """Whether a coroutine iterates over what another task resizes."""
    module = c.module
    if not c.suspends or not any(function.loop_names for function in c.functions):
        return False
    told = any(calls_entry(call, function) for function in c.functions for call in function.calls)
    # that a coroutine is public says too little here, for the loop unless requests resize, and for who resizes
    sure = RANKS[Confidence.HIGH] if module.least else module.least
    return any(
        (c.switches_between(key) or (bool(c.facts.loops) and _gone_over_by_helper(c, key)))
        and (
            (told and key in module.left_by_entries)
            or key in module.resized_by_requests
            or c.meets(key, module.resizing, World.TASKS) >= (module.least if module.has_own_tasks else sure)
        )
        for key in c.reads
        if key in module.resizing
    )


def _gone_over_by_helper(c: Candidate, key: str) -> bool:
    """Whether a helper that is no coroutine looks at the key and goes over something: it may return a generator."""
    return any(
        function is not c.facts
        and not function.is_async
        and function.loop_names
        and key in c.module.keys.reads(function, True)
        for function in c.functions
    )


def refill(c: Candidate) -> bool:
    """Whether a coroutine, or what a thread runs, empties a collection and fills it."""
    if not c.suspends and c.facts.is_async:
        return False
    return (
        any(
            len(writes) > 1
            and any(write.shape == "empty" or write.how == "clear" for write in writes)
            and (not c.suspends or c.switches_between(key))
            for key, writes in c.changes.items()
        )
        and c.rank(World.TASKS if c.suspends else World.THREADS) >= c.module.least
    )


def completion(c: Candidate) -> bool:
    """Whether the completion of a future is handed to a timer, or a future is completed after a suspension point or by a timer.

    What is handed to the loop to be run at once is reported with low confidence only; helpers that complete are looked at themselves.
    """
    if c.module.listed_futures and not COMPLETIONS.isdisjoint(c.called | c.unnamed) and _has_listed(c):
        return True
    if COMPLETIONS.isdisjoint(c.called):
        return False
    for call in c.calls:
        if any(argument.rpartition(".")[2] in COMPLETIONS for argument in call.arguments) and (
            not c.module.least or call.callee.rpartition(".")[2] in TIMERS
        ):
            return True
    if any(_ended(c, call) for call in c.facts.calls):
        return True
    timed = c.facts.qualname in c.module.timed
    return (timed or c.suspends) and any(
        call.callee.rpartition(".")[2] in COMPLETIONS and (timed or call.switches > 0 or call.looped)
        for call in c.facts.calls
    )


def _ended(c: Candidate, call: CallSite) -> bool:
    """Whether the call completes a future in an attribute that another function cancels or waits for with a limit."""
    holder, _, method = call.callee.rpartition(".")
    if method not in COMPLETIONS or "." not in holder:
        return False
    return (not c.facts.is_async and holder in c.module.cancelled) or holder in c.module.given_up


def _has_listed(c: Candidate) -> bool:
    """Whether the function looks at a collection into which another one puts futures."""
    listed = c.module.listed_futures
    return any(path.rpartition(".")[2] in listed for path in c.facts.reads)


TIMERS = frozenset({"call_later", "call_at"})


def wake_up(c: Candidate) -> bool:
    """Whether an event is waited for, or asked, and cleared or replaced; or what a thread looks at is set by itself first."""
    if _sets_flag(c) and c.facts.qualname in c.module.started:
        return True
    if "is_alive" in c.called and "start" in c.called and not c.facts.is_async:
        return True
    if c.called.isdisjoint(("clear", "Event")):
        return False
    names = {call.callee.rpartition(".")[2] for call in c.calls}
    return ("clear" in names and ("wait" in names or "is_set" in names)) or ("Event" in names and "wait" in names)


def _sets_flag(c: Candidate) -> bool:
    """Whether the function sets a flag that it, or a helper, looks at."""
    own = {
        (write.path, write.line) for write in c.facts.writes if write.how == "=" and write.shape in ("true", "false")
    }
    return bool(own) and any(
        key in c.reads and any((write.path, write.line) in own for write in writes) for key, writes in c.changes.items()
    )


def announced(c: Candidate) -> bool:
    """Whether an event is set, and other state; or something is sent, and an entry put where others take one out.

    What helpers send and put is theirs alone.
    """
    module = c.module
    if any(
        key in module.takers and any(write.how in NOTES for write in writes)
        for key, writes in module.keys.changes(c.facts, False).items()
    ) and any(first_word(name) in REQUESTS or name in FLUSHES for name in module.called(c.facts)):
        return True
    if bool(c.facts.owner) and any(w.how == "[]" for w in c.facts.writes) and _puts_into_queue(c.facts):
        return True
    return bool(c.changes) and any(call.callee.endswith(".set") and not call.arguments for call in c.calls)


def _puts_into_queue(function: FunctionFacts) -> bool:
    """Whether something may be put into a queue of the object: see `queued_early`."""
    return any(
        call.callee.startswith("self.") and ENQUEUES.match(call.callee.rpartition(".")[2]) is not None
        for call in function.calls
    )


def task_start(c: Candidate) -> bool:
    """Whether a task is started that changes what is looked at."""
    concurrency = c.module.concurrency
    return any(
        started.is_async and not c.reads.keys().isdisjoint(c.module.keys.changes(started, True))
        for call, _ in concurrency.spawning_calls(c.facts)
        for argument in call.arguments
        if argument
        for started in concurrency.target(argument, c.facts)
    )


def first_step(c: Candidate) -> bool:
    """Whatever a task that the module starts uses before its first suspension point may be gone by then."""
    module = c.module
    if not c.facts.is_async or module.takers.keys().isdisjoint(c.reads) or c.rank(World.TASKS) < module.least:
        return False
    numbers = module.concurrency.reached.get(c.facts.qualname, ())
    return any(not root.public and not root.handler for root in (module.concurrency.roots[n] for n in numbers))


def flag_in_constructor(c: Candidate) -> bool:
    """Whether a constructor looks at a flag and raises it."""
    return c.facts.name in CONSTRUCTORS and any(
        key in c.reads and any(write.shape in ("true", "constant") for write in writes)
        for key, writes in c.changes.items()
    )


def cached_resource(c: Candidate) -> bool:
    """Whether the body of a cached function makes a resource."""
    if not any(d.rpartition(".")[2] in ("cache", "lru_cache", "cached_property") for d in c.facts.decorators):
        return False
    scope = c.module.scope
    makes = any(
        (known := scope.models.functions.get(scope.canonical(call.callee))) is not None and known.effect == "resource"
        for call in c.facts.calls
    )
    return makes and c.rank(World.THREADS) >= c.module.least  # who runs it takes long to say


FIXED = frozenset(["none", "false", "true", "empty"])
"""Shapes of values that are the same in each call."""
