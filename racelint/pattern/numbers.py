"""Numbers that are computed in Python from those that rows have already."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Mark, Op, Sense
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.constraints import declared
from racelint.pattern.lookups import COUNTS, by_key_read, constraint_handled, named_after, same_rows
from racelint.pattern.rows import KEYS, same_model
from racelint.pattern.unit import Unit
from racelint.words import ORDERINGS


def next_numbers(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Reads of a table, each with the row of it that is saved with one more than what was read of the others."""
    saves = list(unit.accesses(Op.CREATE, Op.WRITE, kinds=(Kind.TABLE, Kind.ROW)))
    tried = {
        a.resource.name for a in saves if constraint_handled(unit, a, gone_on=True)
    }  # here or elsewhere it is tried again
    for new in saves:
        if new.resource.name in tried:
            continue
        row = unit.flow.rows[new.value.row] if new.value.row is not None else None
        if row is not None and row.locked:
            continue
        for mark in unit.marks("next"):
            read = next(
                (
                    a
                    for n in sorted(mark.stems & new.value.stems)
                    if (a := unit.access(n)) is not None and _of_table(unit, a, new)
                ),
                None,
            )
            if (
                read is None
                or mark.id > new.id
                or not unit.before(mark.id, new.id)
                or (row is not None and row.loaded == read.id)
                or _counts_itself(unit, mark, new)
            ):
                continue
            if not _same_row(read, new) and not _named(read) and not _kept_out(unit, read, new):
                yield read, new
                break


def _named(read: Access) -> bool:
    """Whether one row was asked for by its key: what is one more than its number, as the depth of a reply, is no number of the table."""
    return bool(read.tested) and read.tested <= KEYS and read.how not in COUNTS


