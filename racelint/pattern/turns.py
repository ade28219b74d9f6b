"""What comes for one of several readers while it waits for its turn to read: it is not looked at before it reads itself."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Op, Sense, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit
from racelint.words import NOTES, WORD


def looked_before_turn(unit: Unit) -> Iterator[tuple[Access, Acquire, Switch, Evidence]]:
    """The look at the reader's own entry, the lock that it waits for then, the await under it, and why several read.

    `while not self.inbox.get(key): await self._read()`, where the one whose turn it is puts what comes into the inbox of whom it is
    for: that says that others wait as well.
    """
    if not unit.facts.is_async:
        return
    for check in unit.accesses(Op.CHECK, kinds=INTERNAL):
        if not check.resource.key or not unit.repeats(check.id):
            continue
        fill = next((f for f in unit.accesses(Op.UPDATE, Op.WRITE, kinds=INTERNAL) if _for_any(unit, check, f)), None)
        for lock in unit.events if fill is not None else ():
            if not isinstance(lock, Acquire) or lock.what != "lock" or not lock.shared or lock.id in check.held:
                continue
            wait = next(
                (s for s in unit.switches() if lock.id in s.held and (check.id, Sense.ABSENT) in s.control), None
            )
            if wait is not None and _READS.isdisjoint(WORD.findall(wait.callee)):
                continue
            if wait is None or lock.id < check.id or _looks_again(unit, check, lock):
                continue
            text = f"what one of them reads is put where another one looks for it, and `{lock.lock.shown}` lets one read at a time"
            yield check, lock, wait, Evidence(text, Confidence.MEDIUM)
            break


_READS = frozenset("read receive recv pull poll next get readline readexactly pump".split())
"""Words in the names of calls that take what comes."""


def _for_any(unit: Unit, check: Access, fill: Access) -> bool:
    """Whether what was read is put into the entry of whom it is for, and the reader then looks whether it was for itself."""
    return (
        fill.resource.place == check.resource.place
        and fill.how in NOTES
        and bool(fill.resource.key)
        and fill.resource.key != check.resource.key
        and (check.id, Sense.ABSENT) in fill.control
        and unit.before(fill.id, check.id)
    )


def _looks_again(unit: Unit, check: Access, lock: Acquire) -> bool:
    """Whether the entry is looked at under the lock before anything is read."""
    return any(
        lock.id in look.held and look.resource.place == check.resource.place and look.resource.key == check.resource.key
        for look in unit.accesses(Op.CHECK, kinds=INTERNAL)
    )
