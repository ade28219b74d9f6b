"""What needs ask of memory that threads or processes share: who looks at it, and who changes it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.candidate import Candidate
from racelint.evidence.beside_loop import counted_on_loop
from racelint.evidence.handed_alike import put_into
from racelint.evidence.starter import changed_by_starter, filled_by_started
from racelint.evidence.starts import may_start
from racelint.facts import FunctionFacts
from racelint.finding import World
from racelint.resolve import CONSTRUCTORS, TAKES, for_each_thread
from racelint.touch import looks_up_and_changes, runs_entries
from racelint.words import ADDS_CALLBACK, ADVANCED, ASKED, first_word


def thread_iteration(c: Candidate) -> bool:
    """Whether what a thread resizes is iterated."""
    module = c.module
    if c.facts.is_async or not (any(function.loop_names for function in c.functions) or c.called & _COMPARING):
        return False
    if module.scope.index.alone(module.scope.facts.path) and _runs_listeners(c):
        return True
    if module.starts_threads and next(filled_by_started(module.concurrency, c.facts), None) is not None:
        return True
    return any(
        c.meets(key, module.resizing, World.THREADS) >= module.least or module.has_coroutines
        for key in c.reads
        if key in module.resizing
    )


def _runs_listeners(c: Candidate) -> bool:
    """Whether a loop may call what stands in a collection, and a function of the module puts one in or takes one out."""
    return any(
        runs_entries(function, function.loop_names) for function in c.functions
    ) and not c.reads.keys().isdisjoint(c.module.resizing)


_COMPARING = frozenset({"max", "min"})
"""Builtins that may call a key of Python for one entry after the other of what they are given."""


def state_of_threads(c: Candidate) -> bool:
    """Whether state is looked at and changed, and a thread changes it, too."""
    module = c.module
    if module.imports_multiprocessing and any(
        (w.how in ("=", "+=") and w.path.endswith(".value")) or (w.how == "+=" and w.path.count(".") == 1)
        for w in c.facts.writes
    ):
        return True
    if any(
        key in c.reads and key in module.changers and c.meets(key, module.changing, World.THREADS) >= module.least
        for key in c.changes
    ):
        return True
    if _updates_what_it_holds(c) or _fills_record(c) or _changes_what_all_have(c) or _keeps_threads_apart(c):
        return True
    if any(changed_by_starter(c.module.scope, c.facts, name) is not None for name in c.facts.outer_names):
        return True
    if any(
        counted_on_loop(module.concurrency, c.facts, module.changers.get(key, ())) is not None
        for key, writes in c.changes.items()
        if any(write.how in ("+=", "[]+=") for write in writes)
    ):
        return True
    return _advances(c) or _puts_where_not_over(c) or _gives_what_has_threads(c) or _adds_by_size(c)


def _advances(c: Candidate) -> bool:
    """Whether a method may ask an iterator of its object for the next, in a loop or not, where the module starts threads.

    One that generators of the module make, or one that is named so.
    """
    if c.facts.is_async or not (c.facts.owner and c.module.starts_threads):
        return False
    read = [name for name in c.facts.reads if name.startswith("self.")] if c.facts.loop_names else []
    if any(map(ADVANCED.search, read)):
        return True
    asked = bool(read) or any(
        call.callee == "next" and call.arguments[:1] and call.arguments[0].startswith("self.") for call in c.facts.calls
    )
    return asked and c.module.makes_generators


def _adds_by_size(c: Candidate) -> bool:
    """Whether a method of an object with a lock asks how large something is, and adds to it."""
    if c.facts.is_async or not (c.facts.owner and c.module.concurrency.has_locks and "len" in c.called):
        return False
    added = {write.path for write in c.facts.writes if write.how in _ADDING and write.path.startswith("self.")}
    return any(path in call.arguments for call in c.facts.calls if call.callee == "len" for path in added)


_ADDING = frozenset({"append", "appendleft", "add", "[]"})
"""How a collection gets one more."""


def _puts_where_not_over(c: Candidate) -> bool:
    """Whether a method looks at something that another one raises, which puts into the same queue as it does."""
    if c.facts.is_async or not c.facts.owner:
        return False
    queues = put_into(c.facts)
    family = c.module.scope.family(c.facts.owner) if queues else frozenset()
    return any(
        write.shape == "true" and write.path in c.facts.reads
        for function in (c.module.scope.facts.functions if queues else ())
        if function.owner in family and function is not c.facts and not queues.isdisjoint(put_into(function))
        for write in function.writes
    )


def _gives_what_has_threads(c: Candidate) -> bool:
    """Whether a function that is there for whoever asks makes an object with threads, as there is none yet."""
    if c.facts.is_async or first_word(c.facts.name) not in ASKED:
        return False
    scope = c.module.scope
    return any(
        write.how == "="
        and key in c.reads
        and write.built_from
        and scope.has_threads(scope.class_type(write.built_from))
        for key, writes in c.changes.items()
        for write in writes
    )


def _keeps_threads_apart(c: Candidate) -> bool:
    """Whether a plain function keeps anew what is there for several threads, whoever they are."""
    if c.facts.is_async or c.facts.name in CONSTRUCTORS:
        return False
    return any(
        write.shape == "call" and for_each_thread(c.module.scope.canonical(write.built_from))
        for function in c.functions
        for write in function.writes
    )


def _changes_what_all_have(c: Candidate) -> bool:
    """Whether a collection is changed that all threads or processes which run the definition were handed."""
    concurrency = c.module.concurrency
    given = concurrency.handed_to_each(c.facts)
    if any(write.path in given for write in c.facts.writes):
        return True
    return concurrency.shares_memory and any(
        w.how in ("[]", "[]+=") and w.path not in c.facts.local_names and w.path in c.module.scope.assigned
        for w in c.facts.writes
    )


def _fills_record(c: Candidate) -> bool:
    """Whether a function that threads run sets two things, one after the other, to values that are no constants."""
    if c.facts.is_async or c.facts.name in CONSTRUCTORS:
        return False
    fields = {(w.path, w.line) for w in c.facts.writes if w.how in ("=", "[]") and w.shape in ("other", "call")}
    if len(fields) < 2 or not any("." in path or path not in c.facts.local_names for path, _ in fields):
        return False
    concurrency = c.module.concurrency
    roots = (concurrency.roots[n] for n in concurrency.reached.get(c.facts.qualname, ()))
    return any(r.world == "threads" and not r.public for r in roots)


def _updates_what_it_holds(c: Candidate) -> bool:
    """Whether an attribute of an object that the own one holds is counted up, and others change it: `self.parent.count += 1`."""
    return any(
        write.how == "+=" and write.path.count(".") == 2 and _others_change(c, "." + write.path.rpartition(".")[2])
        for writes in c.changes.values()
        for write in writes
    )


def _others_change(c: Candidate, key: str) -> bool:
    return c.meets(key, c.module.changing, World.THREADS) >= c.module.least


def taken_by_threads(c: Candidate) -> bool:
    """Whether state is looked at that a thread takes away."""
    module = c.module
    if c.facts.is_async:
        return False
    if ("empty" in c.called or "qsize" in c.called) and not c.called.isdisjoint(("get", "get_nowait")):
        return max(c.rank(World.THREADS), c.rank(World.PROCESSES)) >= module.least
    if module.concurrency.loses_entries and any(key.lstrip(".") in module.losing for key in c.reads):
        return True
    if not c.called.isdisjoint(ADDS_CALLBACK) and not c.changes.keys().isdisjoint(module.takers):
        return True
    taken = [key for key in c.reads if key in module.takers]
    if any(c.meets(key, module.takers, World.THREADS) >= module.least or module.has_coroutines for key in taken):
        return True
    return (
        bool(taken)
        and not (module.concurrency.unlikely or module.concurrency.for_tasks)
        and any(_throws_out(c, function, taken) for function in c.functions)
    )


def _throws_out(c: Candidate, function: FunctionFacts, taken: Iterable[str]) -> bool:
    """Whether a function that is asked for something takes an entry out of one of these collections."""
    if not looks_up_and_changes(function):
        return False
    changes = c.module.keys.changes(function, function is not c.facts)
    return any(write.how in TAKES for key in taken for write in changes.get(key, ()))


def state_of_processes(c: Candidate) -> bool:
    """Whether a global is looked at or changed that a handler changes."""
    module = c.module
    if not module.grown or (module.grown.isdisjoint(c.reads) and module.grown.isdisjoint(c.changes)):
        return False
    return not (module.handled.isdisjoint(c.reads) and module.handled.isdisjoint(c.changes))


def thread_start(c: Candidate) -> bool:
    """Whether a thread is started and state is changed."""
    concurrency = c.module.concurrency
    if not c.module.starts_threads:
        return False
    if c.facts.name in CONSTRUCTORS and any(
        write.how in ("[]", "append", "appendleft", "add") and write.path not in c.facts.local_names
        for write in c.facts.writes
        if "." not in write.path
    ):
        return True  # it may put the object where threads find it
    if c.module.read_by_threads.isdisjoint(c.changes):
        return False
    return any(may_start(concurrency, f) for f in c.functions)
