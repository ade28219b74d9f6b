"""What depends on what: values computed from, and decisions taken by, accesses that lie before a switch point."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Event, Kind, Op, Sense, Shape
from racelint.expressions import expression
from racelint.finding import World
from racelint.pattern.deciding import only_asked
from racelint.pattern.lookups import by_key_read
from racelint.pattern.own_paths import is_own_file
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.same_entry import names_anew
from racelint.pattern.transactions import locked_by_look, row_locked_at
from racelint.pattern.unit import Unit, exactly, same
from racelint.words import COUNTERS, first_word


def stale_writes(unit: Unit, kinds: tuple[Kind, ...] = INTERNAL) -> Iterator[Pair]:
    """Writes whose value was computed from a read of the same resource before a switch point."""
    for write in unit.accesses(Op.WRITE, kinds=kinds):
        for number in sorted(write.value.stems - write.fresh - write.value.opaque):
            read = unit.access(number)
            if read is None or read.op not in (Op.READ, Op.CHECK) or not exactly(read.resource, write.resource):
                continue
            if read.place.unit != write.place.unit and (names_anew(unit, read) or names_anew(unit, write)):
                continue
            switch = unit.switch_between(number, write.id)
            if switch is None or _compared_again(unit, write):
                continue
            if unit.fresh(write, write.resource) is None and not unit.guarded(read, write):
                yield Pair(unit, read, write, switch)
                break


def handed_to_call(unit: Unit) -> Iterator[Pair]:
    """Assignments of what an awaited call answers that is handed the value of before another await: `self.mark = await log.after(self.mark,
    await self.token())`.

    What the call gives need not depend on that value, but where it goes back to the same place it mostly does: it is the next one. Of
    a call that is handed the value at once nobody knows whether it looks again.
    """
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if write.how != "=" or write.value.shape is not Shape.AWAITED or write.resource.key:
            continue
        calls = [s for s in unit.switches() if s.statement == write.statement and s.site.unit == write.place.unit]
        call = next((s for s in reversed(calls) if s.id < write.id and unit.before(s.id, write.id)), None)
        for number in sorted(call.stems) if call is not None else ():
            read = unit.access(number)
            if read is None or read.op is not Op.READ or read.statement != write.statement or call is None:
                continue
            if read.place.unit != write.place.unit or not exactly(read.resource, write.resource):
                continue
            if first_word(call.callee) in _MAKING_SURE or call.callee in (*unit.module.models.idempotent, *_WAITING):
                continue
            early = next((s for s in calls if read.id < s.id < call.id), None)
            if early is not None and unit.fresh(write, write.resource) is None and not unit.guarded(read, write):
                yield Pair(unit, read, write, early)
                break


_WAITING = ("wait_for", "shield", "gather", "wait")
"""Calls that wait for what they are handed."""

_MAKING_SURE = frozenset(
    "ensure convert resolve normalize normalise parse validate init initialize into to check".split()
)
"""First words of calls that bring a value into shape, or see that it is: two that do so give the same."""


def claimed_first(pair: Pair) -> bool:
    """Whether the unit, because of what it had read, wrote the same before the switch point: whoever comes meanwhile sees that."""
    unit, switch = pair.unit, pair.switch
    return switch is not None and any(
        pair.first.id < write.id < switch.id
        and exactly(write.resource, pair.second.resource)
        and pair.first.id in write.controlled_by
        and unit.before(write.id, switch.id)
        for write in unit.accesses(Op.WRITE, kinds=(pair.second.resource.kind,))
    )


def _compared_again(unit: Unit, write: Access, world: World = World.TASKS) -> bool:
    """Whether the write runs only because something of the same owner is now as it was before the switch: a version check.

    Between threads what is seen now is what was looked at under the lock that is still held.
    """
    looks = [a for n in sorted(write.controlled_by) if (a := unit.access(n)) is not None]
    fresh = [
        look for look in looks if (look.id in write.fresh if world is World.TASKS else unit.guarded(look, write, world))
    ]
    stale = [look for look in looks if look not in fresh]
    return any(
        now.resource.owner == write.resource.owner and any(same(now.resource, then.resource) for then in stale)
        for now in fresh
    )


def decided(unit: Unit, kinds: tuple[Kind, ...] = INTERNAL) -> Iterator[tuple[Pair, Sense]]:
    """Accesses that run only because of what a check saw before a switch point, of the same resource."""
    for act in unit.flow.accesses:
        if act.resource.kind not in kinds:
            continue
        for number, sense in act.control:
            check = unit.access(number)
            if check is None or number in act.fresh or not same(check.resource, act.resource):
                continue
            switch = unit.switch_between(number, act.id)
            if switch is None or unit.rechecked(act, act.resource) or unit.guarded(check, act):
                continue
            yield Pair(unit, check, act, switch), sense


def thread_updates(unit: Unit) -> Iterator[Pair]:
    """Writes computed from a read of the same resource with no lock for threads over both."""
    if unit.facts.is_async:  # runs on a loop, in one thread
        return
    rows = {row.name for row in unit.flow.rows}
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if write.resource.name.rpartition(".")[0] in rows:
            continue
        reads = [
            read
            for number in sorted(write.value.stems)
            if (read := unit.access(number)) is not None
            and read.op in (Op.READ, Op.CHECK)
            and exactly(read.resource, write.resource)
            and (number not in write.value.opaque or _same_lock(unit, read, write))
        ]
        if any(read.statement == write.statement and unit.guarded(read, write, World.THREADS) for read in reads):
            continue  # what was taken before is joined with what is there now
        stale = next((read for read in reads if not unit.guarded(read, write, World.THREADS)), None)
        if stale is not None and not _compared_again(unit, write, World.THREADS):
            yield Pair(unit, stale, write)


def adds_up(pair: Pair) -> bool:
    """Whether something is added to what was read, or taken from it: `seen = hits[page]`, `hits[page] = seen + 1`."""
    unit, write = pair.unit, pair.second
    function = unit.module.scope.functions.get(write.place.unit, unit.facts)
    text = write.value.text
    if text.isidentifier():
        return any(change.path == text and change.how in ("+=", "-=") for change in function.writes)
    return _SUM.fullmatch(text) is not None


_SUM = expression(r"\w+ [+-] (?:\w+(?:\.\w+)*|len\(\w+\))|\w+(?:\.\w+)* \+ \w+")
"""One name and something that is added to it or taken from it."""


def _same_lock(unit: Unit, one: Access, other: Access) -> bool:
    """Whether both are made under one lock, if under two holds of it: who takes it for both means them to belong together."""
    locks = {lock.lock.place for lock in unit.locked_at(one)}
    return any(lock.lock.place in locks for lock in unit.locked_at(other))


def _entry_of(read: Access, update: Access) -> bool:
    """Whether an entry was read of the collection that is updated as a whole."""
    return (
        bool(read.resource.key)
        and read.resource.place == update.resource.place
        and read.resource.name == update.resource.name
    )


def _sets_entry(unit: Unit, update: Access, check: Access) -> bool:
    """Whether `update` gives the entry that was compared the very value that it was compared with."""
    key = check.resource.key.strip("'\"")
    if not _entry_of(check, update) or not key.isidentifier():
        return False
    text = unit.module.text(update.place)
    return any(
        re.search(rf"\b{re.escape(key)}(=|['\"]: *){re.escape(value)}\s*[,)}}]", text) is not None
        for value in sorted(update.related & check.related)
    )


def entries_updated(unit: Unit) -> Iterator[Pair]:
    """Entries of a collection that `update` sets under a lock to what was computed from entries read under an earlier hold of it."""
    for update in unit.accesses(Op.UPDATE, kinds=INTERNAL) if not unit.facts.is_async else ():
        if update.how != "update" or update.value.type == "set":
            continue
        for number in sorted(update.value.stems):
            read = unit.access(number)
            if (
                read is not None
                and read.op in (Op.READ, Op.CHECK)
                and _entry_of(read, update)
                and _same_lock(unit, read, update)
                and not unit.guarded(read, update, World.THREADS)
                and not _compared_again(unit, update, World.THREADS)
            ):
                yield Pair(unit, read, update)
                break


def extremes(unit: Unit) -> Iterator[Pair]:
    """Writes of the very value that was found greater or less than the old one, with no lock for threads over both and no second look
    under the lock of the write; in a coroutine with a switch point in between and no second look after it."""
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL):
        several = write.how == "update"  # `best.update(amount=amount, by=name)`
        if not several and (write.op is Op.UPDATE or write.how not in ("=", "[]") or not write.value.text):
            continue
        if world is World.TASKS and write.value.shape is Shape.CONSTANT:  # a limit, beside which nothing is better
            continue
        if world is World.THREADS and (unit.rechecked_locked(write) or _computed_under_lock(unit, write)):
            continue
        for number, sense in write.control:
            check = unit.access(number)
            if (
                check is not None
                and sense.vague
                and number in unit.flow.ordered
                and check.how not in ("while", "assert")
                and (
                    check.place.unit == write.place.unit
                    or (write.place.unit == unit.facts.qualname and only_asked(unit, check))
                )
                and (
                    _sets_entry(unit, write, check)
                    if several
                    else write.value.text in check.related and exactly(check.resource, write.resource)
                )
                and not unit.guarded(check, write, world)
            ):
                switch = unit.switch_between(number, write.id)
                if world is World.THREADS or (switch is not None and not unit.rechecked(write, write.resource)):
                    yield Pair(unit, check, write, switch)
                break


def _computed_under_lock(unit: Unit, write: Access) -> bool:
    """Whether what is written takes account of what is there under the lock: `self.best = max(found, self.best)`."""
    reads = (unit.access(number) for number in write.value.stems)
    return any(
        read is not None and exactly(read.resource, write.resource) and unit.guarded(read, write, World.THREADS)
        for read in reads
    )


def chained_entries(unit: Unit) -> Iterator[Pair]:
    """Entries added at an end of a collection that are computed from the entry which was there before, with no lock over both; in a
    coroutine with a switch point in between and no second look."""
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for add in unit.accesses(Op.UPDATE, kinds=INTERNAL):
        end = _ENDS.get(add.how)
        for number in sorted(
            add.value.stems if world is World.THREADS else add.value.stems - add.value.opaque - add.fresh
        ):
            read = unit.access(number) if end is not None else None
            if (
                read is None
                or read.op not in (Op.READ, Op.CHECK)
                or read.resource.key != end
                or not same(read.resource, add.resource)
                or unit.guarded(read, add, world)
            ):
                continue
            switch = unit.switch_between(number, add.id)
            if world is World.THREADS or (switch is not None and unit.fresh(add, add.resource) is None):
                yield Pair(unit, read, add, switch)
            break


_ENDS = {"append": "-1", "appendleft": "0"}
"""By the method that adds an entry the place of the one that was the last before."""


def numbered_by_size(unit: Unit) -> Iterator[Pair]:
    """Entries that get a number which comes from how many there were, or from the highest one, as their key or as their value, with
    no lock for threads over both."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL) if not unit.facts.is_async else ():
        function = unit.module.scope.functions.get(write.place.unit, unit.facts)
        if (
            write.how not in ("[]", "append") or write.resource.key in function.loop_names
        ):  # which goes through the entries
            continue
        for number in sorted(write.chosen | write.value.stems - write.value.opaque):
            read = unit.access(number)
            if (
                read is not None
                and not read.resource.key
                and read.resource.place == write.resource.place
                and read.resource.name == write.resource.name
                and asks_size(unit, read)
                and not unit.guarded(read, write, World.THREADS)
            ):
                yield Pair(unit, read, write)
                break


