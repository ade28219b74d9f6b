"""Connections, and tasks of an object, that two tasks bring up anew: each ends the old one and puts its own in its place."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Shape, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.made import makes_known_resource
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, same
from racelint.words import CLOSES


def reopened_by_two(unit: Unit) -> Iterator[tuple[Access, Switch, Access, Evidence]]:
    """The end of the old one, an await, the new one in its place, and why two tasks do so at once.

    What is put only where nothing is found belongs to those who make something twice.
    """
    if not unit.facts.is_async or unit.is_constructor or unit.module.concurrency.called_under_lock(unit.facts):
        return
    shown: set[int] = set()
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if write.how != "=" or write.resource.key or write.statement in shown or write.place.unit not in _own(unit):
            continue
        if write.value.shape is not Shape.AWAITED and not makes_known_resource(unit, write):
            continue
        for end in unit.accesses(Op.USE, kinds=INTERNAL):
            ended = end.how in CLOSES or (end.how == "cancel" and write.value.shape is Shape.SPAWNED)
            if not ended or not same(end.resource, write.resource) or not unit.before(end.id, write.id):
                continue
            switch = unit.switch_between(end.id, write.id)
            if switch is None or end.id > write.id or _kept_apart(unit, end, write):
                continue
            evidence = _two_tasks(unit, write)
            if evidence is not None:
                shown.add(write.statement)
                yield end, switch, write, evidence
                break


def _own(unit: Unit) -> frozenset[str]:
    """The unit and the helpers of its module that it calls."""
    return frozenset(unit.module.concurrency.runs(unit.facts.qualname))


def _kept_apart(unit: Unit, end: Access, write: Access) -> bool:
    """Whether a lock, a flag or another look keeps a second task from doing the same."""
    if unit.guarded(end, write) or unit.claimed(end, write):
        return True
    if any(
        other.op.changes
        and same(other.resource, write.resource)
        and other.id < write.id
        and unit.before(other.id, write.id)
        and (other.id < end.id or unit.switch_between(end.id, other.id) is None)
        for other in unit.accesses(Op.WRITE, Op.DELETE)
    ):
        return True  # it is taken out first: who comes then finds nothing to end
    for number, sense in (*write.control, *end.control):
        check = unit.access(number)
        if check is None:
            continue
        if unit.claimed(check, write) or number in write.fresh:
            return True
        if same(check.resource, write.resource) and sense.vague:
            return True  # whether it is still the one that was found broken
    return False


def _two_tasks(unit: Unit, write: Access) -> Evidence | None:
    """The evidence that two tasks which the module starts come here, none of which the unit, or the other, ends first."""
    found = with_itself(unit, World.TASKS, write.resource)
    if found is None or found.strength is not Confidence.HIGH or found.public or found.half or found.called:
        return None
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[n] for n in sorted(concurrency.reached.get(unit.facts.qualname, ()))]
    started = {root.unit for root in roots if not root.public and root.world == "tasks"}
    functions = [unit.module.scope.functions.get(name) for name in (unit.facts.qualname, *started)]
    if any(
        concurrency.cancels(function, name)
        for function in functions
        for name in started
        if function is not None and function.qualname != name
    ):
        return None
    names = sorted(started)
    if len(names) < 2:
        return Evidence(found.text, Confidence.MEDIUM, found.world)
    return Evidence(
        f"`{names[0]}` and `{names[1]}` both come here, in tasks of their own", Confidence.MEDIUM, found.world
    )
