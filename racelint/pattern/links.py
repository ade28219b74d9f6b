"""Paths that are refused if they are links, and opened if they were none."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.pattern.files import file_accesses, one_path
from racelint.pattern.unit import Unit


def links_refused(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests that say that a path is no link, each with the step that follows one because of that.

    A step that removes the path does not follow it.
    """
    for act in file_accesses(unit, Op.USE, Op.READ, Op.WRITE):
        if act.op is not Op.WRITE and act.how not in _FOLLOWS:
            continue
        for number, sense in act.control:
            test = unit.access(number)
            if (
                test is not None
                and sense in (Sense.ABSENT, Sense.OTHERWISE)
                and test.op is Op.CHECK
                and test.how in _LINKS
                and test.resource.kind is Kind.FILE
                and one_path(unit, test, act)
                and not unit.guarded(test, act)
            ):
                yield test, act
                break


_LINKS = frozenset({"islink", "is_symlink"})
_FOLLOWS = frozenset("open truncate read_text read_bytes chmod chown".split())
