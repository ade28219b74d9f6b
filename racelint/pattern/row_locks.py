"""Row locks that keep nobody out: never taken, released too early, or taken after what they should protect was read."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import OF_PROJECT, Access, Acquire, Event, Kind, Mark, Op, Row
from racelint.frozen import dataclass
from racelint.pattern.chosen_early import chosen_too_early
from racelint.pattern.late_locks import (
    computed_too_early,
    look_of,
    read_alike,
    row_of,
    tested_too_early,
)
from racelint.pattern.transactions import WORK, row_locked_at, transactions_at
from racelint.pattern.unit import Unit, held_at

CHANGES = (Op.WRITE, Op.UPDATE, Op.CREATE, Op.DELETE)
DATABASE = (Kind.TABLE, Kind.ROW)


@dataclass(frozen=True, slots=True)
class IdleLock:
    """A lock that does not do what it is there for."""

    at: Event
    """Where the lock is, or where it is missed."""
    model: str
    other: Event | None
    """What it should have protected."""
    why: str
    before: Access | None = None
    """What was read too early to be protected."""


def idle_locks(unit: Unit) -> Iterator[IdleLock]:
    """All of them in a unit."""
    yield from _not_taken(unit)
    yield from _within_queries(unit)
    for lock in unit.events:
        if isinstance(lock, Acquire) and lock.what == "row lock":
            found = _empty_section(unit, lock) or _released_early(unit, lock) or _read_before(unit, lock)
            found = found or _decided_before(unit, lock)
            if found is not None:
                yield found
        if isinstance(lock, Acquire) and lock.what == "lock":
            inner = _within_transaction(unit, lock) or _committed_later(unit, lock)
            if inner is not None:
                yield inner


def _not_taken(unit: Unit) -> Iterator[IdleLock]:
    for mark in unit.marks("lock not taken"):
        yield IdleLock(mark, mark.subject, None, "is never evaluated, so no row is locked")


def _within_queries(unit: Unit) -> Iterator[IdleLock]:
    """A locking query that another query reads with before it is evaluated itself: what is read may be old already."""
    for mark in unit.marks("lock within a query"):
        changed = any(a.statement == mark.statement for a in unit.accesses(*CHANGES, kinds=DATABASE))
        later = next(
            (
                a
                for a in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.TABLE,))
                if a.resource.name == mark.subject and a.id > mark.id and a.statement > mark.statement
            ),
            None,
        )
        if not changed and later is not None:
            yield IdleLock(mark, mark.subject, later, "is evaluated after a query that reads with it as a condition")


def _taken_in(unit: Unit, lock: Acquire) -> Acquire | None:
    """The transaction that rows are locked in, if it is opened in this unit."""
    look = look_of(unit, lock)
    if look is None:
        return None
    return next((t for t in transactions_at(unit, look) if t.id < lock.id), None)


def _empty_section(unit: Unit, lock: Acquire) -> IdleLock | None:
    """A transaction of its own that does nothing but take the lock."""
    transaction = _taken_in(unit, lock)
    if transaction is None or transaction.place.unit != lock.place.unit or _is_decorator(unit, transaction):
        return None
    inside = [e for e in unit.events if transaction.id in held_at(e)]
    if any(isinstance(e, Access) and e.resource.kind.external and e.place != lock.place for e in inside):
        return None
    if any(isinstance(e, Mark) and e.what in ("call", "spawn", "enqueue") for e in inside):
        return None
    row = row_of(unit, lock)
    if row is not None and row.name:
        return None
    later = [e for e in unit.events if e.id > lock.id and e not in inside and _does(e) and unit.before(lock.id, e.id)]
    after = next((e for e in later if isinstance(e, Access)), later[0] if later else None)
    if after is None:
        return None
    return IdleLock(lock, lock.lock.name, after, "is released at once, with the transaction that only takes it")


def _does(event: Event) -> bool:
    if isinstance(event, Access):
        return event.op.changes and event.resource.kind in DATABASE
    return isinstance(event, Mark) and event.what == "call"


def _is_decorator(unit: Unit, transaction: Acquire) -> bool:
    """Whether the transaction is open for the whole of the unit."""
    return any(mark.what == "entry" and mark.place == transaction.place for mark in unit.marks("entry"))


def _released_early(unit: Unit, lock: Acquire) -> IdleLock | None:
    return _saved_after_release(unit, lock) or _changed_after_release(unit, lock)


def _saved_after_release(unit: Unit, lock: Acquire) -> IdleLock | None:
    """The locked row is saved when its transaction is over: what others wrote since is overwritten."""
    row = row_of(unit, lock)
    if row is None:
        return None
    index = unit.flow.rows.index(row)
    under = [write for write in _saves(unit, index) if lock.id in write.held]
    for write in _saves(unit, index):
        if lock.id not in write.held and unit.lets_go(lock, write):
            if under and (_taken_by(unit, lock, under) or not _recomputed(unit, lock, write, under)):
                continue
            told = any(_under(unit, n, lock) for n in write.value.stems) or _looked_at(unit, lock, index, write)
            if write.how == "commit" and not told:
                continue
            return IdleLock(lock, row.name, write, "is released before the row is saved")
    return None


def _looked_at(unit: Unit, lock: Acquire, index: int, write: Access) -> bool:
    """Whether the columns that are set were looked at to choose the locked row or to go on, and nothing was done under the lock.

    Who did something under it may have told others by that, or have waited for them only.
    """
    look, row = look_of(unit, lock), unit.flow.rows[index]
    if look is None or not write.assigned or row_locked_at(unit, write) or _works_under(unit, lock, row):
        return False
    asked = {column.partition("__")[0] for column in look.tested}
    checks = (unit.access(number) for number in write.controlled_by)
    asked |= {c.resource.path for c in checks if c is not None and c.value.row == index and c.id > lock.id}
    return bool(asked & write.assigned)


def _works_under(unit: Unit, lock: Acquire, row: Row) -> bool:
    """Whether anything is changed or sent under the lock, or handed to a function that may change it."""
    under = [e for e in unit.events if lock.id in held_at(e)]
    known = {row.name, *(mark.subject for mark in unit.marks("commit", "rollback"))}
    return any(
        (isinstance(e, Access) and e.op.changes and e.resource.kind.external)
        or (isinstance(e, Mark) and e.what in WORK)
        or (
            isinstance(e, Mark) and e.what == "call" and not {e.subject.partition(".")[0], *e.related}.isdisjoint(known)
        )
        for e in under
    )


def _taken_by(unit: Unit, lock: Acquire, under: list[Access]) -> bool:
    """Whether what is saved under the lock may say that the row is taken: it is looked at before, or leaves no column told."""
    columns = frozenset().union(*(write.assigned for write in under))
    look = look_of(unit, lock)
    asked = look.tested if look is not None else frozenset()
    read = {a.resource.path for a in unit.accesses(Op.READ, Op.CHECK, kinds=(Kind.ROW,)) if a.id < under[-1].id}
    return not columns or bool(columns & ({column.partition("__")[0] for column in asked} | read))


def _recomputed(unit: Unit, lock: Acquire, write: Access, under: list[Access]) -> bool:
    """Whether a column is saved that was computed from what it was under the lock, and not saved there."""
    saved = frozenset().union(*(one.assigned for one in under))
    return any(
        name not in saved
        and any((a := unit.access(n)) is not None and a.resource.path == name and lock.id in a.held for n in part.stems)
        for name, part in write.value.known
    )


def _saves(unit: Unit, index: int) -> Iterator[Access]:
    """The saves of one of the unit's rows."""
    return (write for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)) if write.value.row == index)


