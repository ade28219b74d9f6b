"""A decision is taken under a lock and acted upon after its release, or a limit is tested before it.

Between the decision and the act another thread takes the lock and changes what was decided upon: the act is right for a
state that is gone. So it is where the highest value is compared before the lock is taken, a count is changed under the lock and
looked at after its release, or an entry is looked for, or a time found ripe, before it.

## Example
    import threading

    class Pool:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._free = 4

        def take(self) -> bool:
            with self._lock:
                enough = self._free > 0
            if enough:
                self._free -= 1
            return enough

    pool = Pool()
    for _ in range(8):
        threading.Thread(target=pool.take).start()

## Use instead
    import threading

    class Pool:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._free = 4

        def take(self) -> bool:
            with self._lock:
                enough = self._free > 0
                if enough:
                    self._free -= 1
            return enough

    pool = Pool()
    for _ in range(8):
        threading.Thread(target=pool.take).start()

## Missed alarms
Acts on other state than what was tested, unless some function changes both under one lock; decisions that a called method of another
object takes under its own lock.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Acquire, Mark, Op, Shape
from racelint.pattern.counted_under_lock import counted_then_tested
from racelint.pattern.deciding import (
    ADDING,
    COUNTING,
    decided_under_lock,
    entry_before_lock,
    limit_before_lock,
    locks_of_threads,
)
from racelint.pattern.dependence import extremes
from racelint.pattern.ended_late import ended_late
from racelint.pattern.handed import counted_by_processes
from racelint.pattern.module import Module
from racelint.pattern.pair import Pair
from racelint.pattern.rivals import rival
from racelint.pattern.shown_only import only_shown
from racelint.pattern.taken import noted_too_late
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A check under a lock, its release, and a change that the check decided on."""
    for unit in module.units:
        kept = extremes_before_lock(unit)
        for pair, lock in decided_under_lock(unit):
            if any(better.second.id == pair.second.id for better, _ in kept):
                continue
            counts = COUNTING if pair.second.how in COUNTING else ()  # who counts down leaves the more room
            evidence = rival(unit, pair.second.resource, World.THREADS, counts)
            if evidence is None:
                continue
            if renews(pair) or far(pair):
                evidence = evidence.weakened()
            name, held = pair.second.resource.shown, lock.lock.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is changed here because of what line {module.line(pair.first)} saw under `{held}`, which is "
                "released in between; another thread can take it and change that",
                evidence,
                World.THREADS,
                name,
                Fix(f"keep `{held}` from the test to the change, or test again under it"),
            )
        for pair, lock, end, taker, evidence in ended_late(unit):
            name, held = pair.second.resource.shown, lock.lock.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.ACT, end), (Role.WRITE, pair.second)),
                f"`{end.subject}` on line {module.line(end)} ends what line {module.line(pair.first)} chose under `{held}`, which is "
                f"released in between, and it is taken out only here; `{taker}` can hand it out in between",
                evidence,
                World.THREADS,
                name,
                Fix(f"take the entries out under `{held}`, where they are chosen, and end them after it"),
            )
        for count, check, act, lock in counted_then_tested(unit):
            evidence = rival(unit, count.resource, World.THREADS, COUNTING)
            if evidence is None:
                continue
            name, held = count.resource.shown, lock.lock.name
            yield module.finding(
                RULE,
                unit,
                act,
                ((Role.WRITE, count), (Role.CHECK, check), (Role.ACT, act)),
                f"{done(act)} here because of what line {module.line(check)} saw of `{name}`, which line "
                f"{module.line(count)} has counted under `{held}`; another thread can count it in between",
                evidence,
                World.THREADS,
                name,
                Fix(
                    f"test `{name}` under `{held}`, in the block that counts it, and keep the answer in a local variable"
                ),
            )
        for pair, lock in kept:
            evidence = rival(unit, pair.second.resource, World.THREADS)
            if evidence is None:
                continue
            if evidence.strength is not Confidence.LOW and only_shown(unit, pair.second):
                evidence = evidence.weakened()
            name, held = pair.second.resource.shown, lock.lock.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is compared on line {module.line(pair.first)} and replaced here under `{held}`, which is not held over both; "
                "what another thread puts there in between is overwritten, though it may be the better one",
                evidence,
                World.THREADS,
                name,
                Fix(f"compare again under `{held}`, or take it before the comparison"),
                "lost update",
            )
        yield from noted_under_lock(module, unit)
        for pair, lock in (*limit_before_lock(unit), *entry_before_lock(unit)):
            others = counted_by_processes(unit, pair.second)
            evidence = others or rival(unit, pair.second.resource, World.THREADS, undone_by(pair))
            if evidence is None:
                continue
            name, held = pair.second.resource.shown, lock.lock.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is changed here under `{held}` because of what line {module.line(pair.first)} saw without it; another "
                f"{'process' if others is not None else 'thread'} that holds it first can change that",
                evidence,
                World.THREADS if others is None else World.PROCESSES,
                name,
                Fix(f"take `{held}` before the test, or test again under it"),
            )


