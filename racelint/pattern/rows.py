"""Rows behind ORM objects: saves of what was computed from an old field, and who else works on them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Acquire, Kind, Mark, Op, Row
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import CallSite, ClassFacts, FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.paths import COMMAND_LIBRARIES
from racelint.pattern.callers_locks import locked_by_callers, locked_by_hand
from racelint.pattern.file_rivals import OWN, awaits_between, between_steps, of_file
from racelint.pattern.lookups import COUNTS
from racelint.pattern.one_writer import one_writer
from racelint.pattern.pair import Pair
from racelint.pattern.refused_runs import refused_again
from racelint.pattern.rivals import in_processes
from racelint.pattern.rounds import keyed_by_round
from racelint.pattern.seldom import BY_HAND, TERMINAL, is_command, seldom_run
from racelint.pattern.transactions import serializable_at
from racelint.pattern.unit import Unit
from racelint.words import first_word


def row_updates(unit: Unit) -> Iterator[Pair]:
    """Saves of a row with a field that was computed from the row's own old field, without a row lock or version."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        index = write.value.row
        if index is None:
            continue
        row = unit.flow.rows[index]
        model = unit.module.scope.classes.get(row.model)
        if row.locked or row.new or (model is not None and model.versioned) or is_plain_argument(unit, row):
            continue
        if built_by_callers(unit, row):
            continue
        if compared_with_locked(unit, write):
            continue
        for number in sorted(write.value.stems):
            read = unit.access(number)
            if read is None or read.op is not Op.READ or of_each_save(unit, read, write):
                continue
            base, _, field = read.resource.name.rpartition(".")
            private = field.startswith("_") and (model is None or field not in dict(model.attributes))  # no column
            if private or field in unit.module.scope.index.relations or _adds_objects(unit, row, field):
                continue
            own = base == row.name if read.value.row is None else read.value.row == index
            part = write.value.part(field)
            if own and part is not None and number in part.stems and not kept_out(unit, read, write, row):
                version = next(
                    (m for m in unit.marks("version") if unit.before(m.id, write.id) and _of_row(unit, m, row)), None
                )
                yield Pair(unit, read, write, None, version)
                break


def _adds_objects(unit: Unit, row: Row, field: str) -> bool:
    """Whether the field gets objects that the unit makes: it is a relation then, and each of them a row of its own."""
    facts = unit.facts
    made = {name for name, built in facts.locals_built if built.rpartition(".")[2][:1].isupper()}
    given = (
        call.arguments[0]
        for call in facts.calls
        if call.callee in (f"{row.name}.{field}.append", f"{row.name}.{field}.add") and call.arguments
    )
    return any(name in made or name.rpartition(".")[2][:1].isupper() for name in given)


def kept_out(unit: Unit, read: Access, write: Access, row: Row) -> bool:
    """Whether one guard covers the read of a row's field and its save, and the row was loaded under it, too, or again."""
    if write.how == "commit" and serializable_at(unit, read) and not _committed_between(unit, read, write):
        return True  # it is the end of the very transaction that saves what was set in it
    if not unit.guarded(read, write, World.PROCESSES):
        return False
    loaded = unit.access(row.loaded) if row.loaded is not None else None
    if not unit.guards(read, write, "lock"):
        return True  # of locks on rows that come too late RL604 tells
    if loaded is None or unit.guarded(loaded, write, World.PROCESSES) or loaded.place.unit != write.place.unit:
        return True
    name = f"{row.name}.refresh"
    return any(mark.subject.startswith(name) and unit.guards(mark, write, "lock") for mark in unit.marks("call"))


def _committed_between(unit: Unit, read: Access, write: Access) -> bool:
    return any(read.id < mark.id < write.id for mark in unit.marks("commit", "rollback"))


