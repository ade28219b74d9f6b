"""Entries that a loop over a collection takes out after an await, though others take out entries, too."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rereading import fails_when_gone
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit

REMOVES = ("remove", "pop", "del[]", "discard", "clear")


def swept_late(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """The collection that a loop goes over, the removal of an entry after an await in it, which fails if it is gone, and who else removes.

    `for peer in list(self.peers): await peer.send(data)`, and `self.peers.remove(peer)` where that fails: whoever serves the peer takes
    it out, too.
    """
    if not unit.facts.is_async or unit.is_constructor:
        return
    shown: set[tuple[str, str]] = set()
    for act in unit.accesses(Op.DELETE, kinds=INTERNAL):
        if act.resource.key not in unit.facts.loop_names or act.resource.place in shown:
            continue
        if act.forgiven or not fails_when_gone(act) or _looked(unit, act):
            continue
        for read in _loops_over(unit, act):
            switch = unit.switch_between(read.id, act.id)
            evidence = _removed_by(unit, act) if switch is not None and not unit.guarded(read, act) else None
            if evidence is not None and switch is not None:
                shown.add(act.resource.place)
                yield Pair(unit, read, act, switch), evidence
                break


def _loops_over(unit: Unit, act: Access) -> Iterator[Access]:
    """The reads of the collection for loops of the unit itself over it, or over a copy that is made for them."""
    for loop in unit.marks("loop"):
        if loop.place.unit != unit.facts.qualname or loop.id > act.id or not unit.before(loop.id, act.id):
            continue
        read = next((e for e in reversed(unit.events[: loop.id]) if not isinstance(e, Mark)), None)
        if (
            isinstance(read, Access)
            and read.op is Op.READ
            and not read.resource.key
            and read.resource.place == act.resource.place
        ):
            yield read


def _looked(unit: Unit, act: Access) -> bool:
    """Whether the unit looks since the last await whether the entry is there."""
    looks = (unit.access(number) for number in act.controlled_by & act.fresh)
    return any(look is not None and look.resource.place == act.resource.place for look in looks)


def _removed_by(unit: Unit, act: Access) -> Evidence | None:
    """Why somebody else may have taken the entry out."""
    for _, function, found in rivals(unit, act.resource, World.TASKS, REMOVES):
        if found.strength is Confidence.LOW or found.public or function.qualname == unit.facts.qualname:
            continue
        text = f"{found.text}; `{function.qualname}` takes entries out, too"
        return Evidence(text, min(found.strength, Confidence.MEDIUM, key=lambda s: s.rank), found.world)
    return None


def sweeps(unit: Unit, function: FunctionFacts, write: Write) -> bool:
    """Whether a function takes out what a loop comes to, itself or as the helper of another one than the unit."""
    element = next(
        (
            call.arguments[0]
            for call in function.calls
            if call.arguments and call.callee in (f"{write.path}.remove", f"{write.path}.pop")
        ),
        "",
    )
    if not element or function.qualname == unit.facts.qualname:
        return False
    if element in function.loop_names:
        return True
    return any(name == element for name, _ in function.params) and any(
        caller.qualname != unit.facts.qualname
        and write.path in caller.reads
        and bool(call.arguments)
        and call.arguments[0] in caller.loop_names
        for caller, call in unit.module.concurrency.callers.get(function.qualname, ())
    )
