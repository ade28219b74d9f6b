"""Jobs that are sent before what they are about can be seen: who is told of which row, and in which transaction."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from racelint.events import Access, Acquire, Kind, Mark, Op, Row
from racelint.expressions import expression
from racelint.frozen import dataclass
from racelint.index import Index
from racelint.pattern.surrounding import AFTER_CHANGE, AROUND_DELETION, likely_in_requests, receives
from racelint.pattern.transactions import transactions_at
from racelint.pattern.unit import Unit

CHANGES = (Op.WRITE, Op.UPDATE, Op.CREATE)
KEYS = frozenset({"pk", "id", "uuid"})
"""Columns whose value names a row as well as the row itself does."""


@dataclass(frozen=True, slots=True)
class EarlyJob:
    """A job that is sent before a change can be seen: `change` is None where the saving code calls this unit."""

    job: Mark
    change: Access | None
    row: str
    """The row as the unit names it."""
    why: str


SENDERS = frozenset({"apply_async", "delay", "send", "enqueue"})
"""Methods that task classes override to send later."""


@lru_cache(maxsize=1)
def _late_tasks(index: Index) -> bool:
    return any(
        function.owner
        and function.name in SENDERS
        and any(call.callee.rpartition(".")[2] == "on_commit" for call in function.calls)
        for module in index.modules
        for function in module.functions
    )


def sends_on_commit(unit: Unit) -> bool:
    """Whether a class of the project sends its jobs when the transaction is committed, as tasks of a base of its own may."""
    return _late_tasks(unit.module.scope.index)


def early_jobs(unit: Unit) -> Iterator[EarlyJob]:
    """Jobs that are told of a row whose change is not committed when they are sent, one finding a job."""
    for job in unit.marks("enqueue"):
        found = (
            _before_closed(unit, job)
            or _within(unit, job)
            or _in_request(unit, job)
            or _before_commit(unit, job)
            or _after_flush(unit, job)
            or _before_save(unit, job)
            or _left_to_callers(unit, job)
            or _by_saving_code(unit, job)
        )
        if found is not None:
            yield found


def _before_closed(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is told of a file by its path while the file is still open: what was written last may not be there yet."""
    for guard in (unit.events[number] for number in sorted(job.held)):
        if not isinstance(guard, Acquire) or guard.what != "open file":
            continue
        name, path = guard.lock.name, guard.lock.path
        told = next((one for one in sorted(job.related) if one in (f"{name}.name", path)), "")
        flushed = any(m.subject.endswith(".flush") and guard.id in m.held for m in unit.marks("call"))
        if told and not flushed:
            return EarlyJob(
                job, None, told, f"while the file that line {unit.module.line(guard)} opens is not closed yet"
            )
    return None


def _changes(unit: Unit) -> Iterator[Access]:
    return unit.accesses(*CHANGES, kinds=(Kind.TABLE, Kind.ROW))


