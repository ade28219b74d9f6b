"""What happens on one branch of a test alone, and what on the other."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Event, Mark, Sense, Switch
from racelint.expressions import expression
from racelint.pattern.unit import Unit
from racelint.words import CLOCKS


def told(unit: Unit, check: Access, write: Access, *by: str) -> bool:
    """Whether something is made, called or raised for those alone who find another state; `by`: only these of the three."""
    return any(_on_other_branch(check, write, mark) for mark in unit.marks(*(by or ("call", "made", "refused"))))


def _on_other_branch(check: Access, write: Access, event: Mark) -> bool:
    """Whether what this check saw, alone or with what was tested beside it, lets only one of the two happen."""
    return check.id in dict(event.control) and excluded(write, event)


def excluded(one: Access, other: Access | Mark | Switch) -> bool:
    """Whether only one of the two can happen in a run: they stand on two branches of one test."""
    return any({mine, sense} in OPPOSITES for number, mine in one.control for n, sense in other.control if n == number)


def one_or_other(unit: Unit, one: Event, other: Event) -> bool:
    """Whether the unit makes only one of the two calls from which two events come: both may happen only in different rounds of a loop."""
    places = [unit.module.span(event.site).line for event in (one, other)]
    calls = [[call for call in unit.facts.calls if call.line == line] for line in places]
    return all(calls) and not any(second.may_follow(first) for first in calls[0] for second in calls[1])


def told_apart(unit: Unit, one: Access, other: Access) -> bool:
    """Whether the two stand under tests that one value equals this and that: `if action == "create":`, then `if action == "update":`.

    As it is written, whatever the value is: flows only know tests of what is shared.
    """
    lines = unit.module.program.lines_of(unit.facts)
    mine, others = (_equal(lines, unit.module.span(event.site).line) for event in (one, other))
    return any(name in others and others[name] != value for name, value in mine.items())


def _equal(lines: list[str], line: int) -> dict[str, str]:
    """The values that names equal where a line stands, by the headers of the blocks around it in its function."""
    found: dict[str, str] = {}
    for text in _headers(lines, line):
        header = _EQUALS.match(text)
        if header is not None:
            found.setdefault(header[1], header[2])
    return found


def while_time_is_left(unit: Unit, event: Access) -> bool:
    """Whether an event happens only if a clock, which is asked right there, says so: `if time.monotonic() < until:`.

    As it is written, since flows only know tests of what is shared.
    """
    lines = unit.module.program.lines_of(unit.facts)
    return any(
        text.startswith(("if ", "elif ")) and not CLOCKS.isdisjoint(_CALLED.findall(text)) and _ORDERED.search(text)
        for text in _headers(lines, unit.module.span(event.site).line)
    )


_CALLED = expression(r"(\w+)\(")
_ORDERED = expression(r"[<>]")


def _headers(lines: list[str], line: int) -> Iterator[str]:
    """The headers of the blocks around it, from the inner to the outer, in the function in which a line stands."""
    depth = _depth(lines[line - 1])
    for text in reversed(lines[: line - 1]):
        if not text.strip() or _depth(text) >= depth:
            continue
        depth = _depth(text)
        if text.lstrip().startswith(("def ", "async def ", "class ")):
            return
        yield text.strip()


def _depth(text: str) -> int:
    return len(text) - len(text.lstrip())


_EQUALS = expression(r"(?:el)?if ([A-Za-z_][\w.]*) == ([\"'][^\"']*[\"'])(?: and .*)?:")


OPPOSITES = ({Sense.PRESENT, Sense.ABSENT}, {Sense.OTHER, Sense.OTHERWISE})
"""What a check cannot have seen both of: one happens on the one branch, the other on the other."""
