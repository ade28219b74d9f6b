"""Events, conditions and futures: news that is lost, waits without end, completions that come twice."""

from __future__ import annotations

from racelint.finding import Role
from racelint.timeline.data import Timeline
from racelint.timeline.telling import Telling


def lost_announcement(t: Telling) -> Timeline:
    """An event cleared with news in it that nobody has seen."""
    if t.says("has sent the request"):
        t.a(t.first, "sends the request")
        t.switch("the answer comes, B runs")
        t.other("finds nobody who waits for it", wrong=True)
        t.a(t.last, "notes who waits, too late")
        return t.told("the answer is forgotten, and what A has noted stays for ever")
    if t.last.role is Role.CHECK and t.says("to end it"):
        t.switch("is started, B runs first")
        t.other("turns it, to end A")
        t.a(t.first, "sets it back, and B's word is gone", wrong=True)
        t.a(t.last, "nobody wants it to end")
        return t.told("what B has asked for is forgotten, and A runs for ever")
    if t.last.role is Role.CHECK:
        t.switch("is started, B runs first")
        t.other("sets it")
        t.a(t.first, "clears it, and B's news with it", wrong=True)
        t.a(t.last, "it is not set")
        return t.told("B's `set()` is erased, and A never learns of it")
    if t.first.role is Role.SWITCH:
        t.switch("asks, B runs")
        t.other("answers: sets it")
        t.a(t.finding.trace[1], "clears it, and B's answer with it", wrong=True)
        t.a(t.last, "waits for what has come already")
        return t.told("B's answer is erased, and A waits for another one")
    if t.first.role is Role.CHECK:
        t.a(t.first, "there is something to do")
        t.switch("works, B runs")
        t.other("changes more, and raises the flag that is up already")
        t.a(t.last, "lowers it, and B's news with it", wrong=True)
        return t.told("B's news is forgotten, and what it changed is not worked on")
    t.a(t.first, "is woken by the first news")
    t.switch("works, B runs")
    t.other("sets it: there is more")
    t.a(t.last, "clears it, and B's news with it", wrong=True)
    t.a(t.first, "waits again, although there is work")
    return t.told("B's news is forgotten, and A sleeps although there is work")


def lost_wake_up(t: Telling) -> Timeline:
    """A notification that comes before anybody waits for it."""
    if t.first.role is Role.CHECK:
        t.a(t.first, "not yet")
        t.switch()
        t.other("changes it and notifies: nobody waits")
        t.a(t.last, "waits for what has come already", wrong=True)
        return t.told("B's notification is lost, and A waits for ever")
    t.switch("is about to wait, B runs first")
    t.other("changes it and notifies: nobody waits")
    t.a(t.first, "waits for what has come already", wrong=True)
    t.a(t.last, "is never reached")
    return t.told("B's notification is lost, and A waits for ever")


def lost_waiter(t: Telling) -> Timeline:
    """What a call waits for, in the one place that the next call takes for its own."""
    t.a(t.first, "puts what it waits for there")
    t.switch("waits, B runs")
    t.b(t.first, "puts its own there", wrong=True)
    return t.told("what A waits for is found by nobody, and A waits for ever")


def loop_asleep(t: Telling) -> Timeline:
    """A loop that a thread tells something without waking it."""
    t.name_lanes(t.finding.symbol, "", ("thread", "event loop"))
    t.b(None, "has nothing to do, and sleeps")
    t.switch("runs beside it", lane=0)
    t.a(t.first, "tells it, and does not wake it", wrong=True)
    return t.told("B sleeps on until something else wakes it")


def completed_twice(t: Telling) -> Timeline:
    """A future completed although it may be done."""
    t.name_lanes(t.finding.symbol, "")
    if t.says("by the loop later"):
        t.a(t.last, "leaves the completion to the loop")
        t.switch("the time runs, B runs")
        t.b(None, "is cancelled: the future is done")
        t.a(None, "the loop completes it: InvalidStateError", wrong=True)
    else:
        t.switch("" if t.pause else "the time runs, B runs")
        t.b(None, "is cancelled: the future is done")
        t.a(t.last, "completes it again: InvalidStateError", wrong=True)
    return t.told("A fails where nobody expects it: the future was done already")
