"""What is seen when it happens twice."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Mark, Op, Switch
from racelint.pattern.unit import Unit
from racelint.words import first_words


def effects_of(unit: Unit, write: Access) -> Iterator[Access | Mark]:
    """What is seen when it happens twice, apart from the write itself."""
    for event in unit.events:
        if isinstance(event, Access):
            if event.op is Op.CREATE and event.resource.kind.external and event.id != write.id:
                yield event
        elif isinstance(event, Mark) and is_seen(unit, event):
            yield event


def is_seen(unit: Unit, event: Mark | Switch) -> bool:
    """Whether a call starts a unit or is named after a beginning: `send_receipt`, `gateway.charge`, `notify.delay`."""
    if isinstance(event, Switch):
        return event.callee.lstrip("_").partition("_")[0] in unit.module.models.beginnings
    return event.what in ("spawn", "enqueue", "helper") or (
        event.what in ("call", "slow")
        and " " not in event.subject  # a method of what was computed there
        and bool(first_words(event.subject) & unit.module.models.beginnings)
    )
