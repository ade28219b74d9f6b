"""Module-level state is changed in request handlers or jobs that run in several processes.

Each process has its own copy: counters count a part, and what one worker stores the next request does not find.

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
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.pattern import Access, Evidence, Kind, Module, Op, Resource, Unit, same
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A module global that a handler changes and that decides or answers something in a handler."""
    for unit in module.units:
        for read, write, evidence in process_local_changes(unit):
            name = write.resource.shown
            yield module.finding(
                RULE, unit, write, ((Role.READ, read), (Role.WRITE, write)),
                f"`{name}` is changed here by a handler that runs in several processes; each has a copy of its own",
                evidence, World.PROCESSES, name, Fix("keep it in a store that all processes share, and change it there in one atomic step"),
            )


def process_local_changes(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """Counters and collections of the module that a handler changes after a look at their own content."""
    evidence = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
    if evidence is None:
        return
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.GLOBAL,)):
        if write.op is Op.WRITE:
            reads = [a for n in sorted(write.value.stems) if (a := unit.access(n)) is not None and same(a.resource, write.resource)]
        else:
            reads = [a for a in unit.accesses(Op.CHECK, kinds=(Kind.GLOBAL,)) if a.resource.place == write.resource.place and not a.resource.key]
        if reads and decides(unit, write.resource):
            yield reads[0], write, evidence


def decides(unit: Unit, resource: Resource) -> bool:
    """Whether a handler of the module tests the state, or returns it: it is more than a statistic or a cache of its own."""
    return any(
        access.op is Op.CHECK and access.resource.place == resource.place
        for other in unit.module.units
        for access in other.accesses(Op.CHECK, kinds=(Kind.GLOBAL,))
    )


RULE = Rule("RL402", "process-local-state", (World.PROCESSES,), "each process has its own copy", __doc__, find)
