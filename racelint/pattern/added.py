"""Members and entries that are added because they were not there, between which another thread adds its own."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Sense
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence, World
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


_ADDS = ("add", "append", "appendleft", "insert")
"""How a collection gets another member."""


def added_without_lock(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Members that are added to a collection because they were not in it, where more is done because of that, and threads that do so, too."""
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
            works = (mark for mark in unit.marks("call", "slow", "spawn", "start") if not _TELLS.search(mark.subject))
            if not any(_done_once(mark, check, add, sense) for mark in works):
                continue
            evidence = rival(unit, add.resource, World.THREADS, _ADDS)
            if evidence is not None and evidence.strength is Confidence.HIGH and not evidence.public:
                yield Pair(unit, check, add), evidence
                break


def _done_once(mark: Mark, check: Access, add: Access, sense: Sense) -> bool:
    """Whether a call is made because the member was not there yet: after it was added, or before with the member itself."""
    if (check.id, sense) not in mark.control or mark.id <= check.id:
        return False
    name = check.resource.key.partition(".")[0]
    return mark.id > add.id or ("." in mark.subject and name in {given.partition(".")[0] for given in mark.related})


_TELLS = expression(r"(^|[._])(log|warn|warning|warnings|info|debug|error|exception|print|once)($|_)")
"""Calls that tell somebody something, which does no harm when it is done twice."""
