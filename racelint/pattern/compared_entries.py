"""Entries that are compared and removed in two steps, though another thread may put another one in their place in between."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.evidence import Evidence
from racelint.finding import Confidence, World
from racelint.pattern.rivals import rivals
from racelint.pattern.same_entry import of_another_name
from racelint.pattern.unit import Unit, exactly

_KINDS = (Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CLASS)


def removed_if_mine(unit: Unit) -> Iterator[tuple[Access, Access, str, Evidence]]:
    """The comparison of an entry, its removal, who sets the entry anew, and why meanwhile: `if d.get(k) == mine: d.pop(k)`.

    That the entry is compared says that others put theirs there under the same key. Only where the module starts the threads itself:
    callers may agree on whose entry it is.
    """
    if unit.is_constructor or unit.facts.is_async or unit.module.concurrency.called_under_lock(unit.facts):
        return
    for removal in unit.accesses(Op.DELETE, kinds=_KINDS):
        if not removal.resource.key or removal.how not in ("pop", "del"):
            continue
        test = next((t for number, sense in removal.control if (t := _compared(unit, number, sense, removal))), None)
        found = _set_anew(unit, removal) if test is not None else None
        if test is not None and found is not None:
            yield test, removal, *found


def _compared(unit: Unit, number: int, sense: Sense, removal: Access) -> Access | None:
    """The check which saw that the very entry is what the unit was told or has made itself, with no lock over both."""
    check = unit.access(number)
    if check is None or not sense.vague or not exactly(check.resource, removal.resource):
        return None
    if check.id in unit.flow.ordered:
        return None  # what is too old goes, and is made again
    named = {name for name, _ in unit.facts.params} | unit.facts.local_names
    with_own = any(name.partition(".")[0] in named for name in check.related)
    if not with_own or of_another_name(unit, check, removal) or unit.guarded(check, removal, World.THREADS):
        return None
    return check


def _set_anew(unit: Unit, removal: Access) -> tuple[str, Evidence] | None:
    """Another function that puts an entry in the place of the one that is there, in a thread that runs meanwhile."""
    for _, function, evidence in rivals(unit, removal.resource, World.THREADS, ("[]",)):
        sure = evidence.strength is Confidence.HIGH and not (evidence.public or evidence.called or evidence.half)
        if sure and function.qualname != unit.facts.qualname:
            return function.qualname, evidence
    return None
