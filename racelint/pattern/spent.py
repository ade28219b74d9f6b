"""Entries that are there for one taker, and are taken out only when what they are good for has been done."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Sense, Shape
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.made import is_told
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, exactly, same
from racelint.words import CLOCKS, first_word


def spent_twice(unit: Unit) -> Iterator[tuple[Access, Mark, Access, Evidence]]:
    """The test that found the entry, what is done with it, its removal, and why another thread does the same meanwhile."""
    if unit.facts.is_async or unit.is_constructor:
        return
    for removal in unit.accesses(Op.DELETE, kinds=INTERNAL):
        if removal.how not in _REMOVES or unit.rechecked_locked(removal):
            continue
        check = next((c for n, s in removal.control if (c := _found(unit, n, s, removal)) is not None), None)
        if check is None or unit.guarded(check, removal, World.THREADS):
            continue
        act = _done_with(unit, check, removal)
        evidence = with_itself(unit, World.THREADS, removal.resource) if act is not None else None
        if act is None or evidence is None or evidence.strength is not Confidence.HIGH:
            continue
        if evidence.public or evidence.called or unit.module.concurrency.called_under_lock(unit.facts):
            continue
        yield check, act, removal, evidence
        return


def handed_over_twice(unit: Unit) -> Iterator[tuple[Access, Mark, Access, Evidence]]:
    """The test that found something, the call that it is handed to, as a descriptor to `os.close`, the step that sets it to nothing
    afterwards, and why another thread does the same meanwhile.

    Who is second hands over what is spent: the number of a closed file may be that of another one by then.
    """
    if unit.facts.is_async or unit.is_constructor or unit.module.concurrency.called_under_lock(unit.facts):
        return
    for forget in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if forget.how != "=" or forget.resource.key or not _says_nothing(forget) or unit.rechecked_locked(forget):
            continue
        for number, sense in forget.control:
            check = unit.access(number)
            if (
                check is None
                or check.how in ("while", "assert")
                or not exactly(check.resource, forget.resource)
                or check.place.unit != forget.place.unit
                or not (sense is Sense.PRESENT or (sense.vague and forget.value.shape is Shape.CONSTANT))
                or unit.guarded(check, forget, World.THREADS)
            ):
                continue
            act = _handed_to(unit, check, sense, forget)
            evidence = with_itself(unit, World.THREADS, forget.resource) if act is not None else None
            if act is None or evidence is None or evidence.strength is not Confidence.HIGH:
                continue
            if not (evidence.public or evidence.called):
                yield check, act, forget, evidence
                return


def _says_nothing(forget: Access) -> bool:
    """Whether it is set to what stands for nothing: None, or a number below zero, as a descriptor is."""
    return forget.value.shape is Shape.NONE or (forget.value.shape is Shape.CONSTANT and forget.value.text == "-1")


def _handed_to(unit: Unit, check: Access, sense: Sense, forget: Access) -> Mark | None:
    """The call in between that is given what was found, and does more than to look or to tell."""
    models, name = unit.module.models, check.resource.name
    function = unit.module.scope.functions.get(check.place.unit, unit.facts)
    names = {name, *(write.path for write in function.writes if write.built_from == name and write.path.isidentifier())}
    for mark in unit.marks("call", "slow"):
        if not check.id < mark.id < forget.id or (check.id, sense) not in mark.control:
            continue
        word = first_word(mark.subject.rpartition(".")[2])
        harmless = word in models.looks or word in models.idempotent or is_told(mark.subject) or not _acts(mark)
        spends = names & mark.related and (mark.subject in _CLOSES_NUMBER or not harmless)
        if spends and not unit.only_after_error(mark, forget):  # what is refused is not spent
            return mark
    return None


_CLOSES_NUMBER = frozenset({"os.close", "os.closerange"})
"""What ends a thing by its number, which is soon given to another one."""

_REMOVES = frozenset({"del", "pop", "popleft", "remove", "discard"})


def _found(unit: Unit, number: int, sense: Sense, removal: Access) -> Access | None:
    """The check with this number, if it found the very entry there, or anything in what the first entry is taken out of."""
    check = unit.access(number)
    if check is None or sense is not Sense.PRESENT or check.how in ("while", "assert"):
        return None
    return check if same(check.resource, removal.resource) and check.place.unit == removal.place.unit else None


def _done_with(unit: Unit, check: Access, removal: Access) -> Mark | None:
    """What is done with the entry in between, because it was there: a call that is handed it, or its key, and does more than look."""
    models = unit.module.models
    looks = [
        access
        for access in unit.accesses(Op.READ, Op.CHECK, kinds=INTERNAL)
        if same(access.resource, removal.resource) and access.id < removal.id
    ]
    for mark in unit.marks("call", "slow", "spawn"):
        if not check.id < mark.id < removal.id or (check.id, Sense.PRESENT) not in mark.control:
            continue
        word = first_word(mark.subject)
        if (
            is_told(mark.subject)
            or mark.subject.rpartition(".")[2] in CLOCKS
            or word in models.looks
            or word in models.idempotent
            or not _acts(mark)
        ):
            continue
        handed = mark.related | {mark.subject.partition(".")[0]}
        named = removal.resource.key in handed or any(_holds(look, handed, unit) for look in looks)
        if named or any(look.statement == mark.statement for look in looks if look.id != check.id):
            return mark
    return None


def _acts(mark: Mark) -> bool:
    """Whether the call may do something outside: that of another object, or of a function of which nothing is known."""
    return mark.subject not in _PURE and not mark.subject.startswith("str.")


_PURE = frozenset(
    "isinstance len str bytes int float bool repr list dict tuple set sorted min max sum hash id type range".split()
)


def _holds(look: Access, handed: frozenset[str], unit: Unit) -> bool:
    """Whether a local name among what is handed over holds what the look found."""
    text = unit.module.text(look.place)
    built = {name for name, made in unit.facts.locals_built if text.startswith(made.removesuffix(".get"))}
    return bool(built & handed)
