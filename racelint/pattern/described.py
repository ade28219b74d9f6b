"""Objects of a bucket that a row tells something of: their size, their digest, what they were made from."""

from __future__ import annotations

from racelint.events import Access, Kind
from racelint.expressions import expression
from racelint.pattern.unit import Unit

OBJECTS = frozenset({"put_object"})
"""Calls that put an object under a key whatever stood there."""


def describes(unit: Unit, row: Access, copy: Access) -> bool:
    """Whether the row is told something of the very object, and each object for the row is put under the same key.

    Where each gets a key of its own, made of a random number or of the content, the row says which one counts. So it does if it
    keeps what the bucket answered, such as the version.
    """
    if any(built.rpartition(".")[2] == copy.how for _, built in unit.facts.locals_built):
        return False
    key = _source_of_key(unit, copy)
    parts = frozenset(_PATH.findall(key if key[:2] not in ('f"', "f'") else " ".join(_PUT_IN.findall(key))))
    if not parts or not parts <= _chosen_by(unit, row) or "(" in key:
        return False
    given = {name.partition(".")[0] for name, _ in unit.facts.params} | {"request"}
    index = row.value.row
    given |= {unit.flow.rows[index].name} if index is not None else set()
    if not {name.partition(".")[0] for name in parts} <= given:
        return False
    content = copy.related - parts - frozenset(_PATH.findall(copy.resource.key))
    return bool(content & row.related) or bool(_sent(unit, row) & _sent(unit, copy) - parts)


def _source_of_key(unit: Unit, copy: Access) -> str:
    """What the key is made of, also if it was given a name before."""
    key = copy.resource.key
    if not key.isidentifier() or key in dict(unit.facts.params):
        return key
    lines = unit.module.program.lines_of(unit.facts)[: unit.module.span(copy.site).line - 1]
    found = []
    for line in reversed(lines):
        if line.lstrip().startswith(("def ", "async def ")):
            break
        given = _GIVEN.match(line)
        found += [given[2].strip()] if given is not None and given[1] == key else []
    return found[0] if len(found) == 1 else "(unknown)"


def _chosen_by(unit: Unit, row: Access) -> frozenset[str]:
    """What the row was found by, as written, and its own key."""
    index = row.value.row
    if index is None:
        return row.related
    found = unit.flow.rows[index]
    load = unit.access(found.loaded) if found.loaded is not None else None
    return (load.related if load is not None else frozenset()) | {f"{found.name}.pk", f"{found.name}.id"}


def _sent(unit: Unit, access: Access) -> frozenset[str]:
    """What of the request the written value is computed from."""
    reads = (unit.access(number) for number in access.value.stems)
    names = {read.resource.shown for read in reads if read is not None and read.resource.kind is Kind.ARGUMENT}
    return frozenset(name for name in names if not any(other.startswith((f"{name}.", f"{name}[")) for other in names))


_PATH = expression(r"(?<![\w.\"'])[A-Za-z_]\w*(?:\.\w+)*")
_PUT_IN = expression(r"\{([^{}]*)\}")
_GIVEN = expression(r"\s*(\w+)\s*=(?!=)(.*)")
