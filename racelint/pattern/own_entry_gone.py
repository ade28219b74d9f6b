"""Entries that a task puts into a collection and takes out again after an await, though they may be gone by then.

Who ends the object empties the collection, and who goes over it takes out what does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rereading import fails_when_gone
from racelint.pattern.rivals import rivals
from racelint.pattern.swept_late import REMOVES, sweeps
from racelint.pattern.unit import Unit, same
from racelint.touch import ENDINGS
from racelint.words import PUTS, first_word


def own_entry_gone(unit: Unit) -> Iterator[tuple[Access, Switch, Access, str, Evidence]]:
    """The putting in, an await, the taking out, which fails if the entry is gone, who takes it out, and why meanwhile."""
    if not unit.facts.is_async or unit.is_constructor:
        return
    shown: set[tuple[str, str]] = set()
    for act in unit.accesses(Op.DELETE, kinds=INTERNAL):
        if not act.resource.key or act.forgiven or not fails_when_gone(act) or act.resource.place in shown:
            continue
        if _of_a_loop(unit, act):
            continue
        put = _put_before(unit, act)
        switches = unit.switches_between(put.id, act.id) if put is not None else []
        if put is None or not switches or unit.guarded(put, act):
            continue
        switch = next((switch for switch in switches if not switch.held & put.held), switches[0])
        found = _taken_by(unit, put, act)
        if found is not None:
            shown.add(act.resource.place)
            yield put, switch, act, *found


def _of_a_loop(unit: Unit, act: Access) -> bool:
    """Whether a helper of a helper takes it out, by the name of what the loop of one comes to."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    if act.site == act.place or any(
        target.qualname == act.place.unit
        for call in unit.facts.calls
        if call.line == unit.module.span(act.site).line
        for target in concurrency.target(call.callee, unit.facts)
    ):
        return False
    functions = (scope.functions.get(name) for name in concurrency.runs(unit.facts.qualname))
    return any(act.resource.key in f.loop_names for f in functions if f is not None and f is not unit.facts)


def _put_before(unit: Unit, act: Access) -> Access | None:
    """Where the unit has put the entry there itself."""
    puts = [
        access
        for access in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL)
        if access.how in PUTS
        and access.id < act.id
        and access.resource.place == act.resource.place
        and access.resource.name == act.resource.name
        and (
            access.resource.key == act.resource.key or (not access.resource.key and act.resource.key in access.related)
        )
        and unit.before(access.id, act.id)
    ]
    return puts[-1] if puts else None


def _taken_by(unit: Unit, put: Access, act: Access) -> tuple[str, Evidence] | None:
    """The function that may have taken the entry out, and why it may run meanwhile."""
    for write, function, found in rivals(unit, act.resource, World.TASKS, (*REMOVES, "empty")):
        if any(call.callee == f"self.{function.name}" for call in unit.facts.calls) and not sweeps(
            unit, function, write
        ):
            continue
        if _looked(unit, put, act, function):
            continue
        if _empties(function, write):
            locked = bool(unit.locked_at(act)) and any(map(unit.module.scope.is_lock, write.within))
            expected = locked or _only_for_the_wait(unit, put, act)  # who takes a lock for it expects others
            strength, does = Confidence.MEDIUM if expected else found.strength, "empties it"
        elif found.strength is not Confidence.LOW and not found.public and sweeps(unit, function, write):
            strength, does = found.strength, "takes out what a loop comes to"
        else:
            continue
        text = f"{found.text}; `{function.qualname}` {does}"
        return function.qualname, Evidence(text, min(strength, Confidence.MEDIUM, key=lambda s: s.rank), found.world)
    return None


def _empties(function: FunctionFacts, write: Write) -> bool:
    """Whether it is the end of the object that empties the collection."""
    whole = write.how == "clear" or (write.how == "=" and write.shape == "empty")
    return whole and first_word(function.name.removeprefix("on_")) in ENDINGS


def _looked(unit: Unit, put: Access, act: Access, ender: FunctionFacts) -> bool:
    """Whether the unit looks, since the last await, whether the entry is there or whether the object has ended."""
    ended = {write.path for write in ender.writes}
    looks = (unit.access(number) for number in act.controlled_by if number > put.id)
    return any(
        look is not None
        and (same(look.resource, act.resource) or f"self.{look.resource.path}" in ended)
        # to leave a lock or a limit lets nobody else run
        and all(switch.callee == "async with exit" for switch in unit.switches_between(look.id, act.id))
        for look in looks
    )


def _only_for_the_wait(unit: Unit, put: Access, act: Access) -> bool:
    """Whether entries are there only while somebody waits, so that the one who empties the collection meets nobody else.

    They are put there at this one place, and taken out in any case.
    """
    putting = {f.qualname for f, write in unit.module.concurrency.writers(act.resource) if write.how in PUTS}
    return putting == {act.place.unit} == {put.place.unit} and set(act.control) <= set(put.control)
