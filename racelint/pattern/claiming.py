"""What only one thread at a time, or only so many entries, may take: tested in one step and taken in another."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Mark, Op, Sense, Shape
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence, World
from racelint.pattern.deciding import ADDING
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import rival, with_itself
from racelint.pattern.unit import Unit, exactly, held_at, same
from racelint.words import names_cache


def claimed_in_two_steps(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """A flag or state that was found free and is set to busy, until the work is done and it is set back; no lock covers both steps."""
    for busy in unit.accesses(Op.WRITE, kinds=INTERNAL) if not unit.facts.is_async else ():
        if busy.how != "=" or busy.resource.key or not set_back(unit, busy):
            continue
        check = next((c for n, s in busy.control if (c := _asked(unit, n, s, busy)) is not None), None)
        if check is None or unit.guarded(check, busy, World.THREADS) or unit.rechecked_locked(busy):
            continue
        if _set_before(unit, check, busy):
            continue  # that it is busy was said there, and this is one of the next states
        evidence = _sure(unit, busy)
        if evidence is not None:
            yield Pair(unit, check, busy), evidence


def _set_before(unit: Unit, check: Access, busy: Access) -> bool:
    """Whether the same is set between the check and the write, because of the check."""
    return any(
        check.id < write.id < busy.id
        and check.id in write.controlled_by
        and exactly(write.resource, busy.resource)
        and unit.before(write.id, busy.id)
        for write in unit.accesses(Op.WRITE, kinds=INTERNAL)
    )


def places_taken(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """The first free place that a loop over a collection finds, and the entry that takes it; no lock covers both steps."""
    for take in unit.accesses(Op.WRITE, kinds=INTERNAL) if not unit.facts.is_async else ():
        if take.how != "[]" or not take.resource.key or not _of_taker(unit, take) or unit.repeats(take.id):
            continue  # who goes on to the next place fills all of them
        looks = (look for n, s in take.control if (look := _found_free(unit, n, s, take)) is not None)
        look = next(looks, None)
        if look is None or unit.guarded(look, take, World.THREADS) or unit.locked_at(take):
            continue
        evidence = _sure(unit, take)
        if evidence is not None:
            yield Pair(unit, look, take), evidence


def _of_taker(unit: Unit, take: Access) -> bool:
    """Whether the entry says who has the place, or that it is taken."""
    names = {name for name, _ in unit.facts.params}
    return take.value.shape is Shape.TRUE or take.value.text.partition(".")[0] in names


def _found_free(unit: Unit, number: int, sense: Sense, take: Access) -> Access | None:
    """The look at the places with this number, if what it saw of one of them lets it be taken."""
    look = unit.access(number)
    if look is None or look.resource.place != take.resource.place or look.resource.name != take.resource.name:
        return None
    if look.resource.key:
        free = sense is Sense.ABSENT and unit.repeats(number)
        return look if free and look.resource.key == take.resource.key else None
    return look if look.how in _ROUNDS and sense.vague else None


_ROUNDS = frozenset({"iterate", "items"})
"""Reads of a whole collection that a loop goes over."""


def set_back(unit: Unit, busy: Access) -> Access | None:
    """Where the unit, its work done, sets back what it has set to busy."""
    for back in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if not exactly(back.resource, busy.resource) or back.how != "=" or not unit.before(busy.id, back.id):
            continue
        if busy.value.shape is Shape.TRUE:
            over = back.value.shape in (Shape.FALSE, Shape.NONE)
        else:
            over = is_state(busy) and is_state(back) and back.value.text != busy.value.text
        works = unit.marks("call", "slow", "spawn", "start", "loop")
        if over and any(unit.before(busy.id, work.id) and unit.before(work.id, back.id) for work in works):
            return back
    return None


def is_state(write: Access) -> bool:
    """Whether the value is a state by its name: a text, or a member of an enumeration."""
    text = write.value.text
    if write.value.shape is Shape.CONSTANT:
        return text[:1] in ("'", '"')
    return _MEMBER.fullmatch(text) is not None


_MEMBER = expression(r"(?:\w+\.)*[A-Z][A-Z0-9_]+")


def _asked(unit: Unit, number: int, sense: Sense, busy: Access) -> Access | None:
    """The check with this number, if it asked whether the flag is down, or in which state the state is."""
    check = unit.access(number)
    if check is None or check.op is not Op.CHECK or check.how == "assert":
        return None
    if not same(check.resource, busy.resource):
        return None
    if check.how == "while" and not _waited_out(unit, check, busy):
        return None
    if busy.value.shape is Shape.TRUE:
        return check if sense is Sense.ABSENT else None
    compared = sense.vague and bool(check.related) and number not in unit.flow.ordered
    return check if compared else None


def _waited_out(unit: Unit, check: Access, busy: Access) -> bool:
    """Whether the test is that of a loop which waits until the flag is down: `while self.busy: sleep(1)`."""
    return not unit.before(busy.id, check.id) and not any(
        unit.before(check.id, write.id) and unit.before(write.id, check.id)
        for write in unit.accesses(Op.WRITE, kinds=INTERNAL)
        if same(write.resource, busy.resource)
    )


def filled_over_limit(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """A collection whose size was compared with a limit, and the entry that was added because it was small enough."""
    for add in unit.accesses(Op.UPDATE, Op.WRITE, kinds=INTERNAL) if not unit.facts.is_async else ():
        if add.how not in (*ADDING, "[]") or unit.locked_at(add):
            continue  # a limit that is tested before a lock is taken is `limit_before_lock`
        for number, sense in add.control:
            check = unit.access(number)
            if (
                check is None
                or not _has_room(unit, check, sense)
                or check.resource.place != add.resource.place
                or check.resource.name != add.resource.name
                or not _of_size(unit, check)
                or unit.guarded(check, add, World.THREADS)
                or unit.rechecked_locked(add)
            ):
                continue
            # the entry may be the thread's own, the size is not
            evidence = _sure(unit, check) or _expected(unit, check, add)
            if evidence is not None:
                yield Pair(unit, check, add), evidence
            break


def _expected(unit: Unit, check: Access, add: Access) -> Evidence | None:
    """Why the unit itself expects other threads in it: it takes a lock of its object, and lets it go before it compares.

    Only where a thread is begun for the place: one entry too many says little else.
    """
    begun = any(number == check.id for mark in unit.marks("spawn", "start") for number, _ in mark.control)
    if not begun or add.place.unit != check.place.unit:
        return None
    concurrency = unit.module.concurrency
    if (
        unit.is_constructor
        or concurrency.called_under_lock(unit.facts)
        or concurrency.called_only_under_lock(unit.facts)
    ):
        return None
    lock = next(
        (event for event in unit.events[: check.id] if isinstance(event, Acquire) and _let_go(unit, event, check)), None
    )
    found = with_itself(unit, World.THREADS, check.resource) if lock is not None else None
    if lock is None or found is None or unit.locked_at(check):
        return None
    text = f"`{unit.facts.qualname}` takes `{lock.lock.name}` first, for other threads that are in it, too"
    return Evidence(text, Confidence.MEDIUM, World.THREADS.value)


def _let_go(unit: Unit, lock: Acquire, check: Access) -> bool:
    """Whether the unit itself takes a lock of its object and lets it go before the check."""
    return (
        lock.what == "lock"
        and lock.world != "tasks"
        and lock.shared
        and lock.lock.name.startswith("self.")
        and lock.place.unit == check.place.unit == unit.facts.qualname
        and lock.id not in held_at(check)
        and unit.before(lock.id, check.id)
        and not unit.before(check.id, lock.id)
    )


def adds_entry(unit: Unit, check: Access, sense: Sense, add: Access) -> bool:
    """Whether an entry is set because a dictionary was found small enough.

    Not in a cache: one entry too many does no harm there.
    """
    return (
        add.how == "[]"
        and bool(add.resource.key)
        and not check.resource.key
        and _has_room(unit, check, sense)
        and not names_cache(add.resource.path)
        and not names_cache(add.resource.owner)
        and _of_size(unit, check)
    )


def is_not_full(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether the act adds to a number or a size because it was not equal to a limit: `if self.inside == ROOM: return`."""
    if sense is not Sense.OTHERWISE or check.id not in unit.flow.equal or not exactly(check.resource, act.resource):
        return False
    return act.op is Op.WRITE or _of_size(unit, check)


