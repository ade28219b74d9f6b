"""Two values that a lock keeps in step, read together without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from racelint.events import Access, Kind, Op, Resource
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence
from racelint.pattern.unit import Unit
from racelint.words import first_word


@dataclass(frozen=True, slots=True)
class TornRead:
    """Two reads without the lock, the lock, who changes both under it, and why that comes in between."""

    first: Access
    second: Access
    lock: str
    writer: str
    evidence: Evidence


def torn_reads(unit: Unit) -> Iterator[TornRead]:
    """Reads of two attributes or globals in one step of the unit, both of which others only ever change together under one lock."""
    if unit.is_constructor or unit.facts.is_async or unit.facts.name in _SHOWS or _held_by_callers(unit):
        return
    if {first_word(unit.facts.name), unit.facts.name} & (unit.module.models.lifecycle | unit.module.models.idempotent):
        return  # who ends both or begins anew needs no pair
    reads = [access for access in unit.accesses(Op.READ, Op.CHECK, kinds=_STATE) if _bare(unit, access)]
    for first, second in combinations(reads, 2):
        if not _one_step(first, second):
            continue
        lock, writers = _changed_as_one(unit, first.resource, second.resource)
        found = _strongest(unit, writers, second.resource)
        if found is not None:
            yield TornRead(first, second, lock, *found)
            return


_STATE = (Kind.ATTRIBUTE, Kind.GLOBAL)
_SHOWS = frozenset({"__repr__", "__str__", "__format__", "__del__", "__getstate__", "__reduce__"})
"""Methods whose result is only looked at, or that run when nobody else has the object."""


def _held_by_callers(unit: Unit) -> bool:
    concurrency = unit.module.concurrency
    return concurrency.called_under_lock(unit.facts) or bool(concurrency.decorator_guards(unit.facts))


def _bare(unit: Unit, access: Access) -> bool:
    """Whether the unit itself looks at a plain value of its own object or of the module, and holds no lock."""
    resource = access.resource
    own = "." not in resource.path and (resource.kind is Kind.GLOBAL or resource.name == f"self.{resource.path}")
    return own and access.place.unit == unit.facts.qualname and not resource.key and not unit.locked_at(access)


def _one_step(first: Access, second: Access) -> bool:
    """Whether both are read for one purpose: in one statement, or in two that follow each other and do nothing else."""
    if first.resource.place == second.resource.place or first.resource.owner != second.resource.owner:
        return False
    if first.id in second.controlled_by:  # that one is looked at because of the other is `read_apart`
        return False
    if first.statement == second.statement:
        return True
    taken = first.op is second.op is Op.READ and not (first.how or second.how)
    return taken and second.statement - first.statement == 1 and first.control == second.control


Changes = dict[tuple[str, tuple[str, ...]], FunctionFacts]


def _changed_as_one(unit: Unit, one: Resource, other: Resource) -> tuple[str, list[FunctionFacts]]:
    """The one lock under which all changes of either change both, and the functions that do so; none if there are others.

    A flag says what is so now, whatever stands beside it.
    """
    both = [_changes(unit, resource) for resource in (one, other)]
    if not both[0] or not both[1] or both[0].keys() != both[1].keys():
        return "", []
    guards = [{guard for guard in within if _is_lock(unit, guard, one)} for _, within in both[0]]
    shared = frozenset.intersection(*map(frozenset, guards))
    return (min(shared), list(both[0].values())) if shared else ("", [])


def _changes(unit: Unit, resource: Resource) -> Changes:
    found: Changes = {}
    flags = True
    for function, write in unit.module.concurrency.writers(resource):
        if write.how not in ("=", "+=") or write.path.count(".") > 1:
            return {}
        flags = flags and write.shape in ("true", "false", "none")
        found[function.qualname, _guards(unit, function, write)] = function
    return {} if flags else found


def _guards(unit: Unit, function: FunctionFacts, write: Write) -> tuple[str, ...]:
    concurrency = unit.module.concurrency
    return (*write.within, *sorted(concurrency.decorator_guards(function) | concurrency.held_on_entry(function)))


def _is_lock(unit: Unit, guard: str, resource: Resource) -> bool:
    name = guard.rpartition(".")[2]
    return unit.module.scope.is_lock(guard) or (resource.owner, name) in unit.module.locks_of(resource.owner)


def _strongest(unit: Unit, writers: list[FunctionFacts], resource: Resource) -> tuple[str, Evidence] | None:
    """The function that surely runs in a thread meanwhile, and why; that both are public says too little."""
    best: tuple[str, Evidence] | None = None
    for writer in writers:
        found = unit.module.concurrency.overlap(unit.facts.qualname, writer.qualname, "threads", resource)
        if found is None or found.public or found.called or writer.qualname == unit.facts.qualname:
            continue
        if best is None or found.strength.rank > best[1].strength.rank:
            text = f"{found.text}; `{writer.name}` changes both"
            strength = min(found.strength, Confidence.MEDIUM, key=lambda c: c.rank)
            best = writer.name, Evidence(text, strength, found.world)
    return best
