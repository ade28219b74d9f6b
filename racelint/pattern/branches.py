"""What happens on one branch of a test alone, and what on the other."""

from __future__ import annotations

from racelint.events import Access, Mark, Sense, Switch
from racelint.pattern.unit import Unit


def told(unit: Unit, check: Access, write: Access) -> bool:
    """Whether something is made, called or raised for those alone who find another state."""
    return any(_on_other_branch(check, write, mark) for mark in unit.marks("call", "made", "refused"))


def _on_other_branch(check: Access, write: Access, event: Mark) -> bool:
    """Whether what this check saw, alone or with what was tested beside it, lets only one of the two happen."""
    return check.id in dict(event.control) and excluded(write, event)


def excluded(one: Access, other: Access | Mark | Switch) -> bool:
    """Whether only one of the two can happen in a run: they stand on two branches of one test."""
    return any({mine, sense} in OPPOSITES for number, mine in one.control for n, sense in other.control if n == number)


OPPOSITES = ({Sense.PRESENT, Sense.ABSENT}, {Sense.OTHER, Sense.OTHERWISE})
"""What a check cannot have seen both of: one happens on the one branch, the other on the other."""
