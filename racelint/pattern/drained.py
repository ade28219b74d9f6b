"""Collections that a unit takes a copy of, or works through, and then empties, while another thread puts something in."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Shape
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.emptied import ADDS
from racelint.pattern.iterating import ENDS, VIEWS
from racelint.pattern.module import here
from racelint.pattern.one_way import joined_first
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit, exactly, same
from racelint.words import first_word

COPIES = (*VIEWS, "copy")
_ASKS = frozenset(["len", "bool", "isinstance", "id", "print", "repr", "str", "debug", "info", "warning", "error"])
"""Last names of calls that only ask something of a collection, or show it."""


def drained_by_threads(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """What is read whole and then emptied or set to zero, with no lock over both; and who adds to it in between.

    A swap (`taken = self.items; self.items = []`) is none: what is added in between comes to the old collection, which is
    worked through afterwards.
    """
    concurrency = unit.module.concurrency
    if unit.facts.is_async or unit.is_constructor or concurrency.called_under_lock(unit.facts):
        return
    seen: set[tuple[str, str]] = set()
    for write in unit.accesses(Op.WRITE, Op.DELETE, kinds=INTERNAL):
        count = write.how == "=" and write.value.shape is Shape.CONSTANT
        if write.resource.key or write.resource.place in seen or not (count or write.value.shape is Shape.EMPTY):
            continue
        if _looked_under_its_lock(unit, write):
            continue
        read = next((r for r in unit.accesses(Op.READ) if _dealt_with(unit, r, write, count)), None)
        evidence = _added_to(unit, read, write, count) if read is not None else None
        if read is not None and evidence is not None:
            seen.add(write.resource.place)
            yield Pair(unit, read, write), evidence


def _looked_under_its_lock(unit: Unit, write: Access) -> bool:
    """Whether the unit works through the collection under the lock of the write, too: what it puts there comes from that."""
    return any(
        read.how in COPIES and exactly(read.resource, write.resource) and unit.guarded(read, write, World.THREADS)
        for read in unit.accesses(Op.READ)
        if unit.before(read.id, write.id)
    )


def _dealt_with(unit: Unit, read: Access, write: Access, count: bool) -> bool:
    """Whether the read takes all that is there, and nothing else happens to the state until the write."""
    if not exactly(read.resource, write.resource) or not unit.before(read.id, write.id):
        return False
    if read.place.unit != write.place.unit or read.statement == write.statement:
        return False
    source = unit.access(read.value.via) if read.value.via is not None else None
    if source is not None and source.statement != read.statement:
        return False  # of what was there before: a local name holds it
    if not (
        _kept(unit, read)
        if count
        else read.how in COPIES or _handed_on(unit, read) or _dealt_by_name(unit, read, write)
    ):
        return False
    return not unit.guarded(read, write, World.THREADS) and not any(
        isinstance(event, Access) and event.op.changes and same(event.resource, write.resource)
        for event in unit.between(read.id, write.id)
    )


def _handed_on(unit: Unit, read: Access) -> bool:
    """Whether a call in the same statement is given the collection: one that may copy it or work through it."""
    for event in unit.events[read.id + 1 : read.id + 4]:
        if getattr(event, "statement", -1) != read.statement or (isinstance(event, Access) and event.op is not Op.USE):
            return False
        if isinstance(event, Mark) and event.what == "call":
            return event.subject.rpartition(".")[2] not in _ASKS
    return False


def _dealt_by_name(unit: Unit, read: Access, write: Access) -> bool:
    """Whether a local name holds the collection itself, alone or in a display, and a call is given that before the collection is
    emptied: `batch = {"rows": self.rows}`, `post(batch)`, `self.rows = []`."""
    calls = [
        mark
        for mark in unit.marks("call", "slow")
        if read.id < mark.id < write.id and mark.related and mark.subject.rpartition(".")[2] not in _ASKS
    ]
    names = unit.module.kept_in(here(read)) if calls else frozenset()
    return any(not names.isdisjoint(mark.related) and unit.before(mark.id, write.id) for mark in calls)


def _kept(unit: Unit, read: Access) -> bool:
    """Whether the count that was read is put in another place, or handed to a call, by the name of a local that holds it, too."""
    if _handed_on(unit, read) or any(
        write.value.via == read.id and not same(write.resource, read.resource) for write in unit.accesses(Op.WRITE)
    ):
        return True
    line = unit.module.line(read)
    held = {
        write.path
        for write in unit.facts.writes
        if write.line == line and write.how == "=" and write.built_from == read.resource.name
    }
    return any(
        not held.isdisjoint(mark.related) and mark.subject.rpartition(".")[2] not in _ASKS
        for mark in unit.marks("call", "slow")
        if mark.id > read.id
    )


def _added_to(unit: Unit, read: Access, write: Access, count: bool) -> Evidence | None:
    """The strongest evidence that a thread adds something in between."""
    steps = unit.module.concurrency.runs(unit.facts.qualname)
    best: Evidence | None = None
    for change, function, found in rivals(unit, write.resource, World.THREADS, ("+=",) if count else ADDS):
        if found.public or function.qualname in steps or joined_first(unit, function):
            continue
        if best is None or found.strength.rank > best.strength.rank:
            best = Evidence(f"{found.text}; `{function.qualname}` adds to it on line {change.line}", found.strength)
    if best is not None and first_word(unit.facts.name) in (*ENDS, "reset", "clear"):
        return Evidence(best.text, Confidence.LOW)
    return best
