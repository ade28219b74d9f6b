"""Decisions on what is no longer so: done twice, one too many, made twice, used or removed when gone."""

from __future__ import annotations

from racelint.finding import Role, World
from racelint.timeline.data import Timeline
from racelint.timeline.telling import Telling


def done_twice(t: Telling) -> Timeline:
    """Two pass the same test."""
    if t.finding.name == "unclaimed-queue-item":
        return _taken_twice(t)
    if t.says("set only by the task that is started"):
        t.a(t.first, "the flag is down")
        t.a(t.last, "starts the task, the flag is still down")
        t.switch("is done, B runs before the task does")
        t.b(t.first, "the flag is down")
        t.b(t.last, "starts another", wrong=True)
        return t.told("two of the tasks run, expected one")
    if t.finding.name == "check-then-insert":
        t.a(t.first, "is not there")
        t.switch()
        t.b(t.first, "is not there, either")
        t.b(t.last, "adds it")
        t.a(t.last, "adds it again", wrong=True)
        twice = t.says("in there twice")
        return t.told(
            "the addition is done twice: it is in there twice"
            if twice
            else "what is done because it was not there is done twice"
        )
    if t.says("is found missing"):
        t.a(t.first, "is not there")
        t.switch()
        t.b(t.first, "is not there, either")
        t.b(t.last, "writes it")
        t.a(t.last, "writes it again, over B's", wrong=True)
        return t.told("both write the file, and B goes on with what is overwritten")
    between = [step for step in t.finding.trace[1:-1] if step.role is not Role.SWITCH]
    t.a(t.first, "may go on")
    t.switch()
    t.b(t.first, "may go on, too")
    for step in between:
        t.b(step, "does it")
    t.b(t.last, "acts")
    for step in between:
        t.a(step, "does it again", wrong=True)
    t.a(t.last, "acts, too", wrong=not between)
    return t.told("both pass the check, and it is done twice")


def _taken_twice(t: Telling) -> Timeline:
    """A queue whose next item is chosen, and then taken."""
    t.a(t.first, "picks item 1")
    t.switch()
    if t.is_single:
        t.b(t.first, "picks item 1, too, and takes it")
        t.a(None, "takes item 1 again", wrong=True)
    else:
        t.b(t.first, "picks item 1, too")
        t.b(t.last, "takes it")
        t.a(t.last, "takes item 1 again", wrong=True)
    return t.told("item 1 is worked on twice")


def limit_exceeded(t: Telling) -> Timeline:
    """Two pass a test that has room for one; or what a decision stands on goes meanwhile."""
    if t.says("how long to wait is computed"):
        return _woken_together(t)
    if t.says("that refers to it added here"):
        t.a(t.first, "the row is there")
        t.switch()
        t.other("deletes that row")
        t.a(t.last, "adds one that refers to it", wrong=True)
        return t.told("A's row refers to one that is gone")
    if t.says("deleted here because of it"):
        t.a(t.first, "there are none")
        t.switch()
        t.other("adds one")
        t.a(t.last, "deletes what B's row refers to", wrong=True)
        return t.told("B's row refers to one that is gone")
    t.a(t.first, "there is enough for one")
    t.switch()
    t.b(t.first, "there is enough for one")
    t.b(t.last, "takes it")
    t.a(t.last, "takes it again", wrong=True)
    return t.told("the limit is exceeded: two were let in where one was left")


def _woken_together(t: Telling) -> Timeline:
    """Each computes how long to wait, and none looks again when it has waited."""
    steps = [step for step in t.finding.trace if step.role is not Role.SWITCH]
    look = next(step for step in steps if step.role is not Role.WRITE)
    before, after = steps[: steps.index(look)], [*steps[steps.index(look) + 1 :], None]
    for step in before:
        t.a(step, "begins to count anew")
    t.a(look, "has to wait")
    t.switch("sleeps, B runs")
    t.b(look, "has to wait as long")
    t.a(after[0], "wakes, goes on without a look")
    t.b(after[0], "wakes then, too, and goes on", wrong=True)
    return t.told("all that have waited go on at once: the limit is exceeded")


def made_twice(t: Telling) -> Timeline:
    """Found missing, and made by both."""
    if t.is_single:
        t.a(t.first, "nothing is kept yet: the body runs")
        t.switch()
        t.b(t.first, "nothing is kept yet: it runs again")
        t.a(None, "keeps its own", wrong=True)
        return t.told("it is made twice, and each goes on with another one")
    if t.says("the flag"):
        t.a(t.first, "the flag is down: begins the work")
        t.switch()
        t.b(t.first, "the flag is down: does the work")
        t.b(t.last, "sets the flag")
        t.a(t.last, "has done the work, too", wrong=True)
        return t.told("the work is done twice")
    t.a(t.first, "there is none")
    t.switch("makes one, B runs" if t.finding.world is World.TASKS else "")
    t.b(t.first, "there is none")
    t.b(t.last, "puts its own there")
    t.a(t.last, "puts another there", wrong=True)
    return t.told("it is made twice, and A and B go on with different ones")


