"""Times that say when something was last done, and when it may be done again."""

from __future__ import annotations

from racelint.events import Access, Op, Sense, Shape
from racelint.expressions import expression
from racelint.pattern.made import begins_something, works_first
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, exactly, same
from racelint.words import CLOCKS

_NAME = expression(r"[A-Za-z_]\w*")


def stamped_late(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether the time was found to be ripe, and the time at which it was done is noted only after what was awaited.

    Whoever asks meanwhile finds it ripe, too. A value that is got anew when it is too old is only got twice: what is awaited
    must begin or send something, or be done for its own sake.
    """
    if act.op is not Op.WRITE or act.how not in ("=", "[]") or not sense.vague or check.id not in unit.flow.ordered:
        return False
    if act.value.shape is Shape.NEW:  # what was got, kept with the time until which it is good
        return False
    if not exactly(check.resource, act.resource) or not is_time(unit, act):
        return False
    if begins_something(unit, check, act):
        return True
    locks = {lock.id for lock in unit.locked_at(act)} - {lock.id for lock in unit.locked_at(check)}
    # a lock around all that is awaited says that once is meant, and nobody asks again under it
    waits = [switch for switch in unit.switches_between(check.id, act.id) if switch.callee != "acquire"]
    if waits and all(not locks.isdisjoint(switch.held) for switch in waits):
        return any(switch.callee not in _PAUSES for switch in waits)
    return works_first(unit, check, act) and not _keeps(unit, check, act)


_PAUSES = frozenset({"", "wait", "sleep", "async with exit"})
"""What only waits."""


def is_time(unit: Unit, act: Access) -> bool:
    """Whether the value is what a clock says, or is computed from it."""
    function = unit.module.scope.functions.get(act.place.unit)
    if function is None:
        return False
    built = dict(function.locals_built)
    asked = [built[name] for name in _NAME.findall(act.value.text) if name in built]
    asked += [
        mark.subject
        for mark in unit.marks("call", "slow")
        if mark.statement == act.statement and mark.place.unit == act.place.unit
    ]
    return any(call.rpartition(".")[2] in CLOCKS for call in asked)


def notes_time(unit: Unit, look: Access, write: Access) -> bool:
    """Whether a time that was read was compared with what the clock says, which a statement then sets among other columns.

    `if now - row[0] < DAY: return`, then `SET coins = coins + 50, claimed_on = ?`, `now`: something is given once in a while.
    """
    function = unit.module.scope.functions.get(write.place.unit)
    selected = look.value.part("columns")
    noted = write.assigned & frozenset(selected.text.split()) if selected is not None else frozenset()
    if function is None or not noted or len(write.assigned) < 2:
        return False
    lines = {call.line for call in function.calls if call.callee.rpartition(".")[2] in CLOCKS}
    times = {change.path for change in function.writes if change.line in lines}
    marks = [m for m in unit.marks("compared", "ordered") if look.id in m.stems and unit.before(m.id, write.id)]
    newer = frozenset(
        text for mark in marks for text in mark.related
    )  # `if row[0] > now: return`: only what is old is refused
    compared = " ".join(text for mark in marks for text in (mark.subject, *mark.related))
    return not (times & (write.related - look.related) - newer).isdisjoint(_NAME.findall(compared))


def _keeps(unit: Unit, check: Access, act: Access) -> bool:
    """Whether the unit also puts something away because of the check, as one does with a value that was too old."""
    return any(
        check.id in write.controlled_by
        and not same(write.resource, act.resource)
        and write.how in ("=", "[]", "update")
        and write.value.shape not in (Shape.CONSTANT, Shape.TRUE, Shape.FALSE, Shape.NONE)
        for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL)
    )
