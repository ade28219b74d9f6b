"""Objects and collections that are kept where all tasks find them, and made ready only by an await that comes after."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.pattern.filled_late import filled_from_outside
from racelint.pattern.half_ready import BEGINNINGS, comes_at_once, seen_outside
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same


def published_half_made(unit: Unit) -> Iterator[tuple[Access, Access, Switch, Evidence]]:
    """The test that found nothing, what is put there, the await that makes it ready, and why two tasks come at once.

    Who comes during the await finds it there and goes on with it: the same unit gives or uses it where the test found something.
    """
    if not unit.facts.is_async or unit.is_constructor:
        return
    for claim in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if claim.how not in ("=", "[]") or claim.value.shape not in (Shape.NEW, Shape.CALL, Shape.EMPTY):
            continue
        check = next(
            (
                look
                for number, sense in claim.control
                if sense is Sense.ABSENT
                and (look := unit.access(number)) is not None
                and number in claim.fresh
                and same(look.resource, claim.resource)
                and look.how != "while"
            ),
            None,
        )
        if check is None or claim.resource.kind is Kind.ARGUMENT or not seen_outside(unit, claim):
            continue
        switch = _made_ready(unit, check, claim)
        if switch is None or not _given_as_it_is(unit, check, claim):
            switch = filled_from_outside(unit, check, claim)
        if switch is None:
            continue
        evidence = unit.module.concurrency.overlap(unit.facts.qualname, unit.facts.qualname, "tasks", claim.resource)
        if evidence is not None and evidence.strength is not Confidence.LOW:
            yield check, claim, switch, evidence


def _made_ready(unit: Unit, check: Access, claim: Access) -> Switch | None:
    """The await after which what was put there is ready: of a method that begins it, or before it is first filled."""
    switches = [s for s in unit.switches() if (check.id, Sense.ABSENT) in s.control and unit.before(claim.id, s.id)]
    for switch in switches:
        begins = switch.callee.lstrip("_").partition("_")[0] in BEGINNINGS
        if begins and switch.used is not None and same(switch.used, claim.resource):
            return switch
    if claim.value.shape is not Shape.EMPTY or not switches:
        return None
    for fill in unit.accesses(Op.UPDATE, Op.WRITE, kinds=INTERNAL):
        if (
            fill.id != claim.id
            and same(fill.resource, claim.resource)
            and (fill.op is Op.UPDATE or fill.resource.key)
            and (check.id, Sense.ABSENT) in fill.control
            and claim.id not in fill.fresh
            and unit.before(claim.id, fill.id)
        ):
            return switches[0]
    return None


def _given_as_it_is(unit: Unit, check: Access, claim: Access) -> bool:
    """Whether the unit also uses what it finds there, where it does not make it."""
    return any(
        same(access.resource, claim.resource)
        and access.id != check.id
        and (check.id, Sense.ABSENT) not in access.control
        and comes_at_once(unit, check, access)
        for access in unit.accesses(Op.READ, Op.USE, kinds=INTERNAL)
    )
