"""Lists that are gone through by number, up to the length that they had, while another unit takes entries out."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.frozen import dataclass, replace
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit, same

SHRINKS = ("clear", "pop", "popleft", "remove", "del[]", "empty")
"""Changes after which the last numbers name nothing any more."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """The look at the list for its length, the entry that is asked for by number, and who takes entries out on which line."""

    size: Access
    entry: Access
    switch: Switch | None
    taker: str
    line: int
    evidence: Evidence


def gone_through_by_number(unit: Unit) -> Iterator[Numbered]:
    """`for i in range(len(self.rows))` with `self.rows[i]`, where another unit surely shortens the list in between."""
    for loop in unit.marks("loop"):
        size, length, whole = (
            (unit.events[number] for number in range(loop.id - 3, loop.id)) if loop.id > 2 else (None,) * 3
        )
        if not (isinstance(size, Access) and isinstance(length, Mark) and isinstance(whole, Mark)):
            continue
        counted = length.subject == "len" and whole.subject == "range" and size.resource.name in length.related
        if not counted or size.op is not Op.READ or size.resource.kind not in INTERNAL:
            continue
        entry = next((a for a in unit.accesses(Op.READ, kinds=INTERNAL) if _is_entry(unit, size, loop, a)), None)
        found = _shortened(unit, size, entry) if entry is not None else None
        if entry is not None and found is not None:
            yield found


def _is_entry(unit: Unit, size: Access, loop: Mark, access: Access) -> bool:
    """Whether the access reads an entry by the number that the loop counts, without a look at the list before it."""
    function = unit.module.scope.functions.get(access.place.unit)
    return (
        access.id > loop.id
        and unit.before(access.id, loop.id)
        and function is not None
        and access.resource.key in function.loop_names
        and access.resource.place == size.resource.place
        and access.resource.name == size.resource.name
        and access.handled.isdisjoint(("", "IndexError", "LookupError", "Exception"))
        and not any(
            (look := unit.access(n)) is not None and same(look.resource, size.resource)
            for n in access.controlled_by - size.controlled_by
        )
    )


def _shortened(unit: Unit, size: Access, entry: Access) -> Numbered | None:
    world = World.TASKS if unit.facts.is_async else World.THREADS
    switch = unit.switch_between(size.id, entry.id)
    if (world is World.TASKS and switch is None) or unit.guarded(size, entry, world):
        return None
    for write, function, evidence in rivals(unit, size.resource, world, SHRINKS):
        own = {unit.facts.qualname, *unit.module.concurrency.runs(unit.facts.qualname)}
        if function.qualname in own or evidence.public or evidence.strength is not Confidence.HIGH:
            continue
        if unit.module.under_lock(function, write) and unit.locked_at(entry):
            continue
        evidence = replace(evidence, text=f"{evidence.text}; `{function.qualname}` changes it on line {write.line}")
        return Numbered(size, entry, switch, function.qualname, write.line, evidence)
    return None
