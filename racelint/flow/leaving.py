"""Loops and `try`: the ways out of a block, and where they lead."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from racelint.events import (
    NO_IDS,
    Access,
    Acquire,
    Ids,
    Kind,
    Op,
    Resource,
    Row,
    Sense,
    Switch,
    Value,
)
from racelint.expressions import expression
from racelint.flow.assignments import Assignments
from racelint.flow.columns import kept_with_read, tested_columns
from racelint.flow.elements import LAZY, note_element
from racelint.flow.files import PATH, names_paths
from racelint.flow.graph import NO_CONTROL, Control, State, join
from racelint.flow.managers import missing_rows
from racelint.flow.summaries import Definition, Program, source_of
from racelint.frozen import dataclass, field, replace
from racelint.paths import NEEDING


@dataclass(slots=True)
class Loop:
    """The ways out of the body of a loop."""

    breaks: list[State] = field(default_factory=list)
    continues: list[State] = field(default_factory=list)


class Leaving(Assignments):
    """Walks statements whose blocks are left in several ways."""

    MOST_LOOP_DEPTH = 1
    """Bodies of loops this deep are walked twice, so that what one round leaves reaches the next; the second walk of an
    outer loop is the second one of those within it, too."""

    def __init__(self, program: Program, definition: Definition) -> None:
        super().__init__(program, definition)
        self.loops: list[Loop] = []
        self.returns: list[State] = []
        self.loop_depth = 0

    def block(self, body: cst.BaseSuite) -> None:
        """Implemented where statements are."""
        raise NotImplementedError

    def try_(self, node: cst.Try | cst.TryStar) -> None:
        before = self.state.copy()
        first = self.next_id
        told = frozenset().union(*map(_told_by_text, node.handlers))
        self.handled.append(told.union(*(_caught_names(handler) for handler in node.handlers)))
        self.forgiven.append(told.union(*(_caught_names(h) for h in node.handlers if not _raises(h))))
        depth = len(self.loops)
        returns = len(self.returns)
        breaks = [(len(loop.breaks), len(loop.continues)) for loop in self.loops]
        self.block(node.body)
        self.handled.pop()
        self.forgiven.pop()
        inside = frozenset(range(first, self.next_id))
        body_end, body_ends = self.state, self.next_id
        if node.orelse is not None and not body_end.dead:
            self.block(node.orelse.body)
            body_end = self.state
        ends = [body_end]
        for handler in node.handlers:
            self.state = self._caught(before, inside, body_end)
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                self.state.env[handler.name.name.value] = Value(text=handler.name.name.value)
            if _caught_names(handler) & MISSING:
                self.state.control |= self._looked_up(inside)
                self.state.control |= missing_rows(self, handler.type)
            if "AttributeError" in _caught_names(handler):
                self.state.control |= self._asked_for(inside)
            self.state.control |= self._raised_for_missing(first, body_ends, _caught_names(handler))
            if _caught_names(handler) & ABSENT_FILE:
                self.state.control |= self._files_used(inside)
            self.mark("handler", handler)
            self.block(handler.body)
            ends.append(self.state)
        if node.finalbody is not None:
            self._finally(node.finalbody, before, inside, ends, depth, returns, breaks)
            return
        self.meet(first, ends)

    def _caught(self, before: State, inside: Ids, body_end: State) -> State:
        """The state in a handler: any event of the body may have been the last."""
        state = before.copy()
        state.preds = before.preds | inside
        for name, value in body_end.env.items():
            if name not in state.env:
                state.env[name] = value
        if any(not self._same_stretch(number) for number in inside):
            state.fresh, state.switched = NO_IDS, self.clock
        state.held = before.held & (body_end.held if not body_end.dead else before.held)
        state.dead = False
        return state

    def _raised_for_missing(self, first: int, last: int, caught: frozenset[str]) -> Control:
        """What decided that a helper raised an exception that is caught here: that there is no such row or entry."""
        raised = [control for place, name, control in self.raised if first <= place <= last and name in caught]
        if not raised:
            return NO_CONTROL
        return frozenset(
            (number, sense)
            for number, sense in frozenset.intersection(*raised)
            if sense is Sense.ABSENT and (a := self.access(number)) is not None and a.resource.kind.external
        )

    def _same_stretch(self, number: int) -> bool:

        return not isinstance(self.event(number), Switch)

    def _finally(
        self,
        node: cst.Finally,
        before: State,
        inside: Ids,
        ends: list[State],
        depth: int,
        returns: int,
        breaks: list[tuple[int, int]],
    ) -> None:
        """Walks the final block once, for every way through it, and sends each way on to where it was going."""
        leaving = self.returns[returns:]
        jumping = [
            s
            for loop, (b, c) in zip(self.loops[:depth], breaks, strict=False)
            for s in (*loop.breaks[b:], *loop.continues[c:])
        ]
        normal = join(ends)
        every = [state for state in (*ends, *leaving, *jumping) if not state.dead]
        caught = self._caught(before, inside, normal)
        entering = join([*every, caught]) if every else caught
        control = normal.control if not normal.dead else entering.control
        held_before = entering.held
        self.state = entering.copy()
        claims = frozenset.union(*(s.held for s in every)) if every else NO_IDS
        self.state.held = held_before | frozenset(filter(self._is_claim, claims))
        kept = self.state.held
        self.mark("finally", node)
        self.block(node.body)
        released = kept - self.state.held
        after = self.state
        for state in (*leaving, *jumping):
            state.preds = after.preds
            state.held -= released
        if normal.dead:
            self.state = State(NO_IDS, dict(after.env), after.held, after.control, dead=True, made=after.made)
            return
        after.control = control | after.control
        after.held = (normal.held - released) | (after.held - held_before - claims)
        self.state = after

    def _is_claim(self, number: int) -> bool:

        event = self.event(number)
        return isinstance(event, Acquire) and event.what in ("claim", "lock")

    def _looked_up(self, inside: Ids) -> Control:
        """The reads of a body whose failure says that nothing is there."""
        reads = [event for number in sorted(inside) if isinstance(event := self.event(number), Access)]
        return frozenset(
            (read.id, Sense.ABSENT)
            for read in reads
            if read.op in (Op.READ, Op.CHECK) and (read.resource.kind.external or read.resource.key)
        )

    def _asked_for(self, inside: Ids) -> Control:
        """The reads of attributes in a body whose failure says that there is none yet, or nothing in it."""
        reads = [event for number in sorted(inside) if isinstance(event := self.event(number), Access)]
        return frozenset(
            (read.id, Sense.ABSENT)
            for read in reads
            if read.op is Op.READ and read.resource.kind is Kind.ATTRIBUTE and not read.resource.key
        )

    def _files_used(self, inside: Ids) -> Control:
        """The steps of a body that need a file, whose failure says that there is none."""
        return frozenset(
            (event.id, Sense.ABSENT)
            for number in inside
            if isinstance(event := self.event(number), Access)
            and event.resource.kind is Kind.FILE
            and event.op is Op.USE
            and event.how in NEEDING
        )

    def break_(self, node: cst.Break) -> None:
        if self.loops:
            self.loops[-1].breaks.append(self.state)
        self._stop()

    def continue_(self, node: cst.Continue) -> None:
        if self.loops:
            self.loops[-1].continues.append(self.state)
        self._stop()

    def _stop(self) -> None:
        state = self.state
        self.state = State(NO_IDS, dict(state.env), state.held, state.control, dead=True, made=state.made)

    def while_(self, node: cst.While) -> None:
        always = isinstance(node.test, cst.Name) and node.test.value == "True"

        def head() -> tuple[Control, Control]:
            repeating, self.repeating = self.repeating, True
            _, true, false = self.condition(node.test)
            self.repeating = repeating
            return true, false

        self.until += not always
        self._loop(head, node.body, node.orelse, always)
        self.until -= not always

    def for_(self, node: cst.For) -> None:
        value = self.iterate(node.iter, node)
        name, rows = value.part("model"), value.part("rows of")
        read = name is not None and (
            value.type.endswith((".QuerySet", ".Query"))
            or (value.type == "sqlalchemy.Result" and value.via is not None)
            or (rows is not None and value.via is not None)
        )
        if read and name is not None:
            library = rows.text if rows is not None else value.type.partition(".")[0]
            loaded = value.via
            if loaded is None:
                table = Resource(Kind.TABLE, library, name.text, name.text)
                loaded = self.emit(
                    Op.READ, table, node.iter, kept_with_read(value), "for", tested=tested_columns(value)
                )
            self.rows.append(Row("", name.text, library, loaded, value.part("locked") is not None))
            value = replace(value, stems=frozenset((loaded,)), via=loaded, row=len(self.rows) - 1)

        lazy = value.part(LAZY)
        over = NO_IDS if lazy is None else lazy.stems
        over |= NO_IDS if value.via is None else {value.via}

        def head() -> tuple[Control, Control]:
            self.mark("loop", node.iter, stems=over)
            if node.asynchronous is not None:
                self.switch(node.iter, callee="async for", used=value.ref)
            self.bind_target(node.target, value)
            note_element(self, node.target, value)
            if isinstance(node.target, cst.Name) and node.target.value in self.state.env and names_paths(self, value):
                entry = node.target.value
                self.state.env[entry] = replace(self.state.env[entry], type=PATH)
            return NO_CONTROL, NO_CONTROL

        self._loop(head, node.body, node.orelse, False)

    def _loop(
        self, head: Callable[[], tuple[Control, Control]], body: cst.BaseSuite, orelse: cst.Else | None, endless: bool
    ) -> None:
        self.loop_depth += 1
        start, first_id = self.state, self.next_id
        left = [(ways, len(ways)) for ways in (self.returns, self.returned, self.raised)]
        passes = 2 if self.loop_depth <= self.MOST_LOOP_DEPTH else 1
        back: list[State] = []
        walked: list[object] = []
        for number in range(passes + 1):
            self.state = join([start.copy(), *back])
            entry = self.enter_loop(self.loop_depth)
            if number:
                self.rewind(first_id)
                for ways, length in left:  # the ways out that the round before has found are found again
                    del ways[length:]
            loop = Loop()
            self.loops.append(loop)
            true, false = head()
            at_head = self.state.copy()
            self.know(true)
            self.block(body)
            self.loops.pop()
            back = [state for state in (self.state, *loop.continues) if not state.dead]
            before, walked = walked, [(type(event), event.place) for event in self.told(first_id)]
            if number == passes - 1 and (passes == 1 or walked == before):
                break  # else what the first round has left told of something else, and its numbers are other events now
        preds = NO_IDS.union(*(state.preds for state in (start, *back) if not state.dead))
        self.close_loop(entry, preds, (at_head, *loop.breaks, *self.returns))
        leaving = at_head
        self.state = leaving
        self.know(false)
        if endless:
            self.state = State(NO_IDS, dict(at_head.env), at_head.held, at_head.control, dead=True, made=at_head.made)
        if orelse is not None:
            self.block(orelse.body)
        self.state = join([self.state, *loop.breaks])
        self.loop_depth -= 1
        if not self.loop_depth:
            self.forget_rest()


MISSING = frozenset(
    {
        "DoesNotExist",
        "ObjectDoesNotExist",
        "NoMatch",
        "NoResultFound",
        "NoResult",
        "NotFound",
        "KeyError",
        "LookupError",
    }
)
"""Exceptions that say that what was looked up is not there."""


ABSENT_FILE = frozenset({"FileNotFoundError", "OSError", "IOError", "EnvironmentError"})
"""Exceptions that say that a file is not there."""


def _caught_names(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> frozenset[str]:
    """Last names of the exceptions that a handler catches; "" for all."""
    if handler.type is None:
        return frozenset({""})
    types = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
    return frozenset(source_of(caught).rpartition(".")[2] for caught in types)


def _told_by_text(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> frozenset[str]:
    """What a handler of any error goes on after, as it looks for in the error's text: `if "unique" in str(error): continue`."""
    for statement in handler.body.body:
        if isinstance(statement, cst.If) and _OF_SECOND_ROW.search(source_of(statement.test)):
            last = statement.body.body[-1] if statement.body.body else None
            step = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else last
            return frozenset() if isinstance(step, cst.Raise) else frozenset({"IntegrityError"})
    return frozenset()