def asks_size(unit: Unit, read: Access) -> bool:
    """Whether the read is of the number of entries, or of the highest key."""
    if read.how in _SIZES:
        return True
    asking = [
        mark
        for mark in unit.marks("call")
        if mark.subject in _SIZES and mark.statement == read.statement and mark.place.unit == read.place.unit
    ]
    if not asking:
        return False
    at = unit.module.span(read.place)
    where = (at.line, at.column)
    spans = [unit.module.span(mark.place) for mark in asking]  # all events of a helper are of one statement of the unit
    return any((span.line, span.column) <= where < (span.end_line, span.end_column) for span in spans)


_SIZES = ("len", "max")


def store_updates(unit: Unit) -> Iterator[Pair]:
    """Writes of a store, file or table whose value was computed from what was read of the same document."""
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE, Kind.FILE, Kind.TABLE)):
        if write.how == "conditional" or (write.resource.kind is Kind.FILE and is_own_file(unit, write.resource)):
            continue
        for number in sorted(write.value.stems):
            read = unit.access(number)
            if read is None or not _gives_value(read) or not one_document(unit, read, write):
                continue
            if (
                not unit.before(number, write.id)
                or (number, Sense.ABSENT) in write.control  # nothing was there that the write could be computed from
                or unit.guarded(read, write, World.PROCESSES)
                or in_transaction(unit, read, write)
                or _read_anew(unit, read, write)
                or (
                    write.resource.kind is Kind.TABLE
                    and (row_locked_at(unit, write, since=read) or locked_by_look(unit, read, write))
                )
            ):
                continue
            version = next(
                (m for m in unit.marks("version") if number in m.stems and unit.before(m.id, write.id)), None
            )
            yield Pair(unit, read, write, unit.switch_between(number, write.id), version)
            break


