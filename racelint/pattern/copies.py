"""Copies in a store or in memory of what another store says: filled, taken out and counted beside it in steps of their own."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.evidence import Evidence
from racelint.finding import World
from racelint.pattern.limits import SIZES
from racelint.pattern.unit import Unit, exactly
from racelint.words import OF_SIZE, WORD

_TABLES = (Kind.TABLE, Kind.ROW, Kind.STORE)


def taken_out_too_early(unit: Unit) -> Iterator[tuple[Access, Access, str, Evidence]]:
    """A copy that is taken out, the change of what it is a copy of, and who fills it meanwhile with what was before.

    Not where it is taken out once more when the change is done.
    """
    evidence = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
    if evidence is None:
        return
    for gone in unit.accesses(Op.DELETE, kinds=(Kind.STORE,)):
        if gone.resource.owner != "store" or not gone.resource.key:
            continue
        change = next(
            (
                act
                for act in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=_TABLES)
                if unit.before(gone.id, act.id)
                and act.resource.place != gone.resource.place
                and not unit.guarded(gone, act, World.PROCESSES)
            ),
            None,
        )
        again = any(
            other.id > gone.id and exactly(other.resource, gone.resource) and (change is None or other.id > change.id)
            for other in unit.accesses(Op.DELETE, Op.WRITE, kinds=(Kind.STORE,))
        )
        filler = _filler(unit, gone, change) if change is not None and not again else ""
        if change is not None and filler:
            yield gone, change, filler, evidence


def _filler(unit: Unit, gone: Access, change: Access) -> str:
    """The other unit that reads what is changed and puts it under the key because there was nothing; "" if none does."""
    for other in _others(unit, "set", "setex", "aset", "hset", "put"):
        for fill, read in filled_when_missing(other):
            if exactly(fill.resource, gone.resource) and _one_source(other, read, unit, change):
                return other.facts.qualname
    return ""


def filled_when_missing(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Entries of a store that are set because there were none, each with the read that the value was computed from."""
    for fill in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if not any(_missed(unit, number, sense, fill) for number, sense in fill.control):
            continue
        for number in sorted(fill.value.stems):
            read = unit.access(number)
            if (
                read is not None
                and read.resource.kind in _TABLES
                and not exactly(read.resource, fill.resource)
                and read.op in (Op.READ, Op.CHECK)
            ):
                yield fill, read
                break


def _missed(unit: Unit, number: int, sense: Sense, fill: Access) -> bool:
    look = unit.access(number)
    return look is not None and sense is Sense.ABSENT and exactly(look.resource, fill.resource)


def _one_source(there: Unit, read: Access, here: Unit, change: Access) -> bool:
    """Whether what the one unit reads is what the other changes, as far as tables and collections tell."""
    return _table(there, read) == _table(here, change)


def _table(unit: Unit, access: Access) -> str:
    if access.resource.kind is Kind.ROW:
        index = access.value.row
        return unit.flow.rows[index].model if index is not None else access.resource.owner
    return access.resource.path


def sizes_kept(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """Sizes of collections in a store, each with the write that keeps the size under a key of its own."""
    evidence = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
    for write in unit.accesses(Op.WRITE, kinds=(Kind.STORE,)):
        if evidence is None or write.resource.owner != "store" or not write.resource.key:
            continue
        for number in sorted(write.value.stems):
            read = unit.access(number)
            if read is None or read.how not in SIZES or exactly(read.resource, write.resource):
                continue
            if not unit.guarded(read, write, World.PROCESSES) and not unit.guarded(read, write):
                yield read, write, evidence
                break


def counted_beside(unit: Unit) -> Iterator[tuple[Access, Access, str, Evidence]]:
    """Entries that are added to a collection, each with the step that raises the number kept beside it, and who resets both.

    The number goes on from what it was when who resets comes between: the key of the number begins with that of the collection.
    """
    evidence = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
    for step in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
        if evidence is None or step.how not in _STEPS or step.resource.owner != "store":
            continue
        for added in unit.accesses(Op.UPDATE, kinds=(Kind.STORE,)):
            stem, key = added.resource.key.rstrip("\"'"), step.resource.key
            beside = len(stem) > 3 and key.startswith(stem) and key != added.resource.key
            words = {word.lower() for word in WORD.findall(key[len(stem) :])}
            if added.how not in _GROWS or not beside or not words & OF_SIZE or not unit.before(added.id, step.id):
                continue
            if unit.guards(added, step, "transaction", "lock"):
                continue
            others = _others(unit, "delete", "unlink", "set")
            other = next((one.facts.qualname for one in others if _resets(one, step)), "")
            if other:
                yield added, step, other, evidence
                break


_STEPS = frozenset("incr incrby decr decrby".split())
_GROWS = frozenset("sadd srem rpush lpush zadd zrem hset".split())


def _others(unit: Unit, *methods: str) -> Iterator[Unit]:
    """The other units of the module that call a method which is called so."""
    for function in unit.module.scope.facts.functions:
        if any(call.callee.rpartition(".")[2] in methods for call in function.calls):
            other = unit.module.unit(function.qualname)
            if other is not None and function.qualname != unit.facts.qualname:
                yield other


def _resets(other: Unit, step: Access) -> bool:
    """Whether another unit deletes the number, alone or among others, or sets it anew."""
    return any(
        exactly(access.resource, step.resource) or step.resource.key in other.module.text(access.place)
        for access in other.accesses(Op.DELETE, Op.WRITE, kinds=(Kind.STORE,))
    )


def forgotten_too_early(unit: Unit) -> Iterator[tuple[Access, Access, str, Evidence]]:
    """Entries in memory that are filled with what was read before an await, and who changes that and takes the entry out meanwhile.

    The old value is put in after it was taken out, and stays.
    """
    if not unit.facts.is_async:
        return
    concurrency = unit.module.concurrency
    for fill in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CLASS)):
        if fill.how != "[]" or not fill.resource.key:
            continue
        checked = any(
            (look := unit.access(n)) is not None
            and sense is Sense.ABSENT
            and look.resource.place == fill.resource.place
            for n, sense in fill.control
        )
        reads = (unit.access(n) for n in sorted(fill.value.stems))
        read = next((r for r in reads if r is not None and r.resource.kind in _TABLES and r.op is Op.READ), None)
        if read is None or not checked or unit.guarded(read, fill) or unit.switch_between(read.id, fill.id) is None:
            continue
        for function, _ in concurrency.writers(fill.resource):
            other = unit.module.unit(function.qualname) if function.qualname != unit.facts.qualname else None
            if other is None or not _changes_then_forgets(other, unit, read, fill):
                continue
            evidence = concurrency.overlap(unit.facts.qualname, function.qualname, "tasks", fill.resource)
            if evidence is not None:
                yield read, fill, function.qualname, evidence
                break


def _changes_then_forgets(other: Unit, unit: Unit, read: Access, fill: Access) -> bool:
    gone = [
        a
        for a in other.accesses(Op.DELETE, Op.UPDATE)
        if a.resource.place == fill.resource.place and a.how in ("pop", "del[]", "del")
    ]
    changes = other.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=_TABLES)
    return any(_one_source(unit, read, other, c) and other.before(c.id, g.id) for c in changes for g in gone)
