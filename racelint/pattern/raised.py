"""Numbers that one statement raises and the next one reads: what others add in between is counted, too."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Mark, Op, Sense, Switch
from racelint.finding import World
from racelint.paths import words_of_name
from racelint.pattern.seen import is_seen
from racelint.pattern.surrounding import surrounded
from racelint.pattern.transactions import COMMITTING, transactions_at
from racelint.pattern.unit import Unit, exactly
from racelint.words import ENDING, NUMBERING, first_word

COUNTERS = frozenset("incr decr incrby decrby hincrby incrbyfloat hincrbyfloat aincr adecr".split())
"""How a number in a store is raised or lowered by its server."""


def raised_then_tested(unit: Unit) -> Iterator[tuple[Access, Access, Access | Mark | Switch]]:
    """Steps that raise a number, each with the read of it that follows and what is done because it is just so much.

    A number that is compared by order alone, as that of a limit, lets nobody in who should be kept out: only what is done
    once, when it is reached, is done twice or never.
    """
    for change, read in _raised_then_read(unit):
        numbers = _read_of(unit, change, read)
        for event in unit.events:
            if isinstance(event, Acquire) or event.id < read.id:
                continue
            exact = any(n in numbers and _just_so(unit, n, sense, event) for n, sense in event.control)
            if exact and (_is_once(unit, event, change, read) or _ends_it(unit, event, read)):
                yield change, read, event
                break


def raised_then_given(unit: Unit) -> Iterator[tuple[Access, Access | Mark]]:
    """Steps that raise a number, each with the row that is made with what the next step reads, or what hands it out."""
    for change, read in _raised_then_read(unit):
        numbers = _read_of(unit, change, read)
        made = (new for new in unit.accesses(Op.CREATE, kinds=(Kind.TABLE,)) if new.value.stems & numbers)
        found: Access | Mark | None = next((new for new in made if unit.before(read.id, new.id)), None)
        if found is None and not NUMBERING.isdisjoint(words_of_name(unit.facts.name)):
            found = next((mark for mark in unit.marks("returned") if mark.stems & numbers), None)
        if found is not None:
            yield change, found


def _just_so(unit: Unit, number: int, sense: Sense, event: Access | Mark | Switch) -> bool:
    """Whether a branch is taken because a number is equal to another one, or zero, or has reached what its row says is all."""
    if number in unit.flow.ordered:
        reached = Sense.OTHER if number in unit.flow.above else Sense.OTHERWISE
        return sense is reached and _all_of_row(unit, number, event)
    return sense in (Sense.ABSENT, Sense.OTHERWISE) or number in unit.flow.compared


def _all_of_row(unit: Unit, number: int, event: Access | Mark | Switch) -> bool:
    """Whether the number was compared with another column of its row."""
    read = unit.access(number)
    others = (unit.access(other) for other, _ in event.control if other != number and other in unit.flow.ordered)
    return read is not None and any(
        other is not None
        and other.resource.kind is read.resource.kind is Kind.ROW
        and other.resource.name.rpartition(".")[0] == read.resource.name.rpartition(".")[0]
        for other in others
    )


def _ends_it(unit: Unit, event: Access | Mark | Switch, read: Access) -> bool:
    """Whether a call ends by its name what the row stands for: `job.complete()`, `finish_batch(batch)`."""
    if not isinstance(event, Mark) or event.what not in ("call", "slow") or first_word(event.subject) not in ENDING:
        return False
    rows = {row.name for row in unit.flow.rows if row.loaded == read.id and row.name}
    told = {event.subject.partition(".")[0], *(name.partition(".")[0] for name in event.related)}
    return not rows.isdisjoint(told)


def _raised_then_read(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Steps that raise a number, each with the first read of it afterwards, with nothing that keeps others out of both."""
    for change in unit.accesses(Op.UPDATE, kinds=(Kind.STORE, Kind.TABLE, Kind.ROW)):
        if not _raises(change) or surrounded(unit, change):
            continue
        for read in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.STORE, Kind.TABLE)):
            if read.id < change.id or not unit.before(change.id, read.id) or not _of_same(unit, change, read):
                continue
            if not _in_one_transaction(unit, change, read) and not unit.guarded(change, read, World.PROCESSES):
                yield change, read
            break


def _raises(change: Access) -> bool:
    """Whether the server computes the number, and its answer is not used."""
    if change.resource.kind is Kind.STORE:
        return change.how in COUNTERS and change.value.part("unasked") is not None
    if change.resource.kind is Kind.ROW:
        return len(change.assigned) == 1
    if change.how in ("conditional", "picks") or "create" in change.how or len(change.assigned) != 1:
        return False
    return change.value.part("relative") is not None or change.resource.owner not in ("django", "tortoise", "peewee")


def _of_same(unit: Unit, change: Access, read: Access) -> bool:
    """Whether the read is one of the very number that was raised."""
    if change.resource.kind is Kind.STORE:
        return exactly(change.resource, read.resource) and read.how in ("get", "aget", "hget")
    if change.resource.kind is Kind.ROW:
        row = unit.flow.rows[change.value.row] if change.value.row is not None else None
        again = next((one for one in unit.flow.rows if one.loaded == read.id), None)
        return row is not None and again is not None and again.name == row.name and "refresh" in read.how
    if change.resource != read.resource or not change.tested or read.how == "count":
        return False
    return change.tested == read.tested and change.related == read.related


def _in_one_transaction(unit: Unit, change: Access, read: Access) -> bool:
    """Whether a transaction covers both: who raises a number in a row locks the row until the transaction ends."""
    if change.resource.kind is Kind.STORE:
        return False
    if {one.id for one in transactions_at(unit, change)} & {one.id for one in transactions_at(unit, read)}:
        return True
    owner = change.resource.owner
    if owner in COMMITTING or owner.endswith(" autocommit"):
        return False
    return not any(
        unit.before(change.id, commit.id) and unit.before(commit.id, read.id)
        for commit in unit.marks("commit")
        if change.id < commit.id < read.id
    )


def _read_of(unit: Unit, change: Access, read: Access) -> frozenset[int]:
    """The accesses that see the number: the read itself, or those of the column of the row that it gave."""
    rows = {row.name for row in unit.flow.rows if row.loaded == read.id and row.name}
    if not rows:
        return frozenset({read.id})
    return frozenset(
        a.id
        for a in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.ROW,))
        if a.id > read.id and a.resource.path in change.assigned and a.resource.name.rpartition(".")[0] in rows
    )


def _is_once(unit: Unit, event: Access | Mark | Switch, change: Access, read: Access) -> bool:
    """Whether something is seen when it is done twice, or by nobody: not that the number itself is set back, or its row marked."""
    if not isinstance(event, Access):
        return is_seen(unit, event)
    row = unit.flow.rows[event.value.row] if event.value.row is not None else None
    if event.op is Op.WRITE and row is not None and row.loaded == read.id and not event.value.stems:
        return False
    return event.op.changes and event.resource.kind.external and event.resource.place != change.resource.place
