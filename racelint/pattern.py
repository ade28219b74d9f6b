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
    "INTERNAL",
    "Access",
    "Acquire",
    "Confidence",
    "Evidence",
    "Kind",
    "Mark",
    "Module",
    "Op",
    "Pair",
    "Resource",
    "Role",
    "Row",
    "Sense",
    "Shape",
    "Switch",
    "Unit",
    "World",
    "Write",
    "same",
]

PLAIN_TYPES = frozenset(
    [
        "dict",
        "list",
        "set",
        "tuple",
        "str",
        "int",
        "float",
        "bool",
        "bytes",
        "frozenset",
        "datetime",
        "collections.deque",
    ]
)

INTERNAL = (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL, Kind.CAPTURED, Kind.ARGUMENT)


def same(one: Resource, other: Resource) -> bool:
    """Whether two accesses of one unit mean the same state: equal place, name and key, or a whole and its part."""
    if one.place != other.place or one.kind is not other.kind:
        return False
    return one.name == other.name and (one.key == other.key or not one.key or not other.key)


def exactly(one: Resource, other: Resource) -> bool:
    """`same`, and of the same entry: what is read of a whole collection need not be the entry that is written."""
    return same(one, other) and one.key == other.key


@dataclass(frozen=True, slots=True)
class Pair:
    """An access `first`, a later one `second` that depends on it, and the switch point between them, if it is one."""

    unit: Unit
    first: Access
    second: Access
    switch: Switch | None = None
    version_check: Mark | None = None

    @property
    def in_one_statement(self) -> bool:
        """Read and write are one augmented assignment, or one assignment, of the unit itself."""
        here = self.unit.facts.qualname
        return self.first.statement == self.second.statement and self.first.place.unit == self.second.place.unit == here

    @property
    def restores(self) -> bool:
        """The very value that was read is put back, unchanged: a save and restore."""
        return self.second.value.via == self.first.id and not self.second.value.appended

    @property
    def world(self) -> World:
        """Tasks if a switch point lies between, processes otherwise."""
        return World.TASKS if self.switch is not None and self.first.resource.kind is Kind.STORE else World.PROCESSES

    @property
    def steps(self) -> tuple[tuple[Role, Event], ...]:
        """Read, switch if there is one, write."""
        if self.switch is None or self.switch.place in (self.first.place, self.second.place):
            return ((Role.READ, self.first), (Role.WRITE, self.second))
        return ((Role.READ, self.first), (Role.SWITCH, self.switch), (Role.WRITE, self.second))


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

    def locks_of(self, owner: str) -> frozenset[tuple[str, str]]:
        """The places of all locks that a class, or the module for "", has."""
        scope = self.scope
        if owner in scope.classes:
            writes = [w for m in scope.methods.get(owner, {}).values() for w in m.writes if w.shape == "call"]
            names = {w.path.partition(".")[2] for w in writes} | {name for name, _ in scope.classes[owner].attributes}
            types = {name: scope.attribute_type(owner, name) for name in names if name}
        else:
            types = {name: scope.built_type(built) for name, built in scope.facts.assigned}
        models = self.models.functions
        return frozenset(
            (owner, name)
            for name, kind in types.items()
            if (call := models.get(kind)) is not None and call.effect == "lock"
        )

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
        strength = Confidence.LOW if self.concurrency.unlikely_unit(unit.facts) else evidence.strength
        return Finding(
            rule.code,
            rule.name,
            self.path,
            unit.facts.qualname,
            self.span(at.site),
            world,
            resource,
            strength,
            message,
            harm or rule.harm,
            evidence.text,
            steps,
            advice,
        )