def _read_anew(unit: Unit, read: Access, write: Access) -> bool:
    """Whether the document is read once more before the write, into the same name: the write rests on that read."""
    names = _held_by(unit, read)
    return bool(names) and any(
        (again := unit.access(number)) is not None
        and number > read.id
        and _gives_value(again)
        and not names.isdisjoint(_held_by(unit, again))
        and again.place.unit == read.place.unit
        and one_document(unit, again, write)
        and unit.before(read.id, number)
        and unit.before(number, write.id)
        and set(again.control) <= set(write.control)
        for number in write.value.stems | write.controlled_by
    )


def _held_by(unit: Unit, read: Access) -> frozenset[str]:
    """The local names that are bound in the line of a read."""
    function, line = unit.module.scope.functions.get(read.place.unit, unit.facts), unit.module.line(read)
    return frozenset(write.path for write in function.writes if write.line == line and "." not in write.path)


def _gives_value(read: Access) -> bool:
    """Whether the access tells what is stored: so does a counter that is counted, as long as nobody counts it further."""
    counted = read.op is Op.UPDATE and read.resource.kind is Kind.STORE and read.how in COUNTERS
    return counted or read.op in (Op.READ, Op.CHECK)


def one_document(unit: Unit, read: Access, write: Access) -> bool:
    """Whether a read and a write of a store are of the same document, row or file, as far as their keys tell."""
    if write.resource.kind is Kind.ROW:
        index = write.value.row
        return index is not None and read.resource.name.rpartition(".")[0] == unit.flow.rows[index].name
    keyed_inside = write.resource.kind is Kind.STORE and not write.resource.key and read.resource.owner == "store"
    if keyed_inside and read.resource.place == write.resource.place:  # the document says itself which one it is
        return True
    found_alone = write.how == "replace_one" or (write.how == "update_one" and read.how == "find_one")
    if found_alone and read.id in write.chosen and read.resource.place == write.resource.place:
        return not _only_as_seen(unit, read, write)  # by a key that was in what was read
    if not same(read.resource, write.resource) or _named_alike(unit, read, write):
        return False
    if _of_other_columns(unit, read, write) or _in_other_index(unit, read, write):
        return False
    if read.resource.kind is Kind.TABLE and read.related and write.related:
        return bool(read.related & write.related) or (write.value.part("told") is not None and by_key_read(read, write))
    return True


