"""Collections that are changed after they were handed to a task or put into a queue: whoever has them comes to them later."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Mark, Op, Switch
from racelint.evidence import Evidence
from racelint.facts import CallSite
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.unit import Unit
from racelint.words import HANDS_ON


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What is handed over, where, and the change that comes before it is looked at."""

    name: str
    given: Mark | Switch
    change: Mark | Switch
    again: bool
    """The change is one of the next round of the loop in which it is handed over."""
    evidence: Evidence


def changed_after(unit: Unit) -> Iterator[HandedOver]:
    """Collections that are handed over themselves, not copied, and then emptied or filled anew."""
    for given, call in _handings(unit):
        for name in dict.fromkeys(call.arguments):
            if not name.removeprefix("self.").isidentifier():
                continue
            found = _emptied(unit, given, name) or _filled_again(unit, given, name)
            if found is not None:
                does = "starts a task with it" if _starts(given) else "puts it where another task takes it"
                text = f"line {unit.module.line(given)} {does}, which runs only when this one waits or ends"
                yield HandedOver(name, given, found[0], found[1], Evidence(text, Confidence.MEDIUM))


def _handings(unit: Unit) -> Iterator[tuple[Mark | Switch, CallSite]]:
    """Where a task is started or something is put into a queue, with the call that has the arguments."""
    concurrency = unit.module.concurrency
    calls = [
        call
        for call in unit.facts.calls
        if call.awaited is call.callee.endswith(".put") and _may_change(unit, call.arguments)
    ]
    events: list[Mark | Switch] = [*unit.marks("spawn", "call"), *unit.switches()] if calls else []
    for event in events:
        if event.place.unit != unit.facts.qualname:
            continue
        span, text = unit.module.span(event.place), unit.module.text(event.place).removeprefix("await ")
        for call in calls:
            if not span.line <= call.line <= span.end_line:
                continue
            if isinstance(event, Switch) or event.what == "call":
                puts = call.callee.rpartition(".")[2] in HANDS_ON
                if puts and text.startswith(f"{call.callee}("):
                    yield event, call
            elif any(
                target.is_async and target.qualname in event.related
                for target in concurrency.target(call.callee, unit.facts)
            ):
                yield event, call


def _may_change(unit: Unit, names: tuple[str, ...]) -> bool:
    """Whether anything may empty one of them or fill it anew: where things stand, which takes long to find, is asked of such alone."""
    return (
        any(write.how == "[]" and write.path in names for write in unit.facts.writes)
        or any(access.how == "clear" and access.resource.name in names for access in unit.accesses(Op.DELETE))
        or any(mark.subject.rpartition(".")[2] == "clear" for mark in unit.marks("call"))
    )


def _starts(given: Mark | Switch) -> bool:
    return isinstance(given, Mark) and given.what == "spawn"


def _emptied(unit: Unit, given: Mark | Switch, name: str) -> tuple[Mark | Switch, bool] | None:
    """The emptying that comes before anybody else runs."""
    for change in (*_clears(unit, name), *_clears_of_state(unit, name)):
        if given.id < change.id and unit.before(given.id, change.id) and not _bound_between(unit, name, given, change):
            others = [s for s in unit.switches_between(given.id, change.id) if s.statement != given.statement]
            if not others:  # but for the room in the queue, which is waited for before it is put there
                return change, False
    return None


def _clears(unit: Unit, name: str) -> Iterator[Mark]:
    """Where a local collection is emptied."""
    for mark in unit.marks("call"):
        if mark.subject.rpartition(".")[2] == "clear" and unit.module.text(mark.place) == f"{name}.clear()":
            yield mark


def _clears_of_state(unit: Unit, name: str) -> Iterator[Mark]:
    """Where that of an object or module is."""
    for access in unit.accesses(Op.DELETE):
        if access.how == "clear" and access.resource.name == name and not access.resource.key:
            yield Mark(access.id, access.place, access.site, "change", statement=access.statement)


def _filled_again(unit: Unit, given: Mark | Switch, name: str) -> tuple[Mark | Switch, bool] | None:
    """The change of a local collection, made before the loop, in the round after the one that has handed it over."""
    loop = next(
        (
            m
            for m in unit.marks("loop")
            if m.id < given.id and unit.before(given.id, m.id) and m.place.unit == given.place.unit
        ),
        None,
    )
    if loop is None or "." in name or name in unit.facts.loop_names:
        return None
    own = [write for write in unit.facts.writes if write.path == name]
    made = [write for write in own if write.how == "="]
    begin, end = unit.module.line(loop), unit.module.line(given)
    if not made or any(write.line >= begin or write.shape not in ("empty", "display") for write in made):
        return None
    if any(write.how == "clear" for write in own):
        return None
    changed = [write for write in own if write.how == "[]" and begin < write.line <= end]
    return (given, True) if changed and not _starts(given) else None


def _bound_between(unit: Unit, name: str, given: Mark | Switch, change: Mark | Switch) -> bool:
    """Whether the name stands for something else by then."""
    first, last = unit.module.line(given), unit.module.line(change)
    return any(write.path == name and write.how == "=" and first <= write.line <= last for write in unit.facts.writes)
