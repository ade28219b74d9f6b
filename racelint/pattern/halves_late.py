"""Counts of a collection, and second collections of the same entries, that follow it only after an await."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Resource
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.beside import averaged
from racelint.pattern.deciding import COUNTING
from racelint.pattern.pair import Pair
from racelint.pattern.unit import Unit
from racelint.resolve import CONSTRUCTORS
from racelint.words import OF_ENTRY, OF_SIZE, PUTS, TAKES_ENTRY, WORD


def kept_late(unit: Unit) -> Iterator[tuple[Pair, str, Evidence]]:
    """An entry put in or taken out, the count or the second collection that follows after a switch, and who reads both."""
    if unit.is_constructor or not unit.facts.is_async:
        return
    changes = [
        a for a in unit.accesses(kinds=(Kind.ATTRIBUTE,)) if a.op.changes and a.resource.name.startswith("self.")
    ]
    for first in changes:
        if first.how not in OF_ENTRY:
            continue
        for second in changes:
            if second.id <= first.id or first.id in second.fresh or not _belongs(unit, first, second):
                continue
            switch = next((s for s in unit.switches_between(first.id, second.id) if first.id < s.id < second.id), None)
            if switch is None or unit.guarded(first, second) or second.control != first.control:
                continue
            if any(
                other.id not in (first.id, second.id)
                and other.resource.place in (first.resource.place, second.resource.place)
                for other in changes
            ):
                continue  # the unit brings both to where they belong in steps of its own
            found = _reader_of_both(unit, first.resource, second.resource) or _taker_of_either(unit, first, second)
            if found is not None:
                yield Pair(unit, first, second, switch), *found
    yield from _taken_together(unit, changes)
    yield from _derived_late(unit, changes)


def _derived_late(unit: Unit, changes: list[Access]) -> Iterator[tuple[Pair, str, Evidence]]:
    """A change, what is computed from all that is there then and kept only after a switch, and who reads both.

    Another run changes it meanwhile and keeps what it has computed: the older one is kept last.
    """
    for first in changes:
        for second in changes:
            if second.how != "=" or second.resource.place == first.resource.place or second.id <= first.id:
                continue
            reads = (unit.access(number) for number in sorted(second.value.stems - second.fresh))
            whole = next(
                (
                    read
                    for read in reads
                    if read is not None
                    and read.resource.place == first.resource.place
                    and not read.resource.key
                    and unit.before(first.id, read.id)
                ),
                None,
            )
            switch = unit.switch_between(whole.id, second.id) if whole is not None else None
            if whole is None or switch is None or unit.guarded(whole, second) or second.control != first.control:
                continue
            found = _reader_of_both(unit, first.resource, second.resource)
            runs = unit.module.concurrency.overlap(unit.facts.qualname, unit.facts.qualname, "tasks", second.resource)
            if runs is None or runs.strength is not Confidence.HIGH or runs.public:
                continue
            # what the await was handed is kept as what it has been told
            told = any(whole.id in switch.stems for switch in unit.switches_between(whole.id, second.id))
            if found is not None or (not told and _read_elsewhere(unit, second.resource)):
                yield Pair(unit, first, second, switch), found[0] if found is not None else "", runs
                return


def _read_elsewhere(unit: Unit, resource: Resource) -> bool:
    """Whether another method of the object reads the attribute, and does not set it."""
    path, changing = f"self.{resource.path}", {f.qualname for f, _ in unit.module.concurrency.writers(resource)}
    family = unit.module.scope.family(resource.owner) if resource.owner in unit.module.scope.classes else frozenset()
    return any(
        path in function.reads and function.owner in family and function.qualname not in changing
        for function in unit.module.scope.facts.functions
    )


def _taken_together(unit: Unit, changes: list[Access]) -> Iterator[tuple[Pair, str, Evidence]]:
    """An entry that is put in, what is added to a sum only after a switch, and who takes both and begins both anew."""
    for first in changes:
        for second in changes if first.how in PUTS else ():
            if second.how != "+=" or second.resource.key or first.id in second.fresh or second.id < first.id:
                continue
            if first.resource.place == second.resource.place or first.resource.owner != second.resource.owner:
                continue
            switch = next((s for s in unit.switches_between(first.id, second.id) if first.id < s.id < second.id), None)
            if switch is None or unit.guarded(first, second) or second.control != first.control:
                continue
            found = _taker_of_both(unit, first.resource, second.resource, _of_one_amount(unit, first, second))
            if found is not None:
                yield Pair(unit, first, second, switch), *found
                return


def _of_one_amount(unit: Unit, first: Access, second: Access) -> bool:
    """Whether what is added to the sum is what the entry is, or a part of it: `self.sizes[name] = n`, `self.total += n`."""
    entry, amount = (unit.module.text(access.place) for access in (first, second))
    amount = amount.partition("+=")[2].strip(_AROUND)
    if first.how == "[]" and entry.partition("=")[2].strip(_AROUND) == amount:
        return True
    return first.how != "[]" and amount.partition(".")[0] in first.related


_AROUND = " \n()"
"""What may stand around the same value when it is written on several lines."""


def _taker_of_both(unit: Unit, one: Resource, other: Resource, alike: bool) -> tuple[str, Evidence] | None:
    """A function that reads both and sets both anew, side by side, while the unit is under way; or that reads all entries and begins
    only the sum anew. If the sum is known to be one of the entries (`alike`), it need not be read."""
    wanted = {f"self.{one.path}", f"self.{other.path}"}
    for function in unit.module.scope.facts.functions:
        anew = [
            (write.path, write.statement)
            for write in function.writes
            if write.path in wanted and write.how == "=" and write.shape in ("empty", "constant", "none")
        ]
        together = any(abs(at - then) <= 1 for path, at in anew for another, then in anew if path != another)
        if function.name in CONSTRUCTORS or function.qualname == unit.facts.qualname:
            continue
        # who goes through the entries and sets the number of new ones back has seen them all
        seen = f"self.{one.path}" in function.reads and any(path == f"self.{other.path}" for path, _ in anew)
        seen = seen and all(write.path != f"self.{one.path}" for write in function.writes)
        if not (seen or (together and (alike or wanted <= function.reads))):
            continue
        found = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, World.TASKS.value, one)
        if found is not None and not found.public:
            return function.qualname, replace(found, text=f"{found.text}; `{function.qualname}` takes both")
    return None


def _belongs(unit: Unit, first: Access, second: Access) -> bool:
    """Whether the second follows the first: a count that is named after its entries, a sum over them, or the same entry in another
    collection."""
    one, other = first.resource, second.resource
    if one.owner != other.owner or one.place == other.place:
        return False
    if averaged(unit, first, second):
        return True
    if not _same_writers(unit, one, other):
        return False
    if second.how in COUNTING and not other.key:
        words = {word.lower() for word in WORD.findall(other.path)}
        named = {word.lower().rstrip("s") for word in WORD.findall(one.path)}
        return bool(words & OF_SIZE) and {word.rstrip("s") for word in words - OF_SIZE} <= named
    if second.how not in OF_ENTRY:
        return False
    if first.op is Op.DELETE:
        return second.op is Op.DELETE and _hold_the_same(unit, one, other)
    if first.how in PUTS and second.how in PUTS and first.how != second.how:
        return bool(_put_in(first) & _put_in(second))
    text = first.value.text
    return first.op is second.op and text.isidentifier() and text == second.value.text


def _put_in(access: Access) -> frozenset[str]:
    """What is put into a collection, if that has a name; of an entry under a key the key as well: a list of names, and the rows by name."""
    if access.how != "[]":
        return access.related if len(access.related) == 1 else frozenset()
    return frozenset(text for text in (access.value.text, access.resource.key) if text.isidentifier())


def _hold_the_same(unit: Unit, one: Resource, other: Resource) -> bool:
    """Whether some function puts one value into both."""
    put = [
        {
            (function.qualname, write.built_from)
            for function, write in unit.module.concurrency.writers(resource)
            if write.how == "[]" and write.built_from
        }
        for resource in (one, other)
    ]
    return bool(put[0] & put[1])


def _same_writers(unit: Unit, one: Resource, other: Resource) -> bool:
    """Whether no function changes only one of the two."""
    writers = unit.module.concurrency.writers
    return {f.qualname for f, _ in writers(one)} == {f.qualname for f, _ in writers(other)}


def _taker_of_either(unit: Unit, first: Access, second: Access) -> tuple[str, Evidence] | None:
    """Who takes entries out of both collections while the unit has put one into the first alone: the second half comes after that."""
    if first.how not in PUTS or second.how not in PUTS:
        return None
    takers = [
        {f.qualname for f, write in unit.module.concurrency.writers(resource) if write.how in TAKES_ENTRY}
        for resource in (first.resource, second.resource)
    ]
    best: tuple[str, Evidence] | None = None
    for taker in sorted((takers[0] & takers[1]) - {unit.facts.qualname}):
        found = unit.module.concurrency.overlap(unit.facts.qualname, taker, World.TASKS.value, first.resource)
        if found is not None and (best is None or found.strength.rank > best[1].strength.rank):
            best = taker, replace(found, text=f"{found.text}; `{taker}` takes entries out of both")
    return best


def _reader_of_both(unit: Unit, one: Resource, other: Resource) -> tuple[str, Evidence] | None:
    """Who reads both while the unit is under way, and the evidence that it does."""
    best: tuple[str, Evidence] | None = None
    wanted = {f"self.{one.path}", f"self.{other.path}"}
    changing = {f.qualname for f, _ in unit.module.concurrency.writers(one)}
    for reader in unit.module.scope.facts.functions:
        if not wanted <= reader.reads or reader.qualname in changing or not reader.owner:
            continue
        found = unit.module.concurrency.overlap(unit.facts.qualname, reader.qualname, World.TASKS.value, one)
        if found is not None and (best is None or found.strength.rank > best[1].strength.rank):
            best = reader.qualname, replace(found, text=f"{found.text}; `{reader.qualname}` uses both")
    return best
