"""Methods that do not take the lock which all others take."""

from __future__ import annotations

from racelint.events import Access, Place
from racelint.pattern.unit import Unit, same
from racelint.words import first_word


def forgotten_once(unit: Unit, access: Access, guarded: set[Place]) -> bool:
    """Whether one method alone changes without the lock what three or more changes of two or more others are made under.

    It writes back what it computed from what was there: what the others put in meanwhile is lost, whoever calls it.
    """
    stale = access.how == "+=" or any(
        (read := unit.access(number)) is not None and same(read.resource, access.resource)
        for number in access.value.stems
    )
    quiet = first_word(unit.facts.name) in unit.module.models.lifecycle
    return stale and not quiet and len(guarded) >= 3 and len({place.unit for place in guarded}) >= 2
