"""What rules are written with: a module's units, and the questions that tell a race from a safe shape.

Rules see neither syntax nor libraries. A `Unit` answers: what does a write stem from, which switch point lies between two
accesses, which guard covers both, who else changes the resource, and how sure is it that they run at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from racelint.events import Access, Acquire, Event, Ids, Kind, Mark, Op, Place, Resource, Row, Sense, Shape, Switch
from racelint.evidence import Concurrency, Evidence
from racelint.facts import ClassFacts, FunctionFacts, Write
from racelint.finding import Confidence, Finding, Fix, Role, Span, Step, World
from racelint.models.loader import Models
from racelint.resolve import CONSTRUCTORS, Scope

if TYPE_CHECKING:
    from racelint.events import Flow
    from racelint.flow.summaries import Program
    from racelint.rule import Rule

__all__ = [
    "Access", "Acquire", "Confidence", "Evidence", "Kind", "Mark", "Module", "Op", "Pair", "Resource", "Role", "Row", "Sense",
    "Shape", "Switch", "Unit", "World", "Write", "same",
]

INTERNAL = (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL, Kind.CAPTURED, Kind.ARGUMENT)


def same(one: Resource, other: Resource) -> bool:
    """Whether two accesses of one unit mean the same state: equal place, name and key, or a whole and its part."""
    if one.place != other.place or one.kind is not other.kind:
        return False
    return one.name == other.name and (one.key == other.key or not one.key or not other.key)


@dataclass(frozen=True, slots=True)
class Pair:
    """An access `first`, a later one `second` that depends on it, and the switch point between them, if it is one."""

    unit: Unit
    first: Access
    second: Access
    switch: Switch | None = None


class Module:
    """One module as rules see it."""

    def __init__(self, program: Program, units: list[FunctionFacts]) -> None:
        self.program = program
        self.scope: Scope = program.scope
        self.concurrency: Concurrency = program.concurrency
        self.models: Models = program.models
        self._functions = units
        self._flows: dict[str, Flow | None] = {}

    @property
    def path(self) -> str:
        """The module's path as it is shown."""
        return self.scope.facts.path

    @cached_property
    def units(self) -> list[Unit]:
        """The nominated units, in the order of their lines."""
        from racelint.flow.statements import Walker

        found = []
        for facts in self._functions:
            definition = self.program.definition(facts.qualname)
            if definition is not None:
                found.append(Unit(self, facts, Walker(self.program, definition).walk()))
        return found

    def span(self, place: Place) -> Span:
        """Where a place stands."""
        definition = self.program.definition(place.unit)
        assert definition is not None
        return definition.span(place.node)

    def text(self, place: Place) -> str:
        """The source at a place, on one line."""
        definition = self.program.definition(place.unit)
        assert definition is not None
        return definition.text(place.node)

    def step(self, role: Role, event: Event) -> Step:
        """An event as a step of a trace."""
        return Step(role, self.span(event.place), self.text(event.place)[:120])

    def line(self, event: Event) -> int:
        """The line of an event."""
        return self.span(event.place).line

    def finding(
        self,
        rule: Rule,
        unit: Unit,
        at: Event,
        trace: Iterable[tuple[Role, Event]],
        message: str,
        evidence: Evidence,
        world: World,
        resource: str,
        advice: Fix,
        harm: str = "",
    ) -> Finding:
        """Puts a finding together; one that stands in a helper is reported at the call in the unit."""
        steps = tuple(self.step(role, event) for role, event in trace)
        strength = Confidence.LOW if self.concurrency.unlikely else evidence.strength
        return Finding(
            rule.code, rule.name, self.path, unit.facts.qualname, self.span(at.site), world, resource, strength, message,
            harm or rule.harm, evidence.text, steps, advice,
        )


