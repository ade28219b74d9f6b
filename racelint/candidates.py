"""The definitions of a module as nomination sees them: what all of them have to know, from facts alone."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence import Concurrency, Root
from racelint.evidence.own_gates import names_gate
from racelint.evidence.starts import THREADED
from racelint.facts import FunctionFacts, ModuleFacts, Write
from racelint.facts.source_text import says_sql
from racelint.finding import Confidence, World
from racelint.frozen import cached_property
from racelint.helpers import Helpers
from racelint.keys import Reach, StateKeys
from racelint.meeting import RANKS, Meetings, Runs
from racelint.resolve import CONSTRUCTORS, TAKES, Scope, enclosing_self, locks_of
from racelint.resolve.changes import LOSING
from racelint.spans import Spans
from racelint.store_calls import StoreCalls
from racelint.touch import ENDINGS, ends_entry, limited_waits, listed_futures
from racelint.words import REPLACED_AFTER, first_word, whole_lock

GROWS = frozenset(["+=", "[]", "[]+=", "append", "add", "extend", "update"])
"""Changes of counters and collections that other processes should see."""

LOSES = frozenset(name.rpartition(".")[2] for name in LOSING)
"""Last names of mappings whose entries go by themselves."""

ALIKE = frozenset({"none", "false", "empty", "true", "constant"})
"""Shapes of what is the same in each call."""


class Candidates:
    """The definitions of one module, with what all of them have to know."""

    def __init__(self, scope: Scope, concurrency: Concurrency, least: Confidence) -> None:
        self.scope, self.concurrency = scope, concurrency
        self.least = RANKS[least]
        """The rank of the confidence that is wanted."""
        self._guards: dict[str, bool] = {}
        self._kinds: dict[tuple[int, str, World, Reach], list[Runs]] = {}
        self._called: dict[str, frozenset[str]] = {}
        self._outsiders: dict[str, list[tuple[str, str]]] = {}
        self._own_locks: dict[str, bool] = {}
        self.creating: dict[str, bool] = {}
        """Whether calls with a last name may create a row, as `nominate.stores` has found out."""
        self.keys, self.meetings, self.stores = StateKeys(concurrency), Meetings(concurrency), StoreCalls(concurrency)
        self.helpers = Helpers(concurrency)
        self.spans = Spans(self.helpers, self.keys)

    # one function

    def called(self, function: FunctionFacts) -> frozenset[str]:
        """The last names of what a function calls, and of what it hands to calls."""
        known = self._called.get(function.qualname)
        if known is None:
            paths = {call.callee for call in function.calls}.union(*(call.arguments for call in function.calls))
            known = self._called[function.qualname] = frozenset(path.rpartition(".")[2] for path in paths)
        return known

    # the module

    @cached_property
    def changers(self) -> dict[str, list[tuple[FunctionFacts, Write]]]:
        """Who changes a key in the module, constructors that fill their new object left out."""
        found: dict[str, list[tuple[FunctionFacts, Write]]] = {}
        for function in self.scope.every_function:
            for key, writes in self.keys.changes(function, True).items():
                later = [(function, w) for w in writes if not self.scope.in_construction(function, w)]
                if later:
                    found.setdefault(key, []).extend(later)
        return found

    @cached_property
    def changing(self) -> dict[str, list[FunctionFacts]]:
        """The functions of `changers`."""
        return {key: [f for f, _ in changes] for key, changes in self.changers.items()}

    @cached_property
    def resizing(self) -> dict[str, list[FunctionFacts]]:
        """Those of them that put something into a collection or take it out."""
        found = {
            key: [f for f, w in changes if w.how not in ("=", "+=", "del")] for key, changes in self.changers.items()
        }
        for function in self.scope.every_function if self.concurrency.makes_entries else ():
            for call in function.calls:  # of an entry that may be made by looking it up
                path = call.callee.rpartition(".")[0]
                if path.count(".") < 2 and path not in function.local_names:
                    found.setdefault("." + path.partition(".")[2] if "." in path else path, []).append(function)
        return {key: functions for key, functions in found.items() if functions}

    @cached_property
    def left_by_entries(self) -> frozenset[str]:
        """The collections that an entry may leave by a function of its own, which a loop over them may come to."""
        return frozenset(key for key, changes in self.changers.items() if any(ends_entry(f, w) for f, w in changes))

    @cached_property
    def resized_by_requests(self) -> frozenset[str]:
        """The collections that requests or connections put something into or take it out of, on an object that they share."""
        roots = self.concurrency.roots
        answering = {n for n, root in enumerate(roots) if root.handler and root.many and not root.own_object}
        reached = self.concurrency.reached
        return frozenset(
            key
            for key, functions in (self.resizing.items() if answering else ())
            if any(not answering.isdisjoint(reached.get(function.qualname, ())) for function in functions)
        )

    @cached_property
    def has_own_tasks(self) -> bool:
        """Whether objects of the module start tasks of their own, or have methods that the event loop calls one after the other."""
        return bool(self.concurrency.own_tasks) or any(
            root.world == World.TASKS.value and root.worker for root in self.concurrency.roots
        )

    def kinds(self, who: dict[str, list[FunctionFacts]], key: str, world: World, reach: Reach) -> list[Runs]:
        """How the functions start that do something to a key; `who` is `changing`, `resizing` or `takers`."""
        question = (id(who), key, world, reach)
        known = self._kinds.get(question)
        if known is None:
            known = self._kinds[question] = self.meetings.kinds(who.get(key, ()), world, reach)
        return known

    @cached_property
    def takers(self) -> dict[str, list[FunctionFacts]]:
        """Who sets a key to nothing, deletes it or takes something out of it."""
        found = {
            key: [f for f, w in changes if w.shape in ("none", "false", "empty") or w.how in TAKES]
            for key, changes in self.changers.items()
        }
        return {key: functions for key, functions in found.items() if functions}

    @cached_property
    def imports_multiprocessing(self) -> bool:
        """Whether the module imports what makes values that processes share."""
        return any(origin.startswith("multiprocessing") for origin in self.scope.imports.values())

    @cached_property
    def process_settings(self) -> frozenset[str]:
        """The last names of what sets something of the whole process."""
        return frozenset(name.rpartition(".")[2] for name in self.scope.models.process_settings)

    @cached_property
    def losing(self) -> frozenset[str]:
        """The names of what may be a mapping whose entries go by themselves."""
        scope = self.scope
        made = [
            (write.path.rpartition(".")[2], write.built_from)
            for function in (*scope.every_function, scope.facts.module_body)
            for write in function.writes
            if write.built_from
        ]
        made += [pair for class_ in scope.classes.values() for pair in class_.attributes]
        return frozenset(name for name, built in made if built.rpartition(".")[2] in LOSES)

    @cached_property
    def enders(self) -> dict[str, list[FunctionFacts]]:
        """Who raises or lowers a flag to end something, by its name."""
        found = {
            key: [f for f, w in changes if w.shape in ("true", "false") and first_word(f.name) in ENDINGS]
            for key, changes in self.changers.items()
        }
        return {key: functions for key, functions in found.items() if functions}

    @cached_property
    def emptied_by_end(self) -> frozenset[str]:
        """The collections that a function empties which ends something, by its name."""
        return frozenset(
            key
            for key, changes in self.changers.items()
            if any(
                (w.how == "clear" or w.shape == "empty") and first_word(f.name.removeprefix("on_")) in ENDINGS
                for f, w in changes
            )
        )

    @cached_property
    def neighbours(self) -> dict[str, frozenset[str]]:
        """For an attribute those that any method changes in the statement next to it."""
        found: dict[str, set[str]] = {}
        for function in self.scope.every_function:
            places = [
                (write.statement, key)
                for key, writes in self.keys.changes(function, True).items()
                if key.startswith(".")
                for write in writes
                if not self.scope.in_construction(function, write)
            ]
            by_place: dict[int, set[str]] = {}
            for place, key in places:
                by_place.setdefault(place, set()).add(key)
            for place, key in places:
                for near in (place - 1, place, place + 1):
                    others = by_place.get(near, set()) - {key}
                    if others:
                        found.setdefault(key, set()).update(others)
        return {key: frozenset(others) for key, others in found.items()}

    @cached_property
    def guarded(self) -> frozenset[str]:
        """What is changed under a lock anywhere: in a `with` of it, in a helper that is called in one, or after `acquire`."""
        found: set[str] = set()
        for function in self.scope.every_function:
            everything = (
                self.concurrency.called_under_lock(function)
                or bool(self.concurrency.decorator_guards(function))
                or any(
                    call.callee.endswith((".acquire", ".__enter__"))
                    for taker in (
                        function,
                        *(caller for caller, _ in self.concurrency.callers.get(function.qualname, ())),
                    )
                    for call in taker.calls
                )
                or any(self.is_guard(name) for call in function.calls for name in call.within)
            )
            for key, writes in self.keys.changes(function, True).items():
                if everything or any(self.is_guard(name) for write in writes for name in write.within):
                    found.add(key)
        return frozenset(found)

    @cached_property
    def changed_in_place(self) -> frozenset[str]:
        """The keys whose collections are changed in place in a `with` of what may be a lock."""
        is_lock = self.scope.is_lock
        return frozenset(
            key
            for key, changes in self.changers.items()
            if any(write.how not in ("=", "del") and any(map(is_lock, write.within)) for _, write in changes)
        )

    @cached_property
    def gone_over_locked(self) -> frozenset[str]:
        """The keys of what others resize, and methods read that go over something and take a lock of their object."""
        found: set[str] = set()
        for function in self.scope.every_function:
            if not function.loop_names or function.is_async or not function.owner:
                continue
            if self.concurrency.decorator_guards(function) or any(
                path.count(".") < 3 and path.startswith("self.") and self.is_guard(path)
                for path in self.taken(function)
            ):
                found.update("." + path.partition(".")[2] for path in function.reads if path.startswith("self."))
        return frozenset(found & self.resizing.keys())

    @cached_property
    def replaced(self) -> frozenset[str]:
        """The keys of what a function ends and puts another in its place."""
        found: set[str] = set()
        for function in self.scope.every_function:
            ended = {
                holder
                for c in function.calls
                for holder, _, end in (c.callee.rpartition("."),)
                if end in REPLACED_AFTER
            }
            for key, writes in self.keys.changes(function, True).items() if ended else ():
                if any(write.how == "=" and write.path in ended for write in writes):
                    found.add(key)
        return frozenset(found)

    def taken(self, function: FunctionFacts) -> frozenset[str]:
        """What the function enters."""
        within = {name for call in function.calls for name in call.within}
        return frozenset(within.union(*(write.within for write in function.writes)))

    def is_guard(self, path: str) -> bool:
        """Whether what a `with` enters may be a lock: it is named like one, or the module makes one of that name."""
        known = self._guards.get(path)
        if known is None:
            lower, name = path.lower(), whole_lock(path).rpartition(".")[2]
            named = self.scope.is_lock(path) or "cond" in lower or "sem" in lower
            known = self._guards[path] = named or name in self._lock_names or names_gate(self.scope, name)
        return known

    def is_plain_lock(self, path: str) -> bool:
        """Whether a class or the module makes a lock of that name."""
        return path.rpartition(".")[2] in self._lock_names

    @cached_property
    def _lock_names(self) -> frozenset[str]:
        return frozenset(name for owner in ("", *self.scope.classes) for name in locks_of(self.scope, owner))

    @cached_property
    def has_coroutines(self) -> bool:
        """Whether coroutines of the module may run on a loop while threads run its other functions."""
        return any(function.is_async for function in self.scope.every_function)

    @cached_property
    def starts_threads(self) -> bool:
        """Whether anything in the module starts threads, or is one."""
        concurrency = self.concurrency
        return any(self.scope.is_thread(class_.qualname) for class_ in self.scope.facts.classes) or any(
            spawner.world in THREADED
            for function in (*self.scope.every_function, self.scope.facts.module_body)
            for _, spawner in concurrency.spawning_calls(function)
        )

    @cached_property
    def makes_generators(self) -> bool:
        """Whether any function of the module, or of those from which its classes are derived, is a plain generator."""
        modules = {self.scope.names_in(f.qualname).facts.path: f for f in self.scope.every_function}
        functions = (f for one in modules.values() for f in self.scope.names_in(one.qualname).facts.functions)
        return any(function.yields and not function.is_async for function in functions)

    @cached_property
    def read_by_threads(self) -> frozenset[str]:
        """The attributes that functions look at which anything but their being public says to run in threads.

        A subclass's function may run instead of the one that is known to.
        """
        functions = self.scope.every_function
        run = [f for f in functions if any(r.world in THREADED and not r.public for r in self._roots(f))]
        names = {f.name for f in run}
        names |= {
            call.callee.removeprefix("self.") for f in run if f.owner for call in f.calls
        }  # a subclass may have it
        return frozenset(
            key
            for f in functions
            if f.name in names
            for helper in self.helpers.around(f)
            for key in self.keys.reads(helper, helper is not f)
            if key.startswith(".")
        )

    def outsiders(self, key: str) -> list[tuple[str, str]]:
        """The functions, each with the class whose object it sees, that look at a key and are no steps of such as set it to something.

        Constructors are left out, and so is who looks at an attribute of an object that is not its own.
        """
        known = self._outsiders.get(key)
        if known is None:
            known = self._outsiders[key] = list(self._find_outsiders(key))
        return known

    def _find_outsiders(self, key: str) -> Iterator[tuple[str, str]]:
        setters = {f.qualname for f, w in self.changers.get(key, ()) if w.how == "=" and w.shape not in ALIKE}
        steps = {name for setter in setters for name in self.concurrency.runs(setter)}
        for function in self.scope.every_function:
            owner, name = enclosing_self(function, self.scope)
            path = name + key if key.startswith(".") else key
            if path in function.reads and function.qualname not in steps and function.name not in CONSTRUCTORS:
                yield function.qualname, owner

    @cached_property
    def looking(self) -> list[tuple[FunctionFacts, frozenset[str]]]:
        """The functions of the module with the keys of all that they look at, of whatever object."""
        return [(f, frozenset(map(_key, f.reads))) for f in self.scope.facts.functions]

    @cached_property
    def timed(self) -> frozenset[str]:
        """The functions that an event loop is asked to call when time has passed."""
        return frozenset(
            target.qualname
            for function in (self.scope.every_function if self.scope.has_timers else ())
            for call in function.calls
            if call.callee.endswith((".call_later", ".call_at"))
            for argument in call.arguments
            for target in self.concurrency.target(argument, function)
        )

    @cached_property
    def cancelled(self) -> frozenset[str]:
        """The paths whose `cancel` any function calls."""
        calls = (call.callee for function in self.scope.facts.functions for call in function.calls)
        return frozenset(callee.removesuffix(".cancel") for callee in calls if callee.endswith(".cancel"))

    @cached_property
    def given_up(self) -> frozenset[str]:
        """The paths of what is awaited with a limit, or taken away by any function if there are callbacks of futures."""
        functions = self.scope.facts.functions
        found = {path for function in functions for path in limited_waits(function, self.scope) if "." in path}
        if any(call.callee.endswith(".add_done_callback") for function in functions for call in function.calls):
            writes = (write for function in functions for write in function.writes)
            found.update(write.path for write in writes if write.how == "del" or write.shape == "none")
        return frozenset(found)

    @cached_property
    def listed_futures(self) -> frozenset[str]:
        """The last names of the collections into which a function puts futures that it has made."""
        functions = self.scope.facts.functions
        return frozenset(path.rpartition(".")[2] for function in functions for path, _ in listed_futures(function))

    def makes_own_lock(self, function: FunctionFacts) -> bool:
        """Whether a function takes a lock that it makes itself, in a `with` or by a local name, or puts it in an old one's place."""
        known = self._own_locks.get(function.qualname)
        if known is None:
            known = self._own_locks[function.qualname] = self._makes_lock(function)
        return known

    def _makes_lock(self, function: FunctionFacts) -> bool:
        scope = self.scope
        taken = {*(built for _, built in function.locals_built), *(w for c in function.calls for w in c.within)}
        taken |= {name for write in function.writes for name in write.within}
        if function.name not in CONSTRUCTORS:  # there nobody holds the old one
            taken |= {write.built_from for write in function.writes if write.built_from}
        if len(function.calls) < 4 or any(write.how == "setdefault" for write in function.writes):
            # it may make one for whoever asks
            taken.update(call.callee for call in function.calls)
        return any(
            (known := scope.models.functions.get(scope.canonical(path))) is not None and known.effect == "lock"
            for path in taken
        )

    def states_change(self, function: FunctionFacts) -> bool:
        """Whether a function holds a statement of SQL that may change or lock rows, or names a constant that is one."""
        if function.sql:
            return True
        kept = self._statements
        if not kept:
            return False
        paths = {path for call in function.calls for path in call.arguments}
        paths.update(function.reads, (built for _, built in function.locals_built))
        return not kept.isdisjoint(path.rpartition("=")[2].rpartition(".")[2] for path in paths)

    @cached_property
    def _statements(self) -> frozenset[str]:
        """The last names of such constants of the module and its classes, and of the modules that it imports from."""
        scope = self.scope
        found = _changing(scope.facts)
        for name in scope.imports:
            meant = scope.index.meaning(name, scope.facts)
            if meant is not None and meant.module.path != scope.facts.path:
                theirs = _changing(meant.module)
                found |= theirs
                if meant.name in theirs:
                    found.add(name)
        return frozenset(found)

    @cached_property
    def grown(self) -> frozenset[str]:
        """The globals that any function counts up or adds to."""
        return frozenset(
            key
            for key, changes in self.changers.items()
            if key in self.scope.module_names and any(write.how in GROWS for _, write in changes)
        )

    @cached_property
    def handled(self) -> frozenset[str]:
        """Those of them that a handler changes, which runs in several processes."""
        return frozenset(
            key
            for key in self.grown
            for function, write in self.changers[key]
            if write.how in GROWS
            and any(root.processes or (root.world == "processes" and root.many) for root in self._roots(function))
        )

    @cached_property
    def with_connections(self) -> frozenset[str]:
        """The classes whose methods make a connection that takes one command at a time."""
        scope = self.scope
        made = scope.models.one_at_a_time
        if scope.libraries.isdisjoint(name.partition(".")[0] for name in made):
            return frozenset()
        return frozenset(
            function.owner
            for function in scope.facts.functions
            if function.owner and any(scope.canonical(call.callee) in made for call in function.calls)
        )

    def _roots(self, function: FunctionFacts) -> Iterator[Root]:
        return (self.concurrency.roots[n] for n in self.concurrency.reached.get(function.qualname, ()))

    @cached_property
    def started(self) -> frozenset[str]:
        """The functions that the module itself starts as tasks or threads."""
        return frozenset(root.unit for root in self.concurrency.roots if not root.public and not root.handler)

    @cached_property
    def closed(self) -> frozenset[str]:
        """The keys on which any function calls something such as `close`."""
        idempotent = self.scope.models.idempotent
        receivers = {
            call.callee.rpartition(".")[0]
            for function in self.scope.every_function
            for call in function.calls
            if call.callee.rpartition(".")[2] in idempotent
        }
        parts = {part for receiver in receivers for part in receiver.split(".")}
        return frozenset({*parts, *("." + part for part in parts)})


def _key(path: str) -> str:
    """The key of what a path of one or two parts means."""
    return "." + path.rpartition(".")[2] if "." in path else path


def _changing(module: ModuleFacts) -> set[str]:
    """The last names of a module's constants that are statements of SQL which may change or lock rows."""
    return {
        name.rpartition(".")[2]
        for name, text in module.statements
        if says_sql(text) or not text.lstrip().lower().startswith("select")
    }
