"""Updates that are overwritten, entries and replacements that get lost, numbers and rows that come twice."""

from __future__ import annotations

from racelint.finding import World
from racelint.timeline.data import Timeline
from racelint.timeline.telling import Telling
from racelint.timeline.values import values


def lost_update(t: Telling) -> Timeline:
    """Read, and written back although the other unit has written since."""
    if t.says("the version of"):
        return _same_version(t)
    stored = t.finding.world is World.PROCESSES
    writes = "saves" if stored else "writes"
    statements = [step.text for step in reversed(t.finding.trace)]
    if t.lines and 0 < t.first.span.line <= len(t.lines):
        statements.append(t.lines[t.first.span.line - 1])
    v = values(statements, t.finding.resource, t.lines)
    t.a(t.first, f"reads {v.old}")
    t.switch()
    if not t.meets_itself:
        t.other("changes it: now w")
        t.a(t.last, f"{writes} {v.a}, made of the old {v.old}", wrong=True)
        return t.told(f"B's update is lost: it is {v.a} and nothing of w is left")
    t.b(t.first, f"reads {v.old}, too")
    t.b(t.last, f"{writes} {v.b}")
    t.a(t.last, f"{writes} {v.a}", wrong=True)
    return t.told(f"B's update is lost: {v.a}, expected {v.both}")


def _same_version(t: Telling) -> Timeline:
    t.a(t.first, "reads version 1")
    t.switch()
    t.b(t.first, "reads version 1, too")
    t.b(t.last, "compares, saves version 2")
    t.a(t.last, "compared before, saves version 2 again", wrong=True)
    return t.told("both pass the comparison, and B's update is lost: version 2 has A's alone")


def lost_entries(t: Telling) -> Timeline:
    """A collection that is saved, or emptied, without what was added since it was read."""
    if t.says("itself is handed over"):
        t.a(t.first, "hands over [y]")
        t.a(None if t.is_single else t.last, "changes it to [z]" if t.is_single else "empties it")
        t.switch("waits or ends, B runs")
        t.b(None, "takes it: finds [z]" if t.is_single else "takes it: finds nothing", wrong=True)
        return t.told("y is lost: nobody has dealt with it")
    if t.says("thrown away here"):
        t.a(t.first, "deals with [x]")
        t.switch()
        t.other("adds y")
        t.a(t.last, "throws all away, y too", wrong=True)
        return t.told("y is lost: nobody has dealt with it")
    if t.says("never looked at"):
        t.a(t.first, "goes on")
        t.switch()
        t.other("ends it, and takes [x]")
        t.a(t.last, "adds y, too late", wrong=True)
        return t.told("y is lost: nobody takes it any more")
    t.a(t.first, "reads [x]")
    t.switch()
    t.b(t.first, "reads [x], too")
    t.b(t.last, "saves [x, b]")
    t.a(t.last, "saves [x, a]", wrong=True)
    return t.told("B's entry is lost: [x, a], expected [x, b, a]")


def unread_entries(t: Telling) -> Timeline:
    """All entries are deleted or marked, with those that came since they were read."""
    t.a(t.first, "reads [x]")
    t.switch()
    t.other("adds y")
    t.a(t.last, "deletes x and y" if t.says("deleted unread") else "marks x and y as done", wrong=True)
    return t.told("y is lost: nobody has read it")


def old_values(t: Telling) -> Timeline:
    """A whole row saved for some of its columns."""
    t.a(t.first, "loads p = 1, q = 1")
    t.switch("takes its time, B runs")
    t.other("sets q = 2 in the same row and saves it")
    t.a(t.last, "saves p = 2, q = 1", wrong=True)
    return t.told("B's change is overwritten with the old value: q is 1, expected 2")


def lost_replacement(t: Telling) -> Timeline:
    """Closed, then forgotten, although there is a new one by then."""
    t.a(t.first, "puts its own there" if t.says("is put there on line") else "ends the old one")
    t.switch()
    t.other("puts a new one there")
    t.a(
        t.last,
        "forgets what is there: the new one" if not t.says("and replaced here") else "puts its own there",
        wrong=True,
    )
    return t.told("B's new one is dropped, and nobody ever closes it")


def number_twice(t: Telling) -> Timeline:
    """The last number read, and the next one taken, by two."""
    t.a(t.first, "the last one is 7")
    t.switch()
    t.b(t.first, "the last one is 7, too")
    t.b(t.last, "takes 8")
    t.a(t.last, "takes 8 again", wrong=True)
    return t.told("8 is given twice")


def followed_twice(t: Telling) -> Timeline:
    """The last entry read, and the one after it added, by two."""
    t.a(t.first, "the last one is e")
    t.switch()
    t.b(t.first, "the last one is e, too")
    t.b(t.last, "adds what follows e")
    t.a(t.last, "adds what follows e, behind that", wrong=True)
    return t.told("two entries follow e, and none follows the other")


def row_twice(t: Telling) -> Timeline:
    """Looked up, not found, made."""
    t.a(t.first, "finds no row")
    t.switch()
    t.b(t.first, "finds no row, either")
    t.b(None if t.is_single else t.last, "makes one")
    t.a(None if t.is_single else t.last, "makes another", wrong=True)
    return t.told("there are two rows, or A fails, where one was wanted")


def own_copies(t: Telling) -> Timeline:
    """State of a process that others ask for, too."""
    t.a(t.last, "changes its own copy")
    t.switch("the next request or job goes to B")
    t.b(t.first, "reads its own copy: without the change", wrong=True)
    if t.first.span.line != t.last.span.line:
        t.name_lanes(t.finding.symbol, "")  # what reads it may be another function
    return t.told("what A has stored, B never sees")


def mixed_calls(t: Telling) -> Timeline:
    """Two calls that keep their own value in one place."""
    if t.says("in between makes this one fail"):
        t.a(t.first, "sets its entry")
        t.switch()
        t.b(t.first, "sets its own under the same key")
        if t.says("removes it as line"):
            t.b(None, "removes it")
        t.a(t.last, "does not find what it has set", wrong=True)
        return t.told("call A goes on with the value of call B, or with none")
    t.a(t.first, "sets the value of call A")
    t.switch()
    t.b(t.first, "sets the value of call B")
    t.a(t.last, "reads the value of call B", wrong=True)
    return t.told("call A goes on with the value of call B")
