"""New objects that are put where others find them, and set up only then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense, Shape, Value
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.half_ready import comes_at_once, missing_at_first
from racelint.pattern.needing import first_empty, first_none
from racelint.pattern.unit import Unit, same


@dataclass(frozen=True, slots=True)
class HalfBuilt:
    """The change that shows the object, the later write of what it lacks, who finds it and uses that, and why at once."""

    show: Access
    write: Access
    reader: str
    world: World
    evidence: Evidence
    new: bool = True
    """Whether the object is made by the unit, not handed in."""


def shown_half_built(unit: Unit) -> Iterator[HalfBuilt]:
    """Objects that are in a collection or attribute before an attribute of theirs is set that was None or empty till then.

    They are new ones of the module's classes, or between tasks what the unit was handed and only then completes.
    """
    if unit.is_constructor:
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for show in unit.accesses(Op.WRITE, Op.UPDATE, kinds=_SHELVES):
        made = show.value.part("item") if show.op is Op.UPDATE else show.value
        if made is None or show.place.unit != unit.facts.qualname:
            continue  # told of the helper that shows it
        new = made.shape is Shape.NEW and made.type.startswith(":")
        if not new and not (world is World.TASKS and _was_handed(unit, show, made)):
            continue
        for write in unit.accesses(Op.WRITE, kinds=(Kind.ARGUMENT, Kind.ATTRIBUTE)):
            lacks = _sets_new(unit, write, made) if new else _sets_handed(write, made)
            if not lacks or not _comes_late(unit, show, write, world):
                continue
            found = _found_by(unit, show, write, world)
            if found is not None:
                yield HalfBuilt(show, write, found[0], world, found[1], new)
                break


_SHELVES = (Kind.GLOBAL, Kind.ATTRIBUTE, Kind.CLASS)


def _was_handed(unit: Unit, show: Access, made: Value) -> bool:
    """Whether what is shown is an argument of the unit, which it keeps under a key."""
    return show.place.unit == unit.facts.qualname and show.how == "[]" and made.text in dict(unit.facts.params)


def _sets_handed(write: Access, made: Value) -> bool:
    """Whether the write gives what was handed in an attribute that had to be waited for."""
    root, _, attribute = write.resource.name.partition(".")
    waited = write.value.shape is Shape.AWAITED and write.how == "="
    return waited and write.resource.kind is Kind.ARGUMENT and root == made.text and attribute.isidentifier()


def _sets_new(unit: Unit, write: Access, made: Value) -> bool:
    """Whether the write gives a new object what it lacked: in the unit, or between tasks in a method of the object that it calls."""
    scope, (owner, attribute) = unit.module.scope, write.resource.place
    if made.type[1:] not in scope.family(owner) or "." in attribute or write.resource.key:
        return False
    if write.resource.kind is Kind.ARGUMENT:
        return first_none(unit, owner, attribute) or (not unit.facts.is_async and first_empty(unit, owner, attribute))
    called = unit.facts.is_async and write.place.unit != unit.facts.qualname and write.resource.name.startswith("self.")
    return (
        called
        and write.how == "="
        and owner not in scope.family(unit.facts.owner)
        and write.value.shape not in (Shape.CONSTANT, Shape.TRUE)
        and missing_at_first(unit, write.resource)
    )


def _comes_late(unit: Unit, show: Access, write: Access, world: World) -> bool:
    """Whether the write gives the object what it lacked, after others could find it, and no lock is held over both."""
    if write.value.shape.absent or write.id < show.id or not unit.before(show.id, write.id):
        return False
    if unit.guards(show, write, "lock") or unit.only_after_error(show, write):
        return False
    if any(a.id < write.id and a.resource.place == write.resource.place for a in unit.accesses(Op.WRITE)):
        return False
    return world is World.THREADS or unit.switch_between(show.id, write.id) is not None


def _found_by(unit: Unit, show: Access, write: Access, world: World) -> tuple[str, Evidence] | None:
    """Who finds the object there and uses what it lacks without a look, and the evidence that this happens meanwhile."""
    for function in _users(unit, show, write):
        found = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, world.value, show.resource)
        if found is not None and found.strength is not Confidence.LOW and not found.public:
            return function.qualname, found
    return None


def _users(unit: Unit, show: Access, write: Access) -> Iterator[FunctionFacts]:
    """The functions that take objects from there and use the attribute; the unit itself, if it does so where it found one."""
    scope = unit.module.scope
    attribute = write.resource.path.rpartition(".")[2]
    empty = write.resource.kind is Kind.ARGUMENT and first_empty(unit, *write.resource.place)
    if write.resource.kind is Kind.ARGUMENT and not empty and _goes_on_with_it(unit, show, write):
        yield unit.facts
    for function in scope.facts.functions:
        if function.qualname == unit.facts.qualname or not _comes_to(unit, function, show):
            continue
        if any(call.within for call in function.calls) or is_tested(unit, function, attribute):
            continue
        if empty and not _indexes(unit, function, attribute):
            continue
        used = [path for path in function.reads if path.count(".") == 1 and path.endswith(f".{attribute}")]
        used = [path for path in used if path.partition(".")[0] not in ("self", "cls")]
        if used or (unit.facts.is_async and _calls_user(unit, function, show, write)):
            yield function


def _calls_user(unit: Unit, function: FunctionFacts, show: Access, write: Access) -> bool:
    """Whether the function calls a method of what it finds there which uses the attribute without a look."""
    scope, (owner, attribute) = unit.module.scope, write.resource.place
    if owner not in scope.classes:
        return False
    held = f"self.{show.resource.path}"
    for call in function.calls:
        receiver, _, name = call.callee.rpartition(".")
        if receiver != held and (receiver not in function.local_names or show.how == "="):
            continue
        method = scope.method(owner, name)
        if (
            method is not None
            and method.qualname != write.place.unit
            and f"self.{attribute}" in method.reads
            and not any(own.path == f"self.{attribute}" for own in method.writes)
            and not any(inner.within for inner in method.calls)
            and not is_tested(unit, method, attribute)
        ):
            return True
    return False


def _comes_to(unit: Unit, function: FunctionFacts, show: Access) -> bool:
    """Whether the function looks there, or between tasks has a short helper look."""
    if _looks_there(unit, function, show):
        return True
    if not unit.facts.is_async:
        return False
    helpers = (helper for call in function.calls for helper in unit.module.concurrency.target(call.callee, function))
    return any(helper.statements <= 3 and _looks_there(unit, helper, show) for helper in helpers)


def _looks_there(unit: Unit, function: FunctionFacts, show: Access) -> bool:
    """Whether the function reads the collection or attribute."""
    resource = show.resource
    if resource.kind is Kind.GLOBAL:
        return resource.path in function.reads and resource.path not in function.local_names
    family = unit.module.scope.family(resource.owner) if resource.owner in unit.module.scope.classes else frozenset()
    return function.owner in family and f"self.{resource.path}" in function.reads


def _indexes(unit: Unit, function: FunctionFacts, attribute: str) -> bool:
    """Whether the function takes an entry out of the attribute, asks not how many there are, and minds no error."""
    text = "\n".join(unit.module.program.lines[function.first - 1 : function.last])
    name = re.escape(attribute)
    taken = expression(rf"\.{name}\[[^\]:]+\](?!\s*(\[[^\]]*\]\s*)?=[^=])")
    asked = expression(rf"\blen\(|\bexcept\b|\bin\s+[\w.]+\.{name}\b")
    return taken.search(text) is not None and asked.search(text) is None


def is_tested(unit: Unit, function: FunctionFacts, attribute: str) -> bool:
    """Whether the function asks if the attribute is there, as far as its text tells."""
    lines = unit.module.program.lines[function.first - 1 : function.last]
    name = re.escape(attribute)
    test = expression(
        rf"\b(if|elif|while|and|or|not|assert)\s+(not\s+)?[\w.\[\]]+\.{name}\b(?!\s*[.(\[])|\.{name}\s+(or|is)\b"
    )
    return any(test.search(line) for line in lines)


def _goes_on_with_it(unit: Unit, show: Access, write: Access) -> bool:
    """Whether the unit found an object there that another run is still setting up, and uses the attribute at once."""
    checks = [unit.access(number) for number, sense in show.control if sense is Sense.ABSENT]
    check = next((c for c in checks if c is not None and same(c.resource, show.resource)), None)
    if check is None or any(a.resource.place == write.resource.place for a in unit.accesses(Op.CHECK)):
        return False
    return any(
        access.resource.place == write.resource.place
        and (check.id, Sense.ABSENT) not in access.control
        and comes_at_once(unit, check, access)
        for access in unit.accesses(Op.READ, Op.USE, kinds=(Kind.ARGUMENT,))
    )
