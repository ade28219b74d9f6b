"""Guards that the callers of a function hold."""

from __future__ import annotations

from racelint.evidence.foreign import foreign
from racelint.evidence.own_gates import gate_of
from racelint.evidence.roots import Roots
from racelint.evidence.taken import taken_before, takes_any
from racelint.evidence.wrappers import around
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import cached_property
from racelint.grafts import shown_name
from racelint.resolve import enclosing_self, locks_of
from racelint.words import first_word

_LOCKED_NAME = expression(r"(_locked|under_lock|with_lock|holding_lock|_unsafe|_nolock|_no_lock|_unlocked)$")
"""Names that say that the caller holds the lock; believed if at least one caller does."""

_COUNTS = expression(r"(?i)sem(aphore)?\b|semaphore|limit")
"""Names of what lets in several at once."""

MOST_TRIES = 3
"""How often it is asked anew what callers hold that call each other."""

_ENDS = frozenset({"shutdown", "terminate", "close", "stop"})
"""First words of what ends an object and its threads."""

_TAKES = frozenset({"acquire", "flock", "lockf"})
_POOL = expression(r"(?i)(?<![a-z])(pools?|engine|backend)$")
"""The end of what a pool of connections is called: `self._pool`, `backend_or_pool`; its `acquire` lends one of many."""
_STATEMENTS = frozenset(
    "execute executemany executescript exec scalar scalars fetch fetchone fetchall fetchrow fetchval".split()
)
"""What sends a statement, which may be one that locks."""
_GIVES_BACK = frozenset({"release", "unlock"})
"""Last names, and first words of last names, of calls that take a lock and give it back."""


