"""Events, what may follow what, and what holds on every way: the state that a walk carries from event to event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from racelint.events import NO_IDS, Access, Acquire, Event, Ids, Kind, Op, Sense, Shape, Value
from racelint.frozen import dataclass, field, replace

Control = frozenset[tuple[int, Sense]]
NO_CONTROL: Control = frozenset()


class TooLarge(Exception):
    """The definition has more events than are worth following."""


MISSING_IF, THERE_IF = "missing if", "there if"
"""Parts of a truth value, whose stems are the accesses that saw nothing, or something, if it holds."""


@dataclass(slots=True)
class State:
    """What is known at one point of the unit; `preds` are the events that execution can come from."""

    preds: Ids
    env: dict[str, Value] = field(default_factory=dict)
    held: Ids = NO_IDS
    control: Control = NO_CONTROL
    fresh: Ids = NO_IDS
    """Accesses since the last switch point: on every way on which anything is known of what they saw."""
    dead: bool = False
    written: dict[int, dict[str, Ids]] = field(default_factory=dict)
    """Per ORM row: the fields set since it was last saved, each with the accesses that its value stems from."""
    unsure: frozenset[tuple[int, str]] = frozenset()
    """Those of the fields that were set on some of the ways only."""
    switched: int = -1
    """When the last switch point was passed, by the clock of `made`."""
    made: dict[int, int] = field(default_factory=dict)
    """When the walk last came to each event, in whatever round of a loop; one for the whole unit."""

    def copy(self) -> State:
        return State(
            self.preds,
            dict(self.env),
            self.held,
            self.control,
            self.fresh,
            self.dead,
            {row: dict(fields) for row, fields in self.written.items()},
            self.unsure,
            self.switched,
            self.made,
        )


def join_values(one: Value, other: Value) -> Value:
    """What is known of a value that is one or the other."""
    if one is other or one == other:
        return one
    return Value(
        stems=one.stems | other.stems,
        shape=one.shape if one.shape is other.shape else Value().shape,
        ref=one.ref if one.ref == other.ref else None,
        via=_read_of(one, other),
        type=one.type if one.type == other.type else (one.type or other.type if not (one.type and other.type) else ""),
        row=_row_of(one, other),
        text=one.text if one.text == other.text else "",
        origin=one.origin if one.origin == other.origin else "",
        appended=one.appended or other.appended,
        opaque=one.opaque | other.opaque,
        born=min(one.born, other.born) if one.born >= 0 <= other.born else max(one.born, other.born),
        known=one.known if one.known == other.known else _known_of_both(one, other),
    )


def _row_of(one: Value, other: Value) -> int | None:
    """The row that the value stands for; of one that was loaded and one that was built on the other way, that which was loaded."""
    if one.row is None or other.row is None or one.row == other.row:
        return other.row if one.row is None else one.row
    built = one.part("made") is not None, other.part("made") is not None
    return {(True, False): other.row, (False, True): one.row}.get(built)


def _read_of(one: Value, other: Value) -> int | None:
    """The access that read the value; `None` on the other way says, as what was read may, that nothing is there."""
    if one.shape is Shape.NONE and one.via is None:
        return other.via
    if other.shape is Shape.NONE and other.via is None:
        return one.via
    return one.via if one.ref == other.ref else None


def _known_of_both(one: Value, other: Value) -> tuple[tuple[str, Value], ...]:
    """The parts of the one that has some; of two different paths it is not known which it is."""
    if one.part("path") is not None and other.part("path") is not None:
        return tuple(part for part in one.known if part[0] != "path")
    known = tuple(part for part in one.known or other.known if part[0] not in (MISSING_IF, THERE_IF))
    marks = {part for value in (one, other) for part in value.known if part[0] in ("changed", "computed")}
    return (*known, *sorted(marks - set(known), key=lambda part: part[0])) if marks else known


def join(states: Iterable[State]) -> State:
    """The state where several ways meet; dead ways do not count."""
    ways = list(states)
    live = [state for state in ways if not state.dead]
    if not live:
        return State(NO_IDS, dead=True, made=ways[0].made if ways else {})
    if len(live) == 1:
        return live[0]
    first, *others = live
    env = dict(first.env)
    for state in others:
        if state.env is not first.env:
            for name, value in state.env.items():
                known = env.get(name)
                if known is not value:
                    env[name] = join_values(known, value) if known is not None else value
    written: dict[int, dict[str, Ids]] = {}
    for state in live:
        for row, fields in state.written.items():
            mine = written.setdefault(row, {})
            for name, stems in fields.items():
                mine[name] = mine.get(name, NO_IDS) | stems
    unsure = {
        (row, name)
        for row, fields in written.items()
        for name in fields
        if any((row, name) in state.unsure or name not in state.written.get(row, ()) for state in live)
    }
    return State(
        frozenset().union(*(state.preds for state in live)),
        env,
        frozenset.intersection(*(state.held for state in live)),
        frozenset.intersection(*(state.control for state in live)),
        _fresh_on_all(live),
        False,
        written,
        frozenset(unsure),
        max(state.switched for state in live),
        live[0].made,
    )


def _fresh_on_all(ways: list[State]) -> Ids:
    """What no switch point lies behind, whatever the way.

    A way may have come by without the access, as another one made it: then nothing stems from it there, unless a local name still
    holds what was read in an earlier round of a loop.
    """
    on_all = frozenset.intersection(*(way.fresh for way in ways))
    on_some = frozenset().union(*(way.fresh for way in ways)) - on_all
    for way in ways:
        missing = on_some - way.fresh
        if missing:
            on_some -= {n for n in missing if way.switched > way.made.get(n, -1)}
            on_some -= _told_of(way) & missing
    return on_all | on_some


def _told_of(way: State) -> Ids:
    """The accesses that local names stem from on a way, but for `_`, or that decided that it is taken."""
    held = (value.stems for name, value in way.env.items() if name != "_")
    return frozenset().union(*held, (check for check, _ in way.control))


class Builder:
    """Numbers events and links them in the order of execution."""

    MOST_EVENTS = 3000

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.of_tables: set[int] = set()
        """The accesses of tables."""
        self.after: list[set[int]] = []
        self.entered: dict[int, set[int]] = {}
        """By the entry of a loop that is being walked, what comes first behind it; see `enter_loop`."""
        self.state = State(NO_IDS)
        self.clock = 0

    def add(self, event: Event) -> int:
        """Appends an event, whose id must be `self.next_id`, after the current state's predecessors."""
        number = event.id
        if number > self.MOST_EVENTS:
            raise TooLarge
        if number < len(self.events):  # a second pass over a loop body
            self.events[number] = event
        else:
            self.events.append(event)
            self.after.append(set())
        if isinstance(event, Access) and event.resource.kind is Kind.TABLE:
            self.of_tables.add(number)
        for pred in self.state.preds:
            self._behind(pred).add(number)
        self.state.preds = frozenset((number,))
        self.state.made[number] = self.clock
        self.clock += 1
        self.next_id = number + 1
        return number

    next_id = 0

    def _behind(self, pred: int) -> set[int]:
        """What comes next after an event, or after the entry of a loop."""
        return self.after[pred] if pred >= 0 else self.entered[pred]

    def rewind(self, number: int) -> None:
        """Goes back to an event, to walk the same code again: what came after it is told anew, and may be more or less."""
        self.next_id = number
        for after in self.after[number:]:
            after.clear()

    def enter_loop(self, depth: int) -> int:
        """Begins a round of a loop at this depth, from 1; where a round comes from is known when the last one has been walked.

        Until then a negative number, which is returned, stands for it among the predecessors.
        """
        entry = -depth
        self.entered[entry] = set()
        self.state = self.state.copy()
        self.state.preds = frozenset((entry,))
        return entry

    def close_loop(self, entry: int, preds: Ids, leaving: Iterable[State]) -> None:
        """Says from where the rounds of a loop come: what comes first in them, and the states that nothing led to yet, follow."""
        preds -= {entry}
        first = self.entered.pop(entry)
        for pred in preds:
            self._behind(pred).update(first)
        for state in leaving:
            if entry in state.preds:
                state.preds = state.preds - {entry} | preds

    def told(self, first: int = 0) -> Sequence[Event]:
        """The events so far, from a number on; an earlier round of a loop may have left more, which are told anew."""
        return self.events[first : self.next_id]

    def forget_rest(self) -> None:
        """Drops the events that were there when the code was walked before, but not the last time."""
        del self.events[self.next_id :]
        del self.after[self.next_id :]
        self.of_tables = {number for number in self.of_tables if number < self.next_id}

    def looks_at_tables(self) -> Iterator[Access]:
        """The reads of tables so far, the last one first."""
        for number in sorted((n for n in self.of_tables if n < self.next_id), reverse=True):
            event = self.events[number]
            if isinstance(event, Access) and event.op in (Op.READ, Op.CHECK) and event.resource.kind is Kind.TABLE:
                yield event

    def access(self, number: int) -> Access | None:
        """The access with this number, if it is one."""
        event = self.event(number)
        return event if isinstance(event, Access) else None

    def event(self, number: int) -> Event | None:
        """The event with this number, unless it was dropped: what an earlier round of a loop has left may still name it."""
        return self.events[number] if number < len(self.events) else None

    def release(self, acquisition: int) -> None:
        """Drops an acquisition from here on."""
        self.state.held -= {acquisition}

    def acquisitions(self, held: Ids) -> list[Acquire]:
        """The acquisitions among the held ids."""
        return [event for event in map(self.event, sorted(held)) if isinstance(event, Acquire)]

    def revise(self, number: int, **changes: object) -> None:
        """Replaces fields of an event that was added already."""
        self.events[number] = replace(self.events[number], **changes)  # type: ignore[arg-type]
