"""Row locks that are taken when what decides has been tested, or what is saved has been computed, before."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Op, Row
from racelint.pattern.branches import told
from racelint.pattern.rows import KEYS
from racelint.pattern.states import done_too
from racelint.pattern.unit import Unit


def look_of(unit: Unit, lock: Acquire) -> Access | None:
    """The read that takes the lock."""
    reads = [a for a in unit.flow.accesses if a.place == lock.place and a.id < lock.id and a.op in (Op.READ, Op.CHECK)]
    return reads[-1] if reads else None


def row_of(unit: Unit, lock: Acquire) -> Row | None:
    """The row that was read with the lock."""
    reads = {a.id for a in unit.flow.accesses if a.place == lock.place and a.op in (Op.READ, Op.CHECK)}
    return next((row for row in unit.flow.rows if row.locked and row.loaded in reads), None)


def read_alike(unit: Unit, row: Row, look: Access) -> bool:
    """Whether the row was read by the same key as the one that is locked."""
    read = unit.access(row.loaded) if row.loaded is not None else None
    if read is None or read.resource != look.resource or not read.tested & KEYS:
        return False
    keys = read.related - {row.model}  # `get_object_or_404(Seat, pk=pk)`
    return read.tested == look.tested and bool(keys) and keys == look.related - {row.model}


def tested_too_early(unit: Unit, lock: Acquire) -> Iterator[tuple[Access, Access]]:
    """Fields that were tested before their row was locked, each with the save of the locked row that no other test precedes."""
    yield from _statements_tested(unit, lock)
    for write, locked, look in _saved_under(unit, lock):
        if _looked_again(unit, lock, write, locked):
            continue
        for number in sorted(write.controlled_by):
            check = unit.access(number)
            field = _field_before(unit, lock, check, locked, look)
            if check is None or not {field, field.removesuffix("_id")} & write.assigned or field in columns_of(look):
                continue
            part = write.value.part(field) or write.value.part(field.removesuffix("_id"))
            counted = part is not None and bool(part.stems)
            if counted or told(unit, check, write) or done_too(unit, check, write) is not None:
                yield check, write
                break


def computed_too_early(unit: Unit, lock: Acquire) -> Iterator[tuple[Access, Access]]:
    """Fields that were read before their row was locked, each with the save of what was computed from them under the lock."""
    for write, locked, look in _saved_under(unit, lock):
        if _looked_again(unit, lock, write, locked):
            continue
        for name, part in write.value.known:
            reads = [read for n in sorted(part.stems) if (read := unit.access(n)) is not None]
            early = next((read for read in reads if _field_before(unit, lock, read, locked, look) == name), None)
            if early is not None and not any(_is_of(unit, read, locked) for read in reads):
                yield early, write
                break


def _saved_under(unit: Unit, lock: Acquire) -> Iterator[tuple[Access, Row, Access]]:
    """The saves of the locked row under its lock, with the row and the read that locked it."""
    look, locked = look_of(unit, lock), row_of(unit, lock)
    if look is None or locked is None or not locked.model:
        return
    index = unit.flow.rows.index(locked)
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.ROW,)):
        if write.value.row == index and lock.id in write.held:
            yield write, locked, look


def _field_before(unit: Unit, lock: Acquire, read: Access | None, locked: Row, look: Access) -> str:
    """The field of the same row that an access read before the row was locked; "" for anything else."""
    if read is None or read.op not in (Op.READ, Op.CHECK) or read.resource.kind is not Kind.ROW or read.id > lock.id:
        return ""
    name, _, field = read.resource.name.rpartition(".")
    old = next(
        (row for row in unit.flow.rows if row.name == name and row.model == locked.model and row != locked), None
    )
    if old is None or old.locked or old.new or lock.id in read.held or not unit.before(read.id, lock.id):
        return ""
    alike = old.name == locked.name or bool(look.related & {f"{name}.pk", f"{name}.id"}) or _read_by(unit, old, look)
    return field if alike else ""


def _read_by(unit: Unit, row: Row, look: Access) -> bool:
    """Whether the row was read as the one row that has what the locked one was asked for by, whatever the column."""
    read = unit.access(row.loaded) if row.loaded is not None else None
    if read is None or read.resource != look.resource or not {read.how, look.how} <= _ONE:
        return False
    keys = read.related - {row.model}
    return read.tested == look.tested and bool(read.tested) and bool(keys) and keys == look.related - {row.model}


_ONE = frozenset("get aget get_object_or_404 aget_object_or_404 one one_or_none scalar_one scalar_one_or_none".split())
"""How the one row is asked for that a condition describes."""


def _is_of(unit: Unit, read: Access, row: Row) -> bool:
    """Whether an access reads the row, or a field of it."""
    if read.id == row.loaded:
        return True
    return read.value.row is not None and unit.flow.rows[read.value.row] == row


def _looked_again(unit: Unit, lock: Acquire, write: Access, locked: Row) -> bool:
    """Whether the locked row is tested before the save, or handed to something that may do so."""
    if any((a := unit.access(n)) is not None and _is_of(unit, a, locked) for n in write.controlled_by):
        return True
    return any(
        lock.id < mark.id < write.id and (mark.subject.partition(".")[0] == locked.name or locked.name in mark.related)
        for mark in unit.marks("call", "slow")
        if locked.name
    )


def columns_of(look: Access) -> frozenset[str]:
    """The columns by which a query chose its rows, without what Django calls look-ups: `state__in`."""
    return frozenset(column.partition("__")[0] for column in look.tested)


def _statements_tested(unit: Unit, lock: Acquire) -> Iterator[tuple[Access, Access]]:
    """The same of statements: a column is tested after one, the row locked by the next, and changed by a third."""
    look = look_of(unit, lock)
    if look is None:
        return
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE,)):
        if lock.id not in write.held or look.id in write.controlled_by or write.resource != look.resource:
            continue
        for number, sense in write.control:
            check = unit.access(number)
            if check is None or check.id > lock.id or not sense.vague or check.resource != look.resource:
                continue
            alike = check.tested == look.tested and check.related == look.related and bool(check.related)
            if not alike or lock.id in check.held or not unit.before(check.id, lock.id):
                continue
            fields = _compared_before(unit, check, lock) & write.assigned - look.tested - write.tested
            if fields and told(unit, check, write):
                yield check, write
                break


def _compared_before(unit: Unit, check: Access, lock: Acquire) -> frozenset[str]:
    """The fields of what an access has read that are compared before the lock."""
    marks = (mark for mark in unit.marks("compared") if check.id in mark.stems and mark.id < lock.id)
    return frozenset(mark.subject for mark in marks)
