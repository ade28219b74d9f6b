"""What a thread needs as soon as it runs: attributes that were None at first, and that it uses without a look."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Event, Mark, Op
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.unit import Unit

WAITS = frozenset({"wait", "wait_for", "sleep", "join"})
"""Calls that let time pass, so that a constructor is done when they return."""

TALKS = frozenset(
    {"send", "sendall", "sendto", "send_multipart", "recv", "recv_multipart", "connect", "accept", "request", "acquire"}
)
"""Calls that may wait for another side."""


@dataclass(frozen=True, slots=True)
class Unset:
    """The start of a method of a new object in a thread, which uses the attribute that is set later on `line`."""

    start: Mark
    name: str
    line: int
    reader: str
    evidence: Evidence


def first_none(unit: Unit, owner: str, attribute: str) -> bool:
    """Whether constructors set the attribute to None, and to nothing else."""
    scope = unit.module.scope
    first = [w for f, w in scope.attribute_writes(owner, attribute) if scope.in_construction(f, w)]
    return bool(first) and all(w.shape == "none" for w in first)


def first_empty(unit: Unit, owner: str, attribute: str) -> bool:
    """Whether constructors set the attribute to an empty collection, and to nothing else."""
    scope = unit.module.scope
    first = [w for f, w in scope.attribute_writes(owner, attribute) if scope.in_construction(f, w)]
    return bool(first) and all(w.shape == "empty" for w in first)


def needs_at_once(unit: Unit, body: str, owner: str, attribute: str) -> bool:
    """Whether the function uses what the attribute holds whatever happens, and waits for nothing before."""
    runs = unit.module.unit(body)
    if runs is None or runs.facts.is_async:
        return False
    place = (owner, attribute)
    for number, event in enumerate(runs.events):
        if (
            isinstance(event, Mark)
            and event.what in ("slow", "call", "loop", "finally", "handler")
            and _may_wait(event)
        ):
            return False
        if isinstance(event, Access) and event.resource.place == place:
            return (
                event.op in (Op.READ, Op.USE)
                and not (event.control or event.handled or event.held)
                and any(_is_part(later, place, event) for later in runs.events[number : number + 3])
            )
    return False


def _may_wait(mark: Mark) -> bool:
    """Whether the call may take its time, or the loop be left without a round: what comes after may find all set."""
    last = mark.subject.rpartition(".")[2]
    return mark.what != "call" or last in WAITS | TALKS or last in ("get", "open", "read")


def _is_part(event: Event, place: tuple[str, str], look: Access) -> bool:
    """Whether a method or attribute of what was read is used, which None does not have."""
    if not isinstance(event, Access) or event.statement != look.statement:
        return False
    owner, path = event.resource.place
    used = event.op is Op.USE and (owner, path) == place
    return used or (owner == place[0] and path.startswith(place[1] + "."))


def started_unset(unit: Unit) -> Iterator[Unset]:
    """Methods of objects that the function makes, started before the function has set what they use at once."""
    scope, facts, line = unit.module.scope, unit.facts, unit.module.line
    made = {name: built for name, built in facts.locals_built if built in scope.classes}
    for call, _ in unit.module.concurrency.spawning_calls(facts) if made else ():
        targets = [given.rpartition("=")[2] for given in call.arguments]
        name, method = next(((n, m) for t in targets for n, _, m in (t.partition("."),) if n in made), ("", ""))
        body = scope.method(made[name], method) if name else None
        start = next((mark for mark in unit.marks("start") if line(mark) >= call.line), None)
        if body is None or start is None or call.looped:
            continue
        for write in facts.writes:
            root, _, attribute = write.path.partition(".")
            late = root == name and write.how == "=" and write.line > line(start) and "." not in attribute
            if not late or any(w.path == write.path and w.line <= line(start) for w in facts.writes):
                continue
            owner = scope.defining_class(made[name], attribute)
            if first_none(unit, owner, attribute) and needs_at_once(unit, body.qualname, owner, attribute):
                text = f"`{body.qualname}` runs in a thread of its own and uses it at once"
                yield Unset(start, write.path, write.line, body.qualname, Evidence(text, Confidence.MEDIUM, "threads"))
                break
