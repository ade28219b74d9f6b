"""Two values that a lock keeps together, looked at one after the other without it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Resource
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.unit import Unit


@dataclass(frozen=True, slots=True)
class ReadApart:
    """The value that was tested, the other one that is used because of it, the lock that neither is read under, and who takes that."""

    check: Access
    use: Access
    lock: str
    writers: tuple[str, str]
    evidence: Evidence


def read_apart(unit: Unit) -> Iterator[ReadApart]:
    """Pairs that two methods set under one lock, of which the unit tests one and then uses the other, without any lock."""
    if unit.is_constructor or unit.facts.is_async or not unit.facts.owner:
        return
    seen: set[str] = set()
    for use in unit.accesses(Op.READ, Op.USE, kinds=(Kind.ATTRIBUTE,)):
        if use.resource.path in seen or not _bare(unit, use):
            continue
        for number in use.controlled_by:
            check = unit.access(number)
            if check is None or not _bare(unit, check) or check.resource.owner != use.resource.owner:
                continue
            if check.resource.place == use.resource.place or check.how in ("while", "assert"):
                continue
            lock, writers = _set_together(unit, check.resource, use.resource)
            evidence = _surely_met(unit, writers, use.resource) if len(writers) > 1 else None
            if evidence is not None:
                seen.add(use.resource.path)
                yield ReadApart(check, use, lock, (writers[0].name, writers[1].name), evidence)
                break


def _bare(unit: Unit, access: Access) -> bool:
    """Whether the unit itself looks at an attribute of its own object, and holds no lock."""
    resource = access.resource
    own = access.place.unit == unit.facts.qualname and resource.name.startswith("self.")
    return own and not resource.key and "." not in resource.path and not unit.locked_at(access)


def _set_together(unit: Unit, one: Resource, other: Resource) -> tuple[str, list[FunctionFacts]]:
    """The lock under which others set both to new values, and those functions; flags, which end something, are no values."""
    is_lock = unit.module.scope.is_lock
    places: list[dict[tuple[str, str], FunctionFacts]] = []
    for resource in (one, other):
        writers = unit.module.concurrency.writers(resource)
        if all(write.shape in ("true", "false", "none") for _, write in writers):
            return "", []
        here = [(f, w) for f, w in writers if w.how in ("=", "+=") and f is not unit.facts]
        places.append({(f.qualname, guard): f for f, w in here for guard in w.within if is_lock(guard)})
    shared = sorted(places[0].keys() & places[1].keys())
    if len({guard for _, guard in shared}) != 1:
        return "", []
    return shared[0][1], [places[0][key] for key in shared]


def _surely_met(unit: Unit, writers: list[FunctionFacts], resource: Resource) -> Evidence | None:
    """The evidence that threads of the module run one of the functions meanwhile, if there is no doubt that they do."""
    concurrency = unit.module.concurrency
    if concurrency.called_under_lock(unit.facts) or concurrency.decorator_guards(unit.facts):
        return None
    for writer in writers:
        found = concurrency.overlap(unit.facts.qualname, writer.qualname, "threads", resource)
        if found is not None and found.strength is Confidence.HIGH and not (found.public or found.called):
            return Evidence(f"{found.text}; `{writer.qualname}` changes it too", Confidence.MEDIUM, found.world)
    return None
