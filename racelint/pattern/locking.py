"""Locks that do not exclude those they should: made anew, one for each object, replaced, thrown away, or of another process."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import OF_PROJECT, OF_THREAD, Access, Acquire, Kind, Op, Sense, Shape
from racelint.evidence.wrappers import is_lock_maker, makes_own_lock
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.finding import Confidence
from racelint.pattern.anew import (
    Useless,
    is_signal,
    locks_taken,
    made_beside_kept,
    made_by_wrapper,
    made_unless_handed,
    of_one_request,
)
from racelint.pattern.copied_locks import copied_with_lock
from racelint.pattern.evicted_locks import asks_of_locks, evicted
from racelint.pattern.given_back_unheld import given_back_unasked, given_back_unheld
from racelint.pattern.joined_locks import joined_by_and
from racelint.pattern.own_paths import is_own_file
from racelint.pattern.pair import INTERNAL
from racelint.pattern.readers import changed_by_readers
from racelint.pattern.replaced_locks import EXCUSED, replaced
from racelint.pattern.rivals import in_processes
from racelint.pattern.subclass_locks import replaced_by_subclass
from racelint.pattern.transfers import changed_under_lock_of_one, changed_under_others_lock, changed_under_own_lock
from racelint.pattern.unit import Unit, same
from racelint.resolve import Scope


def useless_locks(unit: Unit) -> Iterator[Useless]:
    """Every lock of the unit that does not exclude those it should."""
    yield from _made_per_call(unit)
    yield from made_by_wrapper(unit)
    yield from made_unless_handed(unit)
    yield from made_beside_kept(unit)
    yield from changed_by_readers(unit)
    yield from _one_per_object(unit)
    yield from _of_this_object(unit)
    yield from _of_another_object(unit)
    yield from _one_of_several(unit)
    yield from _of_one_process(unit)
    yield from replaced(unit)
    yield from _thrown_away(unit)
    yield from evicted(unit)
    yield from _dropped_while_held(unit)
    yield from _not_waited_for(unit)
    yield from given_back_unheld(unit)
    yield from joined_by_and(unit)
    yield from copied_with_lock(unit)
    yield from replaced_by_subclass(unit)


def _made_per_call(unit: Unit) -> Iterator[Useless]:
    """A lock that the call makes for itself."""
    for guard in locks_taken(unit):
        if is_signal(unit, guard):
            continue
        change = None if guard.shared else next((a for a in _inside(unit, guard) if a.op.changes), None)
        if change is None and not guard.shared:
            change = _changed_outside(unit, guard)
        elif guard.world == "tasks" and not any(guard.id in switch.held for switch in unit.switches()):
            continue  # what it is held for is one step of a task anyway
        of_thread = guard.lock.owner == OF_THREAD
        if change is not None:
            yield Useless(
                guard,
                change,
                guard.lock.name,
                f"is {'another one in each thread or request' if of_thread else 'made by each call'}, so it keeps nobody",
                Confidence.LOW if of_thread and not shared_by_objects(unit, change) else Confidence.HIGH,
                "make one lock where the state is made, and take that one",
            )


def _changed_outside(unit: Unit, guard: Acquire) -> Access | None:
    """What is read and then written of a file or store while the guard is held, where the module itself or a server runs several."""
    found = (a for a in unit.accesses(kinds=(Kind.FILE, Kind.STORE)) if guard.id in a.held)
    change = next((a for a in found if a.op.changes and _in_two_steps(unit, a)), None)
    if change is None or (change.resource.kind is Kind.FILE and is_own_file(unit, change.resource)):
        return None
    evidence = in_processes(unit)
    return change if evidence is not None and not (evidence.public or evidence.called) else None


def _inside(unit: Unit, guard: Acquire) -> Iterator[Access]:
    return (access for access in unit.accesses(kinds=INTERNAL) if guard.id in access.held)


def _one_per_object(unit: Unit) -> Iterator[Useless]:
    """A lock of one object around state that all objects of the class, or the whole module, share."""
    for guard in locks_taken(unit):
        request = of_one_request(unit, guard)
        if not guard.shared or lets_several_in(guard) or not (request or lock_of_object(unit, guard)):
            continue
        for change in _inside(unit, guard):
            common = shared_by_objects(unit, change) or _of_one_handed_to_all(unit, guard, change)
            if not change.op.changes or not common or not _in_two_steps(unit, change):
                continue
            if any(other.lock != guard.lock and not lock_of_object(unit, other) for other in unit.locked_at(change)):
                continue
            several = request or built_often(unit, guard.lock.owner)
            if several is None:
                continue
            yield Useless(
                guard,
                change,
                guard.lock.name,
                "belongs to one object, so it does not keep other objects"
                if request is None
                else "belongs to the object of one request, so it does not keep other requests",
                several,
                "guard what objects share by a lock that they share, too: of the class or the module",
            )
            break


def _of_this_object(unit: Unit) -> Iterator[Useless]:
    """The lock of one object around a change of another one."""
    for change, guard in changed_under_own_lock(unit):
        root = change.resource.name.partition(".")[0]
        yield Useless(
            change,
            change,
            guard.lock.name,
            f"is the lock of this object, so it does not keep who changes `{root}` under its own",
            Confidence.MEDIUM,
            f"hold both locks, always in the same order, or let `{root}` make the change under its own",
        )


def _of_another_object(unit: Unit) -> Iterator[Useless]:
    """The lock of another object around a change of this one, or of one argument around a change of another."""
    for change, guard in changed_under_lock_of_one(unit):
        root, holder = (name.partition(".")[0] for name in (change.resource.name, guard.lock.name))
        yield Useless(
            change,
            change,
            guard.lock.name,
            f"is the lock of `{holder}`, so it does not keep who changes `{root}` under its own",
            Confidence.MEDIUM,
            f"hold both locks, always in the same order, or let `{root}` make the change under its own",
        )
    for change, guard in changed_under_others_lock(unit):
        root = guard.lock.name.partition(".")[0]
        yield Useless(
            change,
            change,
            guard.lock.name,
            f"is the lock of `{root}`, so it does not keep who changes `{change.resource.name}` under the own one",
            Confidence.MEDIUM,
            f"hold both locks, always in the same order, or change `{change.resource.name}` under the own one",
        )


def _one_of_several(unit: Unit) -> Iterator[Useless]:
    """A lock for one key of many around state that has nothing to do with the key: who has another key holds another lock."""
    if not unit.module.concurrency.surely_in_threads(unit.facts):
        return
    for guard in locks_taken(unit):
        key = guard.lock.key
        if not key or key == OF_PROJECT or key[:1] in "'\"0123456789" or guard.world not in ("threads", "any"):
            continue
        for change in _inside(unit, guard):
            plain = change.resource.kind is Kind.GLOBAL or change.resource.name.startswith(("self.", "cls."))
            alone = plain and not change.resource.key and change.resource.name.count(".") < 2
            alone = alone and change.op.changes and _in_two_steps(unit, change)
            if alone and unit.locked_at(change) == [guard] and change.resource.place != guard.lock.place:
                yield Useless(
                    guard,
                    change,
                    guard.lock.shown,
                    "is the lock of one key, so it does not keep those who have another key",
                    Confidence.MEDIUM,
                    "guard what all keys share by one lock",
                )
                break


def lets_several_in(guard: Acquire) -> bool:
    """Whether it is called after what lets several in at once: it limits a load and excludes nobody."""
    return any(word in guard.lock.path.lower() for word in ("semaphore", "limiter"))


def lock_of_object(unit: Unit, guard: Acquire) -> bool:
    """Whether each object of the class has a lock of its own there."""
    scope, lock = unit.module.scope, guard.lock
    if lock.kind is not Kind.ATTRIBUTE or lock.owner not in scope.classes or not lock.name.startswith("self."):
        return False
    for class_ in scope.lineage(lock.owner):
        if lock.path in class_.fields:
            return True
        if any(name == lock.path and built not in ("none", "other") for name, built in class_.attributes):
            return False
    return any(
        write.shape == "call" and scope.in_construction(function, write) and not _by_one_name(scope, function, write)
        for function, write in scope.attribute_writes(lock.owner, lock.path)
    )


def _by_one_name(scope: Scope, maker: FunctionFacts, write: Write) -> bool:
    """Whether a lock is made by a name that is the same for all objects: `FileLock("stock.lock")`, `FileLock(STOCK_LOCK)`."""
    if not is_lock_maker(scope, write.built_from) or makes_own_lock(scope, write.built_from):
        return False
    call = next((c for c in maker.calls if c.callee == write.built_from and c.line == write.line), None)
    given = [one for one in call.arguments if "=" not in one] if call is not None else []
    own = {*maker.local_names, *(other.callee for other in maker.calls)}
    return bool(given) and all(one and own.isdisjoint((one, one.partition(".")[0])) for one in given)


def shared_by_objects(unit: Unit, access: Access) -> bool:
    """Whether the state is one for all objects of the class: a module global, or reached through the class."""
    if access.resource.kind is Kind.GLOBAL:
        return True
    root = access.resource.name.partition(".")[0]
    return access.resource.kind in (Kind.ATTRIBUTE, Kind.CLASS) and root in ("cls", *unit.module.scope.classes)


def _of_one_handed_to_all(unit: Unit, guard: Acquire, change: Access) -> bool:
    """Whether the state is a part of what all objects of the lock's class were handed when they were made: `self.account.balance`."""
    first, *parts = change.resource.name.split(".")
    own = unit.facts.params[0][0] if unit.facts.owner and unit.facts.params else ""
    return first == own and len(parts) == 2 and unit.module.concurrency.handed_to_all(guard.lock.owner, parts[0])


