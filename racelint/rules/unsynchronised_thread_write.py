"""Shared state is read and written back in one statement by several threads, without a lock.

`self.n += 1` reads, adds and writes: a thread that writes in between loses its change. So does a maximum that is kept by
`if n > self.highest: self.highest = n`. A `multiprocessing.Value` that processes count up is no better: its own lock guards the
read and the write, each alone, and a `RawValue` has none. So it is with entries of arrays that they share, and of dictionaries of a
manager. Nor is `d[len(d) + 1] = x`, where two threads count as many and use one key, a record that threads fill field by field, or a
generator that an object's own thread advances, and its public methods, too.

## Example
    import threading

    class Stats:
        def __init__(self) -> None:
            self.seen = 0

        def count(self) -> None:
            self.seen += 1

    stats = Stats()
    for _ in range(4):
        threading.Thread(target=stats.count).start()

## Use instead
    import threading

    class Stats:
        def __init__(self) -> None:
            self.seen = 0
            self.lock = threading.Lock()

        def count(self) -> None:
            with self.lock:
                self.seen += 1

    stats = Stats()
    for _ in range(4):
        threading.Thread(target=stats.count).start()

## Missed alarms
State that only callers outside of the module use in threads, unless the documentation of its class says that they may.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence
from racelint.pattern.advanced import advanced_by_two
from racelint.pattern.counters import counted_beside_loop, counted_by_starter, numbered, own_to_thread
from racelint.pattern.deciding import COUNTING, locked_on_one_way, locks_of_threads
from racelint.pattern.dependence import extremes, numbered_by_size, thread_updates
from racelint.pattern.filling import filled_alike, kept_short, repeated_alike
from racelint.pattern.handed import counted_in_shared_memory, entry_in_shared_memory, makes_unlocked_values
from racelint.pattern.module import Module
from racelint.pattern.records import filled_by_several
from racelint.pattern.rivals import copied_to_processes, rival, stronger
from racelint.pattern.shown_only import only_shown
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A read and a dependent write in one statement, or a maximum that is kept, with no lock for threads."""
    for unit in module.units:
        for read, write, started in (*counted_in_shared_memory(unit), *entry_in_shared_memory(unit)):
            name = write.resource.shown
            lock = (
                f"`{name.removesuffix('.value')}.get_lock()`"
                if name.endswith(".value") and not makes_unlocked_values(unit)
                else "one lock of all processes"
            )
            yield module.finding(
                RULE,
                unit,
                write,
                ((Role.READ, read), (Role.WRITE, write)),
                f"`{name}` is read and written back here without a lock; another process may write it in between",
                started,
                World.PROCESSES,
                name,
                Fix(f"hold {lock} around each change"),
            )
        for step, name, advancing in advanced_by_two(unit):
            yield module.finding(
                RULE,
                unit,
                step,
                ((Role.ACT, step),),
                f"`{name}` is advanced here by a thread of the object and by whoever calls it, without a lock; one can come while the "
                "other is in the middle of a step",
                advancing,
                World.THREADS,
                name,
                Fix(f"hold one lock around each step of `{name}`, or wait for the thread before"),
                "advanced by two",
            )
        for first, second, reader, filling in filled_by_several(unit):
            one, other = first.resource.shown, second.resource.shown
            yield module.finding(
                RULE,
                unit,
                second,
                ((Role.WRITE, first), (Role.WRITE, second)),
                f"`{one}` (line {module.line(first)}) and `{other}` (here) are set one after the other by several threads without "
                f"a lock; {reader} can find one thread's value of each",
                filling,
                World.THREADS,
                other,
                Fix(
                    "keep both in one object that is replaced as a whole, or hold one lock wherever they are set or read"
                ),
                "torn pair",
            )
        for pair in numbered_by_size(unit):
            evidence = met(unit, pair.second)
            if evidence is None or evidence.strength is not Confidence.HIGH:
                continue
            name, keyed = pair.second.resource.name, pair.first.id in pair.second.chosen
            what = "key under which" if keyed else "number that an entry of"
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.READ, pair.first), (Role.WRITE, pair.second)),
                f"the {what} `{name}` gets {'an entry ' if keyed else ''}here comes from what line {module.line(pair.first)} found in "
                f"it; another thread that found as much {'puts its own under the same key' if keyed else 'gives it to its own'}",
                evidence,
                World.THREADS,
                name,
                Fix("hold one lock over both, or take the numbers from `itertools.count`"),
                "" if keyed else "number given twice",
            )
        for pair in extremes(unit):
            if locks_of_threads(unit, pair.second):
                continue  # that the test is outside of the lock is RL607
            evidence = met(unit, pair.second) if pair.switch is None else None
            if evidence is None:
                continue
            if evidence.strength is not Confidence.LOW and only_shown(unit, pair.second):
                evidence = evidence.weakened()
            name = pair.first.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is compared on line {module.line(pair.first)} and replaced here without a lock; what another thread "
                "puts there in between is overwritten, though it may be the better one",
                evidence,
                World.THREADS,
                name,
                Fix(f"hold one lock over the comparison and the change of `{name}`"),
            )
        for pair in thread_updates(unit):
            evidence = stronger(met(unit, pair.second), counted_by_starter(unit, pair.second))
            evidence = stronger(evidence, counted_beside_loop(unit, pair.second))
            if evidence is None or pair.restores or not pair.in_one_step or filled_alike(pair):
                continue
            if repeated_alike(pair):
                continue
            lock = locked_on_one_way(unit, pair.second)
            if evidence.strength is not Confidence.LOW and (
                (not lock and only_shown(unit, pair.second, figures=True)) or kept_short(pair)
            ):
                evidence = evidence.weakened()
            where = f"with `{lock}` held on some ways to it only" if lock else "without a lock"
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.READ, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is read and written back here {where}; another thread may write it in between",
                evidence,
                World.THREADS,
                name,
                Fix(f"hold one lock around each change of `{name}`"),
            )


def met(unit: Unit, access: Access) -> Evidence | None:
    """Another thread that changes the resource meanwhile, of which the module itself tells."""
    resource = access.resource
    evidence = numbered(unit, resource) or rival(unit, resource, World.THREADS)
    if evidence is not None and own_to_thread(unit, access):
        return evidence.weakened()
    if evidence is None or evidence.public or unit.module.concurrency.called_under_lock(unit.facts):
        return None
    if evidence.at_lock:  # for what it changes outside of the lock it may well need none
        evidence = evidence.weakened()
    if evidence.half and access.how not in COUNTING:
        # a text or list that the thread of an object builds has one reader as a rule: of five such findings that were read none was right
        evidence = evidence.weakened()
    return None if copied_to_processes(unit, resource) else evidence


RULE = Rule(
    "RL801",
    "unsynchronised-thread-write",
    (World.THREADS, World.PROCESSES),
    "lost update",
    __doc__,
    find,
    needs=(Need.STATE_OF_THREADS,),
)
