"""Which calls of a module start units of work."""

from __future__ import annotations

from typing import TypeAlias

from racelint.evidence.handing_on import POOLS, STARTED, Starter, own_params, starter_of
from racelint.evidence.not_started import called_before, handed_to_start, means_plain_function, run_in_place
from racelint.evidence.targets import Targets, last_name
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property
from racelint.models.data import Spawner
from racelint.resolve import Scope, enclosing_self
from racelint.words import POOL_MAPS

Waits: TypeAlias = "tuple[list[int], list[int], dict[str, list[CallSite]]]"
"""Of a function: the lines where it joins threads, those where it calls functions of the module, and such calls by the pool around."""


class Calls(Targets):
    """The calls of one module, and what they start."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self._spawning: dict[str, list[tuple[CallSite, Spawner]]] = {}
        self._others: dict[str, Calls] = {}
        self.waits: dict[str, Waits] = {}
        """What `spawns.is_waited_for` has found out about the functions that start units."""

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
        if path.count(".") > 1 or (last_name(path) in self._defined and path not in dict(caller.locals_built)):
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
        method = call.rpartition(".")[2]
        if method in self._imported_starters:
            found = self._starter_elsewhere(call, caller)
            if found is not None:
                return found
        known = self.starters.get(method)
        if not known:  # as nearly all calls
            return None
        return next((known[f.qualname] for f in self.target(call, caller) if f.qualname in known), None)

    @cached_property
    def _imported_starters(self) -> frozenset[str]:
        """Last names by which functions of other modules of the project that may start what they are handed are called here."""
        if not self.scope.from_project:
            return frozenset()
        names = self.scope.index.handing_on(self.scope.models.spawning_names)
        return frozenset(names).union(n for n, origin in self.scope.facts.imports if origin.rpartition(".")[2] in names)

    def _starter_elsewhere(self, call: str, caller: FunctionFacts) -> Starter | None:
        """The function of another module of the project that is called, if it starts several runs of what it is handed.

        What starts one, and mostly waits for it (`run_sync`, the project's own `to_thread`), tells of no second run.
        """
        first = call.partition(".")[0]
        if first in caller.local_names or first not in self.scope.from_project:
            return None
        index = self.scope.index
        found = index.meaning(call, self.scope.names_in(caller.qualname).facts)
        name = found.name.rpartition(".")[2] if found is not None else ""
        if found is None or found.module.path not in index.handing_on(self.scope.models.spawning_names).get(name, ()):
            return None
        other = self._others.get(found.module.path)
        if other is None:
            other = self._others[found.module.path] = Calls(Scope(found.module, index, self.scope.models))
        known = other.starters.get(name, {}).get(found.name)
        return known if known is not None and known.several else None

    def innermost(self, call: CallSite, caller: FunctionFacts) -> tuple[CallSite, FunctionFacts]:
        """The call of a library that starts what a call is handed, and where it stands: in a helper, maybe."""
        found = self.starter(call.callee, caller)
        return (found.call, found.function) if found is not None else (call, caller)

    @cached_property
    def starters(self) -> dict[str, dict[str, Starter]]:
        """By last name the functions of the module that start what they are handed (`def spawn(self, coro): create_task(coro)`)."""
        found: dict[str, dict[str, Starter]] = {}
        names = self.scope.models.spawning_names
        for function in self.scope.facts.functions:
            for call in function.calls if own_params(function) else ():
                if call.callee.rpartition(".")[2] not in names and "." in call.callee:
                    continue
                spawner = self._of_its_pool(self._modelled(call.callee, function), call, function)
                starter = starter_of(self.scope, function, call, spawner) if spawner is not None else None
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
