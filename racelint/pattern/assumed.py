"""Uses of what a unit takes to be there although nobody looks: it set it itself, or it was set before the unit was started."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import only_started, rivals
from racelint.pattern.unit import Unit, same
from racelint.words import CLOSES

TAKEN = ("none", "del")


def assumed_set(unit: Unit) -> Iterator[tuple[Access, Switch, Access, Evidence]]:
    """The write, a later switch point, a use with no look in between, and the callback or task that takes it away meanwhile."""
    shown: set[tuple[str, str]] = set()
    for act in _uses(unit):
        if act.resource.place in shown or _looked(unit, act):
            continue
        write = _last_write(unit, act)
        if write is None or write.value.shape.absent:
            continue
        for evidence, registered in _taken_by_itself(unit, act):
            switch = next(
                (
                    s
                    for s in unit.switches_between(write.id, act.id)
                    if write.id < s.id < act.id and unit.module.line(s) >= registered
                ),
                None,
            )
            if switch is not None and not unit.guarded(write, act):
                shown.add(act.resource.place)
                yield write, switch, act, evidence
                break


def assumed_at_start(unit: Unit) -> Iterator[tuple[Access, Evidence]]:
    """A use in the first step of a task that the module starts, of what another unit may have taken away before that step."""
    start = only_started(unit) if unit.facts.is_async else None
    shown: set[tuple[str, str]] = set()
    for act in _uses(unit) if start is not None else ():
        if act.resource.place in shown or _looked(unit, act) or _last_write(unit, act) is not None:
            continue
        if any(switch.id < act.id and unit.before(switch.id, act.id) for switch in unit.switches()):
            continue
        for write, function, evidence in rivals(unit, act.resource, World.TASKS, TAKEN):
            cancels = any(call.callee.endswith(".cancel") for call in function.calls)
            if _starts(unit, function):
                continue  # it puts there what the task is to use
            if evidence.strength is not Confidence.LOW and not cancels and not _replaces(write, function):
                shown.add(act.resource.place)
                text = f"{evidence.text}; `{function.qualname}` takes it away"
                # of an object that is closed before the task has begun, nothing is expected any more
                strength = Confidence.LOW if function.name in CLOSES and function.owner else Confidence.MEDIUM
                yield act, Evidence(text, strength, evidence.world)
                break


def _starts(unit: Unit, function: FunctionFacts) -> bool:
    """Whether the function itself starts the task."""
    concurrency = unit.module.concurrency
    return any(
        started.qualname == unit.facts.qualname
        for call, _ in concurrency.spawning_calls(function)
        for argument in call.arguments
        for started in concurrency.spawned_units(argument, function)
    )


def _replaces(taken: Write, function: FunctionFacts) -> bool:
    """Whether the function puts another object in the place right after it took the old one away, with no await in between."""
    again = (w.line for w in function.writes if w.path == taken.path and w.how == "=" and w.shape in ("call", "other"))
    line = min((line for line in again if line > taken.line), default=None)
    return line is not None and not any(c.awaited and taken.line < c.line < line for c in function.calls)


def _uses(unit: Unit) -> Iterator[Access]:
    """Calls on what attributes and globals hold, where they are read afresh, that fail if nothing is there."""
    ends = unit.module.models.idempotent - {"wait", "join", "flush"}
    for act in unit.accesses(Op.USE, kinds=INTERNAL):
        via = act.value.via
        caught = act.handled & {"AttributeError", "Exception", "BaseException", ""}
        if via is not None and via in act.fresh and not act.resource.key and act.how not in ends and not caught:
            yield act


def _looked(unit: Unit, act: Access) -> bool:
    """Whether any look at the resource, or at anything else of its owner, decided that the use is reached."""
    looks = (look for number in act.controlled_by if (look := unit.access(number)) is not None)
    return any(
        look.resource.owner == act.resource.owner and (look.id in act.fresh or same(look.resource, act.resource))
        for look in looks
    )


def _last_write(unit: Unit, act: Access) -> Access | None:
    """The unit's own last write of the resource ahead of the use."""
    writes = [
        write
        for write in unit.accesses(Op.WRITE, Op.DELETE)
        if write.id < act.id and same(write.resource, act.resource) and unit.before(write.id, act.id)
    ]
    return writes[-1] if writes else None


def _taken_by_itself(unit: Unit, act: Access) -> Iterator[tuple[Evidence, int]]:
    """Callbacks and tasks that take the resource away, not because a caller asks for it; and the line from which they may run."""
    concurrency = unit.module.concurrency
    for _, function, evidence in rivals(unit, act.resource, World.TASKS, TAKEN):
        if evidence.public or evidence.strength is Confidence.LOW:
            continue
        roots = [concurrency.roots[n] for n in concurrency.reached.get(function.qualname, ())]
        inner = [r.unit for r in roots if not r.public and r.unit.startswith(unit.facts.qualname + ".")]
        lines = [
            call.line
            for call in unit.facts.calls
            for argument in call.arguments
            if f"{unit.facts.qualname}.{argument.rpartition('=')[2]}" in inner
        ]
        if lines:
            yield Evidence(f"{evidence.text}; `{function.qualname}` takes it away", evidence.strength), min(lines)