def own_numbers(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Reads of a table, each with the column of an own object of it that is set to one more than what was read.

    A session of SQLAlchemy saves it when whoever has it commits.
    """
    owner = unit.owner
    if owner is None or unit.is_constructor or not _saved_by_a_session(unit, owner.qualname):
        return
    columns = {name for name, _ in owner.attributes}
    nexts = [] if any(unit.marks("commit", "flush")) else list(unit.marks("next"))  # which are saves themselves
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)) if nexts else ():
        if write.resource.owner != owner.qualname or write.place.unit != unit.facts.qualname:
            continue
        if write.resource.path not in columns or write.handled:
            continue
        for mark in nexts:
            stems = (unit.access(n) for n in sorted(mark.stems & write.value.stems))
            read = next((a for a in stems if a is not None and _is_of(a, owner.name)), None)
            if read is not None and unit.before(mark.id, write.id) and not _kept_out(unit, read, write):
                yield read, write
                break


def _is_of(read: Access, table: str) -> bool:
    return read.resource.kind is Kind.TABLE and read.resource.name == table and read.op in (Op.READ, Op.CHECK)


def _saved_by_a_session(unit: Unit, owner: str) -> bool:
    scope = unit.module.scope
    return "sqlalchemy" in scope.libraries and scope.is_mapped(owner)


def _counts_itself(unit: Unit, mark: Mark, new: Access) -> bool:
    """Whether a column of the row itself is counted up, whichever way the row came: `story.updates += 1`, `story.save()`."""
    saved, dot, _ = unit.module.text(new.place).partition(".save(")
    return bool(dot) and unit.module.text(mark.place).startswith(f"{saved}.")


def _same_row(read: Access, new: Access) -> bool:
    """Whether a statement changes the very row that was read: what may get lost is an update, and no other row has the number."""
    chosen = bool(read.tested) and read.tested == new.tested and not read.related.isdisjoint(new.related)
    alike = not read.related or not read.related.isdisjoint(new.related)
    keyed = (
        bool(new.tested & KEYS) and new.tested <= read.tested and alike
    )  # the read asked for more than which row it is
    found = by_key_read(read, new)  # a row of those that were read, by its key
    return new.op is Op.WRITE and new.resource.kind is Kind.TABLE and (chosen or keyed or found)


def _kept_out(unit: Unit, read: Access, new: Access) -> bool:
    """Whether others wait. A lock on the last row alone makes them wait and then read that row again, not the new one."""
    if any(not unit.lets_go(lock, new) for lock in _locked(unit, read) if lock.place != read.place):
        return True  # taken on the one way that reads the number
    if not unit.guarded(read, new, World.PROCESSES) and not unit.guarded(read, new):
        return False
    held = [e for n in sorted(new.held) if isinstance(e := unit.events[n], Acquire) and e.what in ("row lock", "lock")]
    return read.how not in LAST or any(lock.place != read.place or lock.what == "lock" for lock in held)


def _locked(unit: Unit, read: Access) -> Iterator[Acquire]:
    """The locks that are held when the number is read."""
    for number in sorted(read.held):
        event = unit.events[number]
        if isinstance(event, Acquire) and event.what in ("row lock", "lock") and event.shared:
            yield event


LAST = ("first", "last", "latest", "afirst", "alast", "alatest")
"""How the row with the last number is read."""


def only_orders(unit: Unit, read: Access, new: Access) -> bool:
    """Whether the number says in which order rows are shown, and no constraint keeps two rows from having the same.

    Two that have are shown side by side.
    """
    marks = (mark for mark in unit.marks("next") if read.id in mark.stems)
    words = {
        word for place in (read.place, *(m.place for m in marks)) for word in _COLUMN.findall(unit.module.text(place))
    }
    columns = words & ORDERINGS
    return bool(columns) and not any(columns & class_.unique for class_ in declared(unit, new.resource.name))


_COLUMN = expression(r"""[."'](\w+)\b(?!\s*[.(])""")
"""Names of attributes that nothing is asked of, and names in quotes."""


def free_names(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests whether a row has a name already, each with the save of a row under the name that was free."""
    tests = [a for a in unit.accesses(Op.CHECK, kinds=(Kind.TABLE,)) if a.how in ("exists", "aexists") and a.tested]
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)) if tests else ():
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row is None or row.locked or constraint_handled(unit, write):
            continue
        for test in tests:
            columns = {name.removesuffix("__iexact").removesuffix("__exact") for name in test.tested} & write.assigned
            model = same_model(unit, test, write) or named_after(row.model or row.name, test.resource.name)
            if columns and model and _given_when_free(unit, test, write, columns):
                if _refused_and_told(unit, test, write, columns):
                    break
                if not _kept_out(unit, test, write):
                    yield test, write
                break


def _refused_and_told(unit: Unit, test: Access, write: Access, columns: set[str]) -> bool:
    """Whether all errors are caught around the save, and what was found free is declared unique: the second one is refused."""
    if write.handled.isdisjoint({"", "Exception", "BaseException"}):
        return False
    return any(columns & class_.unique for class_ in declared(unit, test.resource.name))


def found_names(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Values that a function found no row of a table to have, each with the row of it that is saved with the value."""
    looks = [a for a in unit.accesses(Op.READ, kinds=(Kind.TABLE,)) if a.how == "free name"]
    for new in unit.accesses(Op.CREATE, Op.WRITE, kinds=(Kind.TABLE, Kind.ROW)) if looks else ():
        if constraint_handled(unit, new):
            continue
        for look in looks:
            of_table = look.resource.name == new.resource.name if new.op is Op.CREATE else same_model(unit, look, new)
            if look.id in new.value.stems and of_table and not _kept_out(unit, look, new):
                yield look, new
                break


def _given_when_free(unit: Unit, test: Access, write: Access, columns: set[str]) -> bool:
    """Whether the save, or the assignment of the column to the row, waited for the test to find nothing."""
    names = [name.rpartition(".")[2] for name in test.related]
    if not unit.before(test.id, write.id) or all(name.isupper() for name in names):
        return False  # looked for a constant: a flag that one of the rows has to have, and any of them will do
    name = unit.flow.rows[write.value.row or 0].name
    sets = [a for a in unit.accesses(Op.WRITE) if a.resource.name in {f"{name}.{column}" for column in columns}]
    return any((test.id, Sense.ABSENT) in one.control for one in (write, *sets))


def _of_table(unit: Unit, read: Access, new: Access) -> bool:
    """Whether the read is of the table in which the new number is saved."""
    if read.op not in (Op.READ, Op.CHECK) or read.resource.kind is not Kind.TABLE:
        return False
    if new.resource.kind is Kind.TABLE:
        return same_rows(read, new)
    return same_model(unit, read, new)