def _changed_after_release(unit: Unit, lock: Acquire) -> IdleLock | None:
    """What was read under the lock decides on a change, or is written back, when the lock is gone."""
    if any(lock.id in change.held for change in unit.accesses(*CHANGES, kinds=DATABASE)):
        return None  # what is changed under the lock says that the row is taken
    for write in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.TABLE,)):
        if lock.id in write.held or row_locked_at(unit, write) or not unit.lets_go(lock, write):
            continue
        for number in sorted(write.value.stems | write.controlled_by):
            read = unit.access(number)
            if read is None or read.resource != write.resource or not _under(unit, number, lock):
                continue
            if write.how != "conditional":
                gone = "is released at once, as no transaction is open," if _at_once(unit, lock) else "is released"
                return IdleLock(lock, write.resource.name, write, f"{gone} before what was read under it is used")
    return None


def _at_once(unit: Unit, lock: Acquire) -> bool:
    """Whether the statement that takes the lock commits itself."""
    return all(lock.id not in held_at(unit.events[number]) for number in unit.flow.after[lock.id])


def lost_lock(unit: Unit, look: Access) -> str:
    """What becomes of the lock of rows that a look takes, if its statement commits itself; "" if it takes none, or keeps it."""
    locks = (e for e in unit.events if isinstance(e, Acquire) and e.what == "row lock" and e.place == look.place)
    if look.resource.kind is Kind.TABLE and any(_at_once(unit, lock) for lock in locks):
        return f"{_LOST}, as no transaction is open"
    return ""


_LOST = "the lock that it is chosen with is released at once"
"""So begins what RL502 says of such a lock, and the run knows by it which of two findings tells more."""


def _under(unit: Unit, number: int, lock: Acquire) -> bool:
    access = unit.access(number)
    return access is not None and (lock.id in access.held or access.place == lock.place)


