"""State that declares its lock, and accesses without it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind
from racelint.pattern.unit import Unit


def unguarded_accesses(unit: Unit) -> Iterator[tuple[Access, str]]:
    """Accesses of state whose declared lock is not held, and that lock; one for each statement."""
    declared = unit.module.scope.facts.guarded
    seen: set[tuple[int, tuple[str, str]]] = set()
    for access in unit.accesses(kinds=(Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL)):
        lock = next((lock for owner, name, lock in declared if _is(unit, access, owner, name)), None)
        if lock is None or access.place.unit != unit.facts.qualname:
            continue
        if unit.is_constructor and access.resource.kind is not Kind.GLOBAL:
            continue
        wanted = lock.rpartition(".")[2]
        held = [acquired.lock.path.rpartition(".")[2] for acquired in unit.locked_at(access)]
        if wanted not in held and (access.statement, access.resource.place) not in seen:
            seen.add((access.statement, access.resource.place))
            yield access, lock


def _is(unit: Unit, access: Access, owner: str, name: str) -> bool:
    """Whether the access is of the declared state."""
    if access.resource.path.partition(".")[0] != name:
        return False
    if not owner:
        return access.resource.kind is Kind.GLOBAL
    return access.resource.owner in unit.module.scope.family(owner)
