"""Tasks that are started because of a flag which only they themselves set, once they run."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Sense
from racelint.evidence import Evidence
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import begun_twice
from racelint.pattern.unit import Unit, same


def started_before_claimed(unit: Unit) -> Iterator[tuple[Access, Mark, str, Evidence]]:
    """A check, the start of a task that it decides, the coroutine that sets what was checked, and who does the same."""
    for spawn in unit.marks("spawn"):
        if _claims(unit, spawn):
            continue
        for number, sense in spawn.control:
            check = unit.access(number)
            if check is None or check.resource.kind not in INTERNAL or sense is not Sense.ABSENT:
                continue
            setter = _set_by(unit, spawn, check)
            evidence = begun_twice(unit, check.resource) if setter else None
            if evidence is not None:
                yield check, spawn, setter, evidence
                break


def _set_by(unit: Unit, spawn: Mark, check: Access) -> str:
    """The coroutine that the spawn starts, if it makes the check come out otherwise; "" if it does not."""
    return next(
        (
            function.qualname
            for function, write in unit.module.concurrency.writers(check.resource)
            if function.qualname in spawn.related
            and function.is_async
            and write.shape in ("true", "constant", "call", "await")
        ),
        "",
    )


def _claims(unit: Unit, spawn: Mark) -> bool:
    """Whether the unit itself sets, before or after the start, any state that it looked at to decide about the start."""
    looked = [check.resource for number, _ in spawn.control if (check := unit.access(number)) is not None]
    return any(same(write.resource, resource) for write in unit.accesses(Op.WRITE, Op.UPDATE) for resource in looked)
