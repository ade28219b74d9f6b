"""Why what looks like a race is none, kept for who asks.

Rules ask whether something makes accesses safe: a lock that is held over both, a claim, a second look. To tell which of these
answers kept them silent, they are run once more *in doubt*: each such answer is noted with its reason, and taken for a no. What
is found only then is a near miss, and what was noted of its events is why it was not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from racelint.events import Access, Event
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """What makes events of one unit, or all that it does with a resource, safe."""

    text: str
    """A clause without a full stop: "the lock `self._lock` of line 12 is held over both"."""
    events: frozenset[int] = frozenset()
    """Empty for a reason that holds of all accesses of the resource."""
    place: tuple[str, str] | None = None
    """Where the resource is; None for a reason that holds of all that the unit does."""

    def speaks_of(self, events: frozenset[int], places: frozenset[tuple[str, str]]) -> bool:
        """Whether the reason holds of these events, which access what is at these places."""
        if self.events:
            return len(self.events & events) == min(2, len(self.events))
        return self.place is None or self.place in places


class Doubts:
    """The reasons noted in one run of the rules."""

    def __init__(self) -> None:
        self._by_unit: dict[str, dict[Reason, None]] = {}

    def note(self, unit: str, reason: Reason) -> None:
        """Keeps what makes something safe that a unit does."""
        self._by_unit.setdefault(unit, {})[reason] = None

    def of(self, unit: str, events: Iterable[Event]) -> list[str]:
        """The reasons that speak of these events of a unit, each once: those of the events themselves first."""
        events = list(events)
        ids = frozenset(event.id for event in events)
        places = frozenset(event.resource.place for event in events if isinstance(event, Access))
        found = [reason for reason in self._by_unit.get(unit, ()) if reason.speaks_of(ids, places)]
        return list(dict.fromkeys(reason.text for reason in sorted(found, key=lambda reason: not reason.events)))
