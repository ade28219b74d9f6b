"""State that a lock guards elsewhere is changed without that lock.

The lock excludes only those who take it: this change falls in the middle of what the others do under it.

## Example
    import threading

    class Progress:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._done = 0

        def step(self) -> None:
            with self._lock:
                self._done += 1

        def skip(self, n: int) -> None:
            self._done += n

    progress = Progress()
    threading.Thread(target=progress.step).start()
    threading.Thread(target=progress.skip, args=(3,)).start()

## Use instead
    import threading

    class Progress:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._done = 0

        def step(self) -> None:
            with self._lock:
                self._done += 1

        def skip(self, n: int) -> None:
            with self._lock:
                self._done += n

    progress = Progress()
    threading.Thread(target=progress.step).start()
    threading.Thread(target=progress.skip, args=(3,)).start()

## Missed alarms
Most reads without the lock, but for those of two values that all others change together under it; and locks that are taken through another object.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.frozen import replace
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence, Kind, Op, Shape, first_word
from racelint.pattern.apart import computed_from_itself, made_apart, of_callers, of_other_entries
from racelint.pattern.before_others import after_fork, ahead_of_starts, makes
from racelint.pattern.both_changed import both_changed
from racelint.pattern.compounds import broken_compounds, broken_sections
from racelint.pattern.deciding import ADDING
from racelint.pattern.forgotten import (
    awaited_change,
    counted_by_both,
    emptied_after_reading,
    forgotten_once,
    set_back_unseen,
    steps,
)
from racelint.pattern.guarded_changes import (
    Guarded,
    Place,
    State,
    decided_under,
    fewer,
    guards_of,
    maybe_of_self,
    object_of,
    of_one_object,
    one_lock,
)
from racelint.pattern.kept_together import read_apart
from racelint.pattern.module import Module
from racelint.pattern.replaced_meanwhile import used_while_replaced
from racelint.pattern.shown_only import only_shown
from racelint.pattern.torn_reads import torn_reads
from racelint.pattern.unit import Unit
from racelint.rule import Rule

FIXED = (Shape.TRUE, Shape.FALSE, Shape.NONE, Shape.CONSTANT)
"""Values that come from nothing that was read: who sets one takes what others set before for no more than that."""


def find(module: Module) -> Iterable[Finding]:
    """A change under no lock, or another one, of what most changes make under one lock."""
    yield from compounds(module)
    yield from sections(module)
    yield from pairs(module)
    yield from both(module)
    changes = changes_by_place(module)
    yield from helpers(module)
    for place in sorted(changes):
        for (unit, access, held, _), (other, guarded, _, locks), evidence in unguarded(changes[place]):
            if evidence.strength is not Confidence.LOW and only_shown(unit, access, counted=False):
                evidence = evidence.weakened()
            lock = min(name for _, name in locks)
            name = access.resource.shown
            there = f"on line {module.line(guarded)} in `{other.facts.qualname}`"
            apart = made_apart(unit, held, locks)
            wrong = f"is changed here under {two_names(held, locks)} {there}" if apart else ""
            yield module.finding(
                RULE,
                unit,
                replace(access, site=access.place),
                ((Role.WRITE, guarded), (Role.WRITE, access))
                if guarded.place != access.place
                else ((Role.WRITE, access),),
                f"`{name}` {wrong or f'is changed here without `{lock}`, which guards it {there}'}",
                evidence,
                World.THREADS,
                name,
                Fix(f"take one lock wherever `{name}` is changed" if wrong else f"take `{lock}` here, too"),
            )


def compounds(module: Module) -> Iterator[Finding]:
    """Single steps without the lock under which others do several."""
    replaced = list(used_while_replaced(module))
    for broken in (*broken_compounds(module), *replaced):
        lock, name = broken.lock.lock.name, broken.step.resource.name
        does = "closes it and puts another in its place" if broken in replaced else "uses it in several steps"
        here = "used" if broken in replaced else "changed"
        yield module.finding(
            RULE,
            broken.unit,
            broken.step,
            ((Role.WRITE, broken.rest), (Role.WRITE, broken.step)),
            f"`{name}` is {here} here without `{lock}`, under which `{broken.other.facts.qualname}` {does} on line "
            f"{module.line(broken.rest)}",
            broken.evidence,
            World.THREADS,
            name,
            Fix(f"take `{lock}` here, too"),
        )


def sections(module: Module) -> Iterator[Finding]:
    """Changes without the lock under which another task reads, awaits and writes back the same."""
    for broken in broken_sections(module):
        lock, name = broken.lock.lock.name, broken.step.resource.shown
        # whoever begins or ends mostly does so before or after the others, unless it is asked for again and again
        often = module.concurrency.overlap(
            broken.step.place.unit, broken.step.place.unit, "tasks", broken.step.resource
        )
        again = often is not None and often.strength is Confidence.HIGH and not often.public
        alone = first_word(broken.step.place.unit) in module.models.lifecycle and not again
        yield module.finding(
            RULE,
            broken.unit,
            broken.step,
            ((Role.WRITE, broken.rest), (Role.WRITE, broken.step)),
            f"`{name}` is changed here without `{lock}`, under which `{broken.other.facts.qualname}` reads it, awaits and "
            f"writes it back on line {module.line(broken.rest)}",
            broken.evidence.weakened() if alone else broken.evidence,
            World.TASKS,
            name,
            Fix(f"take `{lock}` here, too"),
        )


def two_names(held: frozenset[Place], locks: frozenset[Place]) -> str:
    """The lock that is held and the one that others hold, with their classes where they have one name."""
    (owner, name), (other_owner, other) = min(held, key=lambda place: place[1]), min(locks, key=lambda place: place[1])
    if name == other:
        name, other = (".".join(filter(None, place)) for place in ((owner, name), (other_owner, other)))
    return f"`{name}`, but under `{other}`"


def helpers(module: Module) -> Iterator[Finding]:
    """Changes in a helper that some call under a lock, as it needs, and others without."""
    for (unit, access, *_), (other, guarded, locks, _), evidence in called_bare(module):
        lock, name = min(name for _, name in locks), access.resource.shown
        yield module.finding(
            RULE,
            unit,
            replace(access, site=access.place),
            ((Role.WRITE, access),),
            f"`{name}` is changed here without `{lock}` where `{unit.facts.qualname}` calls it on line {module.span(access.site).line}; "
            f"`{other.facts.qualname}` holds it on line {module.span(guarded.site).line}",
            evidence,
            World.THREADS,
            name,
            Fix(f"take `{lock}` in `{unit.facts.qualname}`, too"),
        )


def called_bare(module: Module) -> Iterator[tuple[Guarded, Guarded, Evidence]]:
    """Changes in a private helper that takes no lock itself, from a caller that holds none, and from one that does.

    As many callers must hold it as do not, unless the helper's name says that they should.
    """
    found: dict[object, list[Guarded]] = {}
    forked = after_fork(module)
    for unit in module.units:
        if unit.is_constructor or not entered_bare(unit):
            continue
        for access in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
            if access.place.unit != unit.facts.qualname and access.place not in forked:
                locks = unit.locked_at(access)
                held = frozenset(lock.lock.place for lock in locks if lock.place.unit != access.place.unit)
                own = frozenset(lock.lock.place for lock in locks if lock.place.unit == access.place.unit)
                found.setdefault((access.place, access.resource.place), []).append((unit, access, held, own))
    for place in found:
        yield from bare_calls(found[place])


def entered_bare(unit: Unit) -> bool:
    """Whether who runs the unit holds nothing for it: it is public, or started; callers of private ones may hold the lock, or not.

    So may who starts a thread and waits for it, mostly by a function of its own.
    """
    concurrency = unit.module.concurrency
    if unit.facts.parent:
        return False
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    return not unit.facts.name.startswith("_") or any(
        root.unit == unit.facts.qualname and not (root.public or root.waited) for root in roots
    )


def bare_calls(changes: list[Guarded]) -> Iterator[tuple[Guarded, Guarded, Evidence]]:
    """Of the changes at one place of a helper, the first that is made without the lock of the others."""
    locked = {c[0].facts.qualname: c for c in changes if c[2] and not c[3]}
    bare = {c[0].facts.qualname: c for c in changes if not c[2] and not c[3]}
    for name in locked.keys() & bare.keys():
        del bare[name]
    if not locked or not bare:
        return
    other = next(iter(locked.values()))
    for change in bare.values():
        unit, access, *_ = change
        module, helper = unit.module, access.place.unit.rpartition(".")[2]
        promised = module.concurrency.says_locked(helper)
        if not (helper.startswith("_") or promised) or (len(bare) > len(locked) and not promised):
            return
        family = module.scope.family(access.resource.owner) if access.resource.owner else frozenset()
        if any(owner not in family | {access.resource.owner, ""} for owner, _ in other[2]):
            continue
        if (
            first_word(unit.facts.name) in module.models.lifecycle
            or module.concurrency.called_under_lock(unit.facts)
            or makes(unit, other[2])
            or ahead_of_starts(unit, access)
            or not of_one_object(unit, other[0])
            or not matters(unit, access, frozenset(), other)
            or access.value.shape in FIXED
        ):
            continue
        evidence = module.concurrency.overlap(unit.facts.qualname, other[0].facts.qualname, "threads", access.resource)
        itself = module.concurrency.overlap(unit.facts.qualname, unit.facts.qualname, "threads", access.resource)
        if itself is not None and itself.strength is Confidence.HIGH:
            evidence = itself  # it meets itself without any lock, too
        if evidence is None:
            continue
        if only_shown(unit, access, counted=False):
            evidence = evidence.weakened()
        sure = promised or not evidence.public
        yield change, other, evidence if sure else evidence.weakened()
        return


def pairs(module: Module) -> Iterator[Finding]:
    """Two values that a lock keeps together, read one after the other without it."""
    for unit in module.units:
        apart = list(read_apart(unit))
        for read in apart:
            one, name = read.check.resource.name, read.use.resource.name
            yield module.finding(
                RULE,
                unit,
                read.use,
                ((Role.CHECK, read.check), (Role.READ, read.use)),
                f"`{name}` is used here without `{read.lock}` because of what line {module.line(read.check)} saw of `{one}`; "
                f"`{read.writers[0]}` and `{read.writers[1]}` set both under it",
                read.evidence,
                World.THREADS,
                name,
                Fix(f"take `{read.lock}` over the test and the use"),
                "torn pair",
            )
        for torn in () if apart else torn_reads(unit):
            one, name = torn.first.resource.name, torn.second.resource.name
            yield module.finding(
                RULE,
                unit,
                torn.second,
                ((Role.READ, torn.first), (Role.READ, torn.second)),
                f"`{one}` and `{name}` are read here without `{torn.lock}`; `{torn.writer}` changes both under it, and can come "
                "in between",
                torn.evidence,
                World.THREADS,
                name,
                Fix(f"take `{torn.lock}` over both reads, or keep both in one object that is replaced as a whole"),
                "torn pair",
            )


def both(module: Module) -> Iterator[Finding]:
    """Two collections that others change together under a lock, changed one after the other without it."""
    for found in both_changed(module):
        one, name = found.first.resource.name, found.second.resource.name
        yield module.finding(
            RULE,
            found.unit,
            found.second,
            ((Role.WRITE, found.first), (Role.WRITE, found.second)),
            f"`{name}` is changed here after `{one}`, both without `{found.lock.lock.name}`, under which "
            f"`{found.other.facts.qualname}` changes both",
            found.evidence,
            found.world,
            name,
            Fix(f"take `{found.lock.lock.name}` over both changes"),
            "torn pair",
        )


def changes_by_place(module: Module) -> dict[State, list[Guarded]]:
    """Every change of an attribute or global, with the locks that are held there."""
    found: dict[State, list[Guarded]] = {}
    forked = after_fork(module)
    for unit in module.units:
        if unit.is_constructor:
            continue
        for access in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
            held = unit.locked_at(access)
            if access.place in forked:
                continue
            locks = frozenset(lock.lock.place for lock in held)
            own = frozenset(lock.lock.place for lock in held if lock.place.unit == access.place.unit)
            if any(unit.is_condition(lock) for lock in held):  # it may be made of another lock of the owner
                locks |= module.locks_of(access.resource.owner)
                own |= module.locks_of(access.resource.owner) if own else own
            if any(maybe_of_self(unit, lock) for lock in held):  # the locks of two objects, in a fixed order
                locks |= module.locks_of(access.resource.owner)
                own |= module.locks_of(access.resource.owner)
            if access.place.unit == unit.facts.qualname or locks:
                found.setdefault((*access.resource.place, object_of(access)), []).append((unit, access, locks, own))
    return found


def unguarded(changes: list[Guarded]) -> Iterator[tuple[Guarded, Guarded, Evidence]]:
    """Changes that share no lock with a guarded one, if the guard is the custom: most changes, or threads that surely run.

    A lock that only a caller holds guards something else, as far as the function tells in which the change is written.
    """
    for change in changes:
        unit, access, locks, _ = change
        others = [
            (c[0], c[1], c[2], guards)
            for c in changes
            if (guards := guards_of(c, change))
            and not one_lock(unit, guards, locks)
            and of_one_object(unit, c[0])
            and not makes(unit, guards)
        ]
        if not locks:  # those first that count in it, too
            others.sort(key=lambda other: not counted_by_both(unit, access, other[0], other[1]))
        if (
            not others
            or not matters(unit, access, locks, others[0])
            or (not locks and unit.module.concurrency.called_under_lock(unit.facts))
        ):
            continue
        guarded = {c[1].place for c in changes if c[2] & others[0][3]}
        without = {c[1].place for c in changes} - guarded
        evidence = None
        for other in others:
            found = unit.module.concurrency.overlap(
                unit.facts.qualname, other[0].facts.qualname, "threads", access.resource
            )
            if found is not None and (evidence is None or found.strength.rank > evidence.strength.rank):
                evidence = found
        if evidence is None or (locks and not fewer(change, others[0], len(guarded), changes)):
            continue
        custom = len(guarded) >= 2 and len(without) <= 1
        usual = evidence.strength is Confidence.HIGH and len(guarded) >= len(without)
        alone = ahead_of_starts(unit, access)
        doubtful = bool(locks) and (
            (access.value.shape in FIXED and not decided_under(unit, access, others[0][3]))  # one step, by whichever
            or not made_apart(unit, locks, others[0][3])  # one lock by two names
            or unit.module.concurrency.called_under_lock(unit.facts)  # the caller may hold the other one, too
            or of_callers(unit, access)
        )
        set_back = access.value.shape is Shape.CONSTANT and not unit.module.concurrency.surely_in_threads(unit.facts)
        flag = access.value.shape in (Shape.TRUE, Shape.FALSE, Shape.NONE) or (
            set_back and evidence.strength is not Confidence.HIGH  # maybe before the threads begin
        )
        flag = flag and not (usual and decided_under(unit, access, others[0][3]))
        forgotten = not locks and len(without) == 1 and forgotten_once(unit, access, guarded)
        if (
            not ((custom and (forgotten or not evidence.public)) or usual)
            or doubtful
            or (not locks and (flag or alone))
        ):
            told = None if doubtful or alone else expected(change, others, evidence)
            evidence = told or Evidence(evidence.text, Confidence.LOW, evidence.world, True)
        yield change, others[0], evidence


def expected(change: Guarded, others: list[Guarded], found: Evidence) -> Evidence | None:
    """What the class itself says of threads that meet at a step: one of them waits for it, or takes another lock for the like.

    `found` is what else speaks for it.
    """
    unit, access, locks, _ = change
    for other, guarded, _, guards in others:
        if not locks and awaited_change(unit, access, other):
            lock = min(name for _, name in guards)
            text = f"`{other.facts.qualname}` waits under `{lock}` until another thread changes it"
            return Evidence(text, Confidence.MEDIUM, "threads")
        if not locks and counted_by_both(unit, access, other, guarded):
            text = f"`{other.facts.qualname}` counts in it, too, and takes the lock for that"
            return Evidence(text, Confidence.MEDIUM, "threads")
        if not locks and found.strength is not Confidence.LOW and set_back_unseen(unit, access, other, guarded):
            return found
        apart = steps(unit, access) and steps(other, guarded) and made_apart(unit, locks, guards)
        if apart and not unit.module.concurrency.called_under_lock(unit.facts):
            text = "each of the two takes a lock for its step, and they exclude nobody from the other one"
            return Evidence(text, Confidence.MEDIUM, "threads")
    return None


def matters(unit: Unit, access: Access, locks: frozenset[Place], other: Guarded) -> bool:
    """Whether the change can break what others do under the lock: not a single step of a collection, nor a flag that is raised.

    Who takes another lock for an entry that is computed from what was there has seen the need of one.
    """
    if access.op is not Op.WRITE or not access.resource.key:
        added = not locks and other[1].how in ADDING and emptied_after_reading(unit, access)
        return access.op is Op.WRITE or added
    if of_other_entries(access, other[1]) or not computed_from_itself(unit, access):
        return False
    if not locks and counted_by_both(unit, access, other[0], other[1]):
        return True
    return bool(other[1].resource.key) and made_apart(unit, locks, other[3])


RULE = Rule(
    "RL601",
    "inconsistent-guard",
    (World.THREADS, World.TASKS),
    "unguarded change",
    __doc__,
    find,
    needs=(Need.GUARDED_STATE, Need.USED_UNDER_LOCK, Need.GUARDED_BY_TASKS, Need.GUARDED_PAIR),
    believes_callers=False,
    wants_more_in_view=True,
)
