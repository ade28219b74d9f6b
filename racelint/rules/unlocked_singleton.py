"""A shared object is created lazily without a lock.

Two threads find it missing and both create one: connections or threads leak, and callers hold different objects.

## Example
    import sqlite3
    from concurrent.futures import ThreadPoolExecutor

    _connection = None

    def connection():
        global _connection
        if _connection is None:
            _connection = sqlite3.connect("app.db", check_same_thread=False)
        return _connection

    def warm():
        return list(ThreadPoolExecutor().map(lambda _: connection(), range(8)))

## Use instead
    import sqlite3
    import threading
    from concurrent.futures import ThreadPoolExecutor

    _connection = None
    _lock = threading.Lock()

    def connection():
        global _connection
        if _connection is None:
            with _lock:
                if _connection is None:
                    _connection = sqlite3.connect("app.db", check_same_thread=False)
        return _connection

    def warm():
        return list(ThreadPoolExecutor().map(lambda _: connection(), range(8)))

## Missed alarms
Objects whose class is not known to hold a resource are reported with low confidence unless the module starts threads.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.pattern import INTERNAL, Access, Evidence, Module, Op, Pair, Sense, Shape, Unit, same
from racelint.rule import Rule

WAYS = {
    "plain": "two threads can both find it missing and each create one",
    "unchecked": "the lock is taken after the test and the test is not repeated under it",
    "early": "it is visible before it is complete, so another thread can use it half made",
    "cache": "the cache runs the body once for each thread that comes before the first result is stored",
}


def find(module: Module) -> Iterable[Finding]:
    """Checked missing, then created, with no lock over both."""
    for unit in module.units:
        yield from cached(module, unit)
        for pair, way, evidence in lazy_singletons(unit):
            name = pair.second.resource.shown
            harm = "half-made object used" if way == "early" else "double initialisation"
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is tested on line {module.line(pair.first)} and set here; {WAYS[way]}",
                evidence,
                World.THREADS,
                name,
                Fix(
                    "create it at import, or use `init_once`, or test again under a lock and publish it when it is complete"
                ),
                harm,
            )


def lazy_singletons(unit: Unit) -> Iterator[tuple[Pair, str, Evidence]]:
    """Lazy creations, in which way they are wrong, and the threads that meet there."""
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if write.value.shape in (Shape.NONE, Shape.FALSE) or write.resource.key or write.how != "=":
            continue
        for number, sense in write.control:
            check = unit.access(number)
            if check is None or sense is not Sense.ABSENT or not same(check.resource, write.resource):
                continue
            way = wrong_way(unit, check, write)
            evidence = unit.rival(write.resource, World.THREADS) if way else None
            if evidence is not None:
                yield Pair(unit, check, write), way, evidence
                break


def wrong_way(unit: Unit, check: Access, write: Access) -> str:
    """How the creation can go wrong; "" if it cannot."""
    if finished_later(unit, write) and checked_outside(unit, write):
        return "early"
    if unit.guarded(check, write, World.THREADS):
        return ""
    if unit.rechecked_locked(write) or write.value.shape in (Shape.TRUE, Shape.CONSTANT, Shape.EMPTY):
        return ""
    if unit.locked_at(write):
        return "unchecked"
    return (
        "plain"
        if unit.makes_resource(write) or (write.resource.name.startswith("cls.") and write.value.shape is not Shape.NEW)
        else ""
    )


def finished_later(unit: Unit, write: Access) -> bool:
    """Whether what was published, or the data that its flag stands for, is still being made afterwards."""
    for access in unit.flow.accesses:
        if (
            access.id == write.id
            or not unit.before(write.id, access.id)
            or not set(write.controlled_by) <= set(access.controlled_by)
        ):
            continue
        part = access.resource.owner == write.resource.owner and access.resource.path.startswith(
            write.resource.path + "."
        )
        fills = same(access.resource, write.resource) and (
            access.op in (Op.UPDATE, Op.USE) or (bool(access.resource.key) and access.op is Op.WRITE)
        )
        if write.value.shape is not Shape.TRUE and ((part and access.op.changes) or fills):
            return True
        if write.value.shape is Shape.TRUE and access.op is Op.WRITE and access.resource.owner == write.resource.owner:
            return True
    return False


def checked_outside(unit: Unit, write: Access) -> bool:
    """Whether the resource is also tested without the lock under which it is set."""
    return any(
        same(access.resource, write.resource) and not unit.guarded(access, write, World.THREADS)
        for access in unit.accesses(Op.CHECK)
        if unit.before(access.id, write.id)
    )


def cached(module: Module, unit: Unit) -> Iterable[Finding]:
    """`functools.cache` and `cached_property` over a body that makes a resource: several threads may each run the body."""
    mark = next((m for m in unit.marks("decorator") if m.subject.partition("(")[0].rpartition(".")[2] in CACHES), None)
    evidence = unit.with_itself(World.THREADS)
    if mark is None or evidence is None or not unit.calls_resource():
        return
    yield module.finding(
        RULE,
        unit,
        mark,
        ((Role.ACT, mark),),
        f"`{unit.facts.name}` makes a resource behind `{mark.subject}`, which does not keep two threads out; {WAYS['cache']}",
        evidence,
        World.THREADS,
        unit.facts.name,
        Fix("create it at import, or use `init_once`"),
    )


CACHES = ("cache", "lru_cache", "cached_property")


RULE = Rule("RL302", "unlocked-singleton", (World.THREADS,), "double initialisation", __doc__, find)
