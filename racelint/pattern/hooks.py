"""What a hook of an object reads that an earlier one keeps there for the same job, while other jobs come in between."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.evidence import Evidence
from racelint.evidence.hooks import kept_for_later
from racelint.frozen import dataclass
from racelint.pattern.unit import Unit


@dataclass(frozen=True, slots=True)
class Kept:
    """The read, the write in an earlier hook, the name of that, and why others set it meanwhile."""

    read: Access
    write: Access
    setter: str
    evidence: Evidence


def kept_by_hooks(unit: Unit) -> Iterator[Kept]:
    """The first read of each attribute that an earlier hook sets anew for each job, under no lock."""
    for path, opener, evidence in kept_for_later(unit.module.concurrency, unit.facts):
        earlier = unit.module.unit(opener.qualname)
        writes = earlier.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)) if earlier is not None else ()
        write = next((w for w in writes if w.resource.name == path and w.place.unit == opener.qualname), None)
        if earlier is None or write is None or _looked_at_first(earlier, write):
            continue
        for read in unit.accesses(Op.READ, Op.CHECK, Op.USE, kinds=(Kind.ATTRIBUTE,)):
            if read.resource.name == path and read.place.unit == unit.facts.qualname and not unit.locked_at(read):
                yield Kept(read, write, opener.name, evidence)
                break


def _looked_at_first(earlier: Unit, write: Access) -> bool:
    """Whether the earlier hook looks at the attribute before it sets it: who does expects to be entered twice."""
    return any(
        read.resource.name == write.resource.name and earlier.before(read.id, write.id)
        for read in earlier.accesses(Op.READ, Op.CHECK, Op.USE, kinds=(Kind.ATTRIBUTE,))
    )
