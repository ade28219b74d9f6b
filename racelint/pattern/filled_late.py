"""New objects that all tasks find, one of whose attributes only the unit that has put them there sets, after an await."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense, Shape, Switch
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.pattern.pair import INTERNAL
from racelint.pattern.shown import is_tested
from racelint.pattern.unit import Unit


def filled_from_outside(unit: Unit, check: Access, claim: Access) -> Switch | None:
    """The await before an attribute of the new object is first set, which who asks the unit for the object uses without a look.

    `boards[key] = Board()`, then `boards[key].lines = await load(key)`, or the same by a local name or an awaited method.
    """
    class_name = claim.value.type[1:]
    if claim.value.shape is not Shape.NEW or claim.value.type != f":{class_name}":
        return None
    for fill, attribute in _fills(unit, claim, class_name):
        if (
            (check.id, Sense.ABSENT) not in fill.control
            or fill.value.shape.absent
            or not unit.before(claim.id, fill.id)
            or not _nothing_at_first(unit, class_name, attribute)
        ):
            continue
        switch = unit.switch_between(claim.id, fill.id)
        if switch is not None and any(_relies_on(unit, user, class_name, attribute) for user in _callers(unit)):
            return switch
    return None


def _fills(unit: Unit, claim: Access, class_name: str) -> Iterator[tuple[Access, str]]:
    """The first write of each attribute of the object: by the way to where it is, by its local name, or in a method of it."""
    seen: set[str] = set()
    family = unit.module.scope.family(class_name)
    for write in unit.accesses(Op.WRITE, kinds=(*INTERNAL, Kind.ARGUMENT)):
        resource, attribute = write.resource, write.resource.path.rpartition(".")[2]
        if write.how != "=" or resource.key or attribute in seen:
            continue
        by_way = resource.name == f"{claim.resource.shown}.{attribute}"
        own = resource.owner in family and resource.path == attribute
        by_name = own and resource.name == f"{claim.value.text}.{attribute}"
        called = own and resource.name == f"self.{attribute}" and write.place.unit != unit.facts.qualname
        if by_way or by_name or called:
            seen.add(attribute)
            yield write, attribute


def _nothing_at_first(unit: Unit, class_name: str, attribute: str) -> bool:
    """Whether constructors of the class leave nothing in the attribute: None or an empty collection."""
    scope = unit.module.scope
    first = [w for f, w in scope.attribute_writes(class_name, attribute) if scope.in_construction(f, w)]
    return bool(first) and all(write.shape in ("none", "empty") for write in first)


def _callers(unit: Unit) -> Iterator[FunctionFacts]:
    """The functions that await the unit, which gives them the object."""
    for caller, call in unit.module.concurrency.callers.get(unit.facts.qualname, ()):
        if call.awaited and caller is not unit.facts:
            yield caller


def _relies_on(unit: Unit, user: FunctionFacts, class_name: str, attribute: str) -> bool:
    """Whether the function uses the attribute, or has a method of the object use it, and neither asks if anything is there."""
    if is_tested(unit, user, attribute):
        return False
    lines = unit.module.program.lines
    used = expression(rf"(?:\b(?!self\b|cls\b)\w+|\))\.{re.escape(attribute)}\b(?:[.\[(]|\s*(?:[-+*/%<>,):]|$))")
    if any(used.search(line) for line in lines[user.first - 1 : user.last]):
        return True
    for call in user.calls:
        root, _, name = call.callee.rpartition(".")
        method = unit.module.scope.method(class_name, name) if root and root not in ("self", "cls", "super") else None
        if method is None or method.is_async or f"self.{attribute}" not in method.reads:
            continue
        if not is_tested(unit, method, attribute) and not any(w.path == f"self.{attribute}" for w in method.writes):
            return True
    return False
