"""Two collections that a lock keeps together, both changed without it: an index and its reverse, entries and their order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from racelint.events import Access, Acquire, Kind, Op
from racelint.evidence import Evidence
from racelint.evidence.overlap import brings_up
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.before_others import ahead_of_starts
from racelint.pattern.locking import lets_several_in
from racelint.pattern.module import Module
from racelint.pattern.unit import Unit
from racelint.words import first_word

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class BothChanged:
    """A unit's changes of two collections without a lock, who changes both under one, that lock, and why both run at once."""

    unit: Unit
    first: Access
    second: Access
    other: Unit
    lock: Acquire
    evidence: Evidence
    world: World


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who changes two collections under one lock; whether something is taken out of them, and whether others run in between."""

    unit: Unit
    lock: Acquire
    removes: bool
    waits: bool

    @property
    def world(self) -> World:
        return World.TASKS if self.unit.facts.is_async else World.THREADS


def both_changed(module: Module) -> Iterator[BothChanged]:
    """Functions that change two collections of one owner without the lock under which others change the two.

    Each change is a single step; what is torn is that an entry is in one and not in the other. So something is taken out here or there:
    two that only put in, each for its own key, do each other no harm. Tasks come in between only where one of the two waits between its changes.
    """
    together: dict[frozenset[Place], list[_Holder]] = {}
    for unit in module.units:
        for pair, holder in _under_one_lock(unit):
            together.setdefault(pair, []).append(holder)
    if not together:
        return
    bare = [(unit, changes) for unit in module.units if _may_be_torn(unit) and len(changes := _bare(unit)) > 1]
    for unit, changes in bare:
        for first, second in combinations(changes.values(), 2):
            pair = frozenset((first.resource.place, second.resource.place))
            waits = unit.switch_between(first.id, second.id) is not None
            holders = [
                holder
                for holder in together.get(pair, ())
                if holder.unit is not unit
                and (waits or holder.waits if holder.world is World.TASKS else not unit.facts.is_async)
            ]
            if not holders or not unit.before(first.id, second.id):
                continue
            removes = _removes(unit, pair) or any(holder.removes for holder in holders)
            found = _met(unit, second, holders) if removes and not ahead_of_starts(unit, second) else None
            if found is None:
                continue
            other, evidence = found
            alone = sum(pair <= {a.resource.place for a in rest.values()} for _, rest in bare) == 1
            if evidence.public and not (alone and len({holder.unit.facts.qualname for holder in holders}) > 1):
                evidence = evidence.weakened()
            yield BothChanged(unit, first, second, other.unit, other.lock, evidence, other.world)
            break


def _changes(unit: Unit) -> Iterator[Access]:
    """Changes in place of collections, in the unit's own text."""
    for access in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
        inside = bool(access.resource.key) or (access.op is not Op.WRITE and access.how not in ("del", "+="))
        if inside and access.place.unit == unit.facts.qualname:
            yield access


def _removes(unit: Unit, pair: frozenset[Place]) -> bool:
    """Whether the unit takes something out of one of the two."""
    return any(
        change.resource.place in pair and (change.op is Op.DELETE or change.how in ("clear", "remove", "discard"))
        for change in _changes(unit)
    )


def _under_one_lock(unit: Unit) -> Iterator[tuple[frozenset[Place], _Holder]]:
    """Each two collections of one owner that the unit changes while it holds one lock."""
    if unit.is_constructor:
        return
    held: dict[int, tuple[Acquire, dict[Place, Access]]] = {}
    for change in _changes(unit):
        for lock in unit.locked_at(change):
            if lock.world != ("threads" if unit.facts.is_async else "tasks") and not lets_several_in(lock):
                held.setdefault(lock.id, (lock, {}))[1].setdefault(change.resource.place, change)
    for lock, places in held.values():
        for one, other in combinations(places.values(), 2):
            if one.how == other.how == "clear":
                continue  # who begins anew with all does not say that the entries of the two belong together
            if one.resource.owner == other.resource.owner and one.resource.kind is other.resource.kind:
                pair = frozenset((one.resource.place, other.resource.place))
                waits = unit.switch_between(one.id, other.id) is not None
                yield pair, _Holder(unit, lock, _removes(unit, pair), waits)


def _may_be_torn(unit: Unit) -> bool:
    """Whether others may come in the middle of the unit, as far as its name and its callers tell."""
    concurrency, facts = unit.module.concurrency, unit.facts
    return not (
        unit.is_constructor
        or brings_up(facts)
        or first_word(facts.name) in unit.module.models.lifecycle
        or concurrency.says_locked(facts.name)
        or facts.says_locked
        or concurrency.called_under_lock(facts)
        or concurrency.decorator_guards(facts)
    )


def _bare(unit: Unit) -> dict[Place, Access]:
    """The first change of each collection that the unit changes without any lock."""
    found: dict[Place, Access] = {}
    for change in _changes(unit):
        if not unit.locked_at(change):
            found.setdefault(change.resource.place, change)
    return found


def _met(unit: Unit, change: Access, holders: list[_Holder]) -> tuple[_Holder, Evidence] | None:
    """The one of those who hold the lock that most surely runs at the same time."""
    best: tuple[_Holder, Evidence] | None = None
    for other in holders:
        found = unit.module.concurrency.overlap(
            unit.facts.qualname, other.unit.facts.qualname, other.world.value, change.resource
        )
        if found is None or found.strength is Confidence.LOW:
            continue
        if best is None or found.strength.rank > best[1].strength.rank:
            best = other, found
    return best
