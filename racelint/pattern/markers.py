"""Files that say that somebody is at work: who finds one goes away, who finds none makes it and begins."""

from __future__ import annotations

from racelint.events import Access, Kind, Op, Sense, Shape
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.paths import LOCKS, shared_word
from racelint.pattern.made import is_told
from racelint.pattern.unit import Unit, same

MADE_EMPTY = "touch"
"""How a file is made that says something by being there."""


def only_marks(unit: Unit, write: Access) -> bool:
    """Whether a file is called a lock and always gets the same text: what counts is that it is there, not what is in it."""
    if not shared_word(write.resource.path, write.resource.name, only=LOCKS):
        return False
    texts = [
        access.value.shape
        for access in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if same(access.resource, write.resource) and access.id >= write.id
    ]
    return bool(texts) and set(texts) == {Shape.CONSTANT}


def says_at_work(unit: Unit, test: Access, act: Access) -> Evidence | None:
    """Why others look for the file that was found missing and is made: it has the number of the process in it, or is empty.

    An empty one turns away who finds it and is removed when the work is done; or it stays, and jobs that run in several processes
    do something because it was not there.
    """
    if _of_process(unit, act):
        return Evidence(
            "the file says which process is at work, so another one is expected", Confidence.MEDIUM, "processes"
        )
    if act.how != MADE_EMPTY:
        return None
    if _turns_away(unit, test) and _removed_later(unit, act):
        return Evidence(
            "whoever finds the file is turned away until it is removed again", Confidence.MEDIUM, "processes"
        )
    return unit.module.concurrency.handled_in_processes(unit.facts.qualname) if _begins(unit, test, act) else None


def _of_process(unit: Unit, act: Access) -> bool:
    """Whether the number of the process is written into the file."""
    writes = (write for write in unit.accesses(Op.WRITE, kinds=(Kind.FILE,)) if same(write.resource, act.resource))
    return any(
        "getpid" in write.value.text for write in writes if write.how not in ("replace", "move", "rename", "copy")
    )


def _turns_away(unit: Unit, test: Access) -> bool:
    """Whether finding the file ends the unit with an error, or the program."""
    ends = (*unit.marks("raise"), *(mark for mark in unit.marks("call") if mark.subject in _EXITS))
    return any((test.id, Sense.PRESENT) in mark.control for mark in ends)


_EXITS = frozenset({"sys.exit", "exit", "quit", "os._exit"})


def _removed_later(unit: Unit, act: Access) -> bool:
    """Whether the unit takes the file away again."""
    return any(
        same(gone.resource, act.resource) and unit.before(act.id, gone.id)
        for gone in unit.accesses(Op.DELETE, kinds=(Kind.FILE,))
    )


def _begins(unit: Unit, test: Access, act: Access) -> bool:
    """Whether something is done after the marker, because it was not there."""
    return any(
        mark.id > act.id
        and (test.id, Sense.ABSENT) in mark.control
        and "." in mark.subject
        and mark.statement != act.statement
        and not is_told(mark.subject)
        for mark in unit.marks("call", "slow", "spawn")
    )
