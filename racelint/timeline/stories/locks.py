"""Locks that are not taken, or keep nobody out."""

from __future__ import annotations

from racelint.finding import Role
from racelint.timeline.data import Timeline
from racelint.timeline.telling import Telling, holder


def unguarded(t: Telling) -> Timeline:
    """Changed or read without the lock that others hold for it."""
    t.name_lanes(holder(t.finding), t.finding.symbol)
    t.a(None, "takes the lock, looks at it")
    t.switch()
    if t.last.role is Role.READ:
        t.b(t.last, "reads it without the lock", wrong=True)
        t.a(None, "completes its change, releases the lock")
        return t.told("B sees what A had not completed, though A held the lock")
    t.b(t.last, "changes it without the lock", wrong=True)
    t.a(None if t.is_single else t.first, "goes on with what it saw")
    return t.told("one of the two changes is lost, or A's steps break, though A held the lock")


def not_excluded(t: Telling) -> Timeline:
    """A lock that does not exclude whom it should."""
    if t.finding.name == "ineffective-row-lock":
        return _rows_not_locked(t)
    if t.says("is replaced here") or t.says("is thrown away here") or t.says("goes by itself"):
        t.name_lanes("", t.finding.symbol)
        t.a(None, "takes the lock that is there, is inside")
        t.switch()
        t.b(t.last, "a new lock takes its place")
        t.b(None, "takes the new one, is inside, too", wrong=True)
        return t.told("A and B are inside at once: each holds another lock")
    if t.says("which the copy shares"):
        t.name_lanes("", "")
        t.a(t.last, "a copy with a lock of its own")
        t.a(None, "takes the first lock, changes it")
        t.switch()
        t.b(None, "takes the copy's lock, changes the same", wrong=True)
        return t.told("A and B change the same at once: each holds another lock")
    if t.says("is given back here also by"):
        t.name_lanes("", t.finding.symbol)
        t.a(None, "holds the lock, is inside")
        t.switch()
        t.b(t.last, "does not get it, and gives it back all the same", wrong=True)
        t.b(None, "the next one gets it, is inside, too")
        return t.told("two are inside at once: the lock of A was given away")
    if t.says("as a lock is always true"):
        t.name_lanes("", t.finding.symbol)
        t.a(None, "holds the first lock, is inside")
        t.switch()
        t.b(t.last, "takes the last one alone: is inside, too", wrong=True)
        return t.told("A and B are inside at once: B never took the first lock")
    enters, too = "takes a lock of its own", "takes another one: is inside, too"
    if t.says("is copied into each process"):
        t.name_lanes(t.finding.symbol, t.finding.symbol, ("process", "process"))
        enters, too = "holds its own copy of the lock", "holds another copy: is inside, too"
    if t.says("only if it happens to be free"):
        enters, too = "gets the lock", "does not get it, goes on: is inside, too"
    t.a(t.first, enters)
    t.switch("is inside, B runs")
    t.b(t.first, too, wrong=True)
    if t.is_single:
        return t.told("A and B are inside at once, and the update of one can be lost")
    t.b(t.last, "changes it")
    t.a(t.last, "changes it from what it saw before", wrong=True)
    return t.told("A and B are inside at once, and the update of one can be lost")


def _rows_not_locked(t: Telling) -> Timeline:
    """Row locks: never taken, taken too late, released too early."""
    if t.is_single:
        t.a(t.last, "no row is locked")
        t.switch()
        t.b(t.last, "no row is locked, and nothing to wait for")
        t.b(None, "changes the rows")
        t.a(None, "changes the same rows", wrong=True)
        return t.told("A and B work on the same rows at once, and the update of one can be lost")
    if t.says("evaluated after a query"):
        t.a(t.first, "reads; no row is locked yet")
        t.switch()
        t.other("changes these rows")
        t.a(t.last, "locks them now: what it read is old", wrong=True)
        return t.told("A decides on rows that B has changed since")
    if t.says("after it was read"):
        t.a(None, "reads the row")
        t.switch()
        t.b(None, "changes the row and commits")
        t.a(t.first, "locks it now, keeps the old copy")
        t.a(t.last, "saves the old copy", wrong=True)
        return t.told("B's update is lost: A saves what it read before the lock")
    if t.says("taken after the rows were chosen"):
        t.a(t.first, "chooses the row, no lock yet")
        t.switch()
        t.b(None, "locks the row, works on it, commits")
        t.a(t.finding.trace[1], "locks it now, looks at nothing")
        t.a(t.last, "has done the same work again", wrong=True)
        return t.told("A acts on what B has changed since: it is done twice")
    if t.says("is taken after `"):
        t.a(t.first, "reads the row, no lock yet")
        t.switch()
        t.b(None, "locks the row, changes it, commits")
        t.a(t.finding.trace[1], "locks it now, looks at nothing")
        t.a(t.last, "changes it by what it saw before", wrong=True)
        return t.told("A acts on what B has changed since: B's update is lost, or it is done twice")
    if t.says("is committed"):
        t.a(t.first, "takes the lock")
        t.a(t.last, "changes rows, releases the lock")
        t.switch()
        t.b(t.first, "gets the lock; A's change cannot be seen yet")
        t.b(t.last, "changes rows without knowing of A's", wrong=True)
        t.a(None, "commits")
        return t.told("A and B have both worked on the state before, one after the other")
    t.a(t.first, "locks the row")
    t.switch("the lock is released, B runs")
    t.b(t.first, "gets the lock, reads the same")
    t.b(t.last, "acts on it")
    t.a(t.last, "acts on what it read before", wrong=True)
    return t.told("the lock is gone before A uses what it saw under it; B's update is lost, or it is done twice")
