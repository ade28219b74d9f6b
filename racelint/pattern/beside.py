"""What is kept beside a collection: a sum over its entries, or the key of one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Resource, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit
from racelint.words import PUTS


@dataclass(frozen=True, slots=True)
class KeptKey:
    """The entry that is put in, the switch, the write of its key, who may take the entry out, who looks for it by the key, and why."""

    put: Access
    switch: Switch
    write: Access
    taker: str
    reader: str
    evidence: Evidence


def averaged(unit: Unit, first: Access, second: Access) -> bool:
    """Whether the second is a sum over the entries of the first: somebody divides it by how many there are."""
    one, other = first.resource, second.resource
    if first.how not in PUTS or second.how != "+=" or other.key or one.owner != other.owner:
        return False
    if _own_writers(unit, one) != _own_writers(unit, other):
        return False
    return any(_divides(reader, other, one) for reader in _readers_of_both(unit, one, other))


def _own_writers(unit: Unit, resource: Resource) -> set[str]:
    """The methods that change the attribute of their own object, but for its constructor."""
    scope = unit.module.scope
    return {
        function.qualname
        for function, write in scope.attribute_writes(resource.owner, resource.path)
        if not scope.in_construction(function, write)
    }


def _divides(reader: Unit, total: Resource, entries: Resource) -> bool:
    """Whether the text of a function divides the sum by the number of entries."""
    lines = reader.module.program.lines[reader.facts.first - 1 : reader.facts.last]
    one, other = re.escape(total.name), re.escape(entries.name)
    mean = re.compile(rf"{one}\s*/\s*(max\(\s*1\s*,\s*)?len\(\s*{other}\s*\)")
    return any(mean.search(line) for line in lines)


def _readers_of_both(unit: Unit, one: Resource, other: Resource) -> Iterator[Unit]:
    wanted = {f"self.{one.path}", f"self.{other.path}"}
    for function in unit.module.scope.facts.functions:
        if function.owner and wanted <= function.reads and function.qualname != unit.facts.qualname:
            reader = unit.module.unit(function.qualname)
            if reader is not None and not reader.is_constructor:
                yield reader


def key_kept_late(unit: Unit) -> Iterator[KeptKey]:
    """Entries put under a key which an attribute is set to only after an await, while others take entries out.

    Who then looks for the entry by the attribute finds none.
    """
    if unit.is_constructor or not unit.facts.is_async:
        return
    for put in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
        if put.how != "[]" or not put.resource.key.isidentifier():
            continue
        for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
            if write.how != "=" or write.value.text != put.resource.key or write.resource.owner != put.resource.owner:
                continue
            if put.id in write.fresh or write.control != put.control or unit.guarded(put, write):
                continue
            switch = next((s for s in unit.switches_between(put.id, write.id) if put.id < s.id < write.id), None)
            found = _taken_meanwhile(unit, put, write) if switch is not None else None
            if switch is not None and found is not None:
                yield KeptKey(put, switch, write, *found)
                return


def _taken_meanwhile(unit: Unit, put: Access, write: Access) -> tuple[str, str, Evidence] | None:
    one, other = put.resource, write.resource
    reader = next(
        (
            reader.facts.qualname
            for reader in _readers_of_both(unit, one, other)
            if any(
                a.resource.place == one.place and a.resource.key == other.name and a.how == ""
                for a in reader.accesses(Op.READ)
            )
        ),
        None,
    )
    if reader is None:
        return None
    for _, function, evidence in rivals(unit, one, World.TASKS, ("pop", "popitem", "del[]", "clear")):
        if function.qualname != unit.facts.qualname and evidence.strength is not Confidence.LOW and not evidence.public:
            return function.qualname, reader, evidence
    return None
