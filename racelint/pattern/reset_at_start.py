"""Flags that say whether a thread or task is to go on, and that it sets itself when it first runs."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Op, Sense, Shape
from racelint.evidence import Evidence
from racelint.finding import World
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import only_started
from racelint.pattern.unit import Unit, same
from racelint.resolve import CONSTRUCTORS

Reset = tuple[Access, Access, str, Evidence]

_TURNED = {Shape.TRUE: ("false", Sense.PRESENT), Shape.FALSE: ("true", Sense.ABSENT)}
"""What is written to say that it goes on: what another unit writes to end it, and how the test comes out while it goes on."""


def reset_at_start(unit: Unit) -> Iterator[Reset]:
    """The write that says that the unit goes on, the test that a loop of it makes, who ends it, and why it is started.

    Between the start and the first step whoever ends it writes the flag in vain. That matters only where the unit itself writes it:
    set before the start, the flag is whatever the last one said.
    """
    evidence = only_started(unit)
    if evidence is None or _starter_waits(unit):
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        turned = _TURNED.get(write.value.shape)
        if turned is None or write.how != "=" or write.resource.key or write.control or unit.repeats(write.id):
            continue
        if write.place.unit != unit.facts.qualname or not _comes_first(unit, write, world):
            continue
        test = _asked_in_loop(unit, write, turned[1])
        ender = _ended_by(unit, write, turned[0]) if test is not None else ""
        if test is not None and ender:
            yield write, test, ender, evidence


def _comes_first(unit: Unit, write: Access, world: World) -> bool:
    """Whether the write belongs to the first steps: nothing is waited for before it, and nothing asked."""
    if world is World.TASKS:
        return not any(unit.before(switch.id, write.id) for switch in unit.switches())
    return not any(unit.before(mark.id, write.id) for mark in unit.marks("slow", "wait"))


def _asked_in_loop(unit: Unit, write: Access, going: Sense) -> Access | None:
    """A test of the flag that decides whether the unit goes round again."""
    return next(
        (
            check
            for check in unit.accesses(Op.CHECK, kinds=INTERNAL)
            if same(check.resource, write.resource)
            and check.id > write.id
            and unit.before(write.id, check.id)
            and unit.repeats(check.id)
            and _goes_on(unit, check, going)
        ),
        None,
    )


def _goes_on(unit: Unit, check: Access, going: Sense) -> bool:
    """Whether more is done where the test comes out so; if nothing that is seen rests on the test, it only leaves the loop."""
    senses = {
        sense
        for event in unit.events
        if not isinstance(event, Acquire)
        for number, sense in event.control
        if number == check.id
    }
    return going in senses or senses.isdisjoint((Sense.PRESENT, Sense.ABSENT))


_SENDS = frozenset({"put", "put_nowait"})
"""Whoever tells it to end by a queue as well is not forgotten."""


def _ended_by(unit: Unit, write: Access, shape: str) -> str:
    """The function that tells the unit to end, and that is no part of it: "" if there is none."""
    concurrency = unit.module.concurrency
    own = set(concurrency.runs(unit.facts.qualname))
    return next(
        (
            function.qualname
            for function, other in concurrency.writers(write.resource)
            if other.shape == shape
            and function.qualname not in own
            and function.name not in CONSTRUCTORS
            and unit.facts.qualname not in concurrency.runs(function.qualname)
            and not any(call.callee.rpartition(".")[2] in _SENDS for call in function.calls)
        ),
        "",
    )


def _starter_waits(unit: Unit) -> bool:
    """Whether the unit announces that it runs by an event that another function waits for: nobody ends it before."""
    return any(use.how == "set" and _waited_for(unit, use) for use in unit.accesses(Op.USE, kinds=INTERNAL))


def _waited_for(unit: Unit, use: Access) -> bool:
    """Whether any other function of the module waits for what the unit sets."""
    name = use.resource.path.rpartition(".")[2]
    return any(
        call.callee.rpartition(".")[2] == "wait" and call.callee.rpartition(".")[0].rpartition(".")[2] == name
        for function in unit.module.scope.every_function
        if function.qualname != unit.facts.qualname
        for call in function.calls
    )