def _read_before(unit: Unit, lock: Acquire) -> IdleLock | None:
    """Rows are read, then locked by another read, and the first ones are saved: the lock came too late for them."""
    look = look_of(unit, lock)
    if look is None:
        return None
    locked = row_of(unit, lock)
    if locked is not None and _is_used(unit, locked):
        return None
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        index = write.value.row
        if index is None or lock.id not in write.held or write.how == "commit":
            continue
        row = unit.flow.rows[index]
        if row.locked or row.new or (row.loaded is not None and row.loaded > lock.id):
            continue
        if look.related & {f"{row.name}.pk", f"{row.name}.id"} or read_alike(unit, row, look):
            return IdleLock(
                lock, row.name, write, "is taken for the row after it was read, and the copy read before is saved"
            )
    return None


def _decided_before(unit: Unit, lock: Acquire) -> IdleLock | None:
    """What decides was tested, or what is saved computed, before the row was locked, and the locked row is not looked at."""
    line = unit.module.line
    for check, write in tested_too_early(unit, lock):
        why = f"of line {line(lock)} is taken after `{check.resource.name}` was tested on line {line(check)}, and nothing tests it again"
        return IdleLock(write, lock.lock.name, lock, f"{why} before the change here", check)
    for read, write in computed_too_early(unit, lock):
        why = f"of line {line(lock)} is taken after `{read.resource.name}` was read on line {line(read)}, and what was computed from it"
        return IdleLock(write, lock.lock.name, lock, f"{why} is saved here", read)
    for choice, write in chosen_too_early(unit, lock):
        why = f"of line {line(lock)} is taken after the rows were chosen on line {line(choice)}; who waited for it does the work again"
        return IdleLock(write, lock.lock.name, lock, f"{why}, as nothing looks at the state once more", choice)
    return None


def _is_used(unit: Unit, row: Row) -> bool:
    """Whether anything is read of or written to the row."""
    index = unit.flow.rows.index(row)
    return any(
        a.value.row == index or a.resource.name.partition(".")[0] == row.name
        for a in unit.accesses(kinds=(Kind.ROW,))
        if row.name
    )


def _within_transaction(unit: Unit, lock: Acquire) -> IdleLock | None:
    """A lock that is released before the transaction around it commits: who waits for it reads what was before."""
    alone = not _between_processes(lock)  # between the tasks or threads of one process
    until_commit = "xact" in lock.lock.name.lower() or lock.world == "processes"
    if lock.lock.key == OF_PROJECT:
        return None
    if alone and (until_commit or lock.what != "lock" or not lock.shared):
        return None
    inside = [e for e in unit.events if not isinstance(e, Acquire) and lock.id in held_at(e)]
    # of what callers hold around the unit, it is not known which they entered first
    around = [t for e in inside for t in transactions_at(unit, e) if t.id < lock.id and t.site != lock.site]
    if not inside or not around or not all(around[0].id in held_at(e) for e in inside):
        return None
    # what is taken by a statement may be held on some of the ways only: then a call says nothing of where it is given back
    kinds = (Access,) if "select" in unit.module.text(lock.site).lower() else (Access, Mark)
    change = next((e for e in inside if _does(e) and isinstance(e, kinds)), None)
    if alone:
        change = next(
            (e for e in inside if isinstance(e, Access) and e.op in CHANGES and e.resource.kind in DATABASE), None
        )
    if change is None:
        return None
    return IdleLock(lock, lock.lock.name, change, "is released before the transaction around it is committed")


def _committed_later(unit: Unit, lock: Acquire) -> IdleLock | None:
    """A lock of a server that is released before the commit of what was changed under it; one between the tasks or threads of one
    process, if what was changed depends on what was read of the same table under it, too."""
    alone = not _between_processes(lock)
    if (not lock.shared or lock.world == "processes") if alone else lock.world != "processes":
        return None
    commits = list(unit.marks("commit"))
    for change in unit.accesses(*CHANGES, kinds=DATABASE) if commits else ():
        if lock.id not in change.held or change.how == "commit" or transactions_at(unit, change):
            continue
        after = [mark for mark in commits if unit.before(change.id, mark.id)]
        if not after or any(lock.id in mark.held for mark in after) or not unit.lets_go(lock, after[0]):
            continue
        if not alone or _read_under(unit, lock, change):
            return IdleLock(lock, lock.lock.name, change, "is released before what was changed under it is committed")
    return None


def _read_under(unit: Unit, lock: Acquire, change: Access) -> bool:
    """Whether the change depends on what was read of its table, or of the very row, under the lock."""
    reads = (unit.access(number) for number in sorted(change.value.stems | change.chosen | change.controlled_by))
    index = change.value.row
    loaded = unit.flow.rows[index].loaded if index is not None else None
    return any(
        read is not None
        and lock.id in read.held
        and (read.resource.name == change.resource.name or (loaded is not None and read.id == loaded))
        for read in reads
    )


def _between_processes(lock: Acquire) -> bool:
    """Whether the lock is one of a server or of files; transaction-level advisory locks last until the commit."""
    name = lock.lock.name.lower()
    if "xact" in name or "transaction" in name:
        return False
    return (
        lock.world == "processes" or "advisory" in name or (lock.lock.owner == "lock" and lock.lock.kind is Kind.STORE)
    )
