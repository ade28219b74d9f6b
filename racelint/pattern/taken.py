"""What is free for one: found free in one step and taken in another, by threads of which all but one should be turned away."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Sense, Shape
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.claiming import is_state
from racelint.pattern.deciding import only_asked
from racelint.pattern.made import is_told
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import with_itself
from racelint.pattern.stamps import is_time
from racelint.pattern.unit import Unit, exactly
from racelint.resolve import CONSTRUCTORS
from racelint.words import CLOCKS, first_word


def taken_by_two(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """The look that found an entry or attribute free, the step that takes it for this call, and the threads that do so at once.

    Who finds it taken gets an error or False, so that callers rely on being the only one; or what takes it is put to work at once.
    """
    if unit.facts.is_async or unit.is_constructor or unit.module.concurrency.called_under_lock(unit.facts):
        return
    for take in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if take.how not in ("=", "[]") or take.place.unit != unit.facts.qualname or unit.rechecked_locked(take):
            continue
        look = next((c for n, s in take.control if (c := _found_free(unit, n, s, take)) is not None), None)
        if look is None or unit.guarded(look, take, World.THREADS):
            continue
        evidence = with_itself(unit, World.THREADS, take.resource)
        if evidence is None or evidence.strength is not Confidence.HIGH or evidence.public or evidence.called:
            continue
        yield Pair(unit, look, take), evidence


def ended_by_two(unit: Unit) -> Iterator[tuple[Pair, str, Evidence]]:
    """The look that found a state as it was, the step that gives it another one, and the function that does so, too, in another thread.

    `if self.state == "pending": self.state = "done"` beside a method that gives up what is pending. Only where a thread of the object's
    own is one of the two, and where the unit does more because of the look than to set the state.
    """
    facts, concurrency = unit.facts, unit.module.concurrency
    if facts.is_async or unit.is_constructor or concurrency.called_under_lock(facts):
        return
    for change in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if change.how != "=" or not is_state(change) or change.place.unit != facts.qualname or unit.locked_at(change):
            continue
        look = _found_so(unit, change)
        if look is None:
            continue
        for other, write in concurrency.writers(change.resource):
            if other.qualname == facts.qualname or other.is_async or write.how != "=" or write.within:
                continue
            evidence = concurrency.overlap(facts.qualname, other.qualname, "threads", change.resource)
            if evidence is None or not (evidence.half or evidence.strength is Confidence.HIGH):
                continue
            if evidence.half and evidence.strength is not Confidence.HIGH and _is_step(unit, evidence.half):
                continue
            if not _ends_it_too(unit, look, change, unit.module.unit(other.qualname)):
                continue
            if evidence.strength is not Confidence.HIGH:
                thread = next(name for name in (facts.qualname, other.qualname) if name != evidence.half)
                text = f"`{thread}` runs in a thread, and `{evidence.half}` is there for callers to call meanwhile"
                evidence = replace(evidence, text=text, strength=Confidence.MEDIUM)
            yield Pair(unit, look, change), other.name, evidence
            break


def _is_step(unit: Unit, public: str) -> bool:
    """Whether a thread of the module runs the public function itself, so that nobody else needs to call it."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(public, ()))
    return any(root.world == "threads" and not root.public for root in roots)


def _ends_it_too(unit: Unit, look: Access, change: Access, rival: Unit | None) -> bool:
    """Whether another function changes the state, too, where it finds it so, and one of the two does more because of that."""
    for write in rival.accesses(Op.WRITE, kinds=INTERNAL) if rival is not None else ():
        if write.how != "=" or not is_state(write) or write.resource.place != change.resource.place:
            continue
        their = _found_so(rival, write) if rival is not None else None
        if their is None or rival is None or their.related != look.related or write.value.text == change.value.text:
            continue
        if _does_more(unit, look, change) or _does_more(rival, their, write):
            return True
    return False


def _does_more(unit: Unit, look: Access, change: Access) -> bool:
    """Whether something else is changed or called because of the look."""
    return any(
        look.id in {number for number, _ in event.control}
        and event.id != change.id
        and (
            event.op.changes
            if isinstance(event, Access)
            else event.what in ("call", "slow", "own", "helper", "spawn", "start") and not is_told(event.subject)
        )
        for event in unit.events
        if isinstance(event, (Access, Mark))
    )


def _found_so(unit: Unit, change: Access) -> Access | None:
    """The check that found the very state equal to what it is changed from."""
    for number, sense in change.control:
        look = unit.access(number)
        if (
            look is None
            or sense is not Sense.OTHER
            or not exactly(look.resource, change.resource)
            or number in unit.flow.ordered
            or not look.related
            or look.how in ("while", "assert")
            or change.value.text in look.related
            or unit.guarded(look, change, World.THREADS)
        ):
            continue
        return look
    return None


def noted_too_late(unit: Unit) -> Iterator[tuple[Pair, Mark, Evidence]]:
    """The look that found the time ripe, the step that notes when it was done, what is done before that, and who does so, too."""
    if unit.facts.is_async or unit.is_constructor or unit.module.concurrency.called_under_lock(unit.facts):
        return
    for note in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if note.how not in ("=", "[]") or note.place.unit != unit.facts.qualname or not is_time(unit, note):
            continue
        for number, sense in note.control:
            look = unit.access(number)
            if look is None or not sense.vague or number not in unit.flow.ordered:
                continue
            if not exactly(look.resource, note.resource) or unit.guarded(look, note, World.THREADS):
                continue
            if _serves_kept(unit, look, sense):
                continue
            done = _done_between(unit, look, note)
            evidence = with_itself(unit, World.THREADS, note.resource) if done is not None else None
            if done is None or evidence is None or evidence.strength is not Confidence.HIGH:
                continue
            if not (evidence.public or evidence.called or unit.rechecked_locked(note)):
                yield Pair(unit, look, note), done, evidence
                return