def _in_other_index(unit: Unit, read: Access, write: Access) -> bool:
    """Whether two documents of a search engine have one key and stand in indexes of different names."""
    if write.how != "index":
        return False
    one, other = (_INDEX.search(unit.module.text(access.place)) for access in (read, write))
    return one is not None and other is not None and one[1] != other[1]


_INDEX = expression(r"\bindex=([^\s,)]+)")
"""The index that a call of a client of Elasticsearch names."""


def _of_other_columns(unit: Unit, read: Access, write: Access) -> bool:
    """Whether none of the columns that were selected is set: what is computed from them may grow old, but nothing is lost."""
    selected = read.value.part("columns")
    return (
        selected is not None
        and bool(write.assigned)
        and write.assigned.isdisjoint(selected.text.split())
        and unit.safe(read, write, because=lambda: f"of the columns that were read, none is set: {selected.text}")
    )


def _only_as_seen(unit: Unit, read: Access, write: Access) -> bool:
    """Whether the document is chosen by its key and by more of what was read: it is replaced only if it still is as it was seen."""
    keys = read.tested | {"_id", "id"}
    return bool(write.tested & keys and write.tested - keys) and unit.safe(
        read, write, because=lambda: f"it is replaced only if `{min(write.tested - keys)}` still is what was read"
    )


def _named_alike(unit: Unit, read: Access, write: Access) -> bool:
    """Whether the keys are locals of two functions that happen to have one name, and are put together differently."""
    key, places = write.resource.key, (read.place.unit, write.place.unit)
    if read.resource.key != key or not key.isidentifier() or places[0] == places[1]:
        return False
    texts = []
    for place in places:
        function = unit.module.scope.functions.get(place)
        if function is None or key in [name for name, _ in function.params] or key not in function.local_names:
            return False
        lines = unit.module.program.lines_of(function)[function.first - 1 : function.last]
        texts.append([text for line in lines for name, mark, text in (line.partition("="),) if name.strip() == key])
    return all(len(found) == 1 for found in texts) and texts[0] != texts[1]


def in_transaction(unit: Unit, one: Event, other: Event) -> bool:
    """Whether a named store is used inside one transaction, whose isolation is not known."""
    return isinstance(one, Access) and one.resource.kind is Kind.STORE and bool(unit.guards(one, other, "transaction"))