def _in_two_steps(unit: Unit, change: Access) -> bool:
    """Whether the change rests on what was read of the same state before."""
    reads = [unit.access(number) for number in change.value.stems | change.controlled_by]
    return any(read is not None and same(read.resource, change.resource) for read in reads)


def built_often(unit: Unit, class_name: str) -> Confidence | None:
    """How sure it is that the class has several objects; None if the module builds one, once."""
    facts, scope = unit.module.scope.facts, unit.module.scope
    names = {c.qualname for c in facts.classes if class_name in {b.qualname for b in scope.lineage(c.qualname)}}
    inside = [call for f in facts.functions for call in f.calls if call.callee in names or _builds_each(call, names)]
    outside = [call for call in facts.module_body.calls if call.callee in names]
    if inside or len(outside) > 1 or any(call.looped for call in outside):
        return Confidence.MEDIUM
    return None if outside else Confidence.LOW


def _builds_each(call: CallSite, names: set[str]) -> bool:
    """Whether the call has an object built of each of several things: `pool.map(Ticket, numbers)`."""
    return call.callee.rpartition(".")[2] in _MAPS and bool(call.arguments) and call.arguments[0] in names


_MAPS = frozenset({"map", "starmap", "imap", "imap_unordered"})


def _of_one_process(unit: Unit) -> Iterator[Useless]:
    """A lock for threads in a function that the module starts in processes of their own, around what they share."""
    roots = (unit.module.concurrency.roots[n] for n in unit.module.concurrency.reached.get(unit.facts.qualname, ()))
    if not any(root.world == "processes" and not root.handler and root.unit == unit.facts.qualname for root in roots):
        return
    for guard in locks_taken(unit):
        if guard.world != "threads" or guard.lock.owner or guard.lock.path not in unit.module.scope.assigned:
            continue
        change = next(
            (
                a
                for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE)
                if guard.id in a.held and (a.resource.kind is Kind.ARGUMENT or a.resource.kind.external)
            ),
            None,
        )
        if change is not None:
            yield Useless(
                change,
                change,
                guard.lock.name,
                "is copied into each process, so it does not keep the others",
                Confidence.HIGH,
                "take a lock of `multiprocessing`, handed to the processes, or that of the shared value",
            )