def recomputed(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts and sums of the rows that belong to a row, each with the save of the row that keeps it, without a row lock."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row is None or row.locked or row.new or not row.name:
            continue
        for number in sorted(write.value.stems):
            read = unit.access(number)
            if read is None or read.resource.kind is not Kind.TABLE or read.how not in COUNTS:
                continue
            if of_each_save(unit, read, write):
                continue
            of_row = read.resource.name.startswith(f"{row.name}.") or read.related & {
                row.name,
                f"{row.name}.pk",
                f"{row.name}.id",
            }
            if of_row and not unit.guarded(read, write, World.PROCESSES) and not unit.guarded(read, write):
                yield read, write
                break


def recounted(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Counts of the rows that belong to a row, each with the statement that sets a column of the row to it, without a row lock."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE,)):
        if write.how == "conditional" or "create" in write.how or not write.assigned or write.tested - KEYS:
            continue
        for number in sorted(write.value.stems):
            read = unit.access(number)
            if read is None or read.resource.kind is not Kind.TABLE or read.how not in COUNTS:
                continue
            if read.resource == write.resource or not (_by_same_key(read, write) or _of_relation(read, write)):
                continue
            if not unit.guarded(read, write, World.PROCESSES) and not row_locked(unit, write):
                yield read, write
                break


def _by_same_key(read: Access, write: Access) -> bool:
    return bool(read.tested and read.related & write.related)


def _of_relation(read: Access, write: Access) -> bool:
    """Whether the counted rows are those of a relation of the row that is changed: `self.reviews.count()` for the row `self.pk`."""
    row, _, relation = read.resource.name.rpartition(".")
    return bool(row and relation) and not write.related.isdisjoint({f"{row}.pk", f"{row}.id"})


def row_locked(unit: Unit, act: Access) -> bool:
    """Whether rows are locked, or any lock is held, at an access."""
    return any(
        isinstance(e, Acquire) and e.what in ("row lock", "lock") and e.shared
        for e in (unit.events[n] for n in sorted(act.held))
    )


def of_each_save(unit: Unit, read: Access, write: Access) -> bool:
    """Whether a model's own `save` makes something of what it reads: of its own fields, whenever it is saved."""
    if not write.how.startswith("super()"):
        return False
    return write.place.unit == unit.facts.qualname or read.site == write.site or _called_by_saves(unit)


def _called_by_saves(unit: Unit) -> bool:
    """Whether only `save` of the class itself calls the unit."""
    callers = unit.module.concurrency.callers.get(unit.facts.qualname, [])
    return bool(callers) and all(c.name in WHOLE and c.owner == unit.facts.owner for c, _ in callers)


def compared_with_locked(unit: Unit, write: Access) -> bool:
    """Whether the write runs only because of what was read of rows under a lock: the stale row was compared with the current one."""
    rows = (a.value.row for n in write.controlled_by if (a := unit.access(n)) is not None)
    return any(index is not None and unit.flow.rows[index].locked for index in rows)


def table_updates(unit: Unit) -> Iterator[Pair]:
    """Statements that set a column of a table to what was computed from that column of a row that was loaded before."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.TABLE,)):
        if write.how == "conditional" or "create" in write.how or not write.assigned:
            continue
        if write.tested - KEYS and not write.tested.isdisjoint(write.assigned):
            continue  # only what is as it was seen is changed
        for number in sorted(write.value.stems):
            read = unit.access(number)
            if read is not None and _reads_column(unit, read, write):
                yield Pair(unit, read, write)
                break
            if read is None or read.resource.kind is not Kind.ROW or read.resource.path not in write.assigned:
                continue
            row = next((row for row in unit.flow.rows if row.name == read.resource.name.rpartition(".")[0]), None)
            if row is None or row.locked or row.model != write.resource.name:
                continue
            loaded = unit.access(row.loaded) if row.loaded is not None else None
            if not unit.guarded(read, write, World.PROCESSES) and _chosen_alike(loaded, write):
                yield Pair(unit, read, write)
                break


def _chosen_alike(loaded: Access | None, write: Access) -> bool:
    """Whether a statement chooses rows by their keys, or by nothing but what the row was looked up by; else it may be a condition."""
    return not write.tested - KEYS or (loaded is not None and write.tested - KEYS <= loaded.tested)


def kept_by_default(unit: Unit) -> Iterator[Pair]:
    """Calls that update a row or create it, with a column computed from what it was in a row that was read before by the same keys."""
    for write in unit.accesses(Op.UPDATE, kinds=(Kind.TABLE,)):
        given = write.value.part("defaults")
        for number in sorted(given.stems) if given is not None else ():
            read = unit.access(number)
            if given is None or read is None or read.resource.kind is not Kind.ROW:
                continue
            row = next((r for r in unit.flow.rows if r.name == read.resource.name.rpartition(".")[0]), None)
            loaded = unit.access(row.loaded) if row is not None and row.loaded is not None else None
            if row is None or row.locked or loaded is None or read.resource.path not in given.text.split():
                continue
            keys = write.assigned - {"defaults", "create_defaults"}
            alike = loaded.resource == write.resource and loaded.tested == keys and loaded.related == write.related
            if alike and not unit.guarded(loaded, write, World.PROCESSES) and not unit.guarded(loaded, write):
                yield Pair(unit, read, write)
                break


def _reads_column(unit: Unit, read: Access, write: Access) -> bool:
    """Whether a query gives the column of one row that the statement sets: `rows.values_list("hits", flat=True).get(pk=pk)`."""
    if (
        read.resource != write.resource
        or read.op not in (Op.READ, Op.CHECK)
        or read.how not in ("get", "first", "aget", "afirst")
    ):
        return False
    alike = not read.tested - KEYS or read.tested == write.tested
    if len(write.assigned) != 1 or not alike or not _chosen_alike(read, write) or not read.related & write.related:
        return False
    text, (column,) = unit.module.text(read.place), write.assigned
    asked = re.search(r"\.values(_list)?\(\s*[\"'](\w+)[\"']\s*(,\s*flat=True\s*)?\)", text)
    return asked is not None and asked[2] == column and not unit.guarded(read, write, World.PROCESSES)


KEYS = frozenset({"pk", "id", "pk__in", "id__in"})
"""Conditions that choose the rows and say nothing of what is in them."""


def same_model(unit: Unit, read: Access, write: Access) -> bool:
    """Whether the row that is saved is one of the table that is read."""
    index = write.value.row
    return index is not None and read.resource.name in (unit.flow.rows[index].model, unit.flow.rows[index].name)


def is_plain_argument(unit: Unit, row: Row) -> bool:
    """Whether the row is an argument of a request, or one whose annotation names a class that is known, or called, to be no mapped one."""
    params = dict(unit.facts.params)
    annotation = params.get(row.name, "")
    if row.loaded is None and row.name in params and row.name not in OWN and _is_exposed(unit.facts):
        return True
    if row.loaded is not None or not annotation:
        return False
    scope = unit.module.scope
    origin = scope.canonical(annotation)
    if "schema" in origin.lower():
        return True
    if annotation in scope.classes:
        return not scope.is_mapped(annotation)
    located = scope.index.class_named(annotation, scope.facts)
    return located is not None and not any(_says_mapped(class_) for _, class_ in scope.index.lineage(located))


def _is_exposed(facts: FunctionFacts) -> bool:
    """Whether the arguments are what a request holds, as Pecan, WSME and CherryPy hand it to what they expose."""
    return any(name.partition("(")[0].rpartition(".")[2] in ("expose", "wsexpose") for name in facts.decorators)


def built_by_callers(unit: Unit, row: Row) -> bool:
    """Whether the row is an argument for which every caller in the module hands in an object that it has just built itself."""
    names = [name for name, _ in unit.facts.params]
    sites = unit.module.concurrency.callers.get(unit.facts.qualname, [])
    if row.loaded is not None or row.name not in names or not sites:
        return False
    place = names.index(row.name) - bool(unit.facts.owner and "staticmethod" not in unit.facts.decorators)
    return all(_builds(caller, call, place, row.name) for caller, call in sites)


def _builds(caller: FunctionFacts, call: CallSite, place: int, keyword: str) -> bool:
    named = (given.removeprefix(f"{keyword}=") for given in call.arguments if given.startswith(f"{keyword}="))
    given = next(named, call.arguments[place] if 0 <= place < len(call.arguments) else "")
    built = dict(caller.locals_built).get(given, "")
    return built.rpartition(".")[2][:1].isupper()


def _says_mapped(class_: ClassFacts) -> bool:
    """Whether a class names its table, or a base that is called as those of mappers are."""
    return any(name == "__tablename__" for name, _ in class_.attributes) or any(
        base.endswith(("Model", "Base")) for base in class_.bases
    )


def whole_saves(unit: Unit) -> Iterator[tuple[Access, Mark, Access]]:
    """Saves of all columns of a row, with the access that loaded it and a slow call in between."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ROW,)):
        row = unit.flow.rows[write.value.row] if write.value.row is not None else None
        if row is None or row.loaded is None or row.locked or row.new or not write.resource.path:
            continue
        read = unit.access(row.loaded)
        if read is None or write.how not in WHOLE or unit.guarded(read, write, World.PROCESSES):
            continue
        waits = (m for m in unit.marks("slow") if unit.before(read.id, m.id) and unit.before(m.id, write.id))
        wait = next(waits, None)
        if wait is not None:
            yield read, wait, write


WHOLE = ("save", "asave")
"""How a save of all columns is called; one that names its columns is told apart."""


def _of_row(unit: Unit, mark: Mark, row: Row) -> bool:
    return any((a := unit.access(n)) is not None and a.resource.name.rpartition(".")[0] == row.name for n in mark.stems)


def _by_hand(unit: Unit) -> bool:
    """Whether the unit is part of a command that somebody runs by hand."""
    libraries = unit.module.scope.libraries
    return bool(
        BY_HAND.search(unit.module.scope.facts.path)
        or not TERMINAL.isdisjoint(libraries)
        or is_command(unit.facts, libraries)
    )


def _of_a_tool(unit: Unit) -> bool:
    """Whether the unit is part of a command, or all of the project is a tool for the command line that serves nobody."""
    index = unit.module.scope.index
    tool = not COMMAND_LIBRARIES.isdisjoint(index.packages) and not index.processes.in_many_processes
    return tool or _by_hand(unit)


def row_evidence(unit: Unit, write: Access, since: Access | None = None) -> Evidence:
    """Rows are reached by every process of the application, whatever this unit is.

    `since`: the access that the write rests on. A server that has one process and one loop comes to nothing else in between.
    """
    if since is not None and _one_after_the_other(unit, since, write):
        return Evidence("one process answers all requests, one step after the other until it awaits", Confidence.LOW)
    if locked_by_callers(unit) or (since is not None and locked_by_hand(unit)):
        return Evidence("a lock is held around each call that leads to it", Confidence.LOW)
    if refused_again(unit, write, *([since] if since is not None else [])):
        return Evidence("a second such job is refused while one is under way", Confidence.LOW)
    found = in_processes(unit)
    if found is not None and found.strength is not Confidence.LOW:
        return found
    if _by_hand(unit):
        return Evidence("somebody may run the command while the application works on the same rows", Confidence.LOW)
    seldom = seldom_run(unit)
    if seldom:
        return Evidence(seldom, Confidence.LOW)
    if _IMPORTS.search(unit.module.scope.facts.path):
        return Evidence("whoever administers the application imports in one batch", Confidence.LOW)
    if since is not None and _in_own_file(unit):
        return Evidence("mostly one process has the file of an embedded database", Confidence.LOW)
    return Evidence("every process that serves the application works on the same rows", Confidence.MEDIUM, "processes")


def _one_after_the_other(unit: Unit, since: Access, write: Access) -> bool:
    """Whether one process and one loop do all that the project does, and come to nothing else between two accesses."""
    return unit.module.scope.index.processes.on_one_loop and not awaits_between(unit, since, write)


def surely_in_processes(unit: Unit) -> bool:
    """Whether handlers or jobs run the unit, not only whoever calls it."""
    found = in_processes(unit)
    return found is not None and not found.public and found.strength is not Confidence.LOW


def _in_own_file(unit: Unit) -> bool:
    """Whether the module talks to SQLite itself, and to nothing that could be another database or a server of the application."""
    libraries = unit.module.scope.libraries
    return bool(libraries & _EMBEDDED) and libraries.isdisjoint(_SHARED_STORES)


_EMBEDDED = frozenset({"sqlite3", "aiosqlite"})
_SHARED_STORES = frozenset(
    "django sqlalchemy sqlmodel peewee tortoise flask fastapi starlette celery asyncpg psycopg psycopg2 databases MySQLdb pymysql "
    "aiomysql".split()
)


_IMPORTS = expression(r"(^|[/\\])(data_?)?importers?([/\\]|\.py$)")
"""Modules that read in what another application has written out."""


def merged_unseen(unit: Unit, pair: Pair) -> bool:
    """Whether what a column of an argument holds is changed in place, and nothing tells that the unit runs several times at once.

    A row is often handed in by whoever has just made it.
    """
    place = pair.first.resource.place
    changes = unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.ARGUMENT,))
    found = in_processes(unit)
    unsure = found is None or found.strength is Confidence.LOW
    return unsure and any(change.resource.place == place for change in changes)


