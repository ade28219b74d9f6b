"""Two accesses of which the later depends on the earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racelint.events import Kind
from racelint.finding import Role, World
from racelint.frozen import dataclass, replace

if TYPE_CHECKING:
    from racelint.events import Access, Event, Mark, Switch
    from racelint.pattern.unit import Unit

INTERNAL = (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL, Kind.CAPTURED, Kind.ARGUMENT)
"""The kinds of state that live in the memory of one process."""


def at_their_calls(first: Access, second: Access) -> tuple[Access, Access]:
    """Two accesses that one statement of a helper makes in two calls of it, each placed where the unit calls the helper."""
    if first.place != second.place or first.site == second.site:
        return first, second
    return replace(first, place=first.site), replace(second, place=second.site)


@dataclass(frozen=True, slots=True)
class Pair:
    """An access `first`, a later one `second` that depends on it, and the switch point between them, if it is one."""

    unit: Unit
    first: Access
    second: Access
    switch: Switch | None = None
    version_check: Mark | None = None

    @property
    def in_one_statement(self) -> bool:
        """Read and write are one augmented assignment, or one assignment, of the unit itself."""
        here = self.unit.facts.qualname
        return self.first.statement == self.second.statement and self.first.place.unit == self.second.place.unit == here

    @property
    def in_one_step(self) -> bool:
        """Read and write are one statement, of the unit itself or of a helper that it calls: `self.n += 1`."""
        if self.first.place.unit != self.second.place.unit:
            return False
        if self.first.place.unit == self.unit.facts.qualname:
            return self.first.statement == self.second.statement
        return self.unit.module.line(self.first) == self.unit.module.line(self.second)

    @property
    def restores(self) -> bool:
        """The very value that was read is put back, unchanged: a save and restore."""
        return self.second.value.via == self.first.id and not self.second.value.appended

    @property
    def world(self) -> World:
        """Tasks if a switch point lies between, processes otherwise."""
        return World.TASKS if self.switch is not None and self.first.resource.kind is Kind.STORE else World.PROCESSES

    @property
    def steps(self) -> tuple[tuple[Role, Event], ...]:
        """Read, switch if there is one, write."""
        if self.switch is None or self.switch.place in (self.first.place, self.second.place):
            return ((Role.READ, self.first), (Role.WRITE, self.second))
        return ((Role.READ, self.first), (Role.SWITCH, self.switch), (Role.WRITE, self.second))