def _thrown_away(unit: Unit) -> Iterator[Useless]:
    """The lock of one key is taken out of its collection while others may wait for it: the next one makes a new lock."""
    for removal in unit.accesses(Op.DELETE, kinds=INTERNAL):
        if not removal.resource.key or removal.how not in ("del", "pop"):
            continue
        used = next(
            (
                guard
                for guard in locks_taken(unit)
                if guard.lock.place == removal.resource.place
                and guard.lock.key
                and (guard.id in removal.held or unit.before(guard.id, removal.id))
            ),
            None,
        )
        if used is not None and not _nobody_waits(unit, removal, used) and not _last(unit, removal, used):
            yield Useless(
                removal,
                removal,
                used.lock.shown,
                "is thrown away here: those who wait for it and those who make the next one do not keep each other",
                Confidence.LOW if _with_all_of_key(unit, removal) else Confidence.MEDIUM,
                "keep the lock, or count its users under one lock of the collection",
            )


def _nobody_waits(unit: Unit, removal: Access, used: Acquire) -> bool:
    """Whether another lock that is held at the removal may keep everybody from waiting for the one that is thrown away.

    It does if the thrown one is taken under it, too; if it is only held while the lock is looked up, others wait with what they have
    found there. Where the function asks who has the lock, or decides by anything else, nothing is told.
    """
    others = {lock.lock.place for lock in unit.locked_at(removal) if lock.id != used.id}
    if not others:
        return False
    around = [lock for lock in locks_taken(unit) if lock.lock.place in others and unit.before(lock.id, used.id)]
    over = {lock.id for lock in around if any({lock.id, used.id} <= access.held for access in unit.accesses())}
    apart = {lock.lock.place for lock in around if lock.id not in over}
    return bool(over) or others != apart or bool(removal.control) or asks_of_locks(unit, removal)


