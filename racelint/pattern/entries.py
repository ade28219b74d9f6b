"""New rows that belong together because one takes what the other gives: a debit and its credit."""

from __future__ import annotations

import re

from racelint.events import Access, Op
from racelint.expressions import expression
from racelint.pattern.unit import Unit


def opposite_entries(unit: Unit, first: Access, second: Access) -> bool:
    """Whether one new row of a table gets an amount and another the same with the other sign."""
    if not first.op is second.op is Op.CREATE or first.resource != second.resource:
        return False
    one, other = _given(unit, first), _given(unit, second)
    return any(
        not set(_NEGATIVE.findall(mine)).isdisjoint(_POSITIVE.findall(theirs))
        for mine, theirs in ((one, other), (other, one))
    )


def _given(unit: Unit, new: Access) -> str:
    """What a new row is made of: the source of the call that makes it, also where it is built before it is added."""
    text = unit.module.text(new.place)
    added = _ADDED.search(text)
    function = unit.module.scope.functions.get(new.place.unit)
    if added is None or function is None:
        return text
    lines = "".join(unit.module.program.lines[function.first - 1 : function.last])
    built = re.search(rf"(?<![\w.]){re.escape(added[1])}\s*=\s*[\w.]+\((?:[^()]|\([^()]*\))*\)", lines)
    return built[0] if built is not None else text


_ADDED = expression(r"\(\s*([A-Za-z_]\w*)\s*\)$")
_NEGATIVE = expression(r"[=,(\[:]\s*-\s*([A-Za-z_][\w.]*)(?=\s*[,)\]}])")
_POSITIVE = expression(r"[=,(\[:]\s*([A-Za-z_][\w.]*)(?=\s*[,)\]}])")