def _has_room(unit: Unit, check: Access, sense: Sense) -> bool:
    """Whether what was compared is smaller than something, or was asked whether it has reached a limit, and has not."""
    if check.id in unit.flow.ordered:
        return sense.vague and (check.id in unit.flow.above) is (sense is Sense.OTHERWISE)
    return check.id in unit.flow.equal and sense is Sense.OTHERWISE


def _of_size(unit: Unit, check: Access) -> bool:
    """Whether the size of the collection was asked for."""
    if check.how == "len":
        return True
    asked = (mark for mark in unit.marks("call") if mark.subject == "len" and check.resource.name in mark.related)
    return not check.resource.key and any(_in_one_statement(mark, check) for mark in asked)


def _in_one_statement(mark: Mark, check: Access) -> bool:
    return mark.place.unit == check.place.unit and mark.statement == check.statement


def _sure(unit: Unit, access: Access) -> Evidence | None:
    """The evidence that threads of the module do the same meanwhile, if there is no doubt that they do.

    Whoever is called by other modules may have an object of its own each time, or a flag against calls of itself.
    """
    evidence = rival(unit, access.resource, World.THREADS)
    if evidence is None or evidence.strength is not Confidence.HIGH or evidence.public or evidence.called:
        return None
    return None if unit.module.concurrency.called_under_lock(unit.facts) else evidence
