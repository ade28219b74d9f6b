"""One of several things that is found free before an await, and marked as taken only after it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Sense, Shape, Switch
from racelint.expressions import expression
from racelint.pattern.ended import tells_of_end
from racelint.pattern.made import works_first
from racelint.pattern.unit import Unit, same
from racelint.words import FREE, SETTLES, first_word


def marked_late(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether one entry was found in a state, and is put into another one only after work that is then done twice.

    `if jobs[name] == "open": …; jobs[name] = "taken"`, `if job.state is not State.NEW: return`, `if not seat.taken: …`. What is
    awaited before is work for the entry, or what comes after it is; to set, save or look twice does no harm.
    """
    if act.op is not Op.WRITE or tells_of_end(check, act):
        return False
    if act.how == "[]" and act.value.shape is Shape.CONSTANT and sense.vague:
        of_entry = bool(act.resource.key) and act.resource.key == check.resource.key
        return of_entry and _among_states(check, act) and works_first(unit, check, act)
    if act.how != "=" or "." not in act.resource.path or act.resource.key:
        return False
    if not (_takes(unit, sense, act) or (sense.vague and _among_states(check, act))):
        return False
    return any(_works(unit, switch) for switch in _waits(unit, check, act))


def _takes(unit: Unit, sense: Sense, act: Access) -> bool:
    """Whether a flag is raised that was down, one that says "free" lowered that was up, or who has it now noted where nobody was."""
    shape = act.value.shape
    if sense is Sense.PRESENT:
        return shape is Shape.FALSE and FREE.search(act.resource.path.rpartition(".")[2]) is not None
    function = unit.module.scope.functions.get(act.place.unit)
    handed = {name for name, _ in function.params} if function is not None else set()
    return sense is Sense.ABSENT and (shape is Shape.TRUE or (shape is Shape.OTHER and act.value.text in handed))


def is_busy(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether a state that was found to be another one is left again before the unit ends: one at a time is meant."""
    return (
        sense.vague
        and act.value.text in check.related
        and any(
            other.id != act.id
            and same(other.resource, act.resource)
            and other.value.text != act.value.text
            and unit.before(act.id, other.id)
            for other in unit.accesses(Op.WRITE)
        )
    )


def is_field(check: Access, act: Access) -> bool:
    """Whether one entry is meant whose name is written out, as an attribute is: `if state["busy"]: return`, `state["busy"] = True`."""
    key = act.resource.key
    return act.how == "[]" and key == check.resource.key and key[:1] in ("'", '"') and key[1:-1].isidentifier()


def _waits(unit: Unit, check: Access, act: Access) -> Iterator[Switch]:
    """What is awaited between the two, and because of the check after them."""
    yield from unit.switches_between(check.id, act.id)
    for switch in unit.switches():
        if switch.id > act.id and any(number == check.id for number, _ in switch.control):
            yield switch


def _works(unit: Unit, switch: Switch) -> bool:
    """Whether what is awaited does more than look, wait, end something, or set what may well be set twice."""
    models = unit.module.models
    return (
        bool(switch.callee)
        and switch.callee not in _WAITS | models.idempotent
        and first_word(switch.callee) not in SETTLES | models.looks
    )


def _among_states(check: Access, act: Access) -> bool:
    """Whether the check compared with states of the kind that is set: texts and numbers, or members of one class of them."""
    kind = _kind(act.value.text)
    return bool(kind) and any(_kind(text) == kind for text in check.related)


def _kind(text: str) -> str:
    """The class of a member (`State` of `State.NEW`), `0` for what is written down; "" for anything else."""
    if text[:1] in "\"'" or text.isdigit():
        return "0" if text else ""
    holder, dot, _ = text.rpartition(".")
    return holder if dot and _CLASS.search(holder) else ""


_CLASS = expression(r"(^|\.)[A-Z]\w*$")

_WAITS = frozenset({"wait", "acquire", "sleep", "async with", "async for", "async with exit", "yield"})
