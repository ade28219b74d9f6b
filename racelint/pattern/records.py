"""Records that several threads fill field by field, each with values of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from racelint.events import Access, Kind, Op, Shape
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.unit import Unit

_KINDS = (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL)


def filled_by_several(unit: Unit) -> Iterator[tuple[Access, Access, str, Evidence]]:
    """Two fields of one object that a thread sets, one after the other, to values of its own; who reads both; and who else does it.

    One thread's name stays beside another one's price. Only where the module starts the threads itself, or serves requests by them,
    and where they have one object: the function that is started has it, or the module keeps it.
    """
    facts, concurrency = unit.facts, unit.module.concurrency
    if unit.is_constructor or facts.is_async or concurrency.called_under_lock(facts):
        return
    given = {name for name, _ in facts.params[bool(facts.owner) :]}
    fields = [
        write
        for write in unit.accesses(Op.WRITE, kinds=_KINDS)
        if write.how in ("=", "[]")
        and write.value.shape in (Shape.OTHER, Shape.CALL)
        and not write.control
        and not unit.locked_at(write)
        and write.place.unit == facts.qualname
    ]
    for first, second in pairwise(fields):
        if (
            _value(unit, first) == _value(unit, second)
            or first.statement == second.statement
            or not _one_object(first, second)
        ):
            continue
        reader = _reader(unit, first, second)
        evidence = _other_setter(unit, first, second, given) if reader else None
        if evidence is not None:
            yield first, second, reader, evidence
            return


def _value(unit: Unit, field: Access) -> str:
    """What the field is set to, as it is written."""
    return field.value.text or unit.module.text(field.place).partition("=")[2]


def _other_setter(unit: Unit, first: Access, second: Access, given: set[str]) -> Evidence | None:
    """The evidence that a thread sets both fields meanwhile: another run of the unit, with other arguments, or another function."""
    name, concurrency = unit.facts.qualname, unit.module.concurrency
    setters = [
        {f.qualname for f, w in concurrency.writers(field.resource) if w.how in ("=", "[]")}
        for field in (first, second)
    ]
    of_call = all(
        field.value.text.partition(".")[0] in given or unit.module.given(field.place) for field in (first, second)
    )
    for other in sorted(setters[0] & setters[1]):
        if other == name and not (of_call and _one_for_all(unit, second)):
            continue
        found = concurrency.overlap(name, other, "threads", second.resource)
        if found is not None and found.strength is Confidence.HIGH and not (found.public or found.called):
            return found
    return None


def _one_for_all(unit: Unit, field: Access) -> bool:
    """Whether all runs of the unit set the field of one object: the module starts the unit itself many times, or keeps the object."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[n] for n in concurrency.reached.get(unit.facts.qualname, ())]
    many = {r.unit for r in roots if r.world == "threads" and r.many and not r.public}
    started = unit.facts.qualname in many or any(
        caller.qualname in many and bool(caller.parent) and call.callee.partition(".")[0] not in caller.local_names
        for caller, call in concurrency.callers.get(unit.facts.qualname, ())
    )  # by a function in another one, which has the object
    return started or field.resource.kind is not Kind.ATTRIBUTE or concurrency.keeps(field.resource.owner)


def _one_object(first: Access, second: Access) -> bool:
    """Whether the two are fields of one object, entries of one dictionary under fixed keys, or names of the module."""
    one, other = first.resource, second.resource
    if one.kind is not other.kind or one.owner != other.owner or one.shown == other.shown:
        return False
    if one.key or other.key:
        return one.place == other.place and one.key[:1] in _QUOTES and other.key[:1] in _QUOTES
    return one.name.rpartition(".")[0] == other.name.rpartition(".")[0]


_QUOTES = ("'", '"')


def _reader(unit: Unit, first: Access, second: Access) -> str:
    """Who reads both without a lock, as a message says it; "" if nobody is known to.

    Where no function of the module reads either of two attributes, it is for others that they are set.
    """
    functions = [function for function in unit.module.scope.facts.functions if function is not unit.facts]
    for function in functions:
        if _reads_both(function, first, second):
            return f"`{function.name}`"
    ends = (f".{first.resource.path}", f".{second.resource.path}")
    read = any(name.endswith(ends) for function in (*functions, unit.facts) for name in function.reads)
    return "" if read or first.resource.kind is not Kind.ATTRIBUTE else "who reads both"


def _reads_both(function: FunctionFacts, first: Access, second: Access) -> bool:
    one, other = first.resource, second.resource
    locked = any(call.within for call in function.calls) or any(write.within for write in function.writes)
    if locked or {w.path for w in function.writes} & {one.name, other.name}:
        return False
    if one.key:
        return one.name in function.reads
    if "." not in one.name:
        return {one.name, other.name} <= function.reads
    of_its_class = bool(function.owner) and function.owner == one.owner  # the record that the module keeps has methods
    if of_its_class and function.params and one.kind is Kind.GLOBAL:
        own = function.params[0][0]
        return {f"{own}.{one.path}", f"{own}.{other.path}"} <= function.reads
    roots = [
        {path.partition(".")[0] for path in function.reads if path.partition(".")[2] == resource.path}
        if one.kind is Kind.ATTRIBUTE
        else {path for path in function.reads if path == resource.name}
        for resource in (one, other)
    ]
    return bool(roots[0] & roots[1]) if one.kind is Kind.ATTRIBUTE else bool(roots[0] and roots[1])
