"""Changes that belong together and are seen, or left, half done; collections that change while they are gone through."""

from __future__ import annotations

from racelint.finding import World
from racelint.timeline.data import Timeline
from racelint.timeline.telling import Telling


def half_done(t: Telling) -> Timeline:
    """Two changes of a database without one transaction."""
    if t.says("on another connection"):
        t.a(t.first, "makes one change")
        t.a(t.last, "makes the other: only that outside of the transaction stands")
        t.switch()
        t.b(None, "looks: one change without the other", wrong=True)
        t.a(None, "commits the rest, or fails")
        return t.told("B sees one change without the other; if A fails in between, it stays so")
    t.a(t.first, "makes the first change")
    for step in t.finding.trace[1:-1]:
        t.a(step, "commits it: it stands")
    t.switch()
    t.b(None, "looks: the first change without the second", wrong=True)
    t.a(t.last, "makes the second change")
    return t.told("B sees one change without the other; if A fails in between, it stays so")


def job_too_early(t: Telling) -> Timeline:
    """A job sent before what it is about can be seen."""
    t.name_lanes(t.finding.symbol, "", (t.finding.world.value.removesuffix("es"), "worker"))
    if t.is_single:
        t.a(None, "changes the row, not committed yet")
    else:
        t.a(t.first, "changes the row, not committed yet")
    t.a(t.last, "sends the job")
    t.switch("B takes the job at once")
    t.b(None, "looks for the row: it is missing, or old", wrong=True)
    t.a(None, "commits")
    return t.told("the job runs on what nobody can see yet; after a rollback it has run for nothing")


def torn_pair(t: Telling) -> Timeline:
    """Two values that change together, with the other unit in between."""
    if t.says("set both under it") or t.says("changes both under it"):
        t.a(t.first, "looks at the one")
        t.switch()
        t.other("sets both under the lock")
        t.a(t.last, "uses the other, which is B's", wrong=True)
        return t.told("A works with two halves that do not belong together")
    t.a(t.first, "the one is A's")
    t.switch()
    if t.finding.world is World.THREADS and t.says("changes both"):
        t.other("changes both: the one and the other are B's")
        t.a(t.last, "the other is A's", wrong=True)
        return t.told("what stays is torn: the one is B's, the other A's")
    t.other("uses both: one new, the other old", wrong=True)
    t.a(t.last, "the other is A's, too")
    return t.told("B works with two halves that do not belong together")


def copies_disagree(t: Telling) -> Timeline:
    """The same fact in two places."""
    t.a(t.first, "changes the one copy")
    t.switch()
    t.b(None, "looks at both: one new, the other old", wrong=True)
    t.a(t.last, "changes the other copy")
    return t.told("B gets two answers; if A fails in between, they stay different")


def half_filled(t: Telling) -> Timeline:
    """Emptied, and filled again only after a switch."""
    t.a(t.first, "empties it")
    t.switch()
    t.other("looks: it is empty, or half full", wrong=True)
    t.a(t.last, "fills it again")
    return t.told("B takes for missing what is only being renewed")


def iteration_fails(t: Telling) -> Timeline:
    """Changed by another unit in the middle of a loop."""
    if t.says("by number"):
        t.a(t.first, "takes the length")
        t.switch()
        t.other("removes an entry")
        t.a(t.last, "asks for an entry that is gone", wrong=True)
        return t.told("A's loop fails with an IndexError, or takes another entry")
    t.a(t.first, "is in the middle of the loop")
    t.switch()
    t.other("adds or removes an entry")
    t.a(t.first, "takes the next: an error, or one is missed", wrong=True)
    return t.told("A's loop fails, or misses an entry")


def advanced_by_two(t: Telling) -> Timeline:
    """One iterator of which two take elements."""
    t.a(t.first, "asks for the next one")
    t.switch("it is being made, B runs")
    t.b(t.first, "asks for the next one, too: an error, or the element that A misses", wrong=True)
    return t.told("B gets an error, or an element that A never sees")


def view_changes(t: Telling) -> Timeline:
    """A live view handed out from inside the guard."""
    if t.first.span.line != t.last.span.line:
        t.a(t.first, "looks at it, holding the lock")
    t.a(t.last, "hands it out itself, releases the lock")
    t.switch("the caller goes through it, B runs")
    t.b(None, "takes the lock and changes it")
    t.a(None, "the caller's next step: an error, or one is missed", wrong=True)
    return t.told("the caller sees B's change in the middle of its loop, although B held the lock")


def mixed_statements(t: Telling) -> Timeline:
    """One session or connection in several tasks."""
    t.a(t.last, "starts: its statement is on the way")
    t.switch()
    t.b(t.last, "starts: sends its own on the same session", wrong=True)
    t.a(None, "takes an answer that may be B's, commits B's half", wrong=True)
    t.name_lanes("", "")  # both are what is started there
    return t.told("the statements of A and B mix in one session: an error, or half of B's work committed")


def mixed_answers(t: Telling) -> Timeline:
    """One connection on which several threads ask."""
    t.a(t.first, "asks, and is to take the next answer")
    t.switch()
    if t.says("asks on it meanwhile"):
        t.other("asks on the same connection, and takes an answer: that for A", wrong=True)
    else:
        t.b(t.first, "asks on the same connection, and takes an answer: that for A", wrong=True)
    t.a(None if t.is_single else t.last, "takes an answer: that for B, or a part of it", wrong=True)
    return t.told("A and B go on with each other's answers, or with halves of both")
