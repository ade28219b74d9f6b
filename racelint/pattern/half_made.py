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
from racelint.words import first_word


def published_half_made(unit: Unit) -> Iterator[tuple[Access, Access, Switch, Evidence]]:
    """The test that found nothing, what is put there, the await that makes it ready, and why two tasks come at once.

    Who comes during the await finds it there and goes on with it: the same unit gives or uses it where the test found something.
    """
    if not unit.facts.is_async or unit.is_constructor:
        return
    for claim in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if claim.how not in ("=", "[]") or claim.value.shape not in _PUT or not _told_here(unit, claim):
            continue
        check = next(
            (
                look
                for number, sense in claim.control
                if sense is Sense.ABSENT
                and (look := unit.access(number)) is not None
                and (number in claim.fresh or (claim.value.shape is Shape.AWAITED and look.held & claim.held))
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


_PUT = (Shape.NEW, Shape.CALL, Shape.EMPTY, Shape.AWAITED)


def _told_here(unit: Unit, claim: Access) -> bool:
    """Whether no lock is missing for more than that: without one, what is awaited and then put there is made twice, as is told elsewhere."""
    return claim.value.shape is not Shape.AWAITED or bool(unit.locked_at(claim))


def _made_ready(unit: Unit, check: Access, claim: Access) -> Switch | None:
    """The await after which what was put there is ready: of a method that begins it, or before it is first filled."""
    switches = [s for s in unit.switches() if (check.id, Sense.ABSENT) in s.control and unit.before(claim.id, s.id)]
    for switch in switches:
        if switch.used is not None and same(switch.used, claim.resource) and _begins(unit, switch):
            return switch
        if not switch.callee and _awaits(unit, switch, claim):
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


def _begins(unit: Unit, switch: Switch) -> bool:
    """Whether the method that is awaited begins something, or the helper that awaits it is there to: `await self._login()`.

    A helper that makes something else of what is ready already, and keeps that, is none.
    """
    if first_word(switch.callee) in BEGINNINGS:
        return True
    helper = unit.module.scope.functions.get(switch.place.unit)
    if helper is None or helper is unit.facts:
        return False
    word = first_word(helper.name)
    return word in _LOGINS or (
        word in _SETS_UP and not any(write.how == "=" and "." in write.path for write in helper.writes)
    )


_LOGINS = frozenset({"login", "authenticate"})
_SETS_UP = frozenset({"init", "initialize", "initialise", "setup"})
"""First words of helpers that make ready what they use."""


def _awaits(unit: Unit, switch: Switch, claim: Access) -> bool:
    """Whether what was put there is itself awaited, and is ready only then: a pool of asyncpg, an object of a class with `__await__`."""
    awaited = [unit.access(number) for number in switch.stems]
    if not any(access is not None and same(access.resource, claim.resource) for access in awaited):
        return False
    scope, kind = unit.module.scope, claim.value.type
    return kind in scope.models.ready_when_awaited or (
        kind.startswith(":") and scope.method(kind[1:], "__await__") is not None
    )


def _given_as_it_is(unit: Unit, check: Access, claim: Access) -> bool:
    """Whether the unit also uses what it finds there, where it does not make it."""
    return any(
        same(access.resource, claim.resource)
        and access.id != check.id
        and (check.id, Sense.ABSENT) not in access.control
        and comes_at_once(unit, check, access)
        for access in unit.accesses(Op.READ, Op.USE, kinds=INTERNAL)
    )
