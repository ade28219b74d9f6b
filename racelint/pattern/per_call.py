"""Values of one call that are kept where all calls of the object see them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Shape
from racelint.evidence import Evidence
from racelint.evidence.hooks import stands_for_decorated
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.pattern.made import is_told
from racelint.pattern.pair import Pair
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, exactly, same
from racelint.resolve import CONSTRUCTORS, enclosing_self

SHARED = (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL)
KEPT = (Shape.OTHER, Shape.CALL, Shape.AWAITED, Shape.NEW, Shape.CONSTANT)


@dataclass(frozen=True, slots=True)
class Mixed:
    """A write of a value of this call, the later read that takes it for its own, and why another call writes meanwhile."""

    pair: Pair
    evidence: Evidence
    world: World


def mixed_calls(unit: Unit) -> Iterator[Mixed]:
    """Reads of what this call put into a shared object, where another call of the unit may have put its own meanwhile."""
    if unit.is_constructor:
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    seen: set[tuple[str, str]] = set()
    for write in unit.accesses(Op.WRITE, kinds=SHARED):
        if write.resource.place in seen or not _of_this_call(unit, write):
            continue
        evidence = with_itself(unit, world, write.resource)
        if stands_for_decorated(unit.facts) and (evidence is None or evidence.strength is Confidence.LOW):
            evidence = Evidence(
                f"`{unit.facts.name}` stands for the decorated function, which may be called while it runs",
                Confidence.MEDIUM,
                world.value,
            )
        if evidence is None or (world is World.THREADS and evidence.public and evidence.strength is Confidence.LOW):
            continue
        if world is World.THREADS and unit.module.concurrency.called_under_lock(unit.facts):
            continue
        pair = _read_back(unit, write, world)
        if pair is None or not unit.module.given(write.place):
            continue
        if not _meant_to_stay(unit, write) and not _compared_with_own(unit, write):
            seen.add(write.resource.place)
            yield Mixed(pair, evidence, world)


def _of_this_call(unit: Unit, write: Access) -> bool:
    """Whether something that may come from the arguments is set, whatever was there before."""
    if write.how != "=" or write.resource.key or write.value.shape not in KEPT or not _of_own_object(unit, write):
        return False
    before = (unit.access(number) for number in write.controlled_by | write.value.stems)
    return not any(access is not None and same(access.resource, write.resource) for access in before)


def _of_own_object(unit: Unit, write: Access) -> bool:
    """Whether the value is kept in the method's own object, or in the module: another object may be one of this call alone."""
    if write.resource.kind is Kind.GLOBAL:
        return True
    scope = unit.module.scope
    function = scope.functions.get(write.place.unit)
    owner, name = enclosing_self(function, scope) if function is not None else ("", "")
    return bool(owner) and write.resource.name.rpartition(".")[0] in (name, "cls", "self.__class__", owner)


def _read_back(unit: Unit, write: Access, world: World) -> Pair | None:
    """The first read that nothing but this write leads to in this call, with a switch and no lock between."""
    for read in unit.accesses(Op.READ, Op.CHECK, Op.USE, kinds=SHARED):
        if not exactly(read.resource, write.resource) or not unit.before(write.id, read.id):
            continue
        switch = unit.switch_between(write.id, read.id)
        if world is World.TASKS and (switch is None or write.id in read.fresh):
            continue
        if not unit.guarded(write, read, world) and not _other_ways(unit, write, read) and not _only_told(unit, read):
            return Pair(unit, write, read, switch if world is World.TASKS else None)
    return None


def _only_told(unit: Unit, read: Access) -> bool:
    """Whether what is read goes nowhere but into a message of a log: `print` may be what a program is there for, and a `log` a logarithm."""
    at, around = unit.module.span(read.place), []
    for mark in unit.marks("call"):
        if mark.place.unit == read.place.unit:
            span = unit.module.span(mark.place)
            if (span.line, span.column) <= (at.line, at.column) and (at.end_line, at.end_column) <= (
                span.end_line,
                span.end_column,
            ):
                around.append(mark)
    told = (("." in mark.subject and not mark.subject.endswith(".log") and is_told(mark.subject)) for mark in around)
    return bool(around) and all(told)


def _other_ways(unit: Unit, write: Access, read: Access) -> bool:
    """Whether the read can be come to without the write, or after a later one."""
    ways, todo = {0}, [0]
    while todo:
        for follower in unit.flow.after[todo.pop()]:
            if follower not in ways and follower != write.id:
                ways.add(follower)
                todo.append(follower)
    if read.id in ways:
        return True
    return any(
        isinstance(event, Access) and event.op.changes and same(event.resource, write.resource)
        for event in unit.between(write.id, read.id)
    )


def _meant_to_stay(unit: Unit, write: Access) -> bool:
    """Whether anything reads the value that is no step of a call which sets it: then it is state of the object."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    setters = {f.qualname for f, w in concurrency.writers(write.resource) if w.how == "=" and w.shape not in _ABSENT}
    steps = {name for setter in {*setters, unit.facts.qualname} for name in concurrency.runs(setter)}
    resource = write.resource
    family = scope.family(resource.owner) if resource.owner in scope.classes else frozenset()
    others = (f for f in scope.every_function if f.qualname not in steps and f.name not in CONSTRUCTORS)
    if resource.kind is Kind.GLOBAL:
        return any(resource.path in function.reads for function in others)
    return any(
        dot and attribute == resource.path and _may_be_one_of(unit, function, holder, family)
        for function in others
        for path in function.reads
        for holder, dot, attribute in (path.partition("."),)
    )


def _may_be_one_of(unit: Unit, function: FunctionFacts, name: str, family: frozenset[str]) -> bool:
    """Whether a name in a function stands for an object of one of the classes: its own one, or one of that type."""
    owner, own = enclosing_self(function, unit.module.scope)
    if name == own:
        return owner in family
    return unit.module.concurrency.local_type(name, function).rpartition(":")[2] in family


_ABSENT = ("none", "false", "empty", "true", "constant")


def _compared_with_own(unit: Unit, write: Access) -> bool:
    """Whether the call asks if its own value is still there: it knows that a later call takes over."""
    own = unit.module.given(write.place)
    return any(
        check.related & own and same(check.resource, write.resource) and unit.before(write.id, check.id)
        for check in unit.accesses(Op.CHECK, Op.READ, kinds=SHARED)
    )
