"""Entries that are chosen under a lock, ended after its release, and taken out only then, though others hand them out meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from re import escape

from racelint.events import Access, Acquire, Mark, Op
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.iterating import VIEWS
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit, held_at, same
from racelint.words import CLOSES, TAKES_ENTRY


def ended_late(unit: Unit) -> Iterator[tuple[Pair, Acquire, Mark, str, Evidence]]:
    """The look at the entries, their removal, the lock of the look, the end in between, who hands entries out, and the evidence.

    `with lock: old = [key for key, entry in parked.items() if …]`, then for each of them `entry.close()` and `parked.pop(key)`: who
    takes the entry out under the lock meanwhile goes on with something closed.
    """
    if unit.facts.is_async or unit.is_constructor or unit.module.concurrency.called_under_lock(unit.facts):
        return
    for act in unit.accesses(Op.DELETE, kinds=INTERNAL):
        if not act.resource.key or act.how not in ("pop", "del") or not unit.repeats(act.id):
            continue
        for look in unit.accesses(Op.READ, kinds=INTERNAL):
            lock = _let_go(unit, look, act)
            end = _ended_between(unit, look, act) if lock is not None else None
            found = _handed_out(unit, act, lock) if lock is not None and end is not None else None
            if lock is not None and end is not None and found is not None:
                yield Pair(unit, look, act), lock, end, *found
                break


def _let_go(unit: Unit, look: Access, act: Access) -> Acquire | None:
    """The lock that is held when the entries are looked through, and not any more when what was chosen is taken out."""
    if look.how not in VIEWS or look.resource.place != act.resource.place or look.id not in act.value.stems:
        return None
    if look.place.unit != unit.facts.qualname or act.place.unit != unit.facts.qualname:
        return None
    locks = (lock for lock in unit.locked_at(look) if lock.world != "tasks" and lock.shared and lock.id not in act.held)
    return next(locks, None)


def _ended_between(unit: Unit, look: Access, act: Access) -> Mark | None:
    """The call that ends what a loop comes to, with no lock held, before the entry is taken out."""
    taken = any(
        look.id < other.id < act.id and same(other.resource, act.resource)
        for other in unit.accesses(Op.DELETE, Op.WRITE)
    )
    ends = (
        mark
        for mark in unit.marks("call", "slow")
        if look.id < mark.id < act.id
        and mark.subject.rpartition(".")[2] in CLOSES
        and mark.subject.partition(".")[0] in unit.facts.loop_names
        and not held_at(mark)
        and unit.before(mark.id, act.id)
    )
    return None if taken else next(ends, None)


def _handed_out(unit: Unit, act: Access, lock: Acquire) -> tuple[str, Evidence] | None:
    """Who takes an entry out under the lock to give it to a caller, and the evidence that it does so meanwhile."""
    for write, function, found in rivals(unit, replace(act.resource, key=""), World.THREADS, TAKES_ENTRY):
        if function.qualname == unit.facts.qualname or found.strength is Confidence.LOW or found.public:
            continue
        if write.how != "pop" or lock.lock.name not in write.within or not _gives(unit, function, f"{write.path}.pop"):
            continue
        text = f"{found.text}; `{function.qualname}` hands entries out"
        return function.qualname, replace(found, text=text)
    return None


def _gives(unit: Unit, function: FunctionFacts, pop: str) -> bool:
    """Whether a function returns what it has taken out, or a part of it, itself or by a local name."""
    names = {name for name, built in function.locals_built if built == pop}
    given = "|".join((escape(pop), *(rf"{escape(name)}\b" for name in names)))
    returned = expression(rf"^\s*return\b.*(?<![\w.])(?:{given})")
    lines = unit.module.program.lines[function.first - 1 : function.last]
    return any(returned.search(line) for line in lines)
