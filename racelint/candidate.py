"""A definition as nomination sees it: what it and the helpers that it calls touch, and whom it meets; from facts alone."""

from __future__ import annotations

from racelint.candidates import Candidates
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.finding import World
from racelint.frozen import cached_property
from racelint.keys import ANY, GIVEN, OWN, Keys, Reach
from racelint.resolve import enclosing_self
from racelint.store_calls import CHANGES, looks_up
from racelint.touch import comes_first
from racelint.words import OPERATIONS

_SQL, _QUERY, _COMMIT = frozenset(["sql"]), frozenset(["query"]), frozenset(["commit"])
_STATEMENTS = frozenset("update delete insert replace merge upsert with_for_update".split())
"""Last names of calls that make a statement which changes or locks rows."""
_BUILDERS = frozenset({"sqlalchemy", "sqlmodel"})
"""The libraries whose calls do."""


class Candidate:
    """One definition, with its helpers."""

    def __init__(self, module: Candidates, facts: FunctionFacts) -> None:
        self.module, self.facts = module, facts

    @cached_property
    def functions(self) -> tuple[FunctionFacts, ...]:
        """The definition and the helpers that are walked in place of their calls."""
        return self.module.helpers.around(self.facts)

    @cached_property
    def reads(self) -> Keys:
        """The keys that are looked at."""
        found: Keys = {}
        for function in self.functions:
            for key, reach in self.module.keys.reads(function, function is not self.facts).items():
                found[key] = found.get(key, reach) | reach
        return found

    @cached_property
    def changes(self) -> dict[str, list[Write]]:
        """The keys that are changed, with the changes."""
        found: dict[str, list[Write]] = {}
        for function in self.functions:
            for key, writes in self.module.keys.changes(function, function is not self.facts).items():
                found.setdefault(key, []).extend(writes)
        return found

    def switches_between(self, *keys: str) -> bool:
        """Whether others may run between two places where the definition touches one of the keys, or one place in a loop."""
        return self.module.spans.switches_between(self.facts, keys)

    def changes_later(self, key: str) -> bool:
        """Whether others may run between a place where the definition looks at the key and one where it changes it."""
        return self.module.spans.changes_later(self.facts, key)

    @property
    def suspends(self) -> bool:
        """Whether it is a coroutine that lets others run."""
        return self.facts.is_async and self.facts.suspends

    def rank(self, world: World) -> int:
        """That of the strongest evidence that anything starts it in the world."""
        return self.module.meetings.runs(self.facts, world).rank

    def of_several_operations(self) -> bool:
        """Whether several public coroutines of the object lead to the definition, or begin with it or with a helper, or something
        else than a public name starts it.

        Then callers may run two at once (`used_by_many`, `made_sure_by_all`, `begun_twice`), whatever else is known.
        """
        concurrency, own = self.module.concurrency, self.facts.qualname
        if self.module.meetings.runs(self.facts, World.TASKS).other >= self.module.least:
            return True
        roots = (concurrency.roots[number] for number in concurrency.reached.get(own, ()))
        users = {root.unit for root in roots if root.public and root.world == World.TASKS.value}
        return len(users - {own}) > 1 or any(len(self._begun_with(f)) > 1 for f in self.functions)

    def begins_operation(self) -> bool:
        """Whether the one operation that an object is there for begins with the definition or with a helper: each call does."""
        return any(name.rpartition(".")[2] in OPERATIONS for f in self.functions for name in self._begun_with(f))

    def _begun_with(self, function: FunctionFacts) -> set[str]:
        """The public coroutines of objects that begin with a coroutine."""
        if not function.is_async or not function.owner:
            return set()
        return {
            caller.qualname
            for caller, call in self.module.concurrency.callers.get(function.qualname, ())
            if caller.is_async and caller.owner and not caller.name.startswith("_") and comes_first(call, caller)
        }

    def meets(self, key: str, who: dict[str, list[FunctionFacts]], world: World) -> int:
        """The rank of the evidence that one of the functions that change the key, as `Candidates.kinds` has them, runs meanwhile."""
        reach = self._reach(key)
        module = self.module
        return module.meetings.meeting(self.facts, module.kinds(who, key, world, reach), world, reach)

    def meets_itself(self, key: str, world: World) -> int:
        """The rank of the evidence that the definition runs twice at once, on the same state."""
        reach = self._reach(key)
        meetings = self.module.meetings
        return meetings.meeting(self.facts, [meetings.runs(self.facts, world, reach)], world, reach)

    def runs_twice(self, world: World) -> int:
        """The rank of the evidence that the definition runs twice at once."""
        meetings = self.module.meetings
        return meetings.meeting(self.facts, [meetings.runs(self.facts, world)], world)

    def _reach(self, key: str) -> Reach:
        reach = self.reads.get(key, ANY)
        for write in self.changes.get(key, ()):
            reach |= self._written_through(write)
        return reach

    def _written_through(self, write: Write) -> Reach:
        root, _, rest = write.path.partition(".")
        if self.module.keys.is_of_class(root, rest):
            return OWN | ANY
        return OWN if root in self.own_names else ANY | GIVEN

    @cached_property
    def own_names(self) -> frozenset[str]:
        """The names of the own object, in the definition and all helpers."""
        return frozenset(enclosing_self(function, self.module.scope)[1] for function in self.functions)

    @cached_property
    def called(self) -> frozenset[str]:
        """The last names of all that is called or handed to a call."""
        return frozenset().union(*map(self.module.called, self.functions))

    @cached_property
    def unnamed(self) -> frozenset[str]:
        """The methods that are called of what has no name."""
        return frozenset().union(*(function.unnamed for function in self.functions))

    @cached_property
    def calls(self) -> list[CallSite]:
        """All calls."""
        return [call for function in self.functions for call in function.calls]

    @cached_property
    def asked(self) -> frozenset[str]:
        """The last names of the objects that are asked for something by a call which is named so; "" for plain functions."""
        return frozenset(
            holder.rpartition(".")[2]
            for call in self.calls
            for holder, _, name in (call.callee.rpartition("."),)
            if looks_up(name)
        )

    @cached_property
    def effects(self) -> list[frozenset[str]]:
        """What the calls do to stores, one entry a call that may do anything; two if it stands in a loop or a helper."""
        stores = self.module.stores
        if not any(map(stores.asked, self.functions)):
            return []
        found: list[frozenset[str]] = []
        types = stores.types.within(self.functions)
        for function in self.functions:
            effects = stores.effects(function, types)
            found += effects if function is self.facts else 2 * effects
            if any(map(stores.may_commit, {guard for call in function.calls for guard in call.within})):
                found.append(_COMMIT)
        if not self._states_changes and any("sql" in effects for effects in found):
            return [effects - _SQL | _QUERY if "sql" in effects else effects for effects in found]
        return found

    @cached_property
    def _states_changes(self) -> bool:
        """Whether a statement that the definition or a helper holds or names may change or lock rows.

        Otherwise what is executed only reads: of a statement that comes from elsewhere nothing is known.
        """
        if any(map(self.module.states_change, self.functions)):
            return True
        if _STATEMENTS.isdisjoint(self.called):
            return False
        scope = self.module.scope
        return any(not scope.names_in(f.qualname).libraries.isdisjoint(_BUILDERS) for f in self.functions)

    @cached_property
    def changes_stores(self) -> bool:
        """Whether any call may have one of `CHANGES`; names alone are asked first, as what types there may be takes long."""
        return any(map(self.module.stores.may_change, self.functions)) and not CHANGES.isdisjoint(self._any_effect)

    @cached_property
    def _any_effect(self) -> frozenset[str]:
        return frozenset().union(*self.effects)

    def does(self, *effects: str) -> int:
        """How many calls may have one of the effects."""
        if not self.effects:
            return 0
        wanted = frozenset(effects)
        if wanted.isdisjoint(self._any_effect):
            return 0
        return sum(not wanted.isdisjoint(found) for found in self.effects)