def _within(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is sent in the transaction that changes its row."""
    open_ = {transaction.id for transaction in transactions_at(unit, job)}
    if not open_:
        return None
    for change in _changes(unit):
        if open_ & change.held and (row := _told_of(unit, job, change)) and _same_way(unit, change, job):
            return EarlyJob(job, change, row, f"in the transaction that changes it on line {unit.module.line(change)}")
    return None


def _in_request(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is sent by a request whose transaction, which settings ask for, has changed its row and ends with the response."""
    if not likely_in_requests(unit):
        return None
    for change in _changes(unit):
        if (
            change.resource.owner == "django"
            and unit.before(change.id, job.id)
            and (row := _told_of(unit, job, change))
        ):
            why = f"in the transaction of the request, which changes it on line {unit.module.line(change)}"
            return EarlyJob(job, change, row, why)
    made = _made_by_row(unit, job)
    return EarlyJob(job, None, made, "in the transaction of the request, which makes it") if made else None


def _made_by_row(unit: Unit, job: Mark) -> str:
    """The name of what a method of a row makes, by its name, if the job is told of its key: `note = order.create_note()`."""
    rows = {row.name for row in unit.flow.rows if row.name}
    keys = {name.rpartition(".")[0] for name in job.related if _KEY_OF_ROW.fullmatch(name)}
    return next(
        (
            local
            for local, callee in unit.facts.locals_built
            if local in keys and callee.count(".") == 1 and callee.partition(".")[0] in rows and _MAKES.search(callee)
        ),
        "",
    )


_MAKES = expression(r"\.a?(create|generate|make|add|new)_\w+$")
"""Names of methods of a row that make another one."""


def _before_commit(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is sent after a change of its row that only a later commit makes visible."""
    later = [commit for commit in unit.marks("commit") if unit.before(job.id, commit.id) and commit.id > job.id]
    for change in _changes(unit):
        if not later or not change.resource.owner.startswith("sqlalchemy") or change.how == "commit":
            continue
        if change.id > job.id or not unit.before(change.id, job.id) or not (row := _told_of(unit, job, change)):
            continue
        if not any(unit.before(change.id, c.id) and unit.before(c.id, job.id) for c in unit.marks("commit")):
            return EarlyJob(job, change, row, f"before the commit on line {unit.module.line(later[0])}")
    return None


def _after_flush(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is sent after a flush has given its new row a key, or sent new fields: whoever called the unit commits, later."""
    commits = list(unit.marks("commit"))
    by_key = {name.rpartition(".")[0] for name in job.related if _KEY_OF_ROW.fullmatch(name)}
    for change in _changes(unit):
        flushed = change.op is Op.WRITE and change.how == "flush"
        if not (flushed or change.op is Op.CREATE) or not change.resource.owner.startswith("sqlalchemy"):
            continue
        row = _told_of(unit, job, change)
        flush = next(
            (f for f in unit.marks("flush") if unit.before(change.id, f.id) and unit.before(f.id, job.id)), None
        )
        if row not in by_key or flush is None:
            continue
        if not any(unit.before(flush.id, commit.id) and unit.before(commit.id, job.id) for commit in commits):
            return EarlyJob(
                job, change, row, f"after the flush on line {unit.module.line(flush)}, which commits nothing"
            )
    return None


def _before_save(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is sent while fields of its row are set and not saved, and a save follows."""
    unsaved = {name for mark in unit.marks("unsaved") if mark.place == job.place for name in mark.related}
    for change in _changes(unit):
        index = change.value.row
        if change.resource.kind is not Kind.ROW or index is None or change.id < job.id:
            continue
        row = unit.flow.rows[index]
        name = row.name
        if (
            name in unsaved
            and ((_names_row(job, name) and not _told_of_another(job, name)) or _found_by(unit, row) & job.related)
            and unit.before(job.id, change.id)
        ):
            return EarlyJob(job, change, name, f"before its fields are saved on line {unit.module.line(change)}")
    return None


def _found_by(unit: Unit, row: Row) -> frozenset[str]:
    """The key by which the unit has got a row, as it has it itself: `db.get(Order, order_id)`."""
    look = unit.access(row.loaded) if row.loaded is not None else None
    if look is None or look.how not in ("get", "aget") or look.tested - KEYS:
        return frozenset()
    return frozenset(name for name in look.related - {row.model} if name.isidentifier())


def _told_of_another(job: Mark, name: str) -> bool:
    """Whether the job is told only of keys of rows that the row refers to: `order.customer.id`."""
    return all(
        path.rpartition(".")[2] in KEYS and path.count(".") > 1
        for path in job.related
        if path.partition(".")[0] == name
    )


def _left_to_callers(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that is told of a row by its key while fields of it are set that only whoever called the unit commits."""
    unsaved = {name for mark in unit.marks("unsaved") if mark.place == job.place for name in mark.related}
    keys = {name.rpartition(".")[0] for name in job.related if _KEY_OF_ROW.fullmatch(name)}
    for row in unit.flow.rows:
        loaded = row.loaded is not None and row.library.startswith("sqlalchemy")
        if loaded and row.name in unsaved & keys:
            return EarlyJob(job, None, row.name, "before its new fields are committed, which is left to the caller")
    return None


_WITHOUT_TRANSACTIONS = frozenset({"mongoengine", "flask_mongoengine"})
"""Mappers whose saves are there at once."""


_KEY_OF_ROW = expression(r"[A-Za-z_]\w*\.(id|pk|uuid)")
"""The key of a row that the unit has: other values of it, and keys of other rows, are there already."""


def _by_saving_code(unit: Unit, job: Mark) -> EarlyJob | None:
    """A job that a signal of the saving code, or a model's own `save`, sends: the transaction around the save is open."""
    facts = unit.facts
    if unit.module.scope.libraries & _WITHOUT_TRANSACTIONS:
        return None
    keys = {name for name in job.related if name == "instance" or _KEY_OF_ROW.fullmatch(name)}
    if receives(unit, AFTER_CHANGE) and keys:
        row = "instance" if _mentions(job, {"instance"}) else min(keys).partition(".")[0]
        whose = "the deletion" if receives(unit, AROUND_DELETION) else "whoever saves"
        return EarlyJob(job, None, row, f"by a handler that runs inside the transaction of {whose}")
    own = facts.name == "save" and bool(facts.owner) and unit.module.scope.is_mapped(facts.owner)
    saved = (change for change in _changes(unit) if change.how.startswith("super()"))
    if own and _mentions(job, {"self"}) and any(unit.before(change.id, job.id) for change in saved):
        return EarlyJob(job, None, "self", "by its own `save`, which runs inside the transaction of whoever saves")
    return None


def _told_of(unit: Unit, job: Mark, change: Access) -> str:
    """The name of the row that is both changed and told of; "" if there is none."""
    names = _row_names(unit, change)
    told = {name.removesuffix(".pk").removesuffix(".id").removesuffix(".uuid") for name in job.related}
    return min(names & told, default="")


def _mentions(job: Mark, names: set[str]) -> bool:
    return any(name.partition(".")[0] in names for name in job.related)


def _names_row(job: Mark, name: str) -> bool:
    """Whether the job is told of a row: by itself, or by a value of it that is a key. Other values of it are in the message."""
    return any(
        path == name or (path.partition(".")[0] == name and _KEY.search(path.rpartition(".")[2]))
        for path in job.related
    )


_KEY = expression(r"^_?(uuid|pk|id|\w+_(uuid|pk|id))$")


def _row_names(unit: Unit, change: Access) -> set[str]:
    """What the unit calls the row that is changed or made."""
    if change.resource.kind is Kind.ROW:
        index = change.value.row
        row = unit.flow.rows[index] if index is not None else None
        look = unit.access(row.loaded) if row is not None and row.loaded is not None else None
        keys = look.related if look is not None and look.tested and look.tested <= KEYS else frozenset()
        return {row.name, *keys} if row is not None else set()
    if change.op is Op.CREATE:
        made = {row.name for row in unit.flow.rows if row.new and row.model == change.resource.name and row.name}
        return made | ({name for name in change.related if "." not in name} if change.how in ("add", "save") else set())
    return {row.name for row in unit.flow.rows if row.loaded == change.id and row.name}


def _same_way(unit: Unit, one: Access, other: Mark) -> bool:
    return unit.before(one.id, other.id) or unit.before(other.id, one.id)
