"""Limits of a rate that are kept by sleeping: the wait is computed from shared state, slept, and nobody looks again."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Op, Switch
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, same

SLEEPS = frozenset({"sleep"})
"""Last names of calls that only wait."""


def slept_then_done(unit: Unit) -> Iterator[tuple[Access, Switch, Access, Evidence]]:
    """Reads that say how long to wait, the wait, the change that counts the turn, and why others wait for the same time.

    All that came meanwhile computed the same time and go on together. Who looks again after the wait, as a loop does, or holds a
    lock over both, waits for a turn of its own. A task that is started once has nobody beside it.
    """
    for sleep in unit.switches():
        if sleep.callee not in SLEEPS or not sleep.stems:
            continue
        for number in sorted(sleep.stems & {check for check, _ in sleep.control}):
            read = unit.access(number)
            if read is None or read.resource.kind not in INTERNAL or unit.guards(read, sleep):
                continue
            if _looks_again(unit, read, sleep) or _reserved(unit, read, sleep):
                continue
            turn = _turn(unit, read, sleep)
            evidence = with_itself(unit)
            if turn is not None and evidence is not None and not _tries_again(unit, sleep, turn):
                # that a method is public does not say that tasks share the object
                yield (
                    read,
                    sleep,
                    turn,
                    min(
                        evidence,
                        Evidence(evidence.text, Confidence.MEDIUM, evidence.world),
                        key=lambda one: one.strength.rank,
                    ),
                )
                break


def _looks_again(unit: Unit, read: Access, sleep: Switch) -> bool:
    """Whether the state is read again after the wait, other than by what counts the turn."""
    return any(
        access.op in (Op.READ, Op.CHECK) and same(access.resource, read.resource) and unit.before(sleep.id, access.id)
        for access in unit.flow.accesses
    )


def _tries_again(unit: Unit, sleep: Switch, turn: Access) -> bool:
    """Whether the wait ends a round of a loop, which does not come to the change: the next round asks again whether it may go on."""
    following = unit.flow.after[sleep.id]
    return bool(following) and all(turn.id < number < sleep.id for number in following)


def _reserved(unit: Unit, read: Access, sleep: Switch) -> bool:
    """Whether whoever sleeps has taken its turn before: the next one then computes a longer wait."""
    return any(
        access.resource.owner == read.resource.owner
        and unit.before(access.id, sleep.id)
        and set(access.control) <= set(sleep.control)
        for access in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL)
    )


def _turn(unit: Unit, read: Access, sleep: Switch) -> Access | None:
    """The change of the state that decides how long the next one waits: before the wait in the same call, or after it."""
    return next(
        (
            access
            for access in unit.accesses(Op.WRITE, Op.UPDATE)
            if access.resource.owner == read.resource.owner
            and (same(access.resource, read.resource) or access.place.unit == read.place.unit)
            and access.resource.kind in INTERNAL
            and (unit.before(access.id, sleep.id) or unit.before(sleep.id, access.id))
            and not unit.only_after_error(sleep, access)  # how long to wait after a refusal, of which each has its own
        ),
        None,
    )