class Unit:
    """One unit of work: a function with the helpers that it calls folded in."""

    def __init__(self, module: Module, facts: FunctionFacts, flow: Flow) -> None:
        self.module, self.facts, self.flow = module, facts, flow
        self._reach: dict[int, frozenset[int]] = {}
        self._between: dict[tuple[int, int], list[Switch]] = {}

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
        return [
            e
            for e in (self.events[n] for n in sorted(_held(event)))
            if isinstance(e, Acquire) and e.what == "lock" and e.shared
        ]

    def fresh(self, access: Access, resource: Resource) -> Access | None:
        """A read or check of the resource that the access depends on, with no switch point between."""
        for number in sorted((access.value.stems | access.controlled_by) & access.fresh):
            found = self.access(number)
            if found is not None and same(found.resource, resource):
                return found
        return None

    def rechecked(self, access: Access, resource: Resource) -> bool:
        """Whether the access runs only because of a check of the resource with no switch point since, or under one guard with it."""
        return any(
            (found := self.access(number)) is not None
            and same(found.resource, resource)
            and (number in access.fresh or self.guarded(found, access))
            for number in access.controlled_by
        )

    def rechecked_locked(self, write: Access) -> bool:
        """Whether a check of the resource under the same lock decided that the write runs: the second look of double-checked locking."""
        return any(
            (check := self.access(number)) is not None
            and same(check.resource, write.resource)
            and self.guarded(check, write, World.THREADS)
            for number in write.controlled_by
        )

    def claimed(self, first: Access, second: Access) -> bool:
        """Whether the unit changed the resource, or a flag checked together with it, between the two and before any switch."""
        for access in self.flow.accesses:
            if (
                access.op.changes
                and first.id in access.fresh
                and self.before(access.id, second.id)
                and access.id != second.id
            ):
                if same(access.resource, first.resource):
                    return True
                checks = [found for n, _ in access.control if (found := self.access(n)) is not None]
                check_places = {check.resource.place for check in checks}
                if access.resource.place in check_places and first.id in access.controlled_by | access.fresh:
                    return True
        return False

    def is_condition(self, lock: Acquire) -> bool:
        """Whether the lock is a condition, which may be made of another lock."""
        scope, resource = self.module.scope, lock.lock
        if resource.owner in scope.classes:
            return scope.attribute_type(resource.owner, resource.path).endswith("Condition")
        return scope.assigned.get(resource.path, "").endswith("Condition")

    # dependence

    def stale_writes(self, kinds: tuple[Kind, ...] = INTERNAL) -> Iterator[Pair]:
        """Writes whose value was computed from a read of the same resource before a switch point."""
        for write in self.accesses(Op.WRITE, kinds=kinds):
            for number in sorted(write.value.stems - write.fresh - write.value.opaque):
                read = self.access(number)
                if read is None or read.op not in (Op.READ, Op.CHECK) or not exactly(read.resource, write.resource):
                    continue
                switch = self.switch_between(number, write.id)
                if switch is None or self._compared_again(write):
                    continue
                if self.fresh(write, write.resource) is None and not self.guarded(read, write):
                    yield Pair(self, read, write, switch)
                    break

    def _compared_again(self, write: Access) -> bool:
        """Whether the write runs only because something of the same owner is now as it was before the switch: a version check."""
        fresh = [a for n in write.controlled_by & write.fresh if (a := self.access(n)) is not None]
        stale = [a for n in write.controlled_by - write.fresh if (a := self.access(n)) is not None]
        return any(
            now.resource.owner == write.resource.owner and any(same(now.resource, then.resource) for then in stale)
            for now in fresh
        )

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
                if switch is None or self.rechecked(act, act.resource) or self.guarded(check, act):
                    continue
                yield Pair(self, check, act, switch), sense

    def thread_updates(self) -> Iterator[Pair]:
        """Writes computed from a read of the same resource with no lock for threads over both."""
        if self.facts.is_async:  # runs on a loop, in one thread
            return
        rows = {row.name for row in self.flow.rows}
        for write in self.accesses(Op.WRITE, kinds=INTERNAL):
            if write.resource.name.rpartition(".")[0] in rows:
                continue
            for number in sorted(write.value.stems - write.value.opaque):
                read = self.access(number)
                if read is None or read.op not in (Op.READ, Op.CHECK) or not exactly(read.resource, write.resource):
                    continue
                if not self.guarded(read, write, World.THREADS):
                    yield Pair(self, read, write)
                    break

    def store_updates(self) -> Iterator[Pair]:
        """Writes of a store, file or table whose value was computed from what was read of the same document."""
        for write in self.accesses(Op.WRITE, kinds=(Kind.STORE, Kind.FILE, Kind.TABLE)):
            if write.how == "conditional":
                continue
            for number in sorted(write.value.stems):
                read = self.access(number)
                if read is None or read.op not in (Op.READ, Op.CHECK) or not self.one_document(read, write):
                    continue
                if (
                    not self.before(number, write.id)
                    or self.guarded(read, write, World.PROCESSES)
                    or self.in_transaction(read, write)
                ):
                    continue
                version = next(
                    (m for m in self.marks("version") if number in m.stems and self.before(m.id, write.id)), None
                )
                yield Pair(self, read, write, self.switch_between(number, write.id), version)
                break

    def one_document(self, read: Access, write: Access) -> bool:
        """Whether a read and a write of a store are of the same document, row or file, as far as their keys tell."""
        if write.resource.kind is Kind.ROW:
            index = write.value.row
            return index is not None and read.resource.name.rpartition(".")[0] == self.flow.rows[index].name
        if not same(read.resource, write.resource):
            return False
        if read.resource.kind is Kind.TABLE and read.related and write.related:
            return bool(read.related & write.related)
        return True

    def in_transaction(self, one: Event, other: Event) -> bool:
        """Whether a named store is used inside one transaction, whose isolation is not known."""
        return (
            isinstance(one, Access) and one.resource.kind is Kind.STORE and bool(self.guards(one, other, "transaction"))
        )

    def row_updates(self) -> Iterator[Pair]:
        """Saves of a row with a field that was computed from the row's own old field, without a row lock or version."""
        for write in self.accesses(Op.WRITE, kinds=(Kind.ROW,)):
            index = write.value.row
            if index is None:
                continue
            row = self.flow.rows[index]
            model = self.module.scope.classes.get(row.model)
            if row.locked or row.new or (model is not None and model.versioned) or self._is_plain_argument(row):
                continue
            fields = set(write.resource.path.split(","))
            for number in sorted(write.value.stems):
                read = self.access(number)
                if read is None or read.op not in (Op.READ, Op.CHECK):
                    continue
                base, _, field = read.resource.name.rpartition(".")
                if base == row.name and field in fields and not self.guarded(read, write, World.PROCESSES):
                    version = next(
                        (m for m in self.marks("version") if self.before(m.id, write.id) and self._of_row(m, row)), None
                    )
                    yield Pair(self, read, write, None, version)
                    break

    def _is_plain_argument(self, row: Row) -> bool:
        """Whether the row is an argument whose annotation names a class that is known, or called, to be no mapped one."""
        annotation = dict(self.facts.params).get(row.name, "")
        if row.loaded is not None or not annotation:
            return False
        scope = self.module.scope
        origin = scope.canonical(annotation)
        if "schema" in origin.lower():
            return True
        return annotation in scope.classes and not scope.is_mapped(annotation)

    def _of_row(self, mark: Mark, row: Row) -> bool:
        return any(
            (a := self.access(n)) is not None and a.resource.name.rpartition(".")[0] == row.name for n in mark.stems
        )

    def row_evidence(self, write: Access) -> Evidence | None:
        """Rows are reached by every process of the application, whatever this unit is."""
        found = self.in_processes()
        if found is not None and found.strength is not Confidence.LOW:
            return found
        return Evidence(
            "every process that serves the application works on the same rows", Confidence.MEDIUM, "processes"
        )

    def store_rival(self, pair: Pair) -> Evidence | None:
        """That another run writes the same document meanwhile; a coroutine is part of a service, whose stores others reach, too."""
        found = self.in_processes()
        if found is not None and found.strength is Confidence.LOW and self.facts.is_async:
            return Evidence(found.text, Confidence.MEDIUM, found.world, found.public)
        return found

    # changes of a database

    def transactions_at(self, event: Event) -> list[Acquire]:
        """The transactions that are open at an event."""
        return [
            e
            for e in (self.events[n] for n in sorted(_held(event)))
            if isinstance(e, Acquire) and e.what == "transaction"
        ]

    def row_locked_at(self, event: Event) -> bool:
        """Whether rows are locked, or any lock is held, at an event."""
        held = (self.events[n] for n in sorted(_held(event)))
        return any(isinstance(e, Acquire) and e.what in ("row lock", "lock") and e.shared for e in held)

    def sessions_handed_out(self) -> Iterator[tuple[Mark, str, str]]:
        """Spawns of several tasks that use one session or connection of this function: the spawn, its name, what is started."""
        concurrency, facts = self.module.concurrency, self.facts
        for call in facts.calls:
            if concurrency.spawner(call.callee, facts) is None:
                continue
            for argument in call.arguments:
                if not (argument.startswith("*") or call.looped):
                    continue
                for name in self._shared_sessions(argument.lstrip("*")):
                    mark = next(
                        (m for m in self.marks("spawn", "spawn and wait") if self.module.line(m) == call.line), None
                    )
                    if mark is not None:
                        yield mark, name, argument.lstrip("*")

    def _shared_sessions(self, started: str) -> Iterator[str]:
        """Names of this function's sessions that the started function captures or gets as an argument."""
        concurrency, facts = self.module.concurrency, self.facts
        for name in sorted(facts.local_names - facts.loop_names):
            if concurrency.local_type(name, facts) not in self.module.models.exclusive_types:
                continue
            handed = any(call.callee == started and name in call.arguments for call in facts.calls)
            captured = any(
                target.parent == facts.qualname and any(call.callee.startswith(name + ".") for call in target.calls)
                for target in concurrency.target(started, facts)
            )
            if (handed or captured) and not self._in_turn(started, name):
                yield name

    def _in_turn(self, started: str, name: str) -> bool:
        """Whether the started function uses the session inside a `with` of a lock only."""
        guards = self.module.models.guards
        targets = self.module.concurrency.target(started, self.facts)
        uses = [call for target in targets for call in target.calls if call.callee.startswith(name + ".")]
        return bool(uses) and all(
            any(self._is_lock_name(guard) or any(part in guard.lower() for part in guards) for guard in call.within)
            for call in uses
        )

    def _is_lock_name(self, name: str) -> bool:
        call = self.module.models.functions.get(self.module.concurrency.local_type(name, self.facts))
        return call is not None and call.effect == "lock"

    def table_of(self, access: Access) -> str:
        """The table or model of a change, as far as it is known."""
        index = access.value.row
        if access.resource.kind is Kind.ROW and index is not None:
            row = self.flow.rows[index]
            return row.model or row.name
        return access.resource.name

    def related(self, first: Access, second: Access) -> bool:
        """Whether two changes are about the same thing: they are keyed by, or refer to, a common value."""
        return bool(self._names(first) & self._names(second) - {"self", "session", "request", "now"})

    def one_change(self, first: Access, second: Access) -> bool:
        """Whether two changes are halves of one: of two tables and related, or of two rows of one table by the same amount."""
        if self.table_of(first) != self.table_of(second):
            return self.related(first, second)
        return (
            first.op is second.op is Op.UPDATE
            and first.statement != second.statement
            and bool(first.related & second.related)
        )

    def _names(self, access: Access) -> frozenset[str]:
        names = set(access.related)
        for name in access.related:
            for row in self.flow.rows:
                if row.name == name.partition(".")[0] and row.loaded is not None:
                    loaded = self.access(row.loaded)
                    names |= loaded.related if loaded is not None else set()
        for number in access.value.stems:
            stem = self.access(number)
            if stem is not None and stem.resource.kind in (Kind.ROW, Kind.ARGUMENT):
                names.add(stem.resource.name.partition(".")[0])
        return frozenset({name.partition(".")[0] for name in names} | names)

    # what a write makes

    def makes_resource(self, write: Access) -> bool:
        """Whether the value is something that leaks or matters when it is made twice: a connection, a task, a client."""
        value = write.value
        if value.shape is Shape.SPAWNED or value.part("resource") is not None:
            return True
        call = self.module.models.functions.get(value.type)
        if call is not None and call.effect in ("resource", "lock"):
            return True
        if value.type.startswith(":") and self._stateful(value.type[1:]):
            return True
        return self.torn_down(write.resource)

    def has_side_effects(self, check: Access, write: Access) -> bool:
        """Whether the unit does anything else because of the check that is seen when it is done twice.

        A row, a counter, an appended entry, a started task; not a flag that is raised again nor a value that is stored again.
        """
        for event in self.events:
            if isinstance(event, Mark) and event.what == "spawn" and any(n == check.id for n, _ in event.control):
                return True
            if not isinstance(event, Access) or not event.op.changes or check.id not in event.controlled_by:
                continue
            if same(event.resource, write.resource):
                continue
            counts = event.how in ("+=", "append", "appendleft", "insert", "extend", "[]+=")
            if counts or event.resource.kind.external or event.op is Op.CREATE:
                return True
        return False

    def begins_something(self, check: Access, write: Access) -> bool:
        """Whether a call awaited between the two is named after a beginning: `connect`, `start`, `register`, …"""
        beginnings = self.module.models.beginnings
        return any(
            switch.callee.lstrip("_").partition("_")[0] in beginnings
            for switch in self.switches_between(check.id, write.id)
        )

    def _stateful(self, class_name: str) -> bool:
        """Whether objects of the class change after their construction, so that it matters which one a caller holds."""
        scope = self.module.scope
        return any(
            write.path.startswith(function.params[0][0] + ".") and not scope.in_construction(function, write)
            for class_ in scope.lineage(class_name)
            for function in scope.methods.get(class_.qualname, {}).values()
            if function.params
            for write in function.writes
        )

    def calls_resource(self) -> bool:
        """Whether the unit itself calls something that makes a connection, a thread or the like."""
        scope = self.module.scope
        return any(
            (call := self.module.models.functions.get(scope.canonical(site.callee))) is not None
            and call.effect == "resource"
            for site in self.facts.calls
        )

    def torn_down(self, resource: Resource) -> bool:
        """Whether the owner closes, stops or cancels what the resource holds."""
        scope = self.module.scope
        wanted = resource.path if resource.kind is Kind.GLOBAL else "." + resource.path
        family = scope.family(resource.owner) if resource.owner in scope.classes else frozenset()
        return any(
            callee[2] in self.module.models.idempotent
            and (callee[0].endswith(wanted) if wanted.startswith(".") else callee[0] == wanted)
            for function in scope.facts.functions
            if not family or function.owner in family
            for call in function.calls
            for callee in (call.callee.rpartition("."),)
        )

    # rivals

    def rivals(
        self, resource: Resource, world: World = World.TASKS, shapes: Iterable[str] = ()
    ) -> Iterator[tuple[Write, FunctionFacts, Evidence]]:
        """Who can change the resource while this unit is under way: the change, where, and why they overlap."""
        wanted = frozenset(shapes)
        for function, write in self.module.concurrency.writers(resource):
            if wanted and write.shape not in wanted and write.how not in wanted:
                continue
            evidence = self.module.concurrency.overlap(self.facts.qualname, function.qualname, world.value, resource)
            if evidence is not None:
                yield write, function, evidence

    def rival(self, resource: Resource, world: World = World.TASKS, shapes: Iterable[str] = ()) -> Evidence | None:
        """The strongest evidence that the resource is changed meanwhile."""
        best: Evidence | None = None
        for _, function, evidence in self.rivals(resource, world, shapes):
            if function.qualname != self.facts.qualname:
                evidence = Evidence(
                    f"{evidence.text}; `{function.qualname}` changes it too",
                    evidence.strength,
                    evidence.world,
                    evidence.public,
                )
            if best is None or evidence.strength.rank > best.strength.rank:
                best = evidence
        return best

    def with_itself(self, world: World = World.TASKS, resource: Resource | None = None) -> Evidence | None:
        """The evidence that the unit runs several times at once, on the same resource if one is given."""
        return self.module.concurrency.overlap(self.facts.qualname, self.facts.qualname, world.value, resource)

    def copied_to_processes(self, resource: Resource) -> bool:
        """Whether each process has a copy of the resource, so that locks are not the answer."""
        return (
            resource.kind is Kind.GLOBAL
            and self.module.concurrency.handled_in_processes(self.facts.qualname) is not None
        )

    def in_processes(self) -> Evidence | None:
        """The evidence that the unit runs in several processes, or several times at once in one."""
        found = self.module.concurrency.handled_in_processes(self.facts.qualname)
        if found is not None:
            return found
        for world in (World.TASKS, World.THREADS, World.PROCESSES):
            found = self.with_itself(world)
            if found is not None:
                return found
        return None


def _held(event: Event) -> Ids:
    return frozenset() if isinstance(event, Acquire) else event.held
