"""Events that are set before what they announce is there."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.early_flags import fills
from racelint.pattern.half_ready import missing_at_first
from racelint.pattern.unit import Unit
from racelint.resolve import enclosing_self

EVENTS = frozenset({"asyncio.Event", "threading.Event", "anyio.Event", "trio.Event", "multiprocessing.Event"})
"""Classes of events, by their dotted names."""

TASK_EVENTS = frozenset({"asyncio.Event", "anyio.Event", "trio.Event"})


@dataclass(frozen=True, slots=True)
class Announced:
    """An event that is set, and the write that comes after it of what `reader` uses once the event lets it go on."""

    event: Access
    write: Access
    reader: str
    world: World
    evidence: Evidence

    @property
    def filled(self) -> bool:
        """Whether the write is one of an entry of a collection that was empty."""
        return self.write.op is Op.UPDATE or bool(self.write.resource.key)


def announced_too_early(unit: Unit) -> Iterator[Announced]:
    """Attributes and globals that are first set after the event for which their reader waits."""
    if unit.is_constructor:
        return
    scope = unit.module.scope
    for event in unit.accesses(Op.USE, Op.UPDATE, Op.WRITE, kinds=_KINDS):
        resource = event.resource
        if event.how != "set" or resource.key or "." in resource.path:
            continue
        if resource.kind is Kind.GLOBAL:
            made = scope.built_type(scope.assigned.get(resource.path, "")) if not resource.owner else ""
        else:
            made = scope.attribute_type(resource.owner, resource.path)
        if made not in EVENTS:
            continue
        world = World.TASKS if made in TASK_EVENTS else World.THREADS
        for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(resource.kind,)):
            if not _comes_after(unit, event, write, world):
                continue
            reader = next((f.qualname for f, line in _waiting(unit, event) if _reads(unit, f, line, write)), None)
            if reader is not None:
                text = f"`{reader}` waits for it and then reads `{write.resource.name}`"
                filled = write.op is Op.UPDATE or bool(write.resource.key)
                again = filled and _waits_for_more(scope.functions[reader])
                strength = Confidence.LOW if again else Confidence.MEDIUM
                yield Announced(event, write, reader, world, Evidence(text, strength, world.value))
                break


_KINDS = (Kind.ATTRIBUTE, Kind.GLOBAL)


def _comes_after(unit: Unit, event: Access, write: Access, world: World) -> bool:
    """Whether the write gives the attribute a value for the first time in the unit, after the event, and others can run before it."""
    if write.resource.owner != event.resource.owner or "." in write.resource.path or write.value.shape.absent:
        return False
    if (write.op is Op.UPDATE or write.resource.key) and not (
        fills(unit, write) and missing_at_first(unit, write.resource)
    ):
        return False
    if not unit.before(event.id, write.id) or unit.before(write.id, event.id) or unit.locked_at(event):
        return False
    if world is World.TASKS and unit.switch_between(event.id, write.id) is None:
        return False
    if unit.only_after_error(event, write) or write.resource.place == event.resource.place:
        return False  # `changed.set(); changed = Event()` wakes those who wait for the old one
    if any(
        other.how == "set" and _same_event(other, event) and unit.before(write.id, other.id)
        for other in unit.accesses()
    ):
        return False  # it is set again once all is there
    return not any(
        other.resource.place == write.resource.place and unit.before(other.id, event.id)
        for other in unit.accesses(Op.WRITE, Op.UPDATE, kinds=_KINDS)
    )


def _same_event(one: Access, other: Access) -> bool:
    return one.id != other.id and one.resource.place == other.resource.place


def _waiting(unit: Unit, event: Access) -> Iterator[tuple[FunctionFacts, int]]:
    """Who waits for the event once, and the line: who waits in a loop comes round again and looks again."""
    scope = unit.module.scope
    family = scope.family(event.resource.owner) if event.resource.kind is Kind.ATTRIBUTE else None
    for function in scope.facts.functions:
        if function.qualname == unit.facts.qualname:
            continue
        if family is not None and enclosing_self(function, scope)[0] not in family:
            continue
        path = _seen_from(unit, function, event)
        waits = [call for call in function.calls if call.callee == f"{path}.wait"]
        if waits and not any(call.looped for call in waits):
            yield function, min(call.line for call in waits)


def _waits_for_more(reader: FunctionFacts) -> bool:
    """Whether the reader then goes round and waits for more: it finds what comes later, too."""
    return any(call.looped and call.callee.rpartition(".")[2] in ("wait", "wait_for") for call in reader.calls)


def _reads(unit: Unit, function: FunctionFacts, line: int, write: Access) -> bool:
    """Whether the function reads what is written after the line where it waits, and never sets it itself."""
    path = _seen_from(unit, function, write)
    if path not in function.reads or any(own.path == path for own in function.writes):
        return False
    return any(path in text for text in unit.module.program.lines_of(function)[line - 1 : function.last])


def _seen_from(unit: Unit, function: FunctionFacts, access: Access) -> str:
    """How a function writes what is accessed: as an attribute of its object, or by the name that it has in the module."""
    if access.resource.kind is Kind.GLOBAL:
        return access.resource.path
    _, self_name = enclosing_self(function, unit.module.scope)
    return f"{self_name}.{access.resource.path}"