def used_half_made(t: Telling) -> Timeline:
    """Published before it is complete."""
    t.a(t.first, "there is none")
    t.a(t.last, "puts it there, not complete yet")
    t.switch()
    t.b(t.first, "there is one: uses it half made", wrong=True)
    t.a(None, "completes it")
    return t.told("B uses it before it is complete")


def used_half_ready(t: Telling) -> Timeline:
    """A flag set before the work that it stands for."""
    t.a(t.first, "the flag is down")
    t.a(t.finding.trace[1], "sets the flag")
    t.switch("begins the work, B runs")
    t.b(t.first, "the flag is up: goes on with what is not ready", wrong=True)
    t.a(None, "has done the work")
    return t.told("B goes on before the work is done")


def begun_after_end(t: Telling) -> Timeline:
    """Something begun after others have ended the object."""
    t.a(t.first, "may go on")
    t.switch()
    t.other("ends all that there is")
    t.a(t.last, "makes something that nobody ends", wrong=True)
    return t.told("what A makes lives on after the end")


def used_when_gone(t: Telling) -> Timeline:
    """Tested or set, taken away by another, used."""
    if t.is_single:
        t.switch("is to start, B runs first")
    else:
        t.a(t.first, "sets it" if t.says("is set on line") else "it is there")
        t.switch()
    t.other("takes it away")
    t.a(t.last, "uses it: it is gone", wrong=True)
    return t.told("A fails, or uses what B has ended")


def removed_when_gone(t: Telling) -> Timeline:
    """Tested, removed by another, removed."""
    t.a(t.first, "there is one")
    t.switch()
    if not t.meets_itself:
        t.other("removes it")
    else:
        t.b(t.last, "removes it")
    t.a(t.last, "removes what is gone, or what came after", wrong=True)
    return t.told("A's removal fails, or hits another one")


def used_before_set(t: Telling) -> Timeline:
    """Started by a constructor that has not set all yet; or told by a flag or by what is found in a collection to go on."""
    if t.says("only the task that is started here sets"):
        t.a(t.first, "starts a task that is to set it")
        t.switch("the task waits, B runs")
        t.other("reads it: it is missing, or empty", wrong=True)
        t.a(t.last, "the task sets it, too late")
        return t.told("B fails, or works with nothing")
    shown = "shows the object" if t.says("object is put into") else "says that it is there"
    t.a(t.first, shown if t.says("finds it") or t.says("waits for it to read") else "starts B")
    t.switch("B runs at once")
    t.other("reads it: it is missing, or empty", wrong=True)
    t.a(None if t.is_single else t.last, "sets it, too late")
    return t.told("B fails, or works with nothing")


def decided_on_old_state(t: Telling) -> Timeline:
    """Decided under a lock, acted upon after it; or counted under it, or waited for once."""
    if t.says("others were woken too"):
        t.a(t.first, "not yet")
        t.a(t.last, "waits, and is woken")
        t.switch("B was woken, too, and is first")
        t.b(None, "takes what they waited for")
        t.a(None, "goes on as if it were there", wrong=True)
        return t.told("A acts on what is no longer so")
    if t.says("has counted under") or t.says("is counted in one step"):
        count, check, act = t.finding.trace
        locked = t.says("has counted under")
        t.a(count, "counts, and releases the lock" if locked else "counts")
        t.switch("releases the lock, B runs" if locked else "")
        t.b(count, "counts, too")
        t.b(check, "sees what both have counted")
        t.b(act, "acts upon it")
        t.a(check, "sees the same")
        t.a(act, "acts upon it, too", wrong=True)
        return t.told("what A counted is no longer so, and both act where one should")
    if t.says("before the turn to read comes"):
        t.a(t.first, "nothing has come")
        t.switch("waits for its turn, B reads")
        t.other("reads what is for A, puts it there")
        t.a(t.last, "waits for more, which need not come", wrong=True)
        return t.told("what A saw is no longer so: what it waits for is there")
    if t.says("if it ends in between"):
        t.a(t.first, "it is there")
        t.switch("its time is over")
        t.b(None, "looks: it is gone")
        t.a(t.last, "counts from nothing, without an end", wrong=True)
        return t.told("what A saw is no longer so: the count of A stays for ever")
    if t.says("can hand it out in between"):
        t.a(t.first, "chooses, holding the lock")
        t.switch("releases the lock, B runs")
        t.b(None, "takes what A has chosen, to use it")
        t.a(t.finding.trace[1], "ends it", wrong=True)
        t.a(t.last, "takes it out, or finds it gone")
        return t.told("what A chose is no longer so: B works on with what A has ended")
    before = t.says("saw without it")
    t.a(t.first, "decides, before it takes the lock" if before else "decides, holding the lock")
    t.switch("" if before else "releases the lock, B runs")
    if not t.meets_itself:
        t.other("takes the lock and changes that")
    else:
        t.b(t.first, "decides the same" if before else "decides the same, holding the lock")
        t.b(t.last, "acts upon it")
    t.a(t.last, "acts on the old answer", wrong=True)
    return t.told("A's decision does not hold any more, and A acts on it")