CONTEXTS = frozenset({"ctx", "context"})
"""Names of what is handed through one run of something."""


def added_to(write: Access) -> bool:
    """Whether what is written is what was read, counted up or down or changed in place: that cannot be made again.

    Of a version it is enough that it is another one than before.
    """
    value = write.value
    if value.part("stepped") is not None:
        return _VERSION.search(f"{value.text} {write.resource.key}") is None
    return value.appended or value.part("changed") is not None


_VERSION = expression(r"(?i)version|revision|generation")


def _of_selected(pair: Pair) -> bool:
    """Whether the column that is set is the one that was selected: it is computed from that, and no row is found by it."""
    columns = pair.first.value.part("columns")
    return columns is not None and pair.second.assigned == frozenset(columns.text.split())


def store_rival(unit: Unit, pair: Pair, served: bool = True) -> Evidence | None:
    """That another run writes the same document meanwhile; a coroutine is part of a service, whose stores others reach, too.

    So are tables, and the servers whose calls are modelled: what is kept there is meant for more than one process. In what is
    called a cache, though, there are mostly values that can be made again, unless they were added to. `served` says whether that is enough.
    """
    found, resource = in_processes(unit), pair.second.resource
    if resource.kind in (Kind.TABLE, Kind.STORE) and refused_again(unit, pair.first, pair.second):
        return Evidence("a second such job is refused while one is under way", Confidence.LOW, "processes")
    if found is not None and (resource.kind is Kind.FILE or resource.owner == "named"):
        doubtful = found.strength is Confidence.LOW
        found = between_steps(unit, pair, found)
        if found is not None and resource.kind is Kind.FILE:
            found = of_file(unit, pair, found)
        if found is not None and found.strength is Confidence.LOW and not doubtful:
            return found
        if (
            found is not None
            and found.public
            and unit.facts.is_async
            and not awaits_between(unit, pair.first, pair.second)
        ):
            return found.weakened()  # callers of a coroutine are on its loop, where nothing comes between
    if found is not None and pair.second.resource.name.partition(".")[0] in CONTEXTS:
        return found.weakened()  # the store of one run
    root = pair.second.resource.name.partition(".")[0]
    if found is not None and found.public and root in {name for name, _ in unit.facts.params if name not in OWN}:
        return found.weakened()  # of what is handed in, nothing says that others have it, too
    if found is not None and found.world == "tasks" and _one_after_the_other(unit, pair.first, pair.second):
        return found.weakened()
    keyless = found is not None and (found.public or not resource.key)
    if found is not None and keyless and resource.owner == "named" and resource.path.endswith("."):
        return found.weakened()  # `get` and `set` of any object: what they give may be what it holds
    if found is not None and resource.kind is Kind.STORE and keyed_by_round(unit, resource.key):
        return found.weakened()
    in_table = pair.second.resource.kind is Kind.TABLE and pair.second.resource.owner == "sqlalchemy"
    if found is not None and in_table and pair.version_check is None and not _of_selected(pair):
        return found.weakened()  # of the row, mostly the key alone is used
    once = (
        first_word(unit.facts.name) in unit.module.models.lifecycle
    )  # whoever starts or sets up an object does so once
    of_store = resource.kind is Kind.STORE and resource.owner == "store"
    kept = of_store and (not resource.path.endswith("cache") or added_to(pair.second))
    if found is not None and (found.strength is not Confidence.LOW or (unit.facts.is_async and not once)):
        return replace(found, strength=max(found.strength, Confidence.MEDIUM, key=lambda one: one.rank))
    if served and resource.kind is Kind.TABLE and one_writer(unit):
        return Evidence("the one thread that does so has the file of an embedded database", Confidence.LOW, "processes")
    if served and (resource.kind is Kind.TABLE or kept) and _of_a_tool(unit):
        return Evidence("somebody runs the command by hand, mostly one at a time", Confidence.LOW, "processes")
    if served and (resource.kind is Kind.TABLE or kept):
        return Evidence("every process that is connected reaches the same entry", Confidence.MEDIUM, "processes")
    return found
