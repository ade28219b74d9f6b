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

from collections.abc import Iterable

from racelint.creation import made_without_lock
from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence
from racelint.pattern.lone import believed, shown_half_made
from racelint.pattern.made import calls_resource, made_at_import
from racelint.pattern.module import Module
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit
from racelint.rule import Rule

WAYS = {
    "plain": "two threads can both find it missing and each create one",
    "unchecked": "the lock is taken after the test and the test is not repeated under it",
    "waited": "the wait in between gives the lock up and the test is not repeated after it",
    "early": "it is visible before it is complete, so another thread can use it half made",
    "flag": "two threads can both find it unset, and both go on",
    "begun": "two threads can both find it unset, and both begin what is to be begun once",
    "cache": "the cache runs the body once for each thread that comes before the first result is stored",
}


def find(module: Module) -> Iterable[Finding]:
    """Checked missing, then created, with no lock over both."""
    for unit in module.units:
        yield from cached(module, unit)
        for pair, way, evidence in () if made_at_import(unit) else made_without_lock(unit, keyed=False):
            name = pair.second.resource.shown
            if way == "unchecked" and unit.guards(pair.first, pair.second, "lock"):
                way = "waited"
            harm = "half-made object used" if way == "early" else "double initialisation"
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is tested on line {module.line(pair.first)} and set here; {WAYS[way]}",
                told(unit, pair.second, way, evidence),
                World.THREADS,
                name,
                Fix(
                    "create it at import, or use `init_once`, or test again under a lock and publish it when it is complete"
                ),
                harm,
            )


def told(unit: Unit, made: Access, way: str, evidence: Evidence) -> Evidence:
    """The evidence, with what is believed of a file that is alone."""
    plain = way == "plain" or (way == "early" and shown_half_made(unit, made))
    return believed(unit, evidence, made) if plain else evidence


def cached(module: Module, unit: Unit) -> Iterable[Finding]:
    """`functools.cache` and `cached_property` over a body that makes a resource: several threads may each run the body."""
    mark = next((m for m in unit.marks("decorator") if m.subject.partition("(")[0].rpartition(".")[2] in CACHES), None)
    evidence = with_itself(unit, World.THREADS)
    if mark is None or evidence is None or not calls_resource(unit):
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


RULE = Rule(
    "RL302",
    "unlocked-singleton",
    (World.THREADS,),
    "double initialisation",
    __doc__,
    find,
    needs=(
        Need.STATE_OF_THREADS,
        Need.CACHED_RESOURCE,
    ),
)
