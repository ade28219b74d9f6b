"""Attributes that only a task sets which the constructor starts: whoever uses the object before the task has got there finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.needing import first_none
from racelint.pattern.starting import LOOP_CALLBACKS
from racelint.pattern.unit import Unit
from racelint.resolve import CONSTRUCTORS
from racelint.touch import ENDINGS
from racelint.words import first_word


def filled_by_task(unit: Unit) -> Iterator[tuple[Mark, Access, str, Evidence]]:
    """The start of the task, what it sets after its first await, and a public method that uses that without a look."""
    if not unit.is_constructor or not unit.facts.owner:
        return
    module, scope, shown = unit.module, unit.module.scope, set[tuple[str, str]]()
    family = scope.family(unit.facts.owner)
    for start in unit.marks("spawn"):
        if start.subject.rpartition(".")[2] in LOOP_CALLBACKS or start.control:
            continue
        for name in sorted(start.related):
            body = module.unit(name)
            if body is None or not body.facts.is_async or body.facts.owner not in family:
                continue
            steps = frozenset(module.concurrency.runs(name))
            signs = _signs(unit, start, body)
            if any(_waits(function, signs) for function in _others(unit, steps)):
                continue  # who uses the object is told to wait first
            for write in _set_late(body):
                resource = write.resource
                if resource.place in shown or not _only_there(unit, write, steps):
                    continue
                users = (_user(unit, function, write, body) for function in _others(unit, steps))
                user = next((found for found in users if found is not None), None)
                if user is not None:
                    shown.add(resource.place)
                    text = f"`{unit.facts.qualname}` starts the task and does not wait for it; `{user}` reads it"
                    yield start, write, user, Evidence(text, Confidence.MEDIUM)


def _others(unit: Unit, steps: frozenset[str]) -> list[FunctionFacts]:
    """The methods of the objects besides what the task runs, those that end the object last."""
    family = unit.module.scope.family(unit.facts.owner)
    found = [
        function
        for function in unit.module.scope.facts.functions
        if function.owner in family and function.qualname not in steps and function.name not in CONSTRUCTORS
    ]
    return sorted(found, key=lambda function: first_word(function.name) in ENDINGS)


def _signs(unit: Unit, start: Mark, body: Unit) -> frozenset[str]:
    """The attributes by which one may wait until the task is done: those that hold it, and what it sets or notifies."""
    kept = {
        write.resource.path
        for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,))
        if write.statement == start.statement or write.value.type == "task"
    }
    told = {use.resource.path for use in body.accesses(Op.USE, kinds=(Kind.ATTRIBUTE,)) if use.how in _TELLS}
    calls = {
        call.callee.removeprefix("self.").rpartition(".")[0] for call in body.facts.calls if call.callee.endswith(_ENDS)
    }
    return frozenset(f"self.{path}" for path in kept | told | calls if path)


_TELLS = frozenset({"set", "set_result", "notify", "notify_all", "release"})
_ENDS = (".set", ".set_result", ".notify_all", ".release")


def _waits(function: FunctionFacts, signs: frozenset[str]) -> bool:
    """Whether a method waits for one of the signs; who ends the object may do so for another reason."""
    if first_word(function.name) in ENDINGS:
        return False
    if any(path in signs for path, _, _ in function.waits):
        return True
    return any(
        call.callee.rpartition(".")[0] in signs
        or (
            call.callee.rpartition(".")[2] in ("shield", "wait_for", "gather", "wait")
            and not signs.isdisjoint(call.arguments)
        )
        for call in function.calls
    ) or not signs.isdisjoint(function.enters)


def _set_late(body: Unit) -> Iterator[Access]:
    """What the task sets after its first await."""
    first = next(body.switches(), None)
    for write in body.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)) if first is not None else ():
        resource = write.resource
        if (
            write.how == "="
            and not resource.key
            and "." not in resource.path
            and not write.value.shape.absent
            and resource.owner in body.module.scope.family(body.facts.owner)
            and _always_later(body, first, write)
        ):
            yield write


def _always_later(body: Unit, first: Switch | None, write: Access) -> bool:
    """Whether the task cannot come to the write without having waited."""
    seen: set[int] = set()
    todo = [body.events[0].id]
    while todo:
        number = todo.pop()
        if number == write.id:
            return False
        if number not in seen and not isinstance(body.events[number], Switch):
            seen.add(number)
            todo.extend(body.flow.after[number])
    return first is not None and body.before(first.id, write.id)


def _only_there(unit: Unit, write: Access, steps: frozenset[str]) -> bool:
    """Whether objects have nothing there, or None, until the task sets it, and nobody else sets it."""
    scope, (owner, path) = unit.module.scope, write.resource.place
    declared = [value for class_ in scope.lineage(owner) for name, value in class_.attributes if name == path]
    if any(value not in ("none", "") for value in declared):
        return False
    for function, other in scope.attribute_writes(owner, path):
        if function.qualname in steps or f"self.{path}" in function.reads:
            continue  # who looks at it first fails as well
        if not scope.in_construction(function, other) or other.shape != "none":
            return False
    return True


def _user(unit: Unit, function: FunctionFacts, write: Access, body: Unit) -> str | None:
    """The name of the method, if it is public and uses what is set whatever it finds."""
    name, path = function.name, write.resource.path
    if name.startswith("_") or f"self.{path}" not in function.reads or "hasattr" in function.reads:
        return None
    user = unit.module.unit(function.qualname)
    if user is None:
        return None
    ready = {access.resource.path for access in body.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,))}
    empty = first_none(unit, *write.resource.place) or _declared_none(unit, write)
    for look in user.accesses(Op.READ, Op.USE, kinds=(Kind.ATTRIBUTE,)):
        if look.resource.place != write.resource.place or look.resource.key or (empty and look.op is not Op.USE):
            continue
        if (
            look.handled & {"", "Exception", "BaseException", "AttributeError", "TypeError"}
            or look.place.unit != function.qualname
        ):
            return None
        checks = (user.access(number) for number in look.controlled_by)
        if any(check is not None and check.resource.path.partition(".")[0] in ready for check in checks):
            return None
        if any(switch.id < look.id and first_word(switch.callee) in _MAKES_SURE for switch in user.switches()):
            return None
        return function.qualname
    return None


_MAKES_SURE = frozenset("wait ensure ready require get init initialize setup connect start load".split())
"""First words of awaited calls that may see to it that the object is ready."""


def _declared_none(unit: Unit, write: Access) -> bool:
    owner, path = write.resource.place
    return any(
        name == path and value == "none"
        for class_ in unit.module.scope.lineage(owner)
        for name, value in class_.attributes
    )