class Guards(Roots):
    """What is held when the functions of one module are entered."""

    @cached_property
    def _entry(self) -> dict[str, frozenset[str]]:
        return {}

    def called_under_lock(self, function: FunctionFacts, depth: int = 3) -> bool:
        """Whether any caller, or a caller of it, holds something that may be a lock around the call."""
        if depth and any(
            caller.name.startswith("_") and self.called_under_lock(caller, depth - 1)
            for caller, _ in self.callers.get(function.qualname, ())
            if caller.qualname != function.qualname
        ):
            return True
        held = [
            guard
            for caller, call in self.callers.get(function.qualname, ())
            for guard in (*self.held_around(caller, call), *self.held_on_entry(caller))
        ]
        held += [guard for others in self.held_outside(function) for guard in others]
        return any(map(self.scope.is_lock, held))

    def called_only_under_lock(self, function: FunctionFacts, one_at_a_time: bool = False) -> bool:
        """Whether all callers that are known hold something that may be a lock, though others may be out of view.

        `one_at_a_time`: one that lets in no more than one, as far as its name tells.
        """
        sites = [
            self.held_around(caller, call) | self.held_on_entry(caller)
            for caller, call in self.callers.get(function.qualname, ())
        ]
        sites += self.held_outside(function)
        if one_at_a_time:
            sites = [frozenset(guard for guard in held if not _COUNTS.search(guard)) for held in sites]
        return bool(sites) and all(any(map(self.scope.is_lock, held)) for held in sites)

    def _locked_for(self, function: FunctionFacts) -> bool:
        """Whether all callers that are seen hold a lock around the call, or one that the object lends to its users."""
        sites = self.callers.get(function.qualname, ())
        return self._locked_by_users(function) or (
            bool(sites)
            and all(
                any(map(self.scope.is_lock, self.held_around(caller, call) | self.held_on_entry(caller)))
                for caller, call in sites
            )
        )

    def _locked_by_users(self, function: FunctionFacts) -> bool:
        """Whether other classes of the module take a lock of the object itself wherever they call its method.

        `with queue.turn: queue.take()`; what is called otherwise by the name of such an object may be one, too.
        """
        locks = locks_of(self.scope, function.owner) if function.owner else {}
        locked, others = set[str](), set[str]()
        for caller, call in self._on_objects.get(function.name, ()) if locks else ():
            receiver = call.callee.rpartition(".")[0]
            known = any(f"{receiver}.{lock}" in call.within for lock in locks)
            kept = next((built for name, built in caller.locals_built if name == receiver and built), receiver)
            (locked if known else others).add(kept.rpartition(".")[2].lstrip("_"))
        return bool(locked) and "self" not in others and locked.isdisjoint(others)

    @cached_property
    def _on_objects(self) -> dict[str, list[tuple[FunctionFacts, CallSite]]]:
        """By the method's name all calls of methods in the module, with the functions that they stand in."""
        found: dict[str, list[tuple[FunctionFacts, CallSite]]] = {}
        for caller in (*self.scope.every_function, self.scope.facts.module_body):
            for call in caller.calls:
                _, dot, name = call.callee.rpartition(".")
                if dot:
                    found.setdefault(name, []).append((caller, call))
        return found

    def held_outside(self, function: FunctionFacts) -> list[frozenset[str]]:
        """What is held around each call of the function in other modules."""
        return []

    def held_on_entry(self, function: FunctionFacts, depth: int = 4) -> frozenset[str]:
        """Context managers (as `self._lock`, `transaction.atomic`) that every caller holds.

        What is public may have callers that are not in view; it counts only where callers in other modules are.
        """
        return self._on_entry(function, depth) or frozenset()

    def _on_entry(self, function: FunctionFacts, depth: int) -> frozenset[str] | None:
        """The same; None for a function that is being looked at, as one that calls itself through others adds nothing."""
        name = function.qualname
        known = self._entry.get(name)
        if known is not None:
            return known
        if name in self._open:
            self._met.add(name)
            return None
        self._open.add(name)
        held = self._held_by_callers(function, depth)
        self._open.discard(name)
        self._met.discard(name)
        if not self._met:
            self._entry[name] = held
        else:  # it rests on what is not known yet; where many call each other, that would take for ever
            self._tries[name] = self._tries.get(name, 0) + 1
            if self._tries[name] > MOST_TRIES:
                self._entry[name] = frozenset()
        return held

    @cached_property
    def _open(self) -> set[str]:
        return set()

    @cached_property
    def _tries(self) -> dict[str, int]:
        return {}

    @cached_property
    def _met(self) -> set[str]:
        return set()

    def says_locked(self, name: str) -> bool:
        """Whether the name of a function says that whoever calls it holds the lock."""
        return bool(_LOCKED_NAME.search(name))

    def _held_by_callers(self, function: FunctionFacts, depth: int) -> frozenset[str]:
        outside = self.held_outside(function)
        promised = self.says_locked(function.name) or function.says_locked
        seen = bool(outside) or promised or self._step_of_view(function)
        if not function.name.startswith("_") and not function.parent and not seen:
            return frozenset()
        sites = self.callers.get(function.qualname, [])
        if not (sites or outside) or depth == 0:
            return frozenset()
        everywhere = list(outside)
        for caller, call in sites:
            if caller.qualname == function.qualname or caller.name in ("__init__", "__new__"):
                continue
            entry = self._on_entry(caller, depth - 1)
            if entry is None:
                continue
            here = self.held_around(caller, call) | self.decorator_guards(caller) | entry
            if not (here or promised):
                if len(sites) > 1 and _alone_by_then(caller, call):
                    continue
                return here
            everywhere.append(frozenset(guard_name(guard, caller) for guard in here))
        join = frozenset.union if promised else frozenset.intersection
        held = join(*everywhere) if everywhere else frozenset()
        if held and self._used_as_value(function):  # then others call it, too
            held = frozenset()
        return held

    def _step_of_view(self, function: FunctionFacts) -> bool:
        """Whether only methods of its own class call a method of a view, whose objects nobody but the framework has."""
        if function.owner not in self._views or any(root.unit == function.qualname for root in self.told):
            return False
        sites = self.callers.get(function.qualname, ())
        return bool(sites) and all(caller.owner == function.owner for caller, _ in sites)

    @cached_property
    def _views(self) -> frozenset[str]:
        """The classes of which each request has an object of its own."""
        methods = (self.scope.functions.get(root.unit) for root in self.told if root.handler and root.own_object)
        return frozenset(method.owner for method in methods if method is not None and method.owner)

    def locked_around(self, caller: FunctionFacts, call: CallSite) -> bool:
        """Whether something that may be a lock is held around a call."""
        return any(map(self.scope.is_lock, self.held_around(caller, call)))

    def held_around(self, caller: FunctionFacts, call: CallSite) -> frozenset[str]:
        """The context managers around a call, those within which ones that are generators yield, and the locks that were taken before."""
        held = {guard for guard in call.within if guard}
        for guard in list(held):
            held.update(self._held_within(guard, caller))
        if self._takes(caller):
            held |= taken_before(caller, call)
        return frozenset(held)

    def _takes(self, caller: FunctionFacts) -> bool:
        known = self._taking.get(caller.qualname)
        if known is None:
            known = takes_any(caller)
            self._taking[caller.qualname] = known
        return known

    @cached_property
    def _taking(self) -> dict[str, bool]:
        return {}

    def _held_within(self, guard: str, caller: FunctionFacts) -> frozenset[str]:
        """What a context manager of the project that is written as a generator holds while it yields."""
        key = (guard, caller.qualname)
        known = self._within.get(key)
        if known is None:
            _, self_name = enclosing_self(caller, self.scope)
            own, dot, name = guard.rpartition(".")
            functions = self.target(guard, caller) if not dot or (own == self_name and name) else []
            if not functions and self.scope.reaches_out:
                target = foreign(guard, caller, self.scope)
                functions = [target.function] if target is not None else []
            held = {inner for function in functions for inner in function.yields_within}
            if dot and own != self_name and self.receiver_type(own, caller).startswith(":"):
                gates = [gate_of(self.scope, method) for method in self.target(guard, caller)]
                held.update(f"{own}.{gate.partition('.')[2]}" for gate in gates if gate)
            if any(function.yields and self.takes_lock(function) for function in functions):
                held.add(f"lock of {guard}")
            known = self._within[key] = frozenset(held)
        return known

    @cached_property
    def _within(self) -> dict[tuple[str, str], frozenset[str]]:
        return {}

    def takes_lock(self, manager: FunctionFacts) -> bool:
        """Whether a context manager that is written as a generator takes a lock of whatever kind before it yields."""
        is_lock, lends = self.scope.is_lock, self._lends_connections(manager)
        return any(map(is_lock, manager.yields_within)) or any(
            (method in _TAKES and not (lends and _POOL.search(receiver) and not is_lock(receiver)))
            or (self.scope.models.names_lock(method) and first_word(method) not in _GIVES_BACK)
            for receiver, _, method in (call.callee.rpartition(".") for call in manager.calls)
        )

    def _lends_connections(self, manager: FunctionFacts) -> bool:
        """Whether a context manager only takes something out of a pool and gives it back: a statement of its own may lock rows."""
        return not self.scope.models.names_lock(manager.name) and not any(
            call.callee.rpartition(".")[2] in _STATEMENTS for call in manager.calls
        )

    def lends_lock(self, owner: str) -> bool:
        """Whether objects of the class hand a lock of theirs to others and never take it: those hold it around what they call."""
        lineage = self.scope.lineage(owner) if owner else []
        locks = {f"self.{name}" for class_ in lineage for name in locks_of(self.scope, class_.qualname)}
        methods = (
            [f for f in self.scope.every_function if f.owner and f.owner in self.scope.family(owner)] if locks else []
        )
        calls = [call for method in methods for call in method.calls]
        taken = {guard for call in calls for guard in (*call.within, call.callee.removesuffix(".acquire"))}
        return any(lock in call.arguments for lock in locks - taken for call in calls)

    def _used_as_value(self, function: FunctionFacts) -> bool:
        if any(
            root.unit == function.qualname and root.strength is Confidence.HIGH and not root.called
            for root in self.roots
        ):
            return True
        wanted = {f"self.{function.name}", f"cls.{function.name}"} if function.owner else {function.name}
        return any(wanted & f.references for f in (*self.scope.every_function, self.scope.facts.module_body))

    def decorator_guards(self, function: FunctionFacts) -> frozenset[str]:
        """Decorators of the function that are locks or transactions by another name, and the locks that those of the module hold."""
        found: set[str] = set()
        of_class = (name for class_ in self.scope.lineage(function.owner) for name in class_.decorators)
        for decorator in (*function.decorators, *(of_class if function.owner else ())):
            seen = around(self.scope, function, decorator)
            if seen is not None:
                found |= seen
                continue
            names = self.scope.names_in(function.qualname)
            call = self.scope.models.functions.get(names.canonical(decorator))
            if call is None:  # `@db.atomic()`
                holder, _, method = decorator.partition("(")[0].rpartition(".")
                made = names.built_type(names.assigned.get(holder, ""))
                call = self.scope.models.method(made, method) if made else None
            if (
                call is not None and call.effect in ("transaction", "lock", "lock-context")
            ) or self.scope.models.names_lock(decorator):
                found.add(decorator)
        return frozenset(found)


def _alone_by_then(caller: FunctionFacts, call: CallSite) -> bool:
    """Whether the caller ends the object and has waited for the end of a thread or pool of it: it needs no lock any more."""
    return first_word(caller.name) in _ENDS and any(
        other.line < call.line
        and other.callee.startswith("self.")
        and (
            (other.callee.endswith(".join") and not other.arguments)
            or (other.callee.endswith(".shutdown") and "wait=True" in other.arguments)
        )
        for other in caller.calls
    )


def guard_name(guard: str, caller: FunctionFacts) -> str:
    """`cls._lock`, `self._lock` and `Owner._lock` are one lock of the class."""
    root, dot, rest = guard.partition(".")
    if (
        dot
        and caller.owner
        and root in ("cls", "self", shown_name(caller.owner).rpartition(".")[2], *(p for p, _ in caller.params[:1]))
    ):
        return f"self.{rest}"
    return guard