def _with_all_of_key(unit: Unit, removal: Access) -> bool:
    """Whether the function takes what else it has under the key away, too: the key has come to its end, and few come for it any more.

    Of four such findings that were read none was right.
    """
    return any(
        other.resource.key == removal.resource.key
        and other.resource.place != removal.resource.place
        and other.place.unit == removal.place.unit
        for other in unit.accesses(Op.DELETE, kinds=INTERNAL)
    )


def _dropped_while_held(unit: Unit) -> Iterator[Useless]:
    """The lock of an object, which is made when it is missing, set to None by what runs under it: `self._gate = None` in `close`."""
    for drop in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)):
        if drop.value.shape is not Shape.NONE or drop.resource.key or unit.facts.name in EXCUSED:
            continue
        guard = next(
            (g for g in locks_taken(unit) if g.id in drop.held and g.lock.place == drop.resource.place and g.shared),
            None,
        )
        if guard is None or len(unit.locked_at(drop)) > 1 or _last(unit, drop, guard):
            continue
        yield Useless(
            drop,
            drop,
            guard.lock.name,
            f"is thrown away here while line {unit.module.line(guard)} holds it: whoever comes next makes a new one",
            Confidence.MEDIUM if _made_when_missing(unit, drop) else Confidence.LOW,
            "make the lock once, in the constructor or at import, and keep it",
        )
        return


def _made_when_missing(unit: Unit, drop: Access) -> bool:
    """Whether a function other than a constructor makes the lock, so that one comes in the place of the one that was dropped."""
    scope, resource = unit.module.scope, drop.resource
    if resource.kind is Kind.GLOBAL:
        return resource.place in unit.module.locks_of(resource.owner)
    return resource.place in unit.module.locks_of(resource.owner) and any(
        write.shape == "call" and not scope.in_construction(function, write)
        for function, write in scope.attribute_writes(resource.owner, resource.path)
    )


def _last(unit: Unit, removal: Access, lock: Acquire) -> bool:
    """Whether anything may have said that nobody else wants the lock: a look at the lock, at a count, or at what nobody knows of.

    That the entry of another collection is there, which the call works on, does not; nor does what is stored for its key, where
    that was looked at under the lock.
    """
    counts = {change.resource.place for change in unit.accesses(Op.WRITE, kinds=INTERNAL) if change.how in _COUNTS}
    return any(
        (check := unit.access(number)) is None
        or (sense.vague and not _stored_for_key(check, lock))
        or (check.resource.kind not in INTERNAL and not _stored_for_key(check, lock))
        or check.resource.place == removal.resource.place
        or check.resource.path.startswith(f"{removal.resource.path}.")
        or check.resource.place in counts
        or (sense is Sense.ABSENT and check.resource.key != "" and check.resource.key == removal.resource.key)
        for number, sense in removal.control
    )


def _stored_for_key(check: Access, lock: Acquire) -> bool:
    """Whether it is looked under the lock at what a store has, which knows nothing of locks."""
    return check.resource.kind.external and lock.id in check.held


_COUNTS = ("+=", "[]+=")


def _not_waited_for(unit: Unit) -> Iterator[Useless]:
    """`acquire` with a limit whose answer nobody looks at; not of a lock that is then waited for, which stands for a sign."""
    for mark in unit.marks("unsure lock"):
        function = unit.module.scope.functions.get(mark.place.unit, unit.facts)
        if sum(call.callee == f"{mark.subject}.acquire" for call in function.calls) > 1:
            continue
        change = next(
            (a for a in unit.accesses(kinds=INTERNAL) if a.op.changes and unit.before(mark.id, a.id)),
            None,
        )
        if change is not None:
            yield Useless(
                mark,
                change,
                mark.subject,
                "is taken only if it happens to be free, and the answer is not looked at, so it does not keep others",
                Confidence.HIGH,
                "wait for the lock, or act only where `acquire` says True",
            )
        else:
            yield from given_back_unasked(unit, mark)
