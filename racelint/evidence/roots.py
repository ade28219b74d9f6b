"""Where the units of a module start to run, and what callers outside of it may run."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.beside import awaited_beside
from racelint.evidence.calls import LOOPS, Calls
from racelint.evidence.data import Root
from racelint.evidence.handlers import RUNS_ONCE, find_callbacks, find_handlers
from racelint.evidence.multiplied import started_by_each_call, started_by_many
from racelint.evidence.spawns import find_spawns
from racelint.evidence.wrappers import calls_of_decorated, makes_lock_of_threads, wrappers_of
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import cached_property
from racelint.grafts import shown_name
from racelint.index.processes import OF_TESTS
from racelint.resolve import CONSTRUCTORS, Scope, locks_of
from racelint.words import AFTER_FORK, MAIN_LOOPS, first_word

PUBLIC_METHOD, PUBLIC_COROUTINE = "is a public method", "is a public coroutine method"
PUBLIC_FUNCTION, UNCALLED = "is a public function", "is a coroutine method that only its base can call"
_ONCE_DECORATORS = frozenset({"on_event", "on_startup", "on_shutdown", "before_serving", "after_serving"})
"""Decorators of functions that a framework runs when the application starts or ends."""


_CONNECTION = expression(r"(?:Connection|Cursor)$")

_COMMAND_DECORATORS = frozenset({"command", "option", "argument"})
"""Decorators of commands that somebody runs at a terminal."""


class Roots(Calls):
    """Where the units of one module start to run."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.told: list[Root] = []
        """The roots that something in the module tells of; what is public may be one besides."""
        self.told += find_spawns(self)
        self.told += find_handlers(self)
        self.told += find_callbacks(self, self.told)
        self.told += self._documented_bodies()
        self.told = started_by_many(self, self.told)
        self.told += list(started_by_each_call(self, self.told))

    @cached_property
    def own_roots(self) -> list[Root]:
        """All roots that the module shows: found when they are first asked for, which is not so for every module."""
        return [*self.told, *self._find_public(), *awaited_beside(self)]

    @property
    def roots(self) -> list[Root]:
        """All roots that are known."""
        return self.own_roots

    @property
    def telling_roots(self) -> list[Root]:
        """Those that more tells of than that they are public."""
        if not any(class_.thread_safe for class_ in self.scope.classes.values()):
            return self.told
        return [root for root in self.own_roots if not root.public]

    def _documented_bodies(self) -> list[Root]:
        """Functions whose documentation says that another thread runs them, or any."""
        started = {root.unit for root in self.told}
        return [
            Root(
                function.qualname,
                f"`{shown_name(function.qualname)}` is documented to run in "
                f"{'any thread' if function.run_by == 'threads' else 'a thread of its own'}",
                "threads",
                function.run_by == "threads",
                Confidence.MEDIUM,
                told=True,
            )
            for function in self.scope.facts.functions
            if function.run_by not in ("", "loop") and not function.is_async and function.qualname not in started
        ]

    def _find_public(self) -> Iterator[Root]:
        """Public coroutines of classes that live long: what callers outside of the module may run at once."""
        started = {root.unit for root in self.told} | self._run_once
        for function in self.scope.every_function:
            if function.qualname in started:  # the module says itself how it runs
                continue
            name = function.name
            special = name in ("__aenter__", "__aexit__", "__call__", "__anext__", *CONSTRUCTORS)
            inner = name.startswith("_") and not special
            if function.parent and (wrapper := self._wrapper(function)) is not None:
                yield wrapper
            if function.parent or AFTER_FORK.search(name) or (inner and not self._called_elsewhere(function)):
                continue
            if function.owner:
                class_ = function.owner
                if class_.rpartition(".")[2].startswith("Test"):
                    continue
                strength, why = self.class_strength(class_, function.is_async)
                if inner and why == PUBLIC_COROUTINE:
                    why = UNCALLED
                if strength is Confidence.MEDIUM and function.qualname in self._steps_of_threads:
                    strength, why = Confidence.LOW, "is a step of a thread"
                if strength is not Confidence.LOW and self._only_for_constructors(function):
                    strength, why = Confidence.LOW, "is only seen to be called by a constructor"
                if strength is not Confidence.LOW and self._locked_for(function):
                    strength, why = Confidence.LOW, "is only seen to be called under a lock"
                if strength is Confidence.LOW and self._asks(function):
                    strength, why = (
                        Confidence.MEDIUM,
                        "asks for answers that are told apart by keys, as several are under way",
                    )
            elif function.is_async:
                # where the project is there to show more, one of eight such findings that were read was right
                strength = Confidence.LOW if self.scope.index.in_view(self.scope.facts.path) else Confidence.MEDIUM
                why = "is a public coroutine function over module state"
            else:
                strength, why = Confidence.LOW, PUBLIC_FUNCTION
            text = f"`{shown_name(function.qualname)}` {why}; callers may run it at once"
            many = not _is_main_loop(function)
            unseen = why in (PUBLIC_METHOD, PUBLIC_COROUTINE, PUBLIC_FUNCTION, UNCALLED)
            if not function.is_async:
                documented = self._documented(function.owner)
                yield Root(
                    function.qualname,
                    text,
                    "threads",
                    many,
                    strength,
                    locked=bool(function.owner) and not documented,
                    public=not documented,
                    documented=documented,
                    unseen=unseen,
                )
            if function.is_async or (self._has_coroutines and not inner):
                yield Root(
                    function.qualname,
                    text,
                    "tasks",
                    many,
                    strength,
                    locked=strength is Confidence.HIGH,
                    public=True,
                    unseen=unseen,
                )

    def _wrapper(self, function: FunctionFacts) -> Root | None:
        """What runs in the place of whatever a function of the module decorates, where that makes a lock for threads."""
        maker = self.scope.functions.get(function.parent)
        if maker is None or function.is_async or not makes_lock_of_threads(self.scope, maker):
            return None
        if all(wrapper is not function for wrapper, _ in calls_of_decorated(self.scope, maker)):
            return None
        text = f"`{maker.name}` makes a lock for the threads that call what it decorates"
        return Root(function.qualname, text, "threads", True, Confidence.MEDIUM, locked=True, public=True)

    def _locked_for(self, function: FunctionFacts) -> bool:
        """Whether whoever calls the method in the module holds a lock around the call, which so seems to be a part of it."""
        return False  # who knows what callers hold says more

    def _only_for_constructors(self, function: FunctionFacts) -> bool:
        """Whether all that calls the method in the project, tests aside, are constructors, on the object that they make."""
        name, index = function.name, self.scope.index
        sites = [
            (caller, call) for module, caller, call in index.calls.get(name, ()) if not OF_TESTS.search(module.path)
        ]
        if not sites or not all(c.name in CONSTRUCTORS and call.callee == f"self.{name}" for c, call in sites):
            return False
        return not any(f"self.{name}" in one.references for one in self.scope.every_function)

    @cached_property
    def _steps_of_threads(self) -> frozenset[str]:
        """Methods that objects which are threads run themselves, and that nothing in the project calls on another object."""
        found: set[str] = set()
        for root in self.told:
            body = self.scope.functions.get(root.unit) if root.body else None
            if body is not None and body.owner:
                own = {
                    m.qualname
                    for m in self.scope.every_function
                    if m.owner and m.owner in self.scope.family(body.owner)
                }
                found.update(own & set(self.runs(root.unit)))
        others = self.scope.index.called_on_others if found else frozenset()
        return frozenset(name for name in found if name.rpartition(".")[2] not in others)

    def _called_elsewhere(self, function: FunctionFacts) -> bool:
        """Whether a private method has no caller in the module: then another module calls it.

        A coroutine only where the module is alone: it is one of a class whose base calls it.
        """
        name = function.name
        if not function.owner or function.stub or name.startswith("__"):
            return False
        if function.is_async:
            return self._alone and self._has_unseen_base(function.owner) and not self._mentioned_beside(function)
        return function.qualname not in self.callers and name not in self._mentioned

    @cached_property
    def _alone(self) -> bool:
        """Whether nothing of the module's project is there, which would show who calls it."""
        return self.scope.index.alone(self.scope.facts.path)

    def _has_unseen_base(self, owner: str) -> bool:
        """Whether the class has a base that is not in the module."""
        family = {class_.qualname for class_ in self.scope.lineage(owner)}
        return any(base not in family for base in self.scope.base_names(owner))

    def _mentioned_beside(self, function: FunctionFacts) -> bool:
        """Whether anything of the module but the function itself calls or looks at something of its name."""
        name = function.name
        return any(
            name == text.rpartition(".")[2]
            for other in (*self.scope.every_function, self.scope.facts.module_body)
            if other is not function
            for text in (*other.references, *(call.callee for call in other.calls))
        )

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        """The last names of all that the functions of the module call or look at."""
        functions = (*self.scope.every_function, self.scope.facts.module_body)
        called = {call.callee.rpartition(".")[2] for function in functions for call in function.calls}
        return frozenset(called | {path.rpartition(".")[2] for function in functions for path in function.references})

    @cached_property
    def _has_coroutines(self) -> bool:
        """Whether coroutines are about, so that plain functions are called between them."""
        return any(function.is_async for function in self.scope.facts.functions)

    @cached_property
    def _on_loop(self) -> bool:
        """Whether the module works on an event loop and deals with no threads: a lock comes from a base that others use, too."""
        libraries = self.scope.libraries
        return not libraries.isdisjoint(LOOPS) and libraries.isdisjoint(
            ("threading", "concurrent", "_thread", "multiprocessing")
        )

    @cached_property
    def for_tasks(self) -> bool:
        """Whether the module has or serves coroutines and deals with no threads."""
        if not self._has_coroutines:
            return self._on_loop
        return self.scope.libraries.isdisjoint(("threading", "concurrent", "_thread"))

    @cached_property
    def _run_once(self) -> frozenset[str]:
        """Functions that `asyncio.run` and its kin start, and those that only they call: one run after the other."""
        callers: dict[str, set[str]] = {}
        for name, callees in self.callees.items():
            for callee in callees:
                callers.setdefault(callee, set()).add(name)
        for callee, sites in self.callers.items():  # also on an object that the caller makes for itself
            callers.setdefault(callee, set()).update(caller.qualname for caller, _ in sites)
        found: set[str] = set()
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            for call, spawner in self.spawning_calls(caller):
                if spawner.once:
                    found.update(
                        unit.qualname
                        for argument in call.arguments
                        for unit in self.spawned_units(argument, caller, call.line)
                    )
        terminal = not self.scope.libraries.isdisjoint(("click", "asyncclick", "typer"))
        found |= {
            f.qualname
            for f in self.scope.facts.functions
            if RUNS_ONCE.search(f.name)
            or any(d.rpartition(".")[2] in _ONCE_DECORATORS for d in f.decorators)
            or (terminal and any(d.rpartition(".")[2] in _COMMAND_DECORATORS for d in f.decorators))
        }
        spawned = {root.unit for root in self.told}
        while True:
            more = {
                name for name, by in callers.items() if name not in found and name not in spawned and by and by <= found
            }
            if not more:
                return frozenset(found)
            found |= more

    def _documented(self, qualname: str) -> bool:
        """Whether the class, or a base of it, says in its documentation that threads may share its objects.

        Of one that has coroutines that was said before it had them: its objects are used on their loop.
        """
        if not any(class_.thread_safe for class_ in self.scope.lineage(qualname)):
            return False
        return not any(
            method.is_async
            for class_ in self.scope.lineage(qualname)
            for method in self.scope.methods.get(class_.qualname, {}).values()
        )

    def class_strength(self, qualname: str, is_async: bool) -> tuple[Confidence, str]:
        """How likely several units use one object of the class."""
        lock_worlds = self.lock_worlds(qualname)
        if (
            not is_async
            and _CONNECTION.search(qualname)
            and self.scope.index.of_unshared_connections(self.scope.facts.path)
        ):
            return Confidence.LOW, "is a public method of a connection"  # what the lock is for is something else
        if not is_async and "threads" in lock_worlds and not self._on_loop and self._uses_locks(qualname):
            return Confidence.MEDIUM, "is a public method of a class that has a lock for its threads"
        if not is_async and self._documented(qualname) and not self._on_loop:
            return Confidence.MEDIUM, "is a public method of a class that is documented as safe for threads"
        if is_async and self._kept(qualname):
            holder = "application" if qualname in self.kept_by_application else "module"
            return Confidence.MEDIUM, f"is a public method of an object that lives as long as the {holder}"
        return Confidence.LOW, PUBLIC_COROUTINE if is_async else PUBLIC_METHOD

    def lock_worlds(self, qualname: str) -> frozenset[str]:
        """The worlds of the locks that objects of the class have."""
        calls = (self.scope.models.functions.get(name) for name in self._made_attributes(qualname))
        return frozenset(call.world for call in calls if call is not None and call.effect == "lock")

    def _uses_locks(self, qualname: str) -> bool:
        """Whether anything takes a lock that the class makes, or gets it: what is made and then left alone says nothing."""
        made = {name for class_ in self.scope.lineage(qualname) for name in locks_of(self.scope, class_.qualname)}
        return not made or not made.isdisjoint(self._handled)

    @cached_property
    def _handled(self) -> frozenset[str]:
        """The last names of what is entered, handed over or given back anywhere in the module, or of which a method is called."""
        found: set[str] = set()
        for function in (*self.scope.every_function, self.scope.facts.module_body):
            found.update(*(write.within for write in function.writes), function.yields_within, function.returned)
            for call in function.calls:
                found.update(call.within, call.arguments, (call.callee.rpartition(".")[0],))
        return frozenset(path.rpartition("=")[2].rpartition(".")[2] for path in found)

    def _asks(self, function: FunctionFacts) -> bool:
        """Whether the coroutine, or one that it awaits, waits for an answer that it finds by a key: others ask meanwhile.

        Who begins or ends something that way does so once.
        """
        once = function.name in ("__aenter__", "__aexit__") or first_word(function.name) in self.scope.models.lifecycle
        if not function.is_async or once:
            return False
        level, seen = [function], {function.qualname}
        for _ in range(3):
            if any(map(keeps_answer, level)):
                return True
            below = {
                called.qualname: called
                for caller in level
                for call in caller.calls
                if call.awaited
                for called in self.target(call.callee, caller)
            }
            level = [called for name, called in below.items() if name not in seen]
            seen.update(below)
        return False

    def _made_attributes(self, qualname: str) -> frozenset[str]:
        """What the attributes of objects of the class are that a call makes, that are handed in, or that the class declares."""
        known = self._made.get(qualname)
        if known is None:
            known = self._made[qualname] = self._find_made_attributes(qualname)
        return known

    @cached_property
    def _made(self) -> dict[str, frozenset[str]]:
        return {}

    def _find_made_attributes(self, qualname: str) -> frozenset[str]:
        found: set[str] = set()
        for class_ in self.scope.lineage(qualname):
            names = {name for name, _ in class_.attributes} | {
                write.path.partition(".")[2]
                for method in self.scope.methods.get(class_.qualname, {}).values()
                for write in method.writes
                if write.path.startswith("self.") and (write.shape == "call" or method.name == "__init__")
            }
            found.update(self.scope.attribute_type(class_.qualname, name) for name in names)
        return frozenset(found)

    # who calls whom while it runs

    @cached_property
    def kept_tasks(self) -> list[tuple[str, str]]:
        """The attributes that hold a task, as written (`self._task`), each with the unit that the task runs."""
        found: list[tuple[str, str]] = []
        for caller in self.scope.facts.functions:
            kept = {write.line: write.path for write in caller.writes if write.shape == "call" and "." in write.path}
            for call, _ in self.spawning_calls(caller) if kept else ():
                if call.line in kept:
                    units = (
                        unit for argument in call.arguments for unit in self.spawned_units(argument, caller, call.line)
                    )
                    found += ((kept[call.line], unit.qualname) for unit in units)
        return found

    def cancels(self, function: FunctionFacts, unit: str) -> bool:
        """Whether the function cancels the task that the unit runs in, which ends where it waits."""
        cancelled = {call.callee.removesuffix(".cancel") for call in function.calls if call.callee.endswith(".cancel")}
        if any(path in cancelled and unit in self.runs(started) for path, started in self.kept_tasks):
            return True
        return not cancelled.isdisjoint(function.loop_names) and self._starts_below(function, unit)

    def _starts_below(self, function: FunctionFacts, unit: str) -> bool:
        """Whether the function, or one that it calls, starts the task that the unit runs in: it is one of those that it ends in a loop."""
        functions = (self.scope.functions.get(name) for name in self.runs(function.qualname))
        return any(
            unit in self.runs(started.qualname)
            for starter in functions
            if starter is not None
            for call, _ in self.spawning_calls(starter)
            for argument in call.arguments
            for started in self.spawned_units(argument, starter)
        )

    def runs(self, unit: str) -> list[str]:
        """The unit and the functions of the module that it calls, directly or through others; nearest first."""
        found = [unit]
        for name in found:
            found.extend(callee for callee in self.callees.get(name, ()) if callee not in found)
        return found

    @cached_property
    def callees(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for callee, sites in self.callers.items():
            for caller, call in sites:
                if (call.callee not in self.handed_over(caller) or call.awaited) and not self._on_own_object(
                    call.callee, caller
                ):
                    found.setdefault(caller.qualname, []).append(callee)
        for function in self.scope.every_function:
            for path in function.enters:
                if not self._on_own_object(path, function):
                    called = (unit.qualname for unit in self._precise(path, function))
                    found.setdefault(function.qualname, []).extend(called)
        started = {root.unit for root in self.told}
        for function in self.scope.every_function:
            if function.parent and function.qualname not in started:  # it runs where its parent does
                found.setdefault(function.parent, []).append(function.qualname)
        for wrapper, decorated in self.decorating.items():
            for name in decorated:  # whoever calls that runs the wrapper
                found.setdefault(name, []).append(wrapper)
        return found

    @cached_property
    def decorating(self) -> dict[str, tuple[str, ...]]:
        """By function that decorators of the module put in the place of others: the functions that it stands for."""
        found: dict[str, tuple[str, ...]] = {}
        for function in self.scope.every_function:
            for wrapper, _ in wrappers_of(self.scope, function) if function.decorators else ():
                found[wrapper] = (*found.get(wrapper, ()), function.qualname)
        return found

    def _on_own_object(self, callee: str, caller: FunctionFacts) -> bool:
        """Whether the receiver is an object that the caller built for itself: its other callers have other objects."""
        receiver = callee.partition(".")[0]
        return "." in callee and any(
            local == receiver and self._builds_own(caller, built) for local, built in caller.locals_built
        )

    def _builds_own(self, caller: FunctionFacts, built: str) -> bool:
        """Whether a call makes an object of a class of the module: the class itself, or a method that is named so (`Pool.create`)."""
        class_, _, method = built.rpartition(".")
        made = class_ if first_word(method) in _MAKES else built
        return self.scope.own_class(self.scope.names_in(caller.qualname).built_type(made)) is not None


_MAKES = frozenset({"create", "make", "build", "from", "new"})
"""First words of class methods that make an object."""

_WAITED_FOR = frozenset({"create_future", "Future", "Event"})
"""Last names of calls that make something which one waits for and another completes."""


def _is_main_loop(function: FunctionFacts) -> bool:
    """Whether the function is called as what goes on as long as its object or program does: it is handed nothing and runs once."""
    return first_word(function.name) in MAIN_LOOPS and len(function.params) <= bool(function.owner)


def keeps_answer(function: FunctionFacts) -> bool:
    """Whether the coroutine makes a future or event and puts it into a dictionary of its object, to wait for it."""
    if not (function.is_async and function.suspends):
        return False
    mine = {local for local, built in function.locals_built if built.rpartition(".")[2] in _WAITED_FOR}
    lines = {write.line for write in function.writes if write.built_from.rpartition(".")[2] in _WAITED_FOR}
    return bool(mine) and any(
        write.how == "[]" and write.path.startswith("self.") and (write.built_from in mine or write.line in lines)
        for write in function.writes
    )
