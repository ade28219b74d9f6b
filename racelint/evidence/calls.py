"""Who calls whom in a module, and which calls start units of work."""

from __future__ import annotations

from collections import deque
from functools import cache
from io import TextIOWrapper
from typing import TypeAlias

from racelint.evidence.handing_on import POOLS, STARTED, Starter, handed_on, own_params, starter_of
from racelint.evidence.meant import can_mean, is_meant
from racelint.evidence.not_started import called_before, handed_to_start, means_plain_function, run_in_place
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property
from racelint.index.application import APPLICATION, IN_APPLICATION, OF_APPLICATIONS
from racelint.models.data import POOL_MAPS, Spawner
from racelint.resolve import Scope, enclosing_self
from racelint.words import EVERYWHERE, first_word, named_after

Waits: TypeAlias = "tuple[list[int], list[int], dict[str, list[CallSite]]]"
"""Of a function: the lines where it joins threads, those where it calls functions of the module, and such calls by the pool around."""


MOST_ALIKE = 3
"""Classes of a module with a coroutine method that a call may mean, each of which what is called may be an object of."""


class Calls:
    """The calls of one module: what they mean, and what they start."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._names: set[str] = set()
        self._counted = 0
        self._targets: dict[tuple[str, str], list[FunctionFacts]] = {}
        self._spawning: dict[str, list[tuple[CallSite, Spawner]]] = {}
        self.waits: dict[str, Waits] = {}
        """What `spawns.is_waited_for` has found out about the functions that start units."""

    def target(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """The functions of this module that a dotted path in `caller` may mean."""
        if "::" not in caller.qualname and _last(path) not in self._defined and ("." in path or not self._callable):
            return []
        known = self._targets.get((path, caller.qualname))
        if known is None:
            known = self._targets[path, caller.qualname] = self._find_target(path, caller)
        return known

    @cached_property
    def _callable(self) -> bool:
        """Whether objects of any class of the module can be called, whatever name holds them."""
        return any(function.owner and function.name == "__call__" for function in self.scope.facts.functions)

    @property
    def _defined(self) -> set[str]:
        """The last names of all functions and classes that are here, or were taken over by now."""
        if self._counted != (counted := len(self.scope.functions) + len(self.scope.classes)):
            self._counted = counted
            self._names = set(map(_last, (*self.scope.functions, *self.scope.classes)))
        return self._names

    def _find_target(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        scope, names = self.scope, self.scope.names_in(caller.qualname)
        path = path.lstrip("*")
        if "=" in path:
            path = path.partition("=")[2]
        first, _, rest = path.partition(".")
        if not rest:
            prefix = caller
            hidden = False
            for _ in range(6):
                inside = prefix.qualname
                nested = scope.functions.get(f"{inside}.{first}") if inside else names.function_named(first)
                if nested is not None and not nested.owner:
                    return [nested]
                hidden = any(parameter == first for parameter, _ in prefix.params)
                if hidden or not prefix.qualname:
                    break  # a parameter hides what the module has under its name
                prefix = scope.functions.get(prefix.parent, scope.facts.module_body)
            class_ = names.class_named(first) if not hidden else None
            if class_ is not None:
                return [
                    made
                    for name in ("__new__", "__init__", "__post_init__")
                    if (made := scope.method(class_.qualname, name))
                ]
            called = scope.method(self.local_type(first, caller).removeprefix(":"), "__call__")
            return [called] if called is not None else []
        owner, self_name = enclosing_self(caller, scope)
        if first == "super" and owner:
            above = scope.inherited_method(owner, rest)
            return [above] if above is not None else []
        if first == self_name and owner:
            if "." not in rest:
                found = scope.method(owner, rest)
                return [found] if found else []
            attribute, _, method = rest.partition(".")
            type_name, receiver = scope.attribute_type(owner, attribute), attribute
        elif (class_ := names.class_named(first)) is not None:
            type_name, method, receiver = ":" + class_.qualname, rest, first
        else:
            type_name, method, receiver = self.local_type(first, caller), rest, first
        if "." in method:
            home = scope.index.method_in_application(path)
            if home is None:
                return self._kept_under_name(path, caller)
            return [home[1]] if home[0] is scope.facts else []
        if type_name.startswith(":"):
            found = scope.method(type_name[1:], method)
            return [found] if found else []
        if type_name or first in names.imports or names is not scope:
            return []
        named = self._by_method_name.get(method, [])
        if method in _of_builtins() and not (caller.is_async and all(function.is_async for function in named)):
            held = "" if first == self_name else receiver
            around = self._nests.get(self.outermost(caller), (caller,)) if held and named else ()
            return [f for f in named if held and is_meant(scope, held, around, f.owner, _of_builtins())]
        if method in EVERYWHERE:
            return [function for function in named if named_after(receiver, function.owner)]
        if [function.qualname for function in named] == [caller.qualname]:
            return []  # who calls a method of its own name on another object hands on to its parts
        return named

    def _kept_under_name(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """The coroutine method that a path through an application means, where nothing shows what it keeps under that name.

        That is the one of the only class of the module that is named after the entry (`request.app["desk"].book`, `FrontDesk.book`).
        """
        if IN_APPLICATION.search(path) is None or self.scope.libraries.isdisjoint(OF_APPLICATIONS):
            return []
        holder, _, method = path.rpartition(".")
        attribute = holder.rpartition(".")[2]
        names = {name.strip('"') for name in caller.reads if name[:1] == '"'} | {attribute} - APPLICATION
        named = [f for f in self._by_method_name.get(method, ()) if any(named_after(name, f.owner) for name in names)]
        return named if len(named) == 1 and named[0].is_async else []

    @cached_property
    def _nests(self) -> dict[str, list[FunctionFacts]]:
        """By the outermost function all functions in it, itself included."""
        found: dict[str, list[FunctionFacts]] = {}
        for function in self.scope.facts.functions:
            found.setdefault(self.outermost(function), []).append(function)
        return found

    def outermost(self, function: FunctionFacts) -> str:
        """The qualified name of the function or method in which a nested function stands, or its own."""
        while function.parent and function.parent in self.scope.functions:
            function = self.scope.functions[function.parent]
        return function.qualname

    @cached_property
    def kept_by_application(self) -> frozenset[str]:
        """The classes of the module of which one object lives as long as the application."""
        path, index = self.scope.facts.path, self.scope.index
        shown = frozenset(class_.qualname for home, class_ in index.in_applications if home.path == path)
        if self.scope.libraries.isdisjoint(OF_APPLICATIONS):
            return shown
        return shown | {
            method.owner
            for caller in self.scope.facts.functions
            for call in caller.calls
            if call.awaited and IN_APPLICATION.search(call.callee) and index.method_in_application(call.callee) is None
            for method in self._kept_under_name(call.callee, caller)
        }

    def local_type(self, name: str, function: FunctionFacts) -> str:
        """The type of a local name, a parameter or a module-level name as far as assignments tell."""
        names = self.scope.names_in(function.qualname)
        seen: FunctionFacts | None = function
        for _ in range(5):
            if seen is None:
                break
            made = [names.built_type(built) for local, built in seen.locals_built if local == name]
            if made:  # or what it is said to be: `db: Redis = request.app["redis"]`
                return next((one for one in made if one in self.scope.models.types), made[0])
            for parameter, annotation in seen.params:
                if parameter == name:
                    return names.annotated_type(annotation)
            seen = self.scope.functions.get(seen.parent)
        built_from = names.assigned.get(name, "")
        return names.built_type(built_from) if built_from else ""

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
        for caller in (*self.scope.every_function, self.scope.facts.module_body):
            for call in caller.calls:
                for callee in self._precise(call.callee, caller):
                    found.setdefault(callee.qualname, []).append((caller, call))
                    for other in self.overriding(callee) if callee.owner and call.callee.count(".") == 1 else ():
                        found.setdefault(other.qualname, []).append((caller, call))
        return found

    def overriding(self, method: FunctionFacts) -> list[FunctionFacts]:
        """The methods that derived classes of the module have in its place, if it is a step that they are to fill in."""
        return self._steps.get((method.owner, method.name), []) if method.stub else []

    @cached_property
    def _steps(self) -> dict[tuple[str, str], list[FunctionFacts]]:
        """By class and name: what derived classes of the module define under the name of a method of the module that has no body.

        A base class of another module has too many children to say that any two of its methods meet in one of them.
        """
        scope = self.scope
        here = {class_.qualname for class_ in scope.facts.classes}
        found: dict[tuple[str, str], list[FunctionFacts]] = {}
        for class_ in scope.facts.classes:
            own = scope.methods.get(class_.qualname, {}) if class_.bases else {}
            for base in scope.lineage(class_.qualname)[1:] if own else ():
                if base.qualname not in here:
                    continue
                for name, method in own.items():
                    stub = scope.methods.get(base.qualname, {}).get(name)
                    if stub is not None and stub.stub:
                        found.setdefault((base.qualname, name), []).append(method)
        return found

    def _precise(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """`target` without guesses by the method's name alone unless few classes have such a method, and all else that is asked.

        Of those the ones that what it is called on is named after, if there are any: a `meter` may be a `GasMeter` or a `WaterMeter`.
        """
        found = self.target(path, caller)
        owners = {function.owner for function in found}
        if len(owners) < 2:
            return found
        holder, _, method = path.rpartition(".")
        if not holder or len(owners) > MOST_ALIKE or not all(function.is_async for function in found):
            return []
        if method in EVERYWHERE or first_word(method) in self.scope.models.lifecycle:
            return []  # any object may have such a method, one of another module, too
        around = self._nests.get(self.outermost(caller), [caller])
        able = [function for function in found if can_mean(self.scope, holder, around, function.owner)]
        return [f for f in able if named_after(holder.rpartition(".")[2], f.owner)] or able

    # what calls start

    def spawned_units(self, argument: str, caller: FunctionFacts, line: int = 0) -> list[FunctionFacts]:
        """The units that an argument of a call on a line stands for."""
        name, equals, value = argument.partition("=")
        if equals and name not in STARTED:
            return []
        path = value if equals else argument
        chosen = self.chosen(path, caller, line)
        if chosen:
            return [unit for one in chosen for unit in self.target(one, caller)]
        made = path if path in self.scope.classes else self._class_of(path, caller)
        called = self.scope.method(made, "__call__") if made in self.scope.classes else None
        return [called] if called is not None else self.target(path, caller)

    def _class_of(self, path: str, caller: FunctionFacts) -> str:
        """The class of the module of which a local, a name of the module or an attribute holds an object; "" if none is known."""
        if path.count(".") > 1 or (_last(path) in self._defined and path not in dict(caller.locals_built)):
            return ""
        return self.receiver_type(path, caller).removeprefix(":")

    def chosen(self, path: str, caller: FunctionFacts, line: int) -> tuple[str, ...]:
        """What a name has in turn that a loop over what stands there binds, or is by a condition: the units that it stands for."""
        loops = [(first, paths) for name, first, paths in caller.choices if name == path]
        before = (
            loops if len(loops) == 1 else [loop for loop in loops if loop[0] <= line]
        )  # a comprehension may follow its call
        return before[-1][1] if before else ()

    def handed(self, call: CallSite, caller: FunctionFacts) -> tuple[str, ...]:
        """The arguments of a call that starts units that can be one; what is mapped over is none."""
        helper = self.starter(call.callee, caller)
        if helper is not None:
            return helper.handed(call)
        if call.callee.rpartition(".")[2] in POOL_MAPS:
            return tuple(argument for place, argument in enumerate(call.arguments) if not place or "=" in argument)
        if self.scope.canonical(call.callee) == WHEN_GONE:
            # the first one is what is watched; a method of something else may be of any class
            return tuple(path for path in call.arguments[1:2] if "." not in path or path.startswith(("self.", "cls.")))
        return tuple(path for path in handed_to_start(call) if not self._asked_first(call, path, caller))

    def spawning_calls(self, caller: FunctionFacts) -> list[tuple[CallSite, Spawner]]:
        """The calls of a function that start units, with their models."""
        known = self._spawning.get(caller.qualname)
        if known is None:
            found = ((call, self.spawner_of(call, caller)) for call in caller.calls)
            known = self._spawning[caller.qualname] = [
                (call, model) for call, model in found if model is not None and not run_in_place(call, caller)
            ]
        return known

    def spawner_of(self, call: CallSite, caller: FunctionFacts) -> Spawner | None:
        """The model of a call that starts units, if it is one; what is handed to a pool runs in what that is made of."""
        return self._of_its_pool(self.spawner(call.callee, caller), call, caller)

    def _of_its_pool(self, found: Spawner | None, call: CallSite, caller: FunctionFacts) -> Spawner | None:
        """The model of a call that hands something to a pool: of processes, where that is what the pool has."""
        method = call.callee.rpartition(".")[2]
        if found is None or found.world != "threads" or method not in ("run_in_executor", "submit"):
            return found
        pool = call.callee.rpartition(".")[0] if method == "submit" else (*call.arguments, "")[0].rpartition("=")[2]
        made = (
            self.receiver_type(pool, caller).rpartition(".")[2] if pool[:1].isidentifier() and pool != "None" else "no"
        )
        of_processes = made in _PROCESS_POOLS or (made in ("", "Executor") and self._makes_process_pools)
        return Spawner("processes", found.many) if of_processes else found

    @cached_property
    def _makes_process_pools(self) -> bool:
        """Whether the module makes pools of processes, and none of several threads."""
        made = [
            call
            for function in (*self.scope.facts.functions, self.scope.facts.module_body)
            for call in function.calls
            if call.callee.rpartition(".")[2] in POOLS
        ]
        several = [call for call in made if ALONE.isdisjoint(call.arguments)]
        return bool(several) and all(call.callee.rpartition(".")[2] in _PROCESS_POOLS for call in several)

    def spawner(self, callee: str, caller: FunctionFacts) -> Spawner | None:
        """The model of a call that starts units, if it is one."""
        models = self.scope.models
        _, dot, method = callee.rpartition(".")
        helper = self.starter(callee, caller)
        if helper is not None:
            return Spawner(helper.spawner.world, helper.several)
        if dot and method not in models.spawning_names:
            return None  # as nearly all calls: what follows is asked for each call of the project, several times
        return self._modelled(callee, caller)

    def starter(self, call: str, caller: FunctionFacts) -> Starter | None:
        """What starts what it is handed, if that is called: a function of the module, or one of the project that it imports."""
        known = self.starters.get(call.rpartition(".")[2])
        if not known:  # as nearly all calls
            return None
        return next((known[f.qualname] for f in self.target(call, caller) if f.qualname in known), None)

    def innermost(self, call: CallSite, caller: FunctionFacts) -> tuple[CallSite, FunctionFacts]:
        """The call of a library that starts what a call is handed, and where it stands: in a helper, maybe."""
        found = self.starter(call.callee, caller)
        return (found.call, found.function) if found is not None else (call, caller)

    @cached_property
    def starters(self) -> dict[str, dict[str, Starter]]:
        """By last name the functions of the module that start what they are handed (`def spawn(self, coro): create_task(coro)`)."""
        found: dict[str, dict[str, Starter]] = {}
        for function in self.scope.facts.functions:
            handed = {name for name, _ in own_params(function)}
            for call in function.calls if handed else ():
                if handed.isdisjoint(handed_on(call)):
                    continue
                spawner = self._of_its_pool(self._modelled(call.callee, function), call, function)
                starter = starter_of(function, call, spawner) if spawner is not None else None
                if starter is not None:
                    known = found.setdefault(function.name, {}).get(function.qualname)
                    if known is None or starter.several >= known.several:
                        found[function.name][function.qualname] = starter
        return found

    def _modelled(self, callee: str, caller: FunctionFacts) -> Spawner | None:
        """The model of a call that a library starts units with."""
        models = self.scope.models
        receiver, dot, method = callee.rpartition(".")
        names = self.scope.names_in(caller.qualname)
        if method not in models.spawning_names and callee not in names.imports:
            return None
        known = models.spawners.get(names.canonical(callee))
        if known is not None:
            return known
        if not dot or means_plain_function(self.scope, callee, caller, models.spawning_names):
            return None
        type_name = self.receiver_type(receiver, caller)
        if type_name and f"{type_name}.{method}" in models.spawners:
            return models.spawners[f"{type_name}.{method}"]
        if method in POOL_MAPS:
            last = type_name.rpartition(".")[2]
            if last in POOLS or any(part in receiver.lower() for part in ("pool", "executor")):
                processes = last in _PROCESS_POOLS or (not type_name and self._only_process_pools)
                return Spawner("processes" if processes else "threads", many=True)
            return None
        known = models.spawners.get("." + method)
        if known is not None and known.world == "threads" and type_name.rpartition(".")[2] in _PROCESS_POOLS:
            return Spawner("processes", known.many)
        if (
            method == "add_done_callback"
            and not _of_loop(receiver, caller)
            and (self._futures_of_threads or self._of_pool(receiver, caller))
        ):
            return Spawner("threads", many=True)
        return self.in_greenlets(known, method)

    @cached_property
    def _only_process_pools(self) -> bool:
        """Whether the pools that the module imports are those of processes."""
        origins = self.scope.imports.values()
        names = {name for origin in origins for name in (origin.rpartition(".")[2],) if name in POOLS}
        return bool(names) and names <= _PROCESS_POOLS

    def _of_pool(self, receiver: str, caller: FunctionFacts) -> bool:
        """Whether a future comes from a pool of threads, which calls back in one of them: `pool.submit(send).add_done_callback(…)`."""
        made = {receiver, *(built for name, built in caller.locals_built if name == receiver)}
        pools = (one.removesuffix(".submit") for one in made if one.endswith(".submit"))
        return any(self.receiver_type(pool, caller).endswith("ThreadPoolExecutor") for pool in pools)

    @cached_property
    def _futures_of_threads(self) -> bool:
        """Whether futures are completed, and call back, in threads here: no library of event loops is used."""
        return not self.scope.libraries.isdisjoint(_THREADED) and self.scope.libraries.isdisjoint(LOOPS)

    def in_greenlets(self, known: Spawner | None, method: str) -> Spawner | None:
        """`spawn` starts a greenlet where a library of those is imported: a plain function, which switches only where it blocks."""
        if known is not None and method in ("spawn", "spawn_later") and self.scope.libraries & GREENLETS:
            return Spawner("greenlets", known.many)
        return known

    def handed_over(self, caller: FunctionFacts) -> frozenset[str]:
        """What the function hands to calls that start units: those calls make coroutines and run nothing themselves."""
        known = self._handed.get(caller.qualname)
        if known is None:
            known = self._handed[caller.qualname] = frozenset(
                argument.lstrip("*").rpartition("=")[2]
                for call, _ in self.spawning_calls(caller)
                for argument in handed_to_start(call)
                if not self._asked_first(call, argument, caller)
            )
        return known

    def _asked_first(self, call: CallSite, argument: str, caller: FunctionFacts) -> bool:
        """Whether the caller runs an argument of a call that starts something itself, for what it gives; a coroutine it only makes."""
        units = self.target(argument, caller) if called_before(call, argument, caller) else []
        return bool(units) and not any(unit.is_async for unit in units)

    @cached_property
    def _handed(self) -> dict[str, frozenset[str]]:
        return {}

    def receiver_type(self, path: str, caller: FunctionFacts) -> str:
        """The type of a dotted receiver, as far as it is known."""
        first, _, rest = path.partition(".")
        owner, self_name = enclosing_self(caller, self.scope)
        if rest and first == self_name and owner:
            return self.scope.attribute_type(owner, rest)
        return "" if rest else self.local_type(first, caller)


def _last(path: str) -> str:
    """The last name of a dotted path, also of one that is an argument: `*self.run`, `target=run`."""
    name = path.rpartition(".")[2]
    if "=" in name or "*" in name or ":" in name:
        name = name.rpartition("=")[2].rpartition(":")[2].lstrip("*")
    return name


@cache
def _of_builtins() -> frozenset[str]:
    """Methods that what is not known is as likely to have as a class of the module; coroutines it has none."""
    from pathlib import Path  # a hundredth of a second, and few files come to this

    return frozenset(name for kind in (dict, list, set, str, deque, TextIOWrapper, Path) for name in dir(kind))


_THREADED = frozenset({"threading", "concurrent"})
LOOPS = frozenset({"asyncio", "tornado", "twisted", "trio", "anyio", "gevent", "eventlet"})
GREENLETS = frozenset({"gevent", "eventlet"})
_PROCESS_POOLS = frozenset({"ProcessPoolExecutor", "Pool"})
ALONE = frozenset({"1", "max_workers=1", "processes=1"})
"""What a pool is made with that has one worker."""

WHEN_GONE = "weakref.ref"
"""What calls a function when an object is gone, in whichever thread lets go of it or collects."""


def _of_loop(receiver: str, caller: FunctionFacts) -> bool:
    """Whether a local name holds a future of a loop, which calls back there, even if a thread does the work."""
    return any(
        name == receiver and built.rpartition(".")[2] in ("run_in_executor", "create_task", "ensure_future")
        for name, built in caller.locals_built
    )