class Unit:
    """One unit of work: a function with the helpers that it calls folded in."""

    def __init__(self, module: Module, facts: FunctionFacts, flow: Flow) -> None:
        self.module, self.facts, self.flow = module, facts, flow
        self._reach: dict[int, frozenset[int]] = {}

    @property
    def events(self) -> tuple[Event, ...]:
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
        for access in self.flow.accesses:
            if (not ops or access.op in ops) and (not kinds or access.resource.kind in kinds):
                yield access

    def access(self, number: int) -> Access | None:
        """The access with this number."""
        event = self.events[number] if number < len(self.events) else None
        return event if isinstance(event, Access) else None

    def marks(self, *what: str) -> Iterator[Mark]:
        """The marks of these sorts."""
        for event in self.events:
            if isinstance(event, Mark) and event.what in what:
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
        for number in sorted(self.reach(one)):
            event = self.events[number]
            if isinstance(event, Switch) and other in self.reach_without(number, one):
                return event
        return None

    def reach_without(self, start: int, avoided: int) -> frozenset[int]:
        """The events that can come after `start` on ways that do not pass `avoided`."""
        seen: set[int] = set()
        todo = list(self.flow.after[start])
        while todo:
            found = todo.pop()
            if found == avoided or found in seen:
                continue
            seen.add(found)
            todo.extend(self.flow.after[found])
        return frozenset(seen)

    def switches_between(self, one: int, other: int) -> list[Switch]:
        """All switch points on ways from `one` to `other`."""
        reached = self.reach(one)
        return [
            event
            for number in sorted(reached)
            if isinstance(event := self.events[number], Switch) and other in self.reach_without(number, one)
        ]

    # guards

    def guards(self, one: Event, other: Event, *whats: str) -> list[Acquire]:
        """The acquisitions that are held without a break from one event to the other and that other units can meet on."""
        held = _held(one) & _held(other)
        found = [event for event in (self.events[number] for number in sorted(held)) if isinstance(event, Acquire)]
        return [event for event in found if event.shared and (not whats or event.what in whats)]

    def guarded(self, one: Event, other: Event, world: World = World.TASKS) -> bool:
        """Whether a lock or claim covers both; a transaction is no guard between tasks or threads."""
        for guard in self.guards(one, other):
            if guard.what in ("lock", "claim"):
                if world is World.THREADS and guard.world == "tasks":
                    continue
                if world is World.THREADS and guard.what == "claim":
                    continue
                return True
            if guard.what == "row lock" and world is World.PROCESSES:
                return True
        return False

    def locked_at(self, event: Event) -> list[Acquire]:
        """The locks that are held at an event."""
        return [e for e in (self.events[n] for n in sorted(_held(event))) if isinstance(e, Acquire) and e.what == "lock" and e.shared]

    def fresh(self, access: Access, resource: Resource) -> Access | None:
        """A read or check of the resource that the access depends on, with no switch point between."""
        for number in sorted((access.value.stems | access.controlled_by) & access.fresh):
            found = self.access(number)
            if found is not None and same(found.resource, resource):
                return found
        return None

    def claimed(self, first: Access, second: Access) -> bool:
        """Whether the unit changed the resource, or a flag checked together with it, between the two and before any switch."""
        for access in self.flow.accesses:
            if access.op.changes and first.id in access.fresh and self.before(access.id, second.id) and access.id != second.id:
                if same(access.resource, first.resource):
                    return True
                check_places = {self.events[n].resource.place for n, _ in access.control if isinstance(self.events[n], Access)}  # type: ignore[union-attr]
                if access.resource.place in check_places and first.id in access.controlled_by | access.fresh:
                    return True
        return False

    # dependence

    def stale_writes(self, kinds: tuple[Kind, ...] = INTERNAL) -> Iterator[Pair]:
        """Writes whose value was computed from a read of the same resource before a switch point."""
        for write in self.accesses(Op.WRITE, kinds=kinds):
            for number in sorted(write.value.stems - write.fresh):
                read = self.access(number)
                if read is None or read.op not in (Op.READ, Op.CHECK) or not same(read.resource, write.resource):
                    continue
                switch = self.switch_between(number, write.id)
                if switch is not None and self.fresh(write, write.resource) is None and not self.guarded(read, write):
                    yield Pair(self, read, write, switch)
                    break

    def decided(self, kinds: tuple[Kind, ...] = INTERNAL) -> Iterator[tuple[Pair, Sense]]:
        """Accesses that run only because of what a check saw before a switch point, of the same resource."""
        for act in self.flow.accesses:
            if act.resource.kind not in kinds:
                continue
            for number, sense in act.control:
                check = self.access(number)
                if check is None or number in act.fresh or not same(check.resource, act.resource):
                    continue
                switch = self.switch_between(number, act.id)
                if switch is None or self.fresh(act, act.resource) is not None or self.guarded(check, act):
                    continue
                yield Pair(self, check, act, switch), sense
                break

    # rivals

    def rivals(self, resource: Resource, world: World = World.TASKS, shapes: Iterable[str] = ()) -> Iterator[tuple[Write, FunctionFacts, Evidence]]:
        """Who can change the resource while this unit is under way: the change, where, and why they overlap."""
        wanted = frozenset(shapes)
        for function, write in self.module.concurrency.writers(resource):
            if wanted and write.shape not in wanted and write.how not in wanted:
                continue
            evidence = self.module.concurrency.overlap(self.facts.qualname, function.qualname, world.value)
            if evidence is not None:
                yield write, function, evidence

    def rival(self, resource: Resource, world: World = World.TASKS, shapes: Iterable[str] = ()) -> Evidence | None:
        """The strongest evidence that the resource is changed meanwhile."""
        best: Evidence | None = None
        for _, function, evidence in self.rivals(resource, world, shapes):
            if function.qualname != self.facts.qualname:
                evidence = Evidence(f"{evidence.text}; `{function.qualname}` changes it too", evidence.strength, evidence.world)
            if best is None or evidence.strength.rank > best.strength.rank:
                best = evidence
        return best

    def with_itself(self, world: World = World.TASKS) -> Evidence | None:
        """The evidence that the unit runs several times at once."""
        return self.module.concurrency.overlap(self.facts.qualname, self.facts.qualname, world.value)

    def in_processes(self) -> Evidence | None:
        """The evidence that the unit runs in several processes, or several times at once in one."""
        found = self.module.concurrency.handled_in_processes(self.facts.qualname)
        if found is not None:
            return found
        for world in (World.TASKS, World.THREADS):
            found = self.with_itself(world)
            if found is not None:
                return found
        return None


def _held(event: Event) -> Ids:
    return frozenset() if isinstance(event, Acquire) else event.held
