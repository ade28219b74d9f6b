"""Module-level state that decides something is changed in jobs that run in several processes.

Each process has its own copy: a limit holds for each worker alone, and what one has seen is new to the next. Only worker processes
that the module starts and jobs of task queues are sure to be several. Whether requests are answered by one process or by more is not
written in the code, and sockets, tasks, locks and caches of a process are its own on purpose: handlers are told of with low confidence.

## Example
    from celery import shared_task

    processed = 0

    @shared_task
    def process(item):
        global processed
        processed += 1
        if processed > 100:
            raise RuntimeError("enough")

## Use instead
    from celery import shared_task

    @shared_task
    def process(item, counter):
        if counter.incr("processed") > 100:
            raise RuntimeError("enough")

## Missed alarms
State of objects that a module keeps. Caches are left alone: a copy for each process costs time, not truth.
Handlers of web applications that are run with several workers, unless `--min-confidence low` asks for them.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Kind, Op, Place, Sense
from racelint.pattern.apart import computed_from_itself
from racelint.pattern.handed import in_shared_memory
from racelint.pattern.module import Module
from racelint.pattern.rivals import copied_to_each, only_in_own_process
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A module global that a handler changes and that decides or answers something in a handler; each once."""
    told: set[tuple[str, str]] = set()
    for unit in module.units:
        for read, write, evidence in process_local_changes(module, unit):
            if write.resource.place in told:
                continue
            told.add(write.resource.place)
            name = write.resource.shown
            yield module.finding(
                RULE,
                unit,
                write,
                ((Role.READ, read), (Role.WRITE, write)),
                f"`{name}` is changed here, and several processes run this; each has a copy of its own",
                evidence,
                World.PROCESSES,
                name,
                Fix("keep it in a store that all processes share, and change it there in one atomic step"),
            )


def process_local_changes(module: Module, unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """Counters and collections of the module that a handler changes and that a handler reads; caches left out."""
    evidence = copied_to_each(unit)
    if evidence is None:
        return
    alone = only_in_own_process(unit)  # then what it looks at itself is its own, as it should be
    others = [other for other in module.units if not (alone and only_in_own_process(other))]
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.GLOBAL,)):
        keyed = write.op is Op.WRITE and write.how in ("[]", "[]+=") and computed_from_itself(unit, write)
        counts = write.op is Op.WRITE and write.how == "+="
        collects = write.op is Op.UPDATE and write.how in ("append", "add", "extend", "update")
        if (
            not (counts or collects or keyed)
            or fills(unit, write)
            or "." in write.resource.name
            or counted_out(unit, write)
            or in_shared_memory(unit, write)
        ):
            continue
        counted = {read.place for number in write.value.stems if (read := unit.access(number)) is not None}
        read = looked_at(others, write, frozenset(counted))
        if read is not None:
            yield read, write, evidence


def counted_out(unit: Unit, write: Access) -> bool:
    """Whether the unit counts itself in and out again: what is at work in this process, which others have no part in."""
    counts = unit.accesses(Op.WRITE, kinds=(Kind.GLOBAL,))
    return write.how == "+=" and any(
        other.id != write.id
        and other.how == "+="
        and other.resource.place == write.resource.place
        and (unit.before(write.id, other.id) or unit.before(other.id, write.id))
        for other in counts
    )


def fills(unit: Unit, write: Access) -> bool:
    """Whether the state is filled because it was empty: a cache, of which every process may have one."""
    checks = ((unit.access(number), sense) for number, sense in write.control)
    return any(
        check is not None
        and check.resource.place == write.resource.place
        and not check.resource.key
        and sense is Sense.ABSENT
        for check, sense in checks
    )


def looked_at(units: list[Unit], write: Access, counted: frozenset[Place]) -> Access | None:
    """A read of the state by a handler, this one or another: then it answers or decides something.

    What is read only to count on (`counted`) is asked for by nobody, and what is told together with the process that it is of is
    known to be its alone.
    """
    places = (
        a
        for other in units
        for a in other.accesses(Op.READ, Op.CHECK, kinds=(Kind.GLOBAL,))
        if a.place not in counted and not told_with_process(other, a)
    )
    return next((a for a in places if a.resource.place == write.resource.place), None)


def told_with_process(unit: Unit, read: Access) -> bool:
    """Whether the statement that reads the state asks which process this is, too."""
    return any(
        mark.statement == read.statement and mark.subject.rpartition(".")[2] in ("getpid", "current_process")
        for mark in unit.marks("call")
        if mark.place.unit == read.place.unit
    )


RULE = Rule(
    "RL402",
    "process-local-state",
    (World.PROCESSES,),
    "each process has its own copy",
    __doc__,
    find,
    needs=(Need.STATE_OF_PROCESSES,),
)
