"""Facts say which definitions can hold a race at all; only those are parsed with libcst.

A necessary condition that errs only towards yes. Each rule says what it needs (`Rule.needs`), each need has one function here
(`HOLDS`), and a definition is nominated if it meets a need of a rule that is on, with the confidence that is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import copy

from racelint.candidate import Candidate, Candidates
from racelint.evidence import Concurrency
from racelint.evidence.starts import may_start
from racelint.facts import CallSite
from racelint.finding import Confidence, World
from racelint.meeting import RANKS
from racelint.need import Need, Nominee
from racelint.paths import PATH_STEPS
from racelint.resolve import CONSTRUCTORS, Scope
from racelint.store_calls import READ, WRITE
from racelint.touch import COMPLETIONS, may_race, steps_on_paths, waits_for_condition


def nominate(
    scope: Scope, concurrency: Concurrency, needs: Iterable[Need], least: Confidence = Confidence.LOW
) -> list[Nominee]:
    """The definitions that may hold what one of the needs asks for, with evidence of the wanted strength, by their lines.

    What is found in a test or a step of a migration has low confidence, whatever it is.
    """
    module = Candidates(scope, concurrency, least)
    wanted = frozenset(needs)
    asked = [(need, HOLDS[need]) for need in Need if need in wanted]
    alone = [(need, HOLDS[need]) for need in EXPECTING if need in wanted and concurrency.by_hand]
    found: dict[str, tuple[Candidate, set[Need]]] = {}
    for function in scope.facts.functions:
        if not function.stub:
            candidate = Candidate(module, function)
            asking = alone if module.least and concurrency.unlikely_unit(function) else asked
            met = {need for need, holds in asking if holds(candidate)}
            if met:
                found[function.qualname] = candidate, met
    if module.least:
        _add_homes(module, found)
    nominees = [Nominee(candidate.facts, frozenset(met)) for candidate, met in found.values()]
    return sorted(nominees, key=lambda nominee: (nominee.facts.line, nominee.facts.qualname))


def _add_homes(module: Candidates, found: dict[str, tuple[Candidate, set[Need]]]) -> None:
    """Adds helpers in which, by less evidence than their callers have, the same may be found: it is reported where it stands."""
    unsure = copy(module)
    unsure.least = RANKS[Confidence.LOW]
    own = module.scope.facts.path
    for candidate, met in list(found.values()):
        for helper in candidate.functions[1:]:
            if module.scope.names_in(helper.qualname).facts.path == own and not module.concurrency.unlikely_unit(
                helper
            ):
                known, needs = found.get(helper.qualname) or (Candidate(unsure, helper), set())
                more = {need for need in met - needs if HOLDS[need](Candidate(unsure, helper))}
                if more:
                    found[helper.qualname] = known, needs | more


EXPECTING = (Need.ROW_LOCK,)
"""What a command that somebody starts by hand may be wrong about, too: it takes a lock because it expects others."""

# What needs ask: state in memory


def _state_of_tasks(c: Candidate) -> bool:
    module = c.module
    if not c.suspends or c.rank(World.TASKS) < 0:
        return False
    several = c.of_several_operations()
    for key in c.reads:
        if key in module.changers and c.switches_between(key):
            who = module.changing if key in c.changes else module.takers
            if (several and key in c.changes) or c.meets(key, who, World.TASKS) >= module.least:
                return True
    return False


def _made_by_tasks(c: Candidate) -> bool:
    if not c.suspends or c.rank(World.TASKS) < 0:
        return False
    return any(
        key in c.reads
        and any(w.shape in _MADE and w.how in ("=", "[]") for w in writes)
        and c.switches_between(key)
        and _may_leak(c, key)
        for key, writes in c.changes.items()
    )


_MADE = frozenset(["call", "await", "other", "display", "empty"])
"""Shapes of what may be a new object; `other` may be a local name that holds one."""


def _may_leak(c: Candidate, key: str) -> bool:
    """Whether what the key is set to may be a connection, a task or the like: something made here is, or the module closes it."""
    return key in c.module.closed or any(_makes(c, call) for call in c.calls)


def _makes(c: Candidate, call: CallSite) -> bool:
    """Whether a call makes a resource, a lock, a task or an object of a class of the module."""
    scope = c.module.scope
    known = scope.models.functions.get(scope.canonical(call.callee))
    return (
        (known is not None and known.effect in ("resource", "lock"))
        or "resource" in scope.models.effects.get(call.callee.rpartition(".")[2], ())
        or call.callee in scope.classes
        or call.callee in ("cls", "type", "self.__class__")
        or c.module.concurrency.spawner(call.callee, c.facts) is not None
    )


def _pair(c: Candidate) -> bool:
    module = c.module
    if not module.neighbours or c.facts.name in CONSTRUCTORS:
        return False
    keys = [key for key in c.changes if key in module.neighbours]
    pairs = [(key, other) for key in keys for other in module.neighbours[key] if other in c.changes]
    if not pairs:
        return False
    if c.suspends and c.rank(World.TASKS) >= module.least and any(c.switches_between(*pair) for pair in pairs):
        return True
    return module.meetings.runs(c.facts, World.THREADS).other == RANKS[Confidence.HIGH]


def _state_and_store(c: Candidate) -> bool:
    return (
        c.suspends
        and bool(c.changes)
        and c.rank(World.TASKS) >= c.module.least
        and bool(c.does(WRITE, *_WRITES, "create", "update", "atomic", "add", "save", "commit", "transaction"))
    )


def _iteration(c: Candidate) -> bool:
    module = c.module
    if not c.suspends or not any(function.loop_names for function in c.functions):
        return False
    return any(
        c.meets(key, module.resizing, World.TASKS) >= module.least
        for key in c.reads
        if key in module.changers and c.switches_between(key)
    )


def _thread_iteration(c: Candidate) -> bool:
    module = c.module
    if c.facts.is_async or c.rank(World.THREADS) < 0 or not any(function.loop_names for function in c.functions):
        return False
    return any(
        c.meets(key, module.resizing, World.THREADS) >= module.least for key in c.reads if key in module.changers
    )


def _refill(c: Candidate) -> bool:
    if not c.suspends or c.rank(World.TASKS) < c.module.least:
        return False
    return any(
        len(writes) > 1
        and any(write.shape == "empty" or write.how == "clear" for write in writes)
        and c.switches_between(key)
        for key, writes in c.changes.items()
    )


def _completion(c: Candidate) -> bool:
    if any(argument.rpartition(".")[2] in COMPLETIONS for call in c.calls for argument in call.arguments):
        return True
    completes = any(call.callee.rpartition(".")[2] in COMPLETIONS for call in c.calls)
    return completes and (c.suspends or c.facts.qualname in c.module.timed)


def _wake_up(c: Candidate) -> bool:
    names = {call.callee.rpartition(".")[2] for call in c.calls}
    return "clear" in names and ("wait" in names or "is_set" in names)


def _task_start(c: Candidate) -> bool:
    concurrency = c.module.concurrency
    return any(
        started.is_async and not c.reads.keys().isdisjoint(c.module.keys.changes(started, True))
        for call, _ in concurrency.spawning_calls(c.facts)
        for argument in call.arguments
        if argument
        for started in concurrency.target(argument, c.facts)
    )


def _first_step(c: Candidate) -> bool:
    """Whatever a task that the module starts uses before its first suspension point may be gone by then."""
    module = c.module
    if not c.facts.is_async or c.rank(World.TASKS) < module.least or module.takers.keys().isdisjoint(c.reads):
        return False
    numbers = module.concurrency.reached.get(c.facts.qualname, ())
    return any(not root.public and not root.handler for root in (module.concurrency.roots[n] for n in numbers))


def _state_of_threads(c: Candidate) -> bool:
    module = c.module
    if c.rank(World.THREADS) < 0:
        return False
    return any(
        key in c.reads and key in module.changers and c.meets(key, module.changing, World.THREADS) >= module.least
        for key in c.changes
    ) or _updates_what_it_holds(c)


def _updates_what_it_holds(c: Candidate) -> bool:
    """Whether an attribute of an object that the own one holds is counted up, and others change it: `self.parent.count += 1`."""
    return any(
        write.how == "+=" and write.path.count(".") == 2 and _others_change(c, "." + write.path.rpartition(".")[2])
        for writes in c.changes.values()
        for write in writes
    )


def _others_change(c: Candidate, key: str) -> bool:
    return c.meets(key, c.module.changing, World.THREADS) >= c.module.least


def _guarded_state(c: Candidate) -> bool:
    module = c.module
    if not module.concurrency.has_locks:
        return False
    return any(
        module.meetings.runs(f, World.THREADS).rank >= module.least
        for key in c.changes
        if key in module.guarded
        for f, _ in module.changers.get(key, ())
    )


def _guarded_by_tasks(c: Candidate) -> bool:
    module = c.module
    if not module.concurrency.has_locks or c.rank(World.TASKS) < module.least:
        return False
    return any(
        f.is_async and module.meetings.runs(f, World.TASKS).rank >= module.least
        for key in c.changes
        for f, _ in module.changers.get(key, ())
    )


def _under_lock(c: Candidate) -> bool:
    if any(c.module.scope.canonical(built) == "copy.copy" for _, built in c.facts.locals_built):
        return c.module.concurrency.has_locks
    if not c.changes or not c.module.concurrency.has_locks:
        return False
    is_guard = c.module.is_guard
    return any(call.callee.endswith(".acquire") or any(map(is_guard, call.within)) for call in c.calls) or any(
        any(map(is_guard, write.within)) for writes in c.changes.values() for write in writes
    )


def _used_under_lock(c: Candidate) -> bool:
    if not c.module.concurrency.has_locks or c.rank(World.THREADS) < c.module.least:
        return False
    ends = c.module.scope.models.idempotent
    return any(
        call.callee.rpartition(".")[2] in ends or any(map(c.module.is_guard, call.within))
        for call in c.calls
        if call.callee.count(".") > 1 or "." not in call.callee
    )


def _taken_by_threads(c: Candidate) -> bool:
    module = c.module
    if c.facts.is_async or c.rank(World.THREADS) < 0:
        return False
    return any(key in module.takers and c.meets(key, module.takers, World.THREADS) >= module.least for key in c.reads)


def _hands_out(c: Candidate) -> bool:
    if c.facts.is_async or (c.facts.name.startswith("_") and not c.facts.name.startswith("__")):
        return False
    return any(
        key in c.module.guarded and any(w.how not in ("=", "del", "+=") for _, w in c.module.changers.get(key, ()))
        for key in c.reads
    )


def _declared_guard(c: Candidate) -> bool:
    declared = c.module.scope.facts.guarded
    if not declared:
        return False
    names = {"." + name.partition(".")[0] if owner else name for owner, name, _ in declared}
    return not names.isdisjoint(c.reads) or not names.isdisjoint(c.changes)


def _own_lock(c: Candidate) -> bool:
    return bool(c.changes) and any(c.module.makes_own_lock(function) for function in c.functions)


def _flag_in_constructor(c: Candidate) -> bool:
    return c.facts.name in CONSTRUCTORS and any(
        key in c.reads and any(write.shape in ("true", "constant") for write in writes)
        for key, writes in c.changes.items()
    )


def _cached_resource(c: Candidate) -> bool:
    if not any(d.rpartition(".")[2] in ("cache", "lru_cache", "cached_property") for d in c.facts.decorators):
        return False
    scope = c.module.scope
    return c.rank(World.THREADS) >= c.module.least and any(
        (known := scope.models.functions.get(scope.canonical(call.callee))) is not None and known.effect == "resource"
        for call in c.facts.calls
    )


def _per_call_state(c: Candidate) -> bool:
    world = World.TASKS if c.facts.is_async else World.THREADS
    if c.facts.name in CONSTRUCTORS or (c.facts.is_async and not c.suspends) or c.rank(world) < 0:
        return False
    return any(
        key in c.reads
        and any(write.how == "=" and write.shape not in _FIXED for write in writes)
        and (world is World.THREADS or c.switches_between(key))
        and c.meets_itself(key, world) >= c.module.least
        for key, writes in c.changes.items()
    )


_FIXED = frozenset(["none", "false", "true", "empty"])
"""Shapes of values that are the same in each call."""


def _state_of_processes(c: Candidate) -> bool:
    handled = c.module.handled
    return bool(handled) and not (handled.isdisjoint(c.reads) and handled.isdisjoint(c.changes))


# What needs ask: stores

_READS = ("read", "row", "row-locked", "exists", "query", "query-locked", "sql", "json-load", "file-read")
_WRITES = ("write", "sql", "json-dump", "file-write")
_LOOKS = ("named-read", "look", "row", "row-locked", "exists", "read", "query", "query-locked", "sql")
_CREATIONS = ("create", "add", "save", "sql", "commit", "transaction", "begin")
_CHANGES = ("write", "update", "delete", "create", "save", "add", "sql", "atomic", "commit", "transaction", "begin")
_SAVES = ("save", "commit", "transaction", "begin")
_VERSION = re.compile(r"version|revision|rev|etag|generation", re.IGNORECASE)


def _others_reach_stores(c: Candidate) -> bool:
    """Whether there is evidence that other runs reach the same store: for a coroutine any, as it is part of a service."""
    least = RANKS[Confidence.LOW] if c.facts.is_async else c.module.least
    return any(c.rank(world) >= least for world in World)


def _store_update(c: Candidate) -> bool:
    by_tables = bool(c.does(*_READS)) and bool(c.does(*_WRITES)) and c.does(*_READS, *_WRITES) > 1
    return (by_tables or _named_alike(c)) and _others_reach_stores(c)


def _named_alike(c: Candidate) -> bool:
    """Whether the same is loaded and saved by calls that are named so."""
    names = {name for effects in c.effects for name in effects}
    loaded = {name.removeprefix(READ) for name in names if name.startswith(READ + " ")}
    return any(name.removeprefix(WRITE) in loaded for name in names if name.startswith(WRITE + " "))


def _versioned_write(c: Candidate) -> bool:
    return (
        bool(c.does(WRITE, *_WRITES, *_SAVES))
        and any(_VERSION.search(key) for key in c.reads)
        and _others_reach_stores(c)
    )


def _row_update(c: Candidate) -> bool:
    return bool(c.does(*_SAVES)) and any(key.startswith(".") and key in c.reads for key in c.changes)


def _store_changes(c: Candidate) -> bool:
    return _mutations(c) > 1


def _commit(c: Candidate) -> bool:
    return bool(c.does("commit", "transaction", "begin", "sql")) and _mutations(c) > 1


_MUTATES = ("write", "update", "delete", "create", "save", "add", "remove", "sql", "atomic")
_ENDS = ("commit", "transaction", "begin")


def _mutations(c: Candidate) -> int:
    """How many calls may change rows; a commit does if fields of objects are set, which may be rows."""
    found = c.does(*_MUTATES)
    return found + c.does(*_ENDS) if _sets_fields(c) else found


def _sets_fields(c: Candidate) -> bool:
    return any(key.startswith(".") for key in c.changes)


def _row_creation(c: Candidate) -> bool:
    if not (c.does("create", "add", "save", "sql") or (c.changes and c.does(*_ENDS))):
        return False
    if any(call.callee == "hasattr" for call in c.calls):
        return True
    if any(path.endswith(".DoesNotExist") for function in c.functions for path in function.reads):
        return True
    return bool(c.does(*_LOOKS)) and c.does(*_CREATIONS, *_LOOKS) > 1


def _get_or_create(c: Candidate) -> bool:
    return any(call.callee.endswith("_or_create") for call in c.calls)


def _row_test(c: Candidate) -> bool:
    changed = c.does("update", "delete", "sql", "save") or (_sets_fields(c) and c.does(*_ENDS))
    return bool(changed) and bool(c.does(*_LOOKS)) and c.does(*_LOOKS, *_CHANGES) > 1


def _slow_save(c: Candidate) -> bool:
    scope = c.module.scope
    return bool(c.does(*_SAVES)) and any(scope.models.takes_long(scope.canonical(call.callee)) for call in c.calls)


def _pace(c: Candidate) -> bool:
    return (
        c.suspends
        and bool(c.changes)
        and bool(c.reads)
        and any(call.awaited and call.callee.rpartition(".")[2] == "sleep" for call in c.calls)
    )


def _shared_session(c: Candidate) -> bool:
    module, facts = c.module, c.facts
    if not facts.is_async or not module.stores.uses_stores:
        return False
    concurrency, exclusive = module.concurrency, module.scope.models.exclusive_types
    return any(
        (call.looped or any(argument.startswith("*") for argument in call.arguments))
        and concurrency.spawner(call.callee, facts) is not None
        for call in facts.calls
    ) and any(concurrency.local_type(name, facts) in exclusive for name in facts.local_names)


def _file_steps(c: Candidate) -> bool:
    imports = c.module.scope.imports
    names = frozenset(
        name
        for call in c.calls
        for root, _, rest in (call.callee.partition("."),)
        for name in (rest.rpartition(".")[2] or root,)
        if root in imports or (name not in OF_MODULES and (name != "replace" or len(call.arguments) == 1))
    )
    return steps_on_paths(names)


OF_MODULES = PATH_STEPS & frozenset(
    "makedirs remove rmtree move copy copy2 copyfile copytree utime getmtime getsize dump".split()
)
"""Steps that only functions of modules make: methods of these names are those of collections and texts."""


def _thread_start(c: Candidate) -> bool:
    concurrency = c.module.concurrency
    if not c.module.starts_threads or c.module.read_by_threads.isdisjoint(c.changes):
        return False
    return any(may_start(concurrency, f) for f in c.functions)


def _condition(c: Candidate) -> bool:
    return any(waits_for_condition(function, c.module.concurrency) for function in c.functions)


def _anything(c: Candidate) -> bool:
    concurrency = c.module.concurrency
    if not may_race(c.facts, c.module.scope, concurrency):
        return False
    return not c.module.least or concurrency.can_be_sure(c.facts)


def _job(c: Candidate) -> bool:
    return bool(c.does("enqueue"))


_ROW_LOCK = re.compile(r"for_?update|advisory|lock", re.IGNORECASE)


def _row_lock(c: Candidate) -> bool:
    if c.does("query-locked", "row-locked"):
        return True
    if not c.does(*_CHANGES):
        return False
    return any(
        _ROW_LOCK.search(call.callee) or any(_ROW_LOCK.search(argument) for argument in call.arguments)
        for call in c.calls
    ) or bool(c.does("lock-context", "sql"))


def _queue(c: Candidate) -> bool:
    return c.does(*_READS, *_CHANGES, "remove") > 1 and _mutations(c) > 0


HOLDS: dict[Need, Callable[[Candidate], bool]] = {
    Need.ANYTHING: _anything,
    Need.STATE_OF_TASKS: _state_of_tasks,
    Need.MADE_BY_TASKS: _made_by_tasks,
    Need.PAIR: _pair,
    Need.STATE_AND_STORE: _state_and_store,
    Need.ITERATION: _iteration,
    Need.THREAD_ITERATION: _thread_iteration,
    Need.REFILL: _refill,
    Need.COMPLETION: _completion,
    Need.WAKE_UP: _wake_up,
    Need.TASK_START: _task_start,
    Need.FIRST_STEP: _first_step,
    Need.STATE_OF_THREADS: _state_of_threads,
    Need.GUARDED_STATE: _guarded_state,
    Need.GUARDED_BY_TASKS: _guarded_by_tasks,
    Need.UNDER_LOCK: _under_lock,
    Need.USED_UNDER_LOCK: _used_under_lock,
    Need.TAKEN_BY_THREADS: _taken_by_threads,
    Need.HANDS_OUT: _hands_out,
    Need.DECLARED_GUARD: _declared_guard,
    Need.OWN_LOCK: _own_lock,
    Need.FLAG_IN_CONSTRUCTOR: _flag_in_constructor,
    Need.CACHED_RESOURCE: _cached_resource,
    Need.PER_CALL_STATE: _per_call_state,
    Need.STATE_OF_PROCESSES: _state_of_processes,
    Need.STORE_UPDATE: _store_update,
    Need.VERSIONED_WRITE: _versioned_write,
    Need.ROW_UPDATE: _row_update,
    Need.STORE_CHANGES: _store_changes,
    Need.COMMIT: _commit,
    Need.ROW_CREATION: _row_creation,
    Need.GET_OR_CREATE: _get_or_create,
    Need.ROW_TEST: _row_test,
    Need.PACE: _pace,
    Need.SLOW_SAVE: _slow_save,
    Need.SHARED_SESSION: _shared_session,
    Need.FILE_STEPS: _file_steps,
    Need.THREAD_START: _thread_start,
    Need.CONDITION: _condition,
    Need.JOB: _job,
    Need.ROW_LOCK: _row_lock,
    Need.QUEUE: _queue,
}
