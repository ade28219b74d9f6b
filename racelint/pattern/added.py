"""Members and entries that are added because they were not there, between which another thread adds its own."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Sense
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence, World
from racelint.pattern.deciding import locks_of_threads, only_asked
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import rival
from racelint.pattern.unit import Unit, exactly, same

INSERTS = ("[]", "=", "setdefault", "update")
"""Changes of a dictionary after which there may be another entry under a key; those who only take entries out put none there."""


def kept_apart(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """The look that found no entry, the `setdefault` whose answer nobody looks at, and why two threads come at once.

    Who is second goes on with the object that it made, which nobody else sees.
    """
    for insert in unit.accesses(Op.UPDATE, kinds=INTERNAL) if not unit.facts.is_async else ():
        made = insert.value.part("default")
        if insert.how != "setdefault" or made is None or insert.value.part("dropped") is None:
            continue
        if not made.text.isidentifier() or not made.type.startswith(":") or not _goes_on_with(unit, insert, made.text):
            continue
        for number, sense in insert.control:
            check = unit.access(number)
            if check is None or sense is not Sense.ABSENT or not exactly(check.resource, insert.resource):
                continue
            if unit.guarded(check, insert, World.THREADS):
                continue
            evidence = rival(unit, insert.resource, World.THREADS, INSERTS)
            if evidence is not None and evidence.strength is Confidence.HIGH and not evidence.public:
                yield check, insert, evidence
                break


def _goes_on_with(unit: Unit, insert: Access, name: str) -> bool:
    """Whether the unit changes what the name stands for after the insertion."""
    return any(
        access.op.changes and access.resource.name.startswith(f"{name}.") and unit.before(insert.id, access.id)
        for access in unit.flow.accesses
    ) or any(
        mark.subject.startswith(f"{name}.") and unit.before(insert.id, mark.id) for mark in unit.marks("call", "slow")
    )


_LISTS = ("append", "appendleft", "insert")
"""How what may hold a member twice gets another one."""

_ADDS = ("add", *_LISTS)
"""How a collection gets another member."""


def added_without_lock(unit: Unit) -> Iterator[tuple[Pair, Evidence, bool]]:
    """Members that are added to a collection because they were not in it, and threads that do so, too; and whether the collection
    then has them twice, as a list has, which matters where it is guarded by a lock, or one of two is left when it is taken out.

    A set has them once all the same: there, more has to be done because of the test.
    """
    if unit.facts.is_async:
        return
    for add in unit.accesses(Op.UPDATE, kinds=INTERNAL):
        for number, sense in add.control if add.how in _ADDS else ():
            check = unit.access(number)
            if (
                check is None
                or check.how != "in"
                or sense is not Sense.ABSENT
                or not same(check.resource, add.resource)
            ):
                continue
            if unit.guarded(check, add, World.THREADS) or unit.rechecked_locked(add):
                continue
            locked = bool(locks_of_threads(unit, add))
            if locked and (
                add.place.unit != unit.facts.qualname or _looked_under(unit, add) or not only_asked(unit, check)
            ):
                continue  # what else is looked at under the lock may well tell
            twice = add.how in _LISTS and check.resource.key in add.related and (locked or _taken_out_once(unit, add))
            if not twice and not any(_done_once(step, check, add, sense) for step in _steps(unit, add)):
                continue
            evidence = rival(unit, add.resource, World.THREADS, _ADDS)
            if evidence is None or unit.module.concurrency.called_under_lock(unit.facts):
                continue
            # who adds it under a lock means others to do so, too
            sure = evidence.strength is Confidence.HIGH and not (evidence.public or (twice and evidence.called))
            if locked or sure:
                yield Pair(unit, check, add), evidence, twice
                break


def _looked_under(unit: Unit, add: Access) -> bool:
    """Whether any look under the lock that is held at the addition has decided on it."""
    locks = {lock.id for lock in locks_of_threads(unit, add)}
    looks = (unit.access(number) for number in add.controlled_by)
    return any(look is not None and look.held & locks for look in looks)


def _taken_out_once(unit: Unit, add: Access) -> bool:
    """Whether somebody takes members out by `remove`, which leaves the second of two that are alike in a list."""
    return any(write.how == "remove" for _, write in unit.module.concurrency.writers(add.resource))


def _steps(unit: Unit, add: Access) -> Iterator[Mark | Access]:
    """What may be done because the member was missing: calls, and what is put into other collections."""
    yield from (mark for mark in unit.marks("call", "slow", "spawn", "start") if not _TELLS.search(mark.subject))
    for other in unit.accesses(Op.UPDATE, Op.USE, kinds=INTERNAL):
        if other.how in (*_LISTS, "put", "put_nowait") and other.resource.place != add.resource.place:
            yield other


def _done_once(step: Mark | Access, check: Access, add: Access, sense: Sense) -> bool:
    """Whether something is done because the member was not there yet: after it was added, or before with the member itself."""
    if (check.id, sense) not in step.control or step.id <= check.id:
        return False
    name = check.resource.key.partition(".")[0]
    handed = name in {given.partition(".")[0] for given in step.related}
    if isinstance(step, Access):
        return handed
    return step.id > add.id or ("." in step.subject and handed)


_TELLS = expression(r"(^|[._])(log|warn|warning|warnings|info|debug|error|exception|print|once)($|_)")
"""Calls that tell somebody something, which does no harm when it is done twice."""
