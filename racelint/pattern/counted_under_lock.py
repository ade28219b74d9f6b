"""Counts that are changed under a lock and tested when it is not held any more."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Mark, Op
from racelint.finding import World
from racelint.pattern.deciding import COUNTING
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, exactly
from racelint.words import first_word


def counted_then_tested(unit: Unit) -> Iterator[tuple[Access, Access, Mark, Acquire]]:
    """The count under the lock, the test after its release, what is begun or ended because of the test, and the lock.

    Of two threads that count, each to its own value, both can find the last one; or one counts up again what is just ended.
    """
    for count in unit.accesses(Op.WRITE, kinds=INTERNAL) if not unit.facts.is_async else ():
        locks = [lock for lock in unit.locked_at(count) if lock.world != "tasks"] if count.how in COUNTING else []
        if not locks or unit.module.concurrency.called_under_lock(unit.facts):
            continue
        for check in unit.accesses(Op.CHECK, kinds=INTERNAL):
            if (
                check.how != ""
                or not exactly(check.resource, count.resource)
                or not unit.before(count.id, check.id)
                or unit.before(check.id, count.id)
                or unit.locked_at(check)
                or unit.guarded(count, check, World.THREADS)
            ):
                continue
            act = next(
                (mark for mark in unit.marks("call", "slow", "spawn", "start") if _is_act(unit, check, mark)), None
            )
            if act is not None:
                yield count, check, act, locks[0]
                break


def _is_act(unit: Unit, check: Access, mark: Mark) -> bool:
    """Whether the test decides on something that ends or begins: `self.file.close()`, `self.start_worker()`."""
    if check.id not in {number for number, _ in mark.control}:
        return False
    models = unit.module.models
    word = first_word(mark.subject)
    return mark.what in ("spawn", "start") or word in models.beginnings or word in models.idempotent
