"""One unit of work as rules see it: its events, their order, and what guards them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from racelint.events import NO_IDS, Access, Acquire, Event, Ids, Kind, Mark, Op, Resource, Shape, Switch
from racelint.expressions import expression
from racelint.finding import World
from racelint.frozen import cached_property
from racelint.pattern.doubts import Reason
from racelint.resolve import CONSTRUCTORS, TAKES, made_of_nothing
from racelint.words import PUTS, WORD, first_word

if TYPE_CHECKING:
    from racelint.events import Flow
    from racelint.facts import ClassFacts, FunctionFacts
    from racelint.pattern.module import Module


def same(one: Resource, other: Resource) -> bool:
    """Whether two accesses of one unit mean the same state: equal place, name and key, or a whole and its part."""
    if one.place != other.place or one.kind is not other.kind:
        return False
    if one.kind is Kind.FILE:
        return True
    return one.name == other.name and (one.key == other.key or not one.key or not other.key)


def exactly(one: Resource, other: Resource) -> bool:
    """`same`, and of the same entry: what is read of a whole collection need not be the entry that is written."""
    return same(one, other) and one.key == other.key


_number = attrgetter("id")


class Unit:
    """One unit of work: a function with the helpers that it calls folded in."""

    def __init__(self, module: Module, facts: FunctionFacts, flow: Flow) -> None:
        self.module, self.facts, self.flow = module, facts, flow
        self._reach: dict[int, frozenset[int]] = {}
        self._between: dict[tuple[int, int], list[Switch]] = {}

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, by their numbers."""
        return self.flow.events

    @property
    def is_constructor(self) -> bool:
        """Runs before others can reach the object."""
        return self.facts.name in CONSTRUCTORS

    @property
    def owner(self) -> ClassFacts | None:
        """The class that the unit is a method of."""
        return self.module.scope.classes.get(self.facts.owner)

    def accesses(self, *ops: Op, kinds: tuple[Kind, ...] = ()) -> Iterator[Access]:
        """The accesses with one of the operations and kinds (none given: any), in the order of the walk."""
        if (ops and self._ops.isdisjoint(ops)) or (kinds and self._kinds.isdisjoint(kinds)):
            return  # as nearly always: most rules ask most units
        for access in self.flow.accesses:
            if (not ops or access.op in ops) and (not kinds or access.resource.kind in kinds):
                yield access

    @cached_property
    def _ops(self) -> frozenset[Op]:
        return frozenset(access.op for access in self.flow.accesses)

    @cached_property
    def _kinds(self) -> frozenset[Kind]:
        return frozenset(access.resource.kind for access in self.flow.accesses)

    def access(self, number: int) -> Access | None:
        """The access with this number."""
        event = self.events[number] if number < len(self.events) else None
        return event if isinstance(event, Access) else None

    def marks(self, *what: str) -> Iterator[Mark]:
        """The marks of these sorts."""
        if len(what) == 1:
            yield from self._marks.get(what[0], ())
            return
        found = [mark for one in dict.fromkeys(what) for mark in self._marks.get(one, ())]
        yield from sorted(found, key=_number)

    @cached_property
    def _marks(self) -> dict[str, list[Mark]]:
        found: dict[str, list[Mark]] = {}
        for event in self.events:
            if isinstance(event, Mark):
                found.setdefault(event.what, []).append(event)
        return found

    def switches(self) -> Iterator[Switch]:
        """All switch points."""
        for event in self.events:
            if isinstance(event, Switch):
                yield event

    # order

    def reach(self, number: int) -> frozenset[int]:
        """The events that can come after one, without passing it again."""
        known = self._reach.get(number)
        if known is None:
            seen: set[int] = set()
            todo = list(self.flow.after[number])
            while todo:
                found = todo.pop()
                if found == number or found in seen:
                    continue
                seen.add(found)
                todo.extend(self.flow.after[found])
            known = self._reach[number] = frozenset(seen)
        return known

    def before(self, one: int, other: int) -> bool:
        """Whether `other` can come after `one`."""
        return other in self.reach(one)

    def switch_between(self, one: int, other: int) -> Switch | None:
        """The first switch point on a way from `one` to `other`."""
        return next(iter(self.switches_between(one, other)), None)

    def awaited_at(self, access: Access) -> Switch | None:
        """The switch point of the await whose call makes the access: others run while the store is at work."""
        after = (self.events[number] for number in self.flow.after[access.id])
        return next((e for e in after if isinstance(e, Switch) and e.place == access.place), None)

    def switches_between(self, one: int, other: int) -> list[Switch]:
        """All switch points on ways from `one` to `other` that do not pass `one` again."""
        key = (one, other)
        if key not in self._between:
            reached = self.reach(one)
            found: list[Switch] = []
            if other in reached and self._switch_ids & reached:
                seen: set[int] = set()
                todo = [*self._before_each[other]]
                while todo:
                    number = todo.pop()
                    if number == one or number in seen or number not in reached:
                        continue
                    seen.add(number)
                    todo.extend(self._before_each[number])
                found = [
                    event
                    for number in sorted(seen & self._switch_ids)
                    if isinstance(event := self.events[number], Switch)
                ]
            self._between[key] = found
        return self._between[key]

    def between(self, one: int, other: int) -> list[Event]:
        """All events on ways from `one` to `other` that pass neither of them again."""
        reached = self.reach(one)
        seen: set[int] = set()
        todo = [*self._before_each[other]]
        while todo:
            number = todo.pop()
            if number not in seen and number not in (one, other) and number in reached:
                seen.add(number)
                todo.extend(self._before_each[number])
        return [self.events[number] for number in sorted(seen)]

    def only_after_error(self, one: Event, other: Event) -> bool:
        """Whether all ways from one event to the other lead through the handler of an exception."""
        handlers = {mark.id for mark in self.marks("handler")}
        seen: set[int] = set()
        todo = list(self.flow.after[one.id]) if handlers else [other.id]
        while todo:
            number = todo.pop()
            if number == other.id:
                return False
            if number not in seen and number not in handlers:
                seen.add(number)
                todo.extend(self.flow.after[number])
        return True

    def avoids(self, one: Event, other: Event) -> bool:
        """Whether the unit can come to an event without having passed another one, unless an error has led it there."""
        handlers = {mark.id for mark in self.marks("handler")}
        seen: set[int] = {one.id, *handlers}
        todo = [self.events[0].id]
        while todo:
            number = todo.pop()
            if number == other.id:
                return True
            if number not in seen:
                seen.add(number)
                todo.extend(self.flow.after[number])
        return False

    def lets_go(self, lock: Acquire, later: Event) -> bool:
        """Whether what was acquired is released on a way to a later event.

        Where ways that never acquired it join, it is no longer known to be held; that is no release.
        """
        seen: set[int] = set()
        todo, behind = [lock.id], {lock.id, *self.reach(lock.id)}
        while todo:
            for number in self.flow.after[todo.pop()]:
                if number in seen:
                    continue
                seen.add(number)
                event = self.events[number]
                if lock.id in held_at(event) or isinstance(event, Acquire):
                    todo.append(number)
                elif (number == later.id or self.before(number, later.id)) and behind.issuperset(
                    self._before_each[number]
                ):
                    return True
        return False

    def repeats(self, number: int) -> bool:
        """Whether the event stands in a loop."""
        return any(follower == number or number in self.reach(follower) for follower in self.flow.after[number])

    @cached_property
    def _switch_ids(self) -> frozenset[int]:
        return frozenset(event.id for event in self.events if isinstance(event, Switch))

    @cached_property
    def _before_each(self) -> list[list[int]]:
        """The events that may come right before each event."""
        found: list[list[int]] = [[] for _ in self.events]
        for number, after in enumerate(self.flow.after):
            for follower in after:
                found[follower].append(number)
        return found

    # guards

    def guards(self, one: Event, other: Event, *whats: str) -> list[Acquire]:
        """The acquisitions that are held without a break from one event to the other and that other units can meet on."""
        held = held_at(one) & held_at(other)
        found = [event for event in (self.events[number] for number in sorted(held)) if isinstance(event, Acquire)]
        return [event for event in found if event.shared and (not whats or event.what in whats)]

    def safe(self, *events: Event, because: Callable[[], str]) -> bool:
        """Whether what makes the events safe is taken for that: always, but in doubt (`Doubts`), where it is only noted."""
        doubts = self.module.doubts
        if doubts is not None:
            doubts.note(self.facts.qualname, Reason(because(), frozenset(event.id for event in events)))
        return doubts is None

    def guarded(self, one: Event, other: Event, world: World = World.TASKS) -> bool:
        """Whether a lock or claim covers both; a transaction is no guard between tasks or threads."""
        refused = world is World.PROCESSES and self._refused(one, other)
        found = (guard for guard in self.guards(one, other) if refused or _excludes(guard, world))
        guard = next((guard for guard in found if not self._given_up(guard, one, other)), None)
        return guard is not None and self.safe(one, other, because=lambda: self._covers(guard))

    def _refused(self, one: Event, other: Event) -> bool:
        """Whether PostgreSQL refuses the second event, a change of rows that the first has read in one transaction, if they have changed.

        So it does from "repeatable read" on (its manual, 13.2.2). What is made because of what was read is not refused.
        """
        if not isinstance(one, Access) or not isinstance(other, Access) or one.resource.place != other.resource.place:
            return False
        if not one.tested or one.tested != other.tested:
            return False  # of other rows than those that are changed
        if other.op not in (Op.WRITE, Op.UPDATE) or self.module.scope.libraries.isdisjoint(POSTGRESQL):
            return False
        taken = list(self.guards(one, other, "transaction"))
        return bool(taken) and all(_REPEATABLE.search(guard.lock.name) for guard in taken)

    def _covers(self, guard: Acquire) -> str:
        name = f" `{guard.lock.shown}`" if guard.lock.shown else ""
        return f"the {guard.what}{name} of line {self.module.line(guard)} is held over both"

    def _given_up(self, guard: Acquire, one: Event, other: Event) -> bool:
        """Whether a condition is waited for between the two, which gives the lock up, and the state is not looked at again after that."""
        waits = [wait for wait in self._waits if guard.id in wait.held and self._is_lock_of(guard, wait)]
        if not waits:
            return False
        between = {event.id for event in self.between(one.id, other.id)}
        return any(wait.id in between and not self._seen_after(wait, one, other) for wait in waits)

    @cached_property
    def _waits(self) -> list[Mark]:
        return list(self.marks("wait", "wait until"))

    def _is_lock_of(self, guard: Acquire, wait: Mark) -> bool:
        """Whether the guard is the condition that is waited for, or the lock that it is made of: the only one that is held."""
        locks = self.locked_at(wait)
        named = [lock for lock in locks if lock.lock.name == wait.subject]
        return guard in named or (not named and locks == [guard])

    def _seen_after(self, wait: Mark, one: Event, other: Event) -> bool:
        """Whether what is done rests on a look that comes after the wait; where it was decided before, on another decision."""
        if not isinstance(other, Access):
            return False
        rests_on = other.controlled_by | (other.value.stems if one.id in other.value.stems else NO_IDS)
        looks = [self.access(number) for number in rests_on - {one.id}]
        return any(
            look is not None
            and exactly(look.resource, other.resource)
            and self.before(wait.id, look.id)
            and self.before(look.id, other.id)
            for look in looks
        )

    def locks_over(self, one: Event, other: Event) -> frozenset[str]:
        """The names of the locks that are held over both and keep other tasks out."""
        found = (guard for guard in self.guards(one, other, "lock") if _excludes(guard, World.TASKS))
        return frozenset(guard.lock.name for guard in found)

    def locked_at(self, event: Event) -> list[Acquire]:
        """The locks that are held at an event."""
        return [
            e
            for e in (self.events[n] for n in sorted(held_at(event)))
            if isinstance(e, Acquire) and e.what == "lock" and e.shared
        ]

    def fresh(self, access: Access, resource: Resource) -> Access | None:
        """A read or check of the resource that the access depends on, with no switch point between."""
        for number in sorted((access.value.stems | access.controlled_by) & access.fresh):
            found = self.access(number)
            if found is not None and same(found.resource, resource):
                return found if self.safe(access, because=partial(self._seen_again, found)) else None
        return None

    def rechecked(self, access: Access, resource: Resource) -> bool:
        """Whether the access runs only because of a check of the resource with no switch point since, or under one guard with it."""
        for number in access.controlled_by:
            found = self.access(number)
            if (
                found is not None
                and same(found.resource, resource)
                and (number in access.fresh or self.guarded(found, access))
            ):
                return self.safe(access, because=partial(self._seen_again, found))
        return False

    def rechecked_locked(self, write: Access) -> bool:
        """Whether a check of the resource under the same lock decided that the write runs: the second look of double-checked locking."""
        return any(
            (check := self.access(number)) is not None
            and same(check.resource, write.resource)
            and self.guarded(check, write, World.THREADS)
            for number in write.controlled_by
        )

    def _seen_again(self, look: Access) -> str:
        return f"`{look.resource.shown}` is looked at again on line {self.module.line(look)}"

    def claimed(self, first: Access, second: Access) -> bool:
        """Whether the unit changed the resource, or a flag checked together with it, between the two and before any switch.

        So it has, too, if it then saw that the run which it belongs to is still the current one.
        """
        look = next((access for access in self.flow.accesses if self._still_current(access, second)), None)
        if look is not None:
            return self.safe(first, second, because=partial(self._seen_again, look))
        claim = next((access for access in self.flow.accesses if self._claims(access, first, second)), None)
        return claim is not None and self.safe(
            first,
            second,
            because=lambda: f"line {self.module.line(claim)} changes `{claim.resource.shown}` before others run",
        )

    def _still_current(self, look: Access, second: Access) -> bool:
        """Whether the unit goes on only because a number that it noted before a switch is still that of the object.

        `self.round += 1; mine = self.round`, an await, and `if self.round != mine: return` right before it acts.
        """
        if look.id not in second.controlled_by & second.fresh or look.id in self.flow.ordered or look.resource.key:
            return False
        if not any(text.isidentifier() and not text.isupper() for text in look.related):
            return False
        return any(
            access.op is Op.WRITE
            and access.how in ("+=", "=")
            and exactly(access.resource, look.resource)
            and access.value.shape not in (Shape.NONE, Shape.TRUE, Shape.FALSE, Shape.EMPTY)
            and self.before(access.id, look.id)
            and self.switch_between(access.id, look.id) is not None
            for access in self.flow.accesses
        )

    def _claims(self, access: Access, first: Access, second: Access) -> bool:
        if (
            not access.op.changes
            or first.id not in access.fresh
            or access.id == second.id
            or not self.before(access.id, second.id)
        ):
            return False
        if same(access.resource, first.resource):
            # what is too old is dropped before the rest is counted
            return not (access.how in TAKES and second.how in PUTS and first.id in self.flow.ordered)
        checks = [found for n, _ in access.control if (found := self.access(n)) is not None]
        check_places = {check.resource.place for check in checks}
        return access.resource.place in check_places and first.id in access.controlled_by | access.fresh

    def kept_out(self, first: Access, last: Access) -> bool:
        """Whether a flag is up from before `first` to after `last`, which others look at before they change the resource."""
        concurrency, scope = self.module.concurrency, self.module.scope
        flags = {
            f"self.{write.resource.path}"
            for write in self.accesses(Op.WRITE)
            if write.value.shape is Shape.TRUE and write.id < first.id and self.before(write.id, first.id)
        }
        if not flags:
            return False
        rivals = [f for f, w in concurrency.writers(last.resource) if w.shape not in ("none", "false", "empty")]
        rivals = [f for f in rivals if f.qualname != self.facts.qualname and f.name not in CONSTRUCTORS]
        return bool(rivals) and all(
            any(
                not flags.isdisjoint(function.reads)
                for name in (
                    rival.qualname,
                    *(caller.qualname for caller, _ in concurrency.callers.get(rival.qualname, ())),
                )
                if (function := scope.functions.get(name)) is not None
            )
            for rival in rivals
        )

    def is_condition(self, lock: Acquire) -> bool:
        """Whether the lock is a condition, which may be made of another lock."""
        scope, resource = self.module.scope, lock.lock
        if resource.owner in scope.classes:
            kind = scope.attribute_type(resource.owner, resource.path)
        else:
            kind = scope.assigned.get(resource.path, "")
        return kind.endswith("Condition") and not made_of_nothing(scope, resource.owner, resource.path)


POSTGRESQL = frozenset({"asyncpg", "psycopg", "psycopg2"})
"""Drivers of PostgreSQL."""

_REPEATABLE = expression(r"(?i)repeatable_?read")


def _excludes(guard: Acquire, world: World) -> bool:
    """Whether who holds the guard keeps the other units of a world out."""
    if guard.what == "lock":
        return world is not World.THREADS or guard.world != "tasks"
    if guard.what == "claim":
        return world is not World.THREADS
    if guard.what == "transaction":  # the database lets only one of two such transactions through
        return world is World.PROCESSES and "serializable" in guard.lock.name.lower()
    return guard.what == "row lock" and world is World.PROCESSES


def held_at(event: Event) -> Ids:
    """The acquisitions that are held at an event; none where one is taken."""
    return frozenset() if isinstance(event, Acquire) else event.held


def of_lifecycle(unit: Unit, name: str) -> bool:
    """Whether a function is one by which its object comes into use or ends, by its first word: `start`, `_connect_all`, `startAsync`."""
    lifecycle = unit.module.models.lifecycle
    words = WORD.findall(name.rpartition(".")[2])
    return first_word(name) in lifecycle or (bool(words) and words[0].lower() in lifecycle)