_OF_SECOND_ROW = expression(r"""(?i)["'][^"']*\b(?:unique|duplicate)\b[^"']*["']\s+in\b""")
"""A test of the text in which a database tells of a second row."""


def _raises(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler ends by raising, whatever it was that it caught, or ends the program."""
    last = handler.body.body[-1] if handler.body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    if isinstance(last, cst.Expr) and isinstance(last.value, cst.Call):
        return source_of(last.value.func) in _ENDING
    if not isinstance(last, cst.Raise) or (last.exc is not None and _TRIED_AGAIN.search(source_of(last.exc))):
        return False
    return not any(_goes_on(statement) for statement in handler.body.body)


_TRIED_AGAIN = expression(r"(?i)^[\w.]*(retry|again)\w*(\(|$)")
"""What has somebody above try once more: `raise self.retry(exc=error)`, `raise TryAgain`."""

_ENDING = frozenset({"sys.exit", "exit", "quit", "os._exit"})


def _goes_on(statement: cst.CSTNode) -> bool:
    """Whether a statement of a handler leaves it for some of the errors: `if error.errno == EEXIST: return`."""
    if not isinstance(statement, cst.If) or not isinstance(statement.body, cst.IndentedBlock):
        return False
    last = statement.body.body[-1] if statement.body.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(
        last.body[-1], cst.Return | cst.Continue | cst.Break
    )
