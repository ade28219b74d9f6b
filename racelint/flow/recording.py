"""The events of one unit as they are met: accesses, switch points, acquisitions and marks, with what holds where they stand."""

from __future__ import annotations

import libcst as cst

from racelint.events import (
    NO_IDS,
    Access,
    Acquire,
    Ids,
    Kind,
    Mark,
    Op,
    Place,
    Resource,
    Row,
    Sense,
    Switch,
    Value,
)
from racelint.facts import FunctionFacts
from racelint.flow.graph import Builder, Control, State, join
from racelint.flow.resources import (
    REMOVALS,
)
from racelint.flow.summaries import Definition, Program, source_of
from racelint.frozen import replace
from racelint.words import whole_lock

NO_NAMES: frozenset[str] = frozenset()

TRIED = "tried"
"""The part of an answer that says by its stems which acquisition it is the answer to."""


class Recorder(Builder):
    """Notes the events of one unit and of the helpers it calls."""

    MOST_DEPTH = 3
    MOST_INLINED = 800
    """Helpers are no longer followed into once a unit has this many events."""

    def __init__(self, program: Program, definition: Definition) -> None:
        super().__init__()
        self.program, self.scope, self.models = program, program.scope, program.models
        self.definition = definition
        self.function: FunctionFacts = definition.facts
        self.stack: list[str] = [definition.facts.qualname]
        self.site: Place | None = None
        self.rows: list[Row] = []
        self.testing = False
        self.picking = False
        self.unused: cst.BaseExpression | None = None
        """The expression that is a statement of its own: nobody looks at its value."""
        self.answered: cst.BaseExpression | None = None
        """The expression whose value is tested, or given to a local name and to nothing else."""
        self.tried: set[int] = set()
        """The acquisitions that may have failed."""
        self.with_others: set[int] = set()
        """Those of locks that let in several readers at once: they keep nobody from what is changed there."""
        self.on_stacks: dict[str, set[int]] = {}
        """The acquisitions that each `ExitStack` holds, by its name."""
        self.until = 0
        """How many loops with a test of their own are around."""
        self.repeating = False
        self.asserting = False
        self.ordered: set[int] = set()
        self.above: set[int] = set()
        self.compared: set[int] = set()
        self.equal: set[int] = set()
        self.firsts: set[int] = set()
        self.statement = 0
        self.handled: list[frozenset[str]] = []
        """What the `try` statements around catch, outermost first."""
        self.forgiven: list[frozenset[str]] = []
        """What they catch without raising again."""
        self.limited = False
        self.added: list[int] = []
        """The creations of rows that wait in a session."""
        self.relative: set[tuple[int, str]] = set()
        """Fields of rows that were last set to what the database computes from their own value."""
        self.stored: set[int] = set()
        """New rows that are in the database already."""
        self.locked_reads: set[int] = set()
        """The reads of several rows that locked them."""
        self.rebound: set[int] = set()
        """Rows whose names have been given to something else."""
        self.raised: list[tuple[int, str, Control]] = []
        """Where exceptions are raised, their last names, and what decided that they are."""
        self.returned: list[Value] = []
        self._sorted: dict[Control, tuple[tuple[int, Sense], ...]] = {}

    def place(self, node: cst.CSTNode) -> Place:
        """Where a node stands."""
        return Place(self.definition.facts.qualname, self.definition.number(node))

    def emit(
        self,
        op: Op,
        resource: Resource,
        node: cst.CSTNode,
        value: Value | None = None,
        how: str = "",
        related: frozenset[str] = frozenset(),
        tested: frozenset[str] = frozenset(),
        assigned: frozenset[str] = frozenset(),
        chosen: Ids = NO_IDS,
    ) -> int:
        """Adds an access here."""
        place = self.place(node)
        number = self.next_id
        value = value or Value()
        access = Access(
            number,
            op,
            resource,
            place,
            self.site or place,
            self.state.held - self.with_others if op.changes and self.with_others else self.state.held,
            self._control(),
            value,
            how,
            related,
            self.state.fresh,
            self.statement,
            NO_NAMES.union(*self.handled) if self.handled else NO_NAMES,
            tested,
            assigned,
            chosen,
            NO_NAMES.union(*self.forgiven) if self.forgiven else NO_NAMES,
        )
        self.add(access)
        self.state.fresh |= {number}
        if op.changes and not resource.kind.external:
            self._claim(access)
        return number

    def _test_kind(self) -> str:
        """`while` and `assert` for the tests of such statements, "" elsewhere."""
        if not self.testing:
            return ""
        return "while" if self.repeating else "assert" if self.asserting else ""

    def _control(self) -> tuple[tuple[int, Sense], ...]:
        control = self.state.control
        known = self._sorted.get(control)
        if known is None:
            known = self._sorted[control] = tuple(sorted(control, key=_by_id))
        return known

    def _claim(self, access: Access) -> None:
        """A write that makes the check before it come out otherwise, with no switch between, keeps other units out."""
        place = (access.resource.place, access.resource.name, access.resource.key)
        for held in self.acquisitions(self.state.held):
            if held.what == "claim" and (held.lock.place, held.lock.name, held.lock.key) == place:
                self.release(held.id)
        for number, sense in self.state.control:
            check = self.access(number)
            if check is None or number not in access.fresh:
                continue
            if (check.resource.place, check.resource.name, check.resource.key) != place:
                continue
            absent = access.value.shape.absent or access.op is Op.DELETE or access.how in REMOVALS
            if (sense is Sense.ABSENT and not absent) or (sense is Sense.PRESENT and absent) or sense.vague:
                self.acquire(access.resource, "claim", "any", access.place)
                break

    def know(self, control: Control) -> None:
        """Goes on where the control holds, and with it the locks of which it says that they were got."""
        got = frozenset(n for n, sense in control if sense is Sense.PRESENT and n in self.tried)
        self.state.control |= (
            control if not self.tried else frozenset(one for one in control if one[0] not in self.tried)
        )
        self.state.held |= got

    def try_for(self, lock: Resource, what: str, world: str, place: Place) -> int:
        """Tries to take a guard, which is held where the answer was yes (`know`)."""
        held = self.state.held
        number = self.acquire(lock, what, world, place)
        self.state.held = held
        self.tried.add(number)
        return number

    def acquire(self, lock: Resource, what: str, world: str, place: Place, shared: bool = True) -> int:
        """Takes a guard from here on."""
        number = self.next_id
        if what == "lock" and (whole := whole_lock(lock.path)) != lock.path:
            lock = replace(lock, path=whole)
        self.add(Acquire(number, place, self.site or place, lock, what, world, shared))
        self.state.held |= {number}
        return number

    def switch(self, node: cst.CSTNode, stems: Ids = NO_IDS, callee: str = "", used: Resource | None = None) -> int:
        """Other tasks may run here."""
        place = self.place(node)
        number = self.next_id
        self.add(
            Switch(
                number,
                place,
                self.site or place,
                self.state.held,
                stems,
                self._control(),
                callee,
                used,
                self.statement,
            )
        )
        self.state.fresh, self.state.switched = NO_IDS, self.clock
        return number

    def mark(
        self,
        what: str,
        node: cst.CSTNode,
        subject: str = "",
        related: frozenset[str] = frozenset(),
        stems: Ids = NO_IDS,
    ) -> int:
        """Notes something that is no access."""
        place = self.place(node)
        number = self.next_id
        self.add(
            Mark(
                number,
                place,
                self.site or place,
                what,
                subject,
                self.state.held,
                self._control(),
                related,
                self.statement,
                stems,
            )
        )
        return number

    def of_rows(self, stems: Ids) -> bool:
        """Whether any of the accesses is of rows or tables."""
        return any((a := self.access(n)) is not None and a.resource.kind in (Kind.ROW, Kind.TABLE) for n in stems)

    def of_entries(self, stems: Ids) -> bool:
        """Whether any of the accesses is of rows, tables or documents."""
        kinds = (Kind.ROW, Kind.TABLE, Kind.STORE)
        return any((a := self.access(n)) is not None and a.resource.kind in kinds for n in stems)

    def merge(self, *states: State) -> None:
        """Joins the given states into the current one."""
        self.state = join(states)

    def meet(self, since: int, ways: list[State]) -> None:
        """Goes on where ways meet that part at the event `since`, with each lock that is held on all of them.

        Where each has taken it for itself it stays several acquisitions: what was seen on one way is guarded by that of its own
        way. What was taken before and given up on one way is not held from there to here.
        """
        held = [self._locks(way.held) for way in ways if not way.dead]
        self.merge(*ways)
        if len(held) > 1:
            for lock in set.intersection(*map(set, held)):
                self.state.held |= {number for way in held for number in way[lock] if number >= since}

    def _locks(self, held: Ids) -> dict[tuple[Resource, str], Ids]:
        """The locks among what is held, each with its acquisitions."""
        found: dict[tuple[Resource, str], Ids] = {}
        for guard in self.acquisitions(held):
            if guard.what == "lock":
                key = (guard.lock, guard.world)
                found[key] = found.get(key, NO_IDS) | {guard.id}
        return found

    # what is walked

    def evaluate(self, node: cst.BaseExpression) -> Value:
        """Implemented where expressions are."""
        raise NotImplementedError

    def plain(self, node: cst.BaseExpression) -> Value:
        """`evaluate`, for a part whose value does not decide a branch."""
        testing, self.testing = self.testing, False
        value = self.evaluate(node)
        self.testing = testing
        return value

    def read(self, resource: Resource, node: cst.CSTNode, type_name: str = "", how: str = "") -> Value:
        """Reads a resource."""
        number = self.emit(
            Op.CHECK if self.testing else Op.READ,
            resource,
            node,
            how=how or self._test_kind(),
        )
        return Value(frozenset((number,)), ref=resource, via=number, type=type_name, text=source_of(node))

    def inline(
        self, qualname: str, positional: list[Value], keywords: dict[str, Value], node: cst.CSTNode
    ) -> Value | None:
        """Implemented where calls are."""
        raise NotImplementedError


def _by_id(entry: tuple[int, Sense]) -> tuple[int, str]:
    return entry[0], entry[1].value
