"""Why two units of work do, or cannot, run at once.

Every unit is reached from *roots*: a spawn, a handler, a public method. Two units interleave if different roots reach them,
or one root that runs many times at once. The strength of the strongest such root becomes the confidence of a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from racelint.events import Kind, Resource
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.finding import Confidence
from racelint.models.loader import Spawner
from racelint.resolve import CONSTRUCTORS, Scope, enclosing_self

_TEST_FILE = re.compile(
    r"(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest|setup|noxfile)\.py$|(^|/)([a-z_]*migrations?|alembic|management/commands|benchmarks?|scripts?)/"
)
_ONCE_DECORATORS = frozenset({"on_event", "on_startup", "on_shutdown", "before_serving", "after_serving"})
"""Decorators of functions that a framework runs when the application starts or ends."""
_RUNS_ONCE = re.compile(r"(^|_)(lifespan|startup|shutdown)(_|$)")
"""Names that frameworks and their users give to what runs when the application starts or ends."""
_REGISTERS = re.compile(
    r"register|connect|listen|track|subscribe|attach|^on_|(add|set)_.*(callback|handler|listener|hook)"
)
"""Last names of calls that keep a function to call it later."""
_LOCKED_NAME = re.compile(r"(_locked|under_lock|with_lock|holding_lock|_unsafe|_nolock|_no_lock|_unlocked)$")
"""Names that say that the caller holds the lock; believed if at least one caller does."""
_IMPORT_OF_TESTS = frozenset({"pytest", "unittest"})


@dataclass(frozen=True, slots=True)
class Root:
    """Where a unit starts to run."""

    unit: str
    text: str
    world: str
    many: bool
    strength: Confidence
    processes: bool = False
    own_object: bool = False
    """Each run has an object of its own, as the views of a web framework have."""
    handler: bool = False
    """Called by a framework, which gives each run arguments of its own."""
    locked: bool = False
    """Its strength rests on the lock that the class has."""
    public: bool = False
    """Known only as something that callers outside of the module may call."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """That two runs overlap: the sentence for the user and how strong it is."""

    text: str
    strength: Confidence
    world: str = "tasks"
    public: bool = False
    """Rests only on callers outside of the module."""


class Concurrency:
    """The units of one module and what can run while they do."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.roots: list[Root] = []
        self._find_spawns()
        self._find_handlers()
        self._find_callbacks()
        self._find_public()

    # who calls whom

    def target(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """The functions of this module that a dotted path in `caller` may mean."""
        scope = self.scope
        path = path.lstrip("*")
        if "=" in path:
            path = path.partition("=")[2]
        first, _, rest = path.partition(".")
        if not rest:
            prefix = caller
            for _ in range(6):
                nested = scope.functions.get(f"{prefix.qualname}.{first}" if prefix.qualname else first)
                if nested is not None and not nested.owner:
                    return [nested]
                if not prefix.qualname:
                    break
                prefix = scope.functions.get(prefix.parent, scope.facts.module_body)
            class_ = scope.classes.get(first)
            if class_ is not None:
                return [
                    made
                    for name in ("__new__", "__init__", "__post_init__")
                    if (made := scope.method(class_.qualname, name))
                ]
            return []
        owner, self_name = enclosing_self(caller, scope)
        if first == self_name and owner:
            if "." not in rest:
                found = scope.method(owner, rest)
                return [found] if found else []
            attribute, _, method = rest.partition(".")
            type_name = scope.attribute_type(owner, attribute)
        elif first in scope.classes:
            type_name, method = ":" + first, rest
        else:
            type_name, method = self.local_type(first, caller), rest
        if "." in method:
            return []
        if type_name.startswith(":"):
            found = scope.method(type_name[1:], method)
            return [found] if found else []
        if type_name or first in scope.imports:
            return []
        return self._by_method_name.get(method, [])

    def local_type(self, name: str, function: FunctionFacts) -> str:
        """The type of a local name, a parameter or a module-level name as far as assignments tell."""
        seen: FunctionFacts | None = function
        for _ in range(5):
            if seen is None:
                break
            for local, built in seen.locals_built:
                if local == name:
                    return self.scope.built_type(built)
            for parameter, annotation in seen.params:
                if parameter == name:
                    return self.scope.annotated_type(annotation)
            seen = self.scope.functions.get(seen.parent)
        built_from = self.scope.assigned.get(name, "")
        return self.scope.built_type(built_from) if built_from else ""

    @cached_property
    def _by_method_name(self) -> dict[str, list[FunctionFacts]]:
        found: dict[str, list[FunctionFacts]] = {}
        for function in self.scope.facts.functions:
            if function.owner and not function.name.startswith("__"):
                found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def callers(self) -> dict[str, list[tuple[FunctionFacts, CallSite]]]:
        """Every call site of each function, within this module."""
        found: dict[str, list[tuple[FunctionFacts, CallSite]]] = {}
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            for call in caller.calls:
                for callee in self._precise(call.callee, caller):
                    found.setdefault(callee.qualname, []).append((caller, call))
        return found

    def _precise(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """`target` without guesses by the method's name alone unless only one class has such a method."""
        found = self.target(path, caller)
        return found if len({function.owner for function in found}) == 1 else []

    # roots

    def _find_spawns(self) -> None:
        sites: dict[str, list[tuple[FunctionFacts, CallSite, bool, str]]] = {}
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            for call in caller.calls:
                spawner = self.spawner(call.callee, caller)
                if spawner is None or spawner.once:
                    continue
                several: dict[str, int] = {}
                for argument in call.arguments:
                    for unit in self._spawned_units(argument, caller):
                        several[unit.qualname] = several.get(unit.qualname, 0) + 1
                        shared = self._one_object(argument, caller)
                        many = shared and (
                            spawner.many or argument.startswith("*") or call.looped or several[unit.qualname] > 1
                        )
                        sites.setdefault(unit.qualname, []).append((caller, call, many, spawner.world))
        for name, found in sites.items():
            caller, call, many, world = max(found, key=lambda site: site[2])
            again = any(_both_run(call, other_call, caller is other) for other, other_call, _, _ in found)
            text = f"line {call.line} starts it with `{call.callee}`"
            text += " for many at once" if many else ", and other places start it too" if again else ""
            real_world = "tasks" if self.scope.functions[name].is_async else world
            self.roots.append(Root(name, text, real_world, many or again, Confidence.HIGH))
        for class_ in self.scope.facts.classes:
            if any(
                base.rpartition(".")[2] in ("Thread", "Process", "Timer")
                for base in self.scope.base_names(class_.qualname)
            ):
                run = self.scope.methods.get(class_.qualname, {}).get("run")
                if run is not None:
                    self.roots.append(
                        Root(run.qualname, "it is the body of a thread", "threads", False, Confidence.HIGH)
                    )

    def _one_object(self, argument: str, caller: FunctionFacts) -> bool:
        """Whether all units that a loop starts work on one object: not if the receiver is the loop's own variable."""
        path = argument.lstrip("*").rpartition("=")[2]
        root, dot, _ = path.partition(".")
        return not (dot and root in caller.loop_names)

    def _spawned_units(self, argument: str, caller: FunctionFacts) -> list[FunctionFacts]:
        name, equals, value = argument.partition("=")
        if equals and name not in ("target", "func", "function", "callback", "fn", "coro"):
            return []
        return self.target(value if equals else argument, caller)

    def spawner(self, callee: str, caller: FunctionFacts) -> Spawner | None:
        """The model of a call that starts units, if it is one."""
        models = self.scope.models
        known = models.spawners.get(self.scope.canonical(callee))
        if known is not None:
            return known
        receiver, dot, method = callee.rpartition(".")
        if not dot:
            return None
        if method in ("map", "imap", "imap_unordered", "starmap", "map_async"):
            type_name = self.receiver_type(receiver, caller)
            last = type_name.rpartition(".")[2]
            if last in _POOLS or any(part in receiver.lower() for part in ("pool", "executor")):
                return Spawner("processes" if last in _PROCESS_POOLS else "threads", many=True)
            return None
        known = models.spawners.get("." + method)
        if (
            known is not None
            and known.world == "threads"
            and self.receiver_type(receiver, caller).rpartition(".")[2] in _PROCESS_POOLS
        ):
            return Spawner("processes", known.many)
        return known

    def receiver_type(self, path: str, caller: FunctionFacts) -> str:
        """The type of a dotted receiver, as far as it is known."""
        first, _, rest = path.partition(".")
        owner, self_name = enclosing_self(caller, self.scope)
        if rest and first == self_name and owner:
            return self.scope.attribute_type(owner, rest)
        return "" if rest else self.local_type(first, caller)

    def _find_handlers(self) -> None:
        models, libraries = self.scope.models, self.scope.libraries
        for function in self.scope.facts.functions:
            for decorator in function.decorators:
                for name, handler, imports in models.handler_decorators:
                    if imports and not any(i in libraries for i in imports):
                        continue
                    canonical = self.scope.canonical(decorator)
                    if (name.startswith(".") and "." in decorator and ("." + decorator.rpartition(".")[2]) == name) or (
                        canonical == name or (not name.startswith(".") and canonical.endswith("." + name))
                    ):
                        self._handler_root(function, handler.what, handler.world, handler.processes)
                        break
            if not function.owner and not function.parent and function.params:
                for name, handler, imports in models.parameter_handlers:
                    if function.params[0][0] == name and any(i in libraries for i in imports):
                        self._handler_root(function, handler.what, handler.world, handler.processes)
                        break
        for class_ in self.scope.facts.classes:
            bases = self.scope.base_names(class_.qualname) if class_.bases else ()
            for base in sorted(bases):
                known = (
                    models.handler_bases.get(base)
                    or models.handler_bases.get("." + base.rpartition(".")[2])
                    or next(
                        (
                            handler
                            for name, handler in models.handler_bases.items()
                            if name.startswith("*") and base.endswith(name[1:])
                        ),
                        None,
                    )
                )
                if known is None:
                    continue
                for method in self.scope.methods.get(class_.qualname, {}).values():
                    if not method.name.startswith("_"):
                        self._handler_root(method, known.what, known.world, known.processes, known.processes)
                break

    def _handler_root(
        self, function: FunctionFacts, what: str, world: str, processes: bool, own_object: bool = False
    ) -> None:
        real_world = "tasks" if function.is_async else ("threads" if world == "tasks" else world)
        self.roots.append(
            Root(
                function.qualname,
                f"`{function.name}` is {what}",
                real_world,
                True,
                Confidence.HIGH,
                processes,
                own_object,
                True,
            )
        )

    def _find_callbacks(self) -> None:
        """Functions handed to calls that register them with something that lives longer."""
        started = {root.unit for root in self.roots}
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            for call in caller.calls:
                if not _REGISTERS.search(call.callee.rpartition(".")[2]):
                    continue
                for argument in call.arguments:
                    path = argument.rpartition("=")[2]
                    if path not in caller.references:
                        continue
                    for unit in self.target(path, caller):
                        if unit.qualname in started or unit.name in ("__init__", "__new__"):
                            continue
                        started.add(unit.qualname)
                        text = f"line {call.line} registers `{unit.name}` as a callback with `{call.callee}`"
                        self.roots.append(Root(unit.qualname, text, "tasks", unit.is_async, Confidence.MEDIUM))

    def _find_public(self) -> None:
        """Public coroutines of classes that live long: what callers outside of the module may run at once."""
        started = {root.unit for root in self.roots} | self._run_once
        for function in self.scope.facts.functions:
            if function.qualname in started:  # the module says itself how it runs
                continue
            name = function.name
            special = name in ("__aenter__", "__aexit__", "__call__", "__anext__", *CONSTRUCTORS)
            if function.parent or (name.startswith("_") and not special):
                continue
            if function.owner:
                class_ = function.owner
                if class_.rpartition(".")[2].startswith("Test"):
                    continue
                strength, why = self.class_strength(class_, function.is_async)
            elif function.is_async:
                strength, why = Confidence.MEDIUM, "is a public coroutine function over module state"
            else:
                strength, why = Confidence.LOW, "is a public function"
            text = f"`{function.qualname}` {why}; callers may run it at once"
            if not function.is_async:
                self.roots.append(
                    Root(function.qualname, text, "threads", True, strength, locked=bool(function.owner), public=True)
                )
            if function.is_async or self._has_coroutines:
                self.roots.append(
                    Root(
                        function.qualname,
                        text,
                        "tasks",
                        True,
                        strength,
                        locked=strength is Confidence.HIGH,
                        public=True,
                    )
                )

    @cached_property
    def _has_coroutines(self) -> bool:
        """Whether coroutines are about, so that plain functions are called between them."""
        return any(function.is_async for function in self.scope.facts.functions)

    @cached_property
    def _run_once(self) -> frozenset[str]:
        """Functions that `asyncio.run` and its kin start, and those that only they call: one run after the other."""
        callers: dict[str, set[str]] = {}
        for name, callees in self._callees.items():
            for callee in callees:
                callers.setdefault(callee, set()).add(name)
        found: set[str] = set()
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            for call in caller.calls:
                spawner = self.spawner(call.callee, caller)
                if spawner is not None and spawner.once:
                    found.update(
                        unit.qualname for argument in call.arguments for unit in self._spawned_units(argument, caller)
                    )
        found |= {
            f.qualname
            for f in self.scope.facts.functions
            if _RUNS_ONCE.search(f.name) or any(d.rpartition(".")[2] in _ONCE_DECORATORS for d in f.decorators)
        }
        spawned = {root.unit for root in self.roots}
        while True:
            more = {
                name for name, by in callers.items() if name not in found and name not in spawned and by and by <= found
            }
            if not more:
                return frozenset(found)
            found |= more

    def class_strength(self, qualname: str, is_async: bool) -> tuple[Confidence, str]:
        """How likely several units use one object of the class."""
        lock_worlds = self.lock_worlds(qualname)
        if is_async and ("tasks" in lock_worlds):
            return Confidence.HIGH, "is a public coroutine method of a class that has a lock for its tasks"
        if not is_async and "threads" in lock_worlds:
            return Confidence.MEDIUM, "is a public method of a class that has a lock for its threads"
        if is_async and self._kept(qualname):
            return Confidence.MEDIUM, "is a public method of an object that lives as long as the module"
        return Confidence.LOW, "is a public coroutine method" if is_async else "is a public method"

    def _kept(self, qualname: str) -> bool:
        """Whether a module-level name holds an object of the class."""
        names = {
            c.qualname
            for c in self.scope.facts.classes
            if qualname in {b.qualname for b in self.scope.lineage(c.qualname)}
        }
        built = {value for _, value in self.scope.facts.assigned}
        return bool(names & built)

    def lock_worlds(self, qualname: str) -> frozenset[str]:
        """The worlds of the locks that objects of the class have."""
        found: set[str] = set()
        for class_ in self.scope.lineage(qualname):
            names = {name for name, _ in class_.attributes} | {
                write.path.partition(".")[2]
                for method in self.scope.methods.get(class_.qualname, {}).values()
                for write in method.writes
                if write.path.startswith("self.") and write.shape == "call"
            }
            for name in names:
                call = self.scope.models.functions.get(self.scope.attribute_type(class_.qualname, name))
                if call is not None and call.effect == "lock":
                    found.add(call.world)
        return frozenset(found)

    @cached_property
    def unlikely(self) -> bool:
        """Tests, migrations, commands and scripts run alone."""
        path = self.scope.facts.path.replace("\\", "/")
        if _TEST_FILE.search(path):
            return True
        parts = path.split("/")[:-1]
        return ("tests" in parts or "test" in parts) and bool(_IMPORT_OF_TESTS & self.scope.libraries)

    def unlikely_unit(self, function: FunctionFacts) -> bool:
        """A test, or a step of a migration: it runs alone, wherever it stands."""
        owner = function.owner.rpartition(".")[2]
        return (
            self.unlikely
            or function.name.startswith("test_")
            or owner.startswith("Test")
            or owner.endswith(("Test", "Tests", "TestCase"))
            or any(name == "schema_editor" for name, _ in function.params)
        )

    # reachability

    @cached_property
    def reached(self) -> dict[str, frozenset[int]]:
        """The numbers of the roots that reach each function through calls in this module."""
        found: dict[str, set[int]] = {}
        for number, root in enumerate(self.roots):
            todo = [root.unit]
            while todo:
                name = todo.pop()
                if number in found.setdefault(name, set()):
                    continue
                found[name].add(number)
                todo.extend(self._callees.get(name, ()))
        return {name: frozenset(numbers) for name, numbers in found.items()}

    @cached_property
    def _callees(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for callee, sites in self.callers.items():
            for caller, call in sites:
                if (call.callee not in self._handed_over(caller) or call.awaited) and not self._on_own_object(
                    call, caller
                ):
                    found.setdefault(caller.qualname, []).append(callee)
        for function in self.scope.facts.functions:
            if function.parent:  # a nested function runs where its parent does, unless it is spawned
                found.setdefault(function.parent, []).append(function.qualname)
        return found

    def _handed_over(self, caller: FunctionFacts) -> frozenset[str]:
        """What the function hands to calls that start units: those calls make coroutines and run nothing themselves."""
        known = self._handed.get(caller.qualname)
        if known is None:
            known = self._handed[caller.qualname] = frozenset(
                argument.lstrip("*").rpartition("=")[2]
                for call in caller.calls
                if self.spawner(call.callee, caller) is not None
                for argument in call.arguments
            )
        return known

    @cached_property
    def _handed(self) -> dict[str, frozenset[str]]:
        return {}

    def _on_own_object(self, call: CallSite, caller: FunctionFacts) -> bool:
        """Whether the receiver is an object that the caller built for itself: its other callers have other objects."""
        receiver = call.callee.partition(".")[0]
        return "." in call.callee and any(
            local == receiver and self.scope.own_class(self.scope.built_type(built)) is not None
            for local, built in caller.locals_built
        )

    def overlap(self, one: str, other: str, world: str, resource: Resource | None = None) -> Evidence | None:
        """The strongest evidence that a run of `one` and a run of `other` (possibly the same function) overlap.

        With a resource: that they overlap on the same one; runs that have an object of their own do not share its attributes.
        A unit that the module starts itself beside its public methods is stronger evidence than two public methods.
        """
        own = resource is not None and resource.kind is Kind.ATTRIBUTE
        captured = f"{resource.owner}." if resource is not None and resource.kind is Kind.CAPTURED else ""
        given = resource is not None and resource.kind is Kind.ARGUMENT
        ones, others = self.reached.get(one, frozenset()), self.reached.get(other, frozenset())
        best: Root | None = None
        weakest, public = Confidence.HIGH, False
        for first in ones:
            left = self.roots[first]
            if left.world != world:
                continue
            for second in others:
                right = self.roots[second]
                if (
                    right.world != world
                    or (first == second and not left.many)
                    or (own and (left.own_object or right.own_object))
                    or (given and (left.handler or right.handler))
                ):
                    continue
                if captured and not (left.unit.startswith(captured) and right.unit.startswith(captured)):
                    continue
                strength = min(self._strength(left, resource), self._strength(right, resource), key=lambda s: s.rank)
                if strength is Confidence.LOW and left.public != right.public and not self.unlikely:
                    strength = Confidence.MEDIUM
                if best is None or strength.rank > weakest.rank:
                    best, weakest = (left if left.many else right), strength
                    public = left.public and right.public
        return Evidence(best.text, weakest, world, public) if best is not None else None

    def _strength(self, root: Root, resource: Resource | None) -> Confidence:
        """How much a root says of one resource.

        A class's lock says that tasks share the object only where it guards what is looked at; that a function of the module
        is public says something of the module's own state only.
        """
        if not root.public or root.strength is Confidence.LOW:
            return root.strength
        unit = self.scope.functions.get(root.unit)
        if unit is not None and not unit.owner:
            return root.strength if resource is not None and resource.kind is Kind.GLOBAL else Confidence.LOW
        if root.locked and resource is not None and not self._lock_guards(resource):
            return Confidence.LOW
        return root.strength

    def _lock_guards(self, resource: Resource) -> bool:
        """Whether any function of the owner uses the resource inside a `with` of something that is named like a lock."""
        guards = self.scope.models.guards
        if any(
            part in guard.lower() for _, write in self.writers(resource) for guard in write.within for part in guards
        ):
            return True
        family = self.scope.family(resource.owner) if resource.owner in self.scope.classes else frozenset()
        return any(
            f"self.{resource.path}" in function.reads
            and any(part in guard.lower() for call in function.calls for guard in call.within for part in guards)
            for function in self.scope.facts.functions
            if function.owner in family
        )

    def handled_in_processes(self, unit: str) -> Evidence | None:
        """That the unit runs in several processes at once: a web handler, a task-queue job."""
        best: Root | None = None
        for number in self.reached.get(unit, ()):
            root = self.roots[number]
            if (root.processes or (root.world == "processes" and root.many)) and (
                best is None or root.strength.rank > best.strength.rank
            ):
                best = root
        return Evidence(best.text, best.strength, "processes") if best else None

    @cached_property
    def threaded(self) -> bool:
        """Whether anything in the module says that threads use it."""
        return any(root.world == "threads" and root.strength.rank > 0 for root in self.roots)

    @cached_property
    def has_locks(self) -> bool:
        """Whether the module makes or takes anything that is a lock or named like one."""
        guards = self.scope.models.guards
        names = (w for f in self.scope.facts.functions for call in f.calls for w in call.within)
        return any(self.lock_worlds(c.qualname) for c in self.scope.facts.classes) or any(
            part in name.lower() for name in (*names, *self.scope.assigned) for part in guards
        )

    def can_be_sure(self, function: FunctionFacts) -> bool:
        """Whether a finding in the function can have more than low confidence.

        Not in tests. Otherwise if anything but a public method starts units in the module, or the function itself is reached by
        something stronger; and always for stores, for what is made lazily, in constructors and under locks of its own.
        """
        if self.unlikely_unit(function):
            return False
        if function.name in CONSTRUCTORS or self._meets_stronger(function):
            return True
        state = [write for write in function.writes if "." in write.path or write.path in function.outer_names]
        if any(write.within or (write.shape in ("await", "call") and write.how in ("=", "[]")) for write in state):
            return True
        return self.uses_store(function)

    def _meets_stronger(self, function: FunctionFacts) -> bool:
        """Whether something stronger than a public name reaches the function, or another method of its class."""
        owner, _ = enclosing_self(function, self.scope)
        family = self.scope.family(owner) if owner else frozenset()
        mine = self.reached.get(function.qualname, frozenset())
        for number, root in enumerate(self.roots):
            if not root.public:
                unit = self.scope.functions.get(root.unit)
                if number in mine or unit is None or not owner or enclosing_self(unit, self.scope)[0] in family:
                    return True
            elif number in mine and root.strength is not Confidence.LOW:
                unit = self.scope.functions.get(root.unit)
                touched = function.reads & (self.scope.rebound_globals | self.scope.vanishing_globals)
                if (unit is not None and unit.owner) or function.global_names or touched:
                    return True
        return False

    def uses_store(self, function: FunctionFacts) -> bool:
        """Whether the function or a helper of the module that it calls may use a store, as far as names tell."""
        models = self.scope.models
        todo, seen = [function], {function.qualname}
        while todo and len(seen) < 30:
            for call in todo.pop().calls:
                name = call.callee.rpartition(".")[2]
                verb = name.lstrip("_").partition("_")[0]
                if name in models.external_methods or verb in (
                    "save",
                    "set",
                    "put",
                    "write",
                    "store",
                    "dump",
                    "upload",
                ):
                    return True
                for helper in self.target(call.callee, function):
                    if helper.qualname not in seen:
                        seen.add(helper.qualname)
                        todo.append(helper)
        return False

    def surely_in_threads(self, function: FunctionFacts) -> bool:
        """Whether threads that the module starts itself run the function."""
        roots = (self.roots[number] for number in self.reached.get(function.qualname, ()))
        return any(root.world == "threads" and root.strength is Confidence.HIGH for root in roots)

    def runs_in_processes(self, function: FunctionFacts) -> bool:
        """Whether a handler or job that runs in several processes reaches the function."""
        return self.handled_in_processes(function.qualname) is not None

    # who else changes a resource

    def writers(self, resource: Resource) -> list[tuple[FunctionFacts, Write]]:
        """Every function of the module that changes the resource, with the change; constructors of its owner left out."""
        scope = self.scope
        found: list[tuple[FunctionFacts, Write]] = []
        if resource.kind in (Kind.ATTRIBUTE, Kind.CLASS) or resource.owner in scope.classes:
            found.extend(
                (f, w)
                for f, w in scope.attribute_writes(resource.owner, resource.path)
                if not scope.in_construction(f, w)
            )
            found.extend(self._foreign_writers(resource))
        elif resource.kind is Kind.ARGUMENT:
            attribute = resource.path.rpartition(".")[2]
            found.extend((f, w) for f in scope.facts.functions for w in f.writes if w.path.endswith("." + attribute))
        else:
            owner = resource.owner + "." if resource.kind is Kind.CAPTURED else ""
            for function in scope.facts.functions:
                if owner and not function.qualname.startswith(owner):
                    continue
                for write in function.writes:
                    root = write.path.partition(".")[0]
                    if (write.path == resource.path or write.path.startswith(resource.path + ".")) and (
                        root in function.outer_names or root not in function.local_names
                    ):
                        found.append((function, write))
        return found

    def _foreign_writers(self, resource: Resource) -> list[tuple[FunctionFacts, Write]]:
        """Writes through another name than `self`: `account.balance = …` where `account` is of the owner's class."""
        found = []
        family = self.scope.family(resource.owner)
        for function, write, base, attribute in self._attribute_writes_elsewhere:
            if attribute == resource.path:
                type_name = self.local_type(base, function)
                if not type_name or type_name[1:] in family:
                    found.append((function, write))
        return found

    @cached_property
    def _attribute_writes_elsewhere(self) -> list[tuple[FunctionFacts, Write, str, str]]:
        found = []
        for function in self.scope.facts.functions:
            _, first = enclosing_self(function, self.scope)
            for write in function.writes:
                base, _, attribute = write.path.partition(".")
                if attribute and base != first:
                    found.append((function, write, base, attribute))
        return found

    # guards that callers hold

    @cached_property
    def _entry(self) -> dict[str, frozenset[str]]:
        return {}

    def called_under_lock(self, function: FunctionFacts) -> bool:
        """Whether any caller in the module holds something that is named like a lock around the call."""
        guards = self.scope.models.guards
        return any(
            part in guard.lower()
            for caller, call in self.callers.get(function.qualname, ())
            for guard in (*call.within, *self.held_on_entry(caller))
            for part in guards
        )

    def held_on_entry(self, function: FunctionFacts, depth: int = 4) -> frozenset[str]:
        """Context managers (as `self._lock`, `transaction.atomic`) that every caller in this module holds."""
        known = self._entry.get(function.qualname)
        if known is not None:
            return known
        self._entry[function.qualname] = frozenset()
        name = function.name
        if not name.startswith("_") and not function.parent:
            return frozenset()
        sites = self.callers.get(function.qualname, [])
        if not sites or depth == 0 or self._used_as_value(function):
            return frozenset()
        held: frozenset[str] | None = None
        promised = bool(_LOCKED_NAME.search(function.name))
        for caller, call in sites:
            if caller.qualname == function.qualname or caller.name in ("__init__", "__new__"):
                continue
            here = (
                frozenset(w for w in call.within if w)
                | self.decorator_guards(caller)
                | self.held_on_entry(caller, depth - 1)
            )
            here = frozenset(_guard_name(guard, caller) for guard in here)
            held = here if held is None else held | here if promised else held & here
        self._entry[function.qualname] = held or frozenset()
        return held or frozenset()

    def _used_as_value(self, function: FunctionFacts) -> bool:
        if any(root.unit == function.qualname and root.strength is Confidence.HIGH for root in self.roots):
            return True
        wanted = {f"self.{function.name}", f"cls.{function.name}"} if function.owner else {function.name}
        return any(wanted & f.references for f in (*self.scope.facts.functions, self.scope.facts.module_body))

    def decorator_guards(self, function: FunctionFacts) -> frozenset[str]:
        """Decorators of the function that are locks or transactions by another name."""
        found: set[str] = set()
        for decorator in function.decorators:
            canonical = self.scope.canonical(decorator)
            call = self.scope.models.functions.get(canonical)
            if (call is not None and call.effect in ("transaction", "lock", "lock-context")) or any(
                part in decorator.lower() for part in self.scope.models.guards
            ):
                found.add(decorator)
        return frozenset(found)


def _guard_name(guard: str, caller: FunctionFacts) -> str:
    """`cls._lock`, `self._lock` and `Owner._lock` are one lock of the class."""
    root, dot, rest = guard.partition(".")
    if (
        dot
        and caller.owner
        and root in ("cls", "self", caller.owner.rpartition(".")[2], *(p for p, _ in caller.params[:1]))
    ):
        return f"self.{rest}"
    return guard


def _both_run(one: CallSite, other: CallSite, same_caller: bool) -> bool:
    """Whether two spawns of one unit can both happen: not if they are the two arms of one `if`."""
    if one is other:
        return False
    if not same_caller:
        return True
    arms = dict(one.arms)
    return all(arms.get(line, arm) == arm for line, arm in other.arms)


_PROCESS_POOLS = frozenset({"ProcessPoolExecutor", "Pool"})
_POOLS = frozenset({"ThreadPoolExecutor", "ProcessPoolExecutor", "Pool", "ThreadPool", "Executor"})
