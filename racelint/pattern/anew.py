"""Locks that exclude nobody because they are made anew: by the wrapper of a decorator, by who is handed none, for a request."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Event, Kind
from racelint.evidence.wrappers import calls_of_decorated, decorated_by, is_lock_maker, makes_own_lock
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit
from racelint.resolve import locks_of


@dataclass(frozen=True, slots=True)
class Useless:
    """A lock that excludes nobody, or not those it should: where that is seen, the change it should guard, and the reason."""

    at: Event
    change: Access | None
    lock: str
    reason: str
    strength: Confidence
    advice: str


def locks_taken(unit: Unit) -> Iterator[Acquire]:
    for event in unit.events:
        if isinstance(event, Acquire) and event.what == "lock":
            yield event


def is_signal(unit: Unit, guard: Acquire) -> bool:
    """Whether a function that makes a lock takes it, hands it on and never lets it go itself: whoever gets it does, and is waited for."""
    maker, name = unit.module.scope.functions.get(guard.place.unit), guard.lock.name
    if maker is None or guard.shared or name not in maker.local_names or name not in maker.references:
        return False
    called = {call.callee for call in maker.calls}
    return f"{name}.acquire" in called and not {f"{name}.release"} & (called | maker.references)


def made_by_wrapper(unit: Unit) -> Iterator[Useless]:
    """A lock that the wrapper of a decorator makes for each call, around functions that threads run which change what they share."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    maker = scope.functions.get(unit.facts.parent)
    guard = next((guard for guard in locks_taken(unit) if not guard.shared), None)
    if maker is None or guard is None:
        return
    calls = [call for wrapper, call in calls_of_decorated(scope, maker) if wrapper is unit.facts]
    if not calls or not all(guard.lock.name in call.within for call in calls):
        return
    for decorated in decorated_by(scope, maker):
        if not concurrency.surely_in_threads(decorated) and not unit.module.concurrency.overlap(
            decorated.qualname, decorated.qualname, "threads"
        ):
            continue
        other = unit.module.unit(decorated.qualname)
        change = next((a for a in other.accesses(kinds=INTERNAL) if a.op.changes), None) if other is not None else None
        if change is not None:
            sure = concurrency.surely_in_threads(decorated)
            yield Useless(
                guard,
                change,
                guard.lock.name,
                f"is made by each call of what `{maker.name}` decorates, so it keeps nobody",
                Confidence.HIGH if sure else Confidence.LOW,
                f"make the lock in `{maker.name}` itself, once for each function, or one for all that they share",
            )
            return


def made_unless_handed(unit: Unit) -> Iterator[Useless]:
    """A lock that the function makes where it is handed none and nobody who calls it has one to hand in."""
    scope, facts = unit.module.scope, unit.facts
    makers = [call for call in facts.calls if makes_own_lock(scope, call.callee)]
    names = {name for name, _ in facts.params}
    if len(makers) != 1 or makers[0].within or _may_be_handed(unit) or not _only_in_threads(unit):
        return
    for guard in locks_taken(unit):
        if not guard.shared or guard.lock.owner or guard.lock.name not in names:
            continue
        inside = (access for access in unit.accesses(kinds=INTERNAL) if guard.id in access.held)
        change = next((a for a in inside if a.op.changes and a.resource.kind is not Kind.ARGUMENT), None)
        if change is not None:
            yield Useless(
                guard,
                change,
                guard.lock.name,
                f"is made by each call that is handed none, and nobody hands `{facts.name}` one, so it keeps nobody",
                Confidence.MEDIUM,
                "make one lock where the state is made, and take that one",
            )


def made_beside_kept(unit: Unit) -> Iterator[Useless]:
    """A lock that is put under a key by a `setdefault` whose answer nobody looks at, and taken then: another may be kept there."""
    for mark in unit.marks("own lock"):
        guard = next((g for g in locks_taken(unit) if g.lock.name == mark.subject and unit.before(mark.id, g.id)), None)
        inside = (a for a in unit.accesses(kinds=INTERNAL) if guard is not None and guard.id in a.held)
        change = next((access for access in inside if access.op.changes), None)
        if guard is not None and change is not None:
            yield Useless(
                mark,
                change,
                guard.lock.name,
                "may not be the one that `setdefault` has kept, so it does not keep who was first",
                Confidence.MEDIUM,
                f"take what `setdefault` answers: `{guard.lock.name} = ….setdefault(…)`",
            )


def _may_be_handed(unit: Unit) -> bool:
    """Whether a function that calls the unit, or hands it on, has anything to do with a lock that it could hand in."""
    scope, name = unit.module.scope, unit.facts.name
    locks = {lock for owner in ("", *scope.classes) for lock in locks_of(scope, owner)}
    for function in (*scope.facts.functions, scope.facts.module_body):
        called = [call.callee.rpartition(".")[2] for call in function.calls]
        handed = [path.rpartition(".")[2] for path in function.references]
        if function is unit.facts or name not in (*called, *handed):
            continue
        used = {path.rpartition(".")[2] for path in function.reads} | function.local_names
        if used & locks or any(map(scope.models.names_lock, used)):
            return True
        if any(is_lock_maker(scope, call.callee) for call in function.calls):
            return True
    return False


def _only_in_threads(unit: Unit) -> bool:
    """Whether threads of the module run the function, and no other module calls it."""
    concurrency = unit.module.concurrency
    return concurrency.surely_in_threads(unit.facts) and not concurrency.held_outside(unit.facts)


def of_one_request(unit: Unit, guard: Acquire) -> Confidence | None:
    """How sure it is that a server makes an object of the class, which makes its own lock there, for each of its requests."""
    scope, lock = unit.module.scope, guard.lock
    if lock.kind is not Kind.ATTRIBUTE or lock.owner not in scope.classes or not lock.name.startswith("self."):
        return None
    if lock.place not in unit.module.locks_of(lock.owner) or not scope.attribute_writes(lock.owner, lock.path):
        return None
    roots = (unit.module.concurrency.roots[n] for n in unit.module.concurrency.reached.get(unit.facts.qualname, ()))
    found = [root.strength for root in roots if root.handler and root.own_object and root.many]
    made = any(name == lock.path for class_ in scope.lineage(lock.owner) for name, _ in class_.attributes)
    return max(found, key=lambda strength: strength.rank) if found and not made else None
