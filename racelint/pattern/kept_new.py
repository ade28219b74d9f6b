"""Rows that one method of an object finds missing and builds, and that another method saves."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense, Shape
from racelint.facts import SECOND_ROW_HANDLED
from racelint.pattern.answered import KEYS
from racelint.pattern.unit import Unit


def built_for_later(unit: Unit) -> Iterator[tuple[Access, Access, str, int]]:
    """Look-ups that found no row, each with where one is built and kept in the object, and the method and line that save it.

    So does a view that looks up in `dispatch` what it saves in `post`.
    """
    owner = unit.owner
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)) if owner is not None else ():
        if write.value.shape is not Shape.NEW or owner is None or write.resource.owner != owner.qualname:
            continue
        look = next((a for n, sense in write.control if (a := _missed(unit, n, sense, write)) is not None), None)
        if look is None or unit.guarded(look, write):
            continue
        found = _saved(unit, f"{write.resource.name}.save")
        if found is not None:
            yield look, write, *found


def _missed(unit: Unit, number: int, sense: Sense, write: Access) -> Access | None:
    """The look-up of a row of the class of what is built, by other columns than its key, that found none."""
    look = unit.access(number)
    if look is None or sense is not Sense.ABSENT or look.op is not Op.READ or look.resource.kind is not Kind.TABLE:
        return None
    made = write.value.type.rpartition(".")[2].rpartition(":")[2]
    return look if made == look.resource.name and look.related and not look.tested & KEYS else None


def _saved(unit: Unit, callee: str) -> tuple[str, int] | None:
    """The first method of the same class that saves what is kept, and the line, if no method handles that the row is there by then."""
    found: tuple[str, int] | None = None
    for function in unit.module.scope.functions.values():
        if function.owner != unit.facts.owner:
            continue
        for call in function.calls:
            if call.callee == callee:
                if SECOND_ROW_HANDLED in call.within:
                    return None
                found = found or (function.name, call.line)
    return found
