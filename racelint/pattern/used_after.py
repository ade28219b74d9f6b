"""What is changed after it was given back to a pool, from which another thread may have taken it by then."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Event, Mark
from racelint.evidence import Evidence
from racelint.evidence.given_back import GivenBack, given_back
from racelint.finding import Confidence, World
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit


def changed_after_giving_back(unit: Unit) -> Iterator[tuple[Event, GivenBack, Evidence]]:
    """The call that gives it back, what is changed afterwards, and why the unit runs in several threads."""
    facts = unit.facts
    if facts.is_async or unit.is_constructor:
        return
    for found in given_back(facts):
        between = unit.module.program.lines[found.call.line : found.changed - 1]
        if any(line.strip().startswith(_WAYS_OUT) for line in between):
            continue
        pool = next((access.resource for access in unit.accesses() if access.resource.name == found.pool), None)
        if pool is None and found.pool.startswith("self."):
            continue
        evidence = with_itself(unit, World.THREADS, pool)
        if evidence is None or evidence.strength is not Confidence.HIGH or evidence.public or evidence.called:
            continue
        put = next((event for event in unit.events if _gives(unit, event, found)), None)
        if put is not None:
            yield put, found, evidence


def _gives(unit: Unit, event: Event, found: GivenBack) -> bool:
    """Whether the event is the call that gives the object back."""
    if isinstance(event, Access):
        called = event.how == found.call.callee.rpartition(".")[2]
    else:
        called = isinstance(event, Mark) and event.what == "call"
    return called and event.place.unit == unit.facts.qualname and unit.module.line(event) == found.call.line


_WAYS_OUT = ("return", "raise", "continue", "break", "else", "elif", "except")
"""How lines begin behind which the run may be another one, or none."""
