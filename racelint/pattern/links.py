"""Paths that are refused if they are links, and opened if they were none."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.pattern.files import one_path
from racelint.pattern.own_paths import is_own_file
from racelint.pattern.unit import Unit


def links_refused(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests that say that a path is no link, each with the step that follows one because of that.

    A step that removes the path does not follow it, nor does one that says so; who asks afterwards what was opened (`os.fstat`) knows.
    """
    if any(mark.subject.rpartition(".")[2] in _ASKS_OPENED for mark in unit.marks("call", "slow")):
        return
    for act in unit.accesses(Op.USE, Op.READ, Op.WRITE, Op.UPDATE, kinds=(Kind.FILE,)):
        if is_own_file(unit, act.resource) or (act.op is not Op.WRITE and act.how not in _FOLLOWS):
            continue
        if "O_NOFOLLOW" in unit.module.text(act.place):
            continue
        for number, sense in act.control:
            test = unit.access(number)
            if (
                test is not None
                and _says_no_link(unit, test, act, sense)
                and test.resource.kind is Kind.FILE
                and not test.place.unit == act.place.unit != unit.facts.qualname  # told of the helper itself
                and one_path(unit, test, act)
                and not unit.guarded(test, act)
            ):
                yield test, act
                break


def _says_no_link(unit: Unit, test: Access, act: Access, sense: Sense) -> bool:
    """Whether the test says so: `not os.path.islink(path)`, or what `os.lstat` gives is no link, or is a file."""
    if test.op is Op.CHECK and test.how in _LINKS:
        return sense in (Sense.ABSENT, Sense.OTHERWISE)
    if test.op is not Op.USE or test.how != "lstat":
        return False
    asked = {mark.subject.rpartition(".")[2] for mark in unit.marks("call") if test.id < mark.id < act.id}
    return ("S_ISLNK" in asked and sense is Sense.OTHERWISE) or ("S_ISREG" in asked and sense is Sense.OTHER)


_ASKS_OPENED = frozenset({"fstat", "samestat", "sameopenfile"})
_LINKS = frozenset({"islink", "is_symlink"})
_FOLLOWS = frozenset("open append truncate read_text read_bytes chmod chown".split())
