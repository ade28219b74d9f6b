"""Which functions the units of a module come to, with what other modules do with them."""

from __future__ import annotations

from collections.abc import Callable, Container
from copy import copy
from typing import TypeVar

from racelint.evidence.data import Evidence, Root
from racelint.evidence.guards import Guards
from racelint.evidence.unlikely import Surroundings
from racelint.evidence.writers import Writers
from racelint.facts import FunctionFacts, is_property
from racelint.finding import Confidence
from racelint.frozen import cached_property, dataclass, field
from racelint.paths import PATH_STEPS
from racelint.resolve import CONSTRUCTORS, enclosing_self, locks_of

Joined = TypeVar("Joined", bound="Reaching")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What other modules do with the functions of one."""

    roots: tuple[Root, ...] = ()
    """Where units that reach them start."""
    held: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    """What is held around each call, by function."""


NOBODY = Neighbours()


def is_lazy(function: FunctionFacts) -> bool:
    """Whether a method is a property that may set something when it is first read."""
    kinds = {d.rpartition(".")[2] for d in function.decorators}
    return "cached_property" in kinds or (bool(function.writes) and "property" in kinds)


class Reaching(Guards, Writers):
    """Where the units of one module start, and which functions they come to."""

    _ask: Callable[[], Neighbours] | None = None

    def joined(self: Joined, ask: Callable[[], Neighbours]) -> Joined:
        """The same units, with what other modules do with them, which is asked for when it is first needed."""
        found = copy(self)
        for name in (
            "reached",
            "_reached_sharing",
            "_entry",
            "threaded",
            "_known_writers",
            "_known_guards",
            "_outside",
            "roots",
        ):  # rest on what other modules do
            found.__dict__.pop(name, None)
        found._ask = ask
        found._surroundings = self._surroundings  # what is found out for the one holds for the other
        return found

    @cached_property
    def _outside(self) -> Neighbours:
        return NOBODY if self._ask is None else self._ask()

    @cached_property
    def roots(self) -> list[Root]:
        return [*self.own_roots, *self._outside.roots]

    def held_outside(self, function: FunctionFacts) -> list[frozenset[str]]:
        return self._outside.held.get(function.qualname, [])

    @cached_property
    def _surroundings(self) -> Surroundings:
        return Surroundings(self.scope)

    @property
    def unlikely(self) -> bool:
        """Tests, migrations, commands and scripts run alone."""
        return self._surroundings.unlikely

    @property
    def by_hand(self) -> bool:
        """Commands run alone as a rule; but not one that takes a lock, as tests and migrations do."""
        return self._surroundings.by_hand

    def unlikely_unit(self, function: FunctionFacts) -> bool:
        """A test, or a step of a migration: it runs alone, wherever it stands."""
        return self._surroundings.unlikely_unit(function)

    # reachability

    @cached_property
    def reached(self) -> dict[str, frozenset[int]]:
        """The numbers of the roots that reach each function through calls in this module."""
        return self.spread(frozenset())

    def spread(self, left_out: Container[tuple[str, str]]) -> dict[str, frozenset[int]]:
        """The same, if some calls, each given by its caller and what it calls, are left out."""
        found: dict[str, set[int]] = {}
        for number, root in enumerate(self.roots):
            todo = [root.unit]
            while todo:
                name = todo.pop()
                if number in found.setdefault(name, set()):
                    continue
                found[name].add(number)
                below = (*self.callees.get(name, ()), *self._properties_read.get(name, ()))
                todo.extend(callee for callee in below if (name, callee) not in left_out)
        return {name: frozenset(numbers) for name, numbers in found.items()}

    @cached_property
    def _properties_read(self) -> dict[str, list[str]]:
        """By function, the properties that it reads: of its object those that are lazy, of an object that the module keeps all.

        Not where it holds anything, or its callers do.
        """
        scope = self.scope
        properties = {f.name for f in scope.every_function if f.owner and is_property(f)}
        if not properties:
            return {}
        kept = {name: kind[1:] for name in scope.assigned if (kind := self._kind_kept(name)).startswith(":")}
        found: dict[str, list[str]] = {}
        for function in scope.every_function:
            owner, self_name = enclosing_self(function, scope)
            for path in sorted(function.reads) if owner or kept else ():
                root, _, name = path.partition(".")
                own = bool(owner) and root == self_name
                class_ = owner if own else "" if root in function.local_names else kept.get(root, "")
                read = scope.method(class_, name) if name in properties and class_ else None
                if read is None or not (is_lazy(read) if own else is_property(read)):
                    continue
                if not any(call.within for call in function.calls) and not self.held_on_entry(function):
                    found.setdefault(function.qualname, []).append(read.qualname)
        return found

    def _kind_kept(self, name: str) -> str:
        """The type of what the module makes once and keeps under a name."""
        return "" if name in self.scope.rebound_globals else self.scope.built_type(self.scope.assigned[name])

    def handled_in_processes(self, unit: str, far: bool = False) -> Evidence | None:
        """That the unit runs in several processes at once: a web handler, a task-queue job.

        `far`: also through calls in other modules, which says enough of what all processes share, as rows, but not that state
        of this module is meant to be the same in all.
        """
        best: Root | None = None
        for number in self.reached.get(unit, ()):
            root = self.roots[number]
            if (
                (far or not root.called)
                and (root.processes or (root.world == "processes" and root.many))
                and (best is None or root.strength.rank > best.strength.rank)
            ):
                best = root
        return Evidence(best.text, best.strength, "processes") if best else None

    def on_own_machine(self, unit: str) -> bool:
        """Whether all processes that run the unit have files of their own: each works on a machine of its own."""
        found = [r for number in self.reached.get(unit, ()) if (r := self.roots[number]).processes and r.many]
        return bool(found) and all(root.own_machine for root in found)

    @cached_property
    def threaded(self) -> bool:
        """Whether anything in the module says that threads use it."""
        return any(root.world == "threads" and root.strength.rank > 0 for root in self.roots)

    @cached_property
    def has_locks(self) -> bool:
        """Whether the module makes or takes anything that is a lock or named like one."""
        functions = self.scope.facts.functions
        names = [w for f in functions for call in f.calls for w in call.within]
        names += (w for f in functions for write in f.writes for w in write.within)
        if any(self.lock_worlds(c.qualname) for c in self.scope.facts.classes) or locks_of(self.scope, ""):
            return True
        return any(map(self.scope.models.names_lock, (*names, *self.scope.assigned)))

    def can_be_sure(self, function: FunctionFacts) -> bool:
        """Whether a finding in the function can have more than low confidence.

        Not in tests. Otherwise if anything but a public method starts units in the module, or the function itself is reached by
        something stronger; and always for stores, for what is made lazily, in constructors and under locks of its own.
        """
        if self.unlikely_unit(function):
            return False
        if function.name in CONSTRUCTORS or self._meets_stronger(function) or _signals(function):
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
                if (
                    name in models.external_methods
                    or name in PATH_STEPS
                    or verb
                    in (
                        "save",
                        "set",
                        "put",
                        "write",
                        "store",
                        "dump",
                        "upload",
                    )
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

    def in_greenlet(self, unit: str) -> bool:
        """Whether the unit is started as a greenlet, which runs only where others wait, and in no other way."""
        worlds = {root.world for root in self.roots if root.unit == unit and not root.public}
        return worlds == {"greenlets"}

    def runs_in_processes(self, function: FunctionFacts) -> bool:
        """Whether a handler or job that runs in several processes reaches the function."""
        return self.handled_in_processes(function.qualname, far=True) is not None


SIGNALS = frozenset({"set_result", "set_exception", "wait"})
"""Methods of futures and events: whoever uses one deals with another unit."""


def _signals(function: FunctionFacts) -> bool:
    """Whether the function waits for an event, completes a future or hands that to another."""
    return any(name.rpartition(".")[2] in SIGNALS for call in function.calls for name in (call.callee, *call.arguments))
