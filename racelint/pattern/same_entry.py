"""Entries that a test and an insertion name alike, and what each of them has to do with the other."""

from __future__ import annotations

from racelint.events import Access, Op, Shape
from racelint.expressions import expression
from racelint.pattern.unit import Unit, exactly


def named_anew(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the name by which an entry is looked up stands for another key when one is put there: `key = key or new_id()`."""
    key, home = check.resource.key, check.place.unit
    if not key.isidentifier() or home != unit.facts.qualname:
        return False
    site = write.site if write.place.unit != home else write.place
    first, last = unit.module.line(check), unit.module.span(site).line
    lines = unit.module.program.lines_of(unit.facts)[first : last - 1]
    return any(found[1] == key for line in lines if (found := _ASSIGNED.match(line)) is not None)


def names_anew(unit: Unit, access: Access) -> bool:
    """Whether a helper gives the name of the key a value of its own: what another function calls so may be another key."""
    helper = unit.module.scope.functions.get(access.place.unit)
    key = access.resource.key
    if helper is None or not key.isidentifier():
        return False
    return key in helper.loop_names or any(write.path == key for write in helper.writes)


def of_another_name(unit: Unit, one: Access, other: Access) -> bool:
    """Whether two accesses stand in two functions, of which a helper has a name of its own for the key."""
    return one.place.unit != other.place.unit and any(
        access.place.unit != unit.facts.qualname and names_anew(unit, access) for access in (one, other)
    )


_ASSIGNED = expression(r"\s*([A-Za-z_]\w*)\s*(?::[^=]+)?=(?!=)")


def said_by_all(unit: Unit, write: Access) -> bool:
    """Whether the entry is compared with the very value that is put there: who finds another one does not come so far.

    `if name in names and names[name] != kind: raise`, then `names[name] = kind`.
    """
    text = write.value.text
    return text.isidentifier() and any(
        exactly(access.resource, write.resource) and text in access.related and access.id < write.id
        for access in unit.accesses(Op.READ, Op.CHECK)
    )


def owner_made_anew(unit: Unit, check: Access, write: Access) -> bool:
    """Whether what is set belongs to an object that was made since the check: `if chat.peer: return`, then `chat = Chat()`, `chat.peer = …`."""
    root, dot, _ = write.resource.name.partition(".")
    return bool(dot) and any(
        made.resource.name == root
        and made.value.shape is Shape.NEW
        and check.id < made.id < write.id
        and unit.before(check.id, made.id)
        and unit.before(made.id, write.id)
        for made in unit.accesses(Op.WRITE)
    )
