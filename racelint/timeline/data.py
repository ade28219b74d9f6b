"""A timeline: how two units interleave until one of them does harm. Plain data, for whoever draws it."""

from __future__ import annotations

from racelint.finding import Role, World
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """A column: one of the two units."""

    letter: str
    """`A` or `B`, by which values and the outcome speak of it."""
    noun: str
    """What it is: `task`, `thread`, `process`, `worker`."""
    symbol: str
    """The function that it runs, such as `Cart.add`; empty at module level, or if nothing says which it is."""

    @property
    def title(self) -> str:
        """Such as `task A`."""
        return f"{self.noun} {self.letter}"


@dataclass(frozen=True, slots=True)
class Row:
    """One step; rows are in the order of time."""

    lane: int
    """The index of the lane that does it."""
    role: Role
    """SWITCH where the other lane goes on after it."""
    line: int | None
    """The line in the finding's file; None if the code does not say where it happens."""
    text: str
    """The source, on one line; empty if it is not known."""
    says: str
    """What the step does, with values as symbols: `reads 100`, `finds none`."""
    wrong: bool = False
    """Here the harm is done, or seen."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Two lanes, their steps, and how it ends."""

    world: World
    lanes: tuple[Lane, Lane]
    rows: tuple[Row, ...]
    outcome: str
    """What is wrong in the end, such as `B's update is lost: 70, expected 20`."""
