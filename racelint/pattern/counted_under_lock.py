"""Counts that are changed under a lock and tested when it is not held any more."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Mark, Op, Sense
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.deciding import COUNTING
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, exactly
from racelint.words import first_word


def counted_then_tested(unit: Unit) -> Iterator[tuple[Access, Access, Mark | Access, Acquire]]:
    """The count under the lock, the test after its release, what is done because of the test, and the lock.

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
            act = _act(unit, count, check)
            if act is not None:
                yield count, check, act, locks[0]
                break


def _act(unit: Unit, count: Access, check: Access) -> Mark | Access | None:
    """What the test decides on, if it ends or begins something; whatever it is for the one who finds that nobody is left."""
    for event in unit.events:
        if not isinstance(event, (Mark, Access)):
            continue
        senses = {sense for number, sense in event.control if number == check.id}
        if senses and (
            _ends_or_begins(unit, event)
            or (any(_last(unit, count, check, sense) for sense in senses) and _is_step(unit, event))
        ):
            return event
    return None


def _ends_or_begins(unit: Unit, event: Mark | Access) -> bool:
    """Whether it is a call such as `self.file.close()` or `self.start_worker()`."""
    if isinstance(event, Access) or event.what not in ("call", "slow", "own", "spawn", "start"):
        return False
    models, word = unit.module.models, first_word(event.subject)
    return event.what in ("spawn", "start") or word in models.beginnings or word in models.idempotent


def _last(unit: Unit, count: Access, check: Access, sense: Sense) -> bool:
    """Whether the one who counted last was meant: nobody is left, or as many have come as were expected."""
    if "-=" in unit.module.text(count.place):
        return sense is Sense.ABSENT or (sense.vague and check.related == {"0"})
    equal = check.id in unit.flow.compared and check.id not in unit.flow.ordered
    return equal and sense is Sense.OTHER


def _is_step(unit: Unit, event: Mark | Access) -> bool:
    """Whether it is more than a look, and does harm or fails when it is done twice."""
    if isinstance(event, Access):
        return event.op.changes and event.resource.kind.external
    return event.what in ("call", "slow", "own") and not _HARMLESS.search(event.subject)


_HARMLESS = expression(
    r"(?i)(^|[._])(log|logger|debug|info|warn|warning|error|exception|critical|print|format|join|set|clear|notify|notify_all|notifyall"
    r"|len|str|repr|int|float|bool|list|dict|tuple|sorted|min|max|sum|isinstance|getattr|time|monotonic|perf_counter|now|sleep|get"
    r"|discard|update|setdefault|super)$|(Error|Exception)$"
)
"""Calls that nobody minds twice: they tell, compute, wake somebody up or empty what is empty already."""