def _serves_kept(unit: Unit, look: Access, sense: Sense) -> bool:
    """Whether what the unit keeps is given out while the time is not ripe: a cache, which is filled twice at worst."""
    kept = [write.resource for write in unit.accesses(Op.WRITE, kinds=INTERNAL)]
    return any(
        exactly(read.resource, resource)
        for read in unit.accesses(Op.READ, kinds=INTERNAL)
        if any(number == look.id and other is not sense for number, other in read.control)
        for resource in kept
    )


def _done_between(unit: Unit, look: Access, note: Access) -> Mark | None:
    """A call on another object that is made between the two, because the time was ripe, and does more than look or tell."""
    models = unit.module.models
    return next(
        (
            mark
            for mark in unit.marks("call", "slow", "spawn")
            if look.id < mark.id < note.id
            and mark.statement not in (look.statement, note.statement)
            and any(number == look.id for number, _ in mark.control)
            and "." in mark.subject
            and not is_told(mark.subject)
            and not mark.subject.startswith("collections.")  # which makes something empty
            and mark.subject.rpartition(".")[2] not in CLOCKS
            and first_word(mark.subject) not in models.looks
        ),
        None,
    )


def _found_free(unit: Unit, number: int, sense: Sense, take: Access) -> Access | None:
    """The check with this number, if it found the very state free, and another answer turns the caller away."""
    look = unit.access(number)
    if look is None or not exactly(look.resource, take.resource) or look.how in ("while", "assert"):
        return None
    if look.place.unit != take.place.unit and not only_asked(unit, look):
        return None
    if sense is Sense.ABSENT:
        if not _of_caller(unit, take) and not _filled_by_others(unit, take):
            return None
        turned = _turned_away(unit, number, (Sense.PRESENT,), refused=take.value.shape is not Shape.OTHER)
        return look if turned or (not take.resource.key and _put_to_work(unit, number, take)) else None
    if not sense.vague or number in unit.flow.ordered or not look.related or not is_state(take):
        return None
    if take.value.text in look.related:
        return None
    other = Sense.OTHERWISE if sense is Sense.OTHER else Sense.OTHER
    return look if _turned_away(unit, number, (other,)) else None


def _of_caller(unit: Unit, take: Access) -> bool:
    """Whether what takes it says who does: something that the unit was handed, or has a part of it, beside what it is kept under."""
    given = {name for name, _ in unit.facts.params[bool(unit.facts.owner) :]}
    if take.value.shape is Shape.NEW and take.resource.key:
        return bool(unit.module.given(take.place) - {take.resource.key})
    return take.value.shape is Shape.OTHER and take.value.text.partition(".")[0] in given


def _filled_by_others(unit: Unit, take: Access) -> bool:
    """Whether what takes it is new and other functions put something in there: with the second one, what the first has got is gone."""
    if take.value.shape not in (Shape.NEW, Shape.EMPTY) or not take.resource.key:
        return False
    if take.value.type.startswith(":"):
        methods = unit.module.scope.methods.get(take.value.type[1:], {}).values()
        changes = [write for m in methods if m.name not in CONSTRUCTORS for write in m.writes]
        return any(write.path.startswith("self.") for write in changes)
    if take.resource.path.count("[]"):
        return False
    scope, mine = unit.module.scope, unit.facts.qualname
    if any(
        write.how in _PUT_IN or (write.how in ("[]", "[]+=") and write.depth > 1)
        for function, write in unit.module.concurrency.writers(take.resource)
        if function.qualname != mine
    ):
        return True
    owned = take.resource.kind is Kind.ATTRIBUTE
    callees = {
        f"{'self.' if owned else ''}{take.resource.path}.{method}" for method in _PUT_IN
    }  # of an entry, or a part of one
    family = scope.family(take.resource.owner) if owned and take.resource.owner in scope.classes else frozenset()
    others = (
        function
        for function in scope.facts.functions
        if function.qualname != mine
        and (function.owner in family if owned else take.resource.path not in function.local_names)
    )
    return any(call.callee in callees for function in others for call in function.calls)


_PUT_IN = frozenset({"append", "appendleft", "extend", "insert", "add"})
"""What is called of a list or set: of an entry, as what has the entries is a dictionary."""


def _turned_away(unit: Unit, number: int, senses: tuple[Sense, ...], refused: bool = False) -> bool:
    """Whether another answer ends the unit; if `refused`, by an error or False, as who is given what is there may go on with that."""
    marks = unit.marks("turned away") if refused else unit.marks("turned away", "occupied")
    return any((number, sense) in mark.control for mark in marks for sense in senses)


def _put_to_work(unit: Unit, number: int, take: Access) -> bool:
    """Whether a method is called, because it was free, of what takes it."""
    return any(
        (number, Sense.ABSENT) in mark.control
        and mark.id > take.id
        and mark.subject.partition(".")[0] == take.value.text
        and not is_told(mark.subject)
        and first_word(mark.subject) not in unit.module.models.looks
        for mark in unit.marks("call", "slow")
    )