def noted_under_lock(module: Module, unit: Unit) -> Iterable[Finding]:
    """A time that was found ripe before a lock is taken, under which what it is for is done and the time noted anew."""
    for pair, act, evidence in noted_too_late(unit):
        locks = locks_of_threads(unit, pair.second)
        if not locks or locks_of_threads(unit, pair.first):
            continue
        name, held = pair.second.resource.shown, locks[0].lock.name
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.ACT, act), (Role.WRITE, pair.second)),
            f"`{name}` is noted anew here under `{held}`, after `{act.subject}` on line {module.line(act)}, because of what line "
            f"{module.line(pair.first)} saw without it; another thread that saw it, too, does it again once it holds it",
            evidence,
            World.THREADS,
            name,
            Fix(f"test again under `{held}`"),
            "done twice",
        )


def extremes_before_lock(unit: Unit) -> list[tuple[Pair, Acquire]]:
    """The highest or lowest value, replaced under a lock that was not held, or not held on, when it was compared; and the lock."""
    if unit.facts.is_async or unit.module.concurrency.called_under_lock(unit.facts):
        return []
    found = ((pair, locks_of_threads(unit, pair.second)) for pair in extremes(unit))
    # what is set back to a constant is no better than what was there
    return [(pair, locks[0]) for pair, locks in found if locks and pair.second.value.shape is not Shape.CONSTANT]


def done(act: Mark | Access) -> str:
    """What is done because of the test."""
    return f"`{act.subject}` is called" if isinstance(act, Mark) else f"`{act.resource.shown}` is changed"


def undone_by(pair: Pair) -> tuple[str, ...]:
    """How another thread makes what was seen untrue."""
    if pair.second.op is Op.DELETE:
        return ("del[]", "pop", "remove", "clear", "popitem", "discard")
    how = pair.second.how
    return COUNTING if how in COUNTING else ("[]", "setdefault") if how == "[]" else ADDING


def far(pair: Pair) -> bool:
    """Whether a function makes the change that the unit does not call itself, which may have reasons of its own for it."""
    unit, maker = pair.unit, pair.second.place.unit
    own = {call.callee.rpartition(".")[2] for call in unit.facts.calls}
    return maker != unit.facts.qualname and maker.rpartition(".")[2] not in own


def renews(pair: Pair) -> bool:
    """Whether a value that was compared is replaced by a new one: what two threads put there is mostly as good, only done twice."""
    compared = any(number == pair.first.id and sense.vague for number, sense in pair.second.control)
    return compared and pair.second.op is Op.WRITE and pair.second.how in ("=", "[]")


RULE = Rule(
    "RL607",
    "decided-under-lock",
    (World.THREADS, World.PROCESSES),
    "decision on old state",
    __doc__,
    find,
    needs=(
        Need.STATE_OF_THREADS,
        Need.GUARDED_STATE,
    ),
    wants_more_in_view=True,
)
