"""Collections that a coroutine empties and lets tasks fill again that it starts for it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Shape, Switch
from racelint.evidence import Evidence
from racelint.pattern.rivals import read_meanwhile
from racelint.pattern.unit import Unit


def refilled_by_tasks(unit: Unit, fills: tuple[str, ...]) -> Iterator[tuple[Access, Switch, Access, Evidence]]:
    """The emptying, the await in which the tasks run, what one of them puts in, and who reads it meanwhile."""
    if unit.is_constructor or not unit.facts.is_async:
        return
    concurrency = unit.module.concurrency
    for reset in unit.accesses(Op.WRITE, Op.DELETE, kinds=(Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL)):
        if reset.value.shape is not Shape.EMPTY or reset.resource.key or reset.how not in ("=", "clear"):
            continue
        start = next((m for m in unit.marks("spawn", "spawn and wait") if unit.before(reset.id, m.id)), None)
        switch = next((s for s in unit.switches() if start is not None and unit.before(start.id, s.id)), None)
        if start is None or switch is None or start.id < reset.id or reset.place.unit != unit.facts.qualname:
            continue
        for call in unit.facts.calls:
            if call.awaited or not call.looped or call.line < unit.module.line(reset):
                continue
            bodies = (unit.module.unit(f.qualname) for f in concurrency.target(call.callee, unit.facts) if f.is_async)
            fill = next((f for body in bodies if body is not None for f in _fills(body, reset, fills)), None)
            evidence = (
                read_meanwhile(unit, reset.resource) if fill is not None and not unit.guarded(reset, switch) else None
            )
            if fill is not None and evidence is not None:
                yield reset, switch, fill, evidence
                break


def _fills(body: Unit, reset: Access, fills: tuple[str, ...]) -> Iterator[Access]:
    """What a task puts into the collection."""
    for fill in body.accesses(Op.WRITE, Op.UPDATE):
        if fill.resource.place == reset.resource.place and fill.how in fills and not body.locked_at(fill):
            yield fill
