"""Entries whose last member is gone and that are taken out after an await, though somebody may have put a member in by then."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Sense
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.unit import Unit, exactly
from racelint.words import PUTS


def emptied_then_removed(unit: Unit, check: Access, sense: Sense, act: Access) -> Evidence | None:
    """Why a member may be put into an entry between the look that found it empty and its removal; None if nothing says so.

    `self.rooms[name].discard(ws)`, `if not self.rooms[name]:`, an await, `del self.rooms[name]`: who has joined meanwhile is lost with
    it. Who looks only whether there is the entry does not see that.
    """
    if act.op is not Op.DELETE or act.how not in ("del", "pop") or sense is not Sense.ABSENT or check.how == "in":
        return None
    if not act.resource.key or not exactly(check.resource, act.resource) or not _left(unit, act):
        return None
    best: Evidence | None = None
    for function in _fillers(unit, act):
        found = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, World.TASKS.value, act.resource)
        if found is None or found.public or found.strength is Confidence.LOW:
            continue
        if best is None or found.strength.rank > best.strength.rank:
            best = replace(found, text=f"{found.text}; `{function.qualname}` puts members in")
    return best


def _left(unit: Unit, act: Access) -> bool:
    """Whether the unit itself has taken a member out of the entry: it is a collection, which is given up when nobody is left."""
    inner = f"{act.resource.path}[]"
    return any(
        gone.resource.owner == act.resource.owner
        and gone.resource.path == inner
        and gone.id < act.id
        and unit.before(gone.id, act.id)
        for gone in unit.accesses(Op.DELETE)
    )


def _fillers(unit: Unit, act: Access) -> Iterator[FunctionFacts]:
    """The other functions of the module that put a member into such an entry."""
    owner, path = act.resource.place
    attribute = path.rpartition(".")[2]
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or not any(read.endswith(attribute) for read in function.reads):
            continue
        other = unit.module.unit(function.qualname)
        if other is not None and any(_puts(change, owner, path) for change in other.accesses(Op.UPDATE, Op.WRITE)):
            yield function


def _puts(change: Access, owner: str, path: str) -> bool:
    """Whether a member is put into an entry of the collection: `self.rooms[name].add(ws)`, `self.rooms[name][user] = ws`."""
    resource = change.resource
    if resource.owner != owner or not resource.key:
        return False
    return resource.path == f"{path}[]" or (resource.path == path and change.how in PUTS - {"[]"})
