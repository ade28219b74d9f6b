"""Locks that an `and` joins, of which only the last one is taken."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.expressions import expression
from racelint.finding import Confidence
from racelint.pattern.anew import Useless, locks_taken
from racelint.pattern.unit import Unit


def joined_by_and(unit: Unit) -> Iterator[Useless]:
    """`with self.one and self.other`: a lock is true whether it is held or not, so that the block takes the last one.

    Not where what comes last belongs to what is asked first, which may be none: `with self.lock and self.lock.writer()`.
    """
    concurrency = unit.module.concurrency
    for guard in locks_taken(unit):
        *first, last = _on_one_line(guard.lock.name).split(" and ")
        if (
            not first
            or not all(map(unit.module.scope.is_lock, first))
            or last.startswith(tuple(f"{name}." for name in first))
        ):
            continue
        holder = unit.module.scope.functions.get(guard.place.unit, unit.facts)
        if not last.replace(".", "").isidentifier() or concurrency.called_under_lock(holder):
            continue  # it is a file, say, and whoever calls the function may have the lock already
        left_out = " and ".join(f"`{name}`" for name in first)
        yield Useless(
            guard,
            None,
            _on_one_line(guard.lock.name),
            f"is `{last}` alone, as a lock is always true: {left_out} is not taken, and keeps nobody out",
            Confidence.HIGH,
            f"take them one after the other: `with {', '.join((*first, last))}:`",
        )


def _on_one_line(text: str) -> str:
    """A lock's source without the parentheses, comments and line ends that may stand in it."""
    text = " ".join(_COMMENT.sub("", " ".join(text.split())).split())
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text


_COMMENT = expression(r"#.*?(?=\sand\s|\s\)$|$)")
