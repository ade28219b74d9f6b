"""A thread is started, or told by an event to go on, before what it reads has been assigned.

It may run at once: it finds the attribute missing, or still says "nothing yet", and fails or ends before it has begun. So may the
answer to a request come before it is noted who waits for it, and what is put into a queue be taken before what belongs to it is
noted; who looks at a flag may find it up before what it stands for is there; and a new object may be taken out of a collection before
it is set up. What is given back to a pool and changed only then may be in another's hands. A task that a constructor starts has set
nothing yet when the object is first used.

## Example
    import threading

    class Poller:
        def __init__(self, interval: float) -> None:
            threading.Thread(target=self._run).start()
            self.interval = interval

        def _run(self) -> None:
            print(self.interval)

## Use instead
    import threading

    class Poller:
        def __init__(self, interval: float) -> None:
            self.interval = interval
            threading.Thread(target=self._run).start()

        def _run(self) -> None:
            print(self.interval)

## Missed alarms
A base class in another module that starts the thread in its constructor, and threads whose body is not a function of the module.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern.announced import announced_too_early
from racelint.pattern.early_flags import raised_too_early
from racelint.pattern.module import Module
from racelint.pattern.needing import started_unset
from racelint.pattern.queued_early import queued_before_noted
from racelint.pattern.sent_early import sent_before_noted
from racelint.pattern.set_up_late import filled_late, set_up_late
from racelint.pattern.shown import shown_half_built
from racelint.pattern.starting import late_writes, shown_too_early
from racelint.pattern.unfilled import filled_by_task
from racelint.pattern.used_after import changed_after_giving_back
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A start, then the first write of what the started function reads."""
    for unit in module.units:
        for late in late_writes(unit):
            name = late.write.resource.shown
            yield module.finding(
                RULE,
                unit,
                late.write,
                ((Role.ACT, late.start), (Role.WRITE, late.write)),
                f"`{name}` is set here, after line {module.line(late.start)} has started a thread that reads it in "
                f"`{late.reader}`",
                late.evidence,
                World.THREADS,
                name,
                Fix(f"set `{name}` first and start the thread last"),
            )
        for unset in started_unset(unit):
            yield module.finding(
                RULE,
                unit,
                unset.start,
                ((Role.ACT, unset.start),),
                f"a thread is started here that uses `{unset.name}` at once in `{unset.reader}`, which is None until line "
                f"{unset.line} sets it",
                unset.evidence,
                World.THREADS,
                unset.name,
                Fix(f"set `{unset.name}` first and start the thread last"),
            )
        for shown in shown_too_early(unit):
            name, shelf = shown.write.resource.shown, shown.show.resource.path
            yield module.finding(
                RULE,
                unit,
                shown.write,
                ((Role.ACT, shown.show), (Role.WRITE, shown.write)),
                f"`{name}` is set here, after line {module.line(shown.show)} has put the object into `{shelf}`, where "
                f"`{shown.reader}` finds it in another thread",
                shown.evidence,
                World.THREADS,
                name,
                Fix(f"put the object into `{shelf}` when all of it is set"),
            )
        for half in (*shown_half_built(unit), *set_up_late(unit)):
            name, shelf = half.write.resource.path.rpartition(".")[2], half.show.resource.name
            yield module.finding(
                RULE,
                unit,
                half.show,
                ((Role.ACT, half.show), (Role.WRITE, half.write)),
                f"{'a new' if half.new else 'an'} object is put into `{shelf}` here, before its `{name}` is set on line "
                f"{module.line(half.write)}; "
                f"`{half.reader}` finds it there and uses that",
                half.evidence,
                half.world,
                name,
                Fix(f"put the object into `{shelf}` when all of it is set"),
            )
        for show, fill, user, evidence in filled_late(unit):
            name = show.resource.name
            yield module.finding(
                RULE,
                unit,
                show,
                ((Role.ACT, show),),
                f"a dictionary is put into `{name}` here, before its `{fill.key}` is set on line {fill.line}; `{user}` finds it there "
                "and uses that",
                evidence,
                World.THREADS,
                name,
                Fix(f"put the dictionary into `{name}` when all of it is set"),
            )
        for put, back, evidence in changed_after_giving_back(unit):
            yield module.finding(
                RULE,
                unit,
                put,
                ((Role.ACT, put),),
                f"`{back.name}` is given back to `{back.pool}` here and changed on line {back.changed}; another thread may have taken "
                "it from there by then",
                evidence,
                World.THREADS,
                back.name,
                Fix(f"give `{back.name}` back last"),
            )
        for raised in raised_too_early(unit):
            name, flag = raised.write.resource.name, raised.flag.resource.shown
            yield module.finding(
                RULE,
                unit,
                raised.flag,
                ((Role.ACT, raised.flag), (Role.WRITE, raised.write)),
                f"`{flag}` is set here, before `{name}` is on line {module.line(raised.write)}; `{raised.reader}` finds it set "
                f"and uses `{name}`",
                raised.evidence,
                raised.world,
                name,
                Fix(f"set `{name}` first and `{flag}` last"),
            )
        for early in announced_too_early(unit):
            name, event = early.write.resource.shown, early.event.resource.shown
            if early.filled:
                yield module.finding(
                    RULE,
                    unit,
                    early.event,
                    ((Role.ACT, early.event), (Role.WRITE, early.write)),
                    f"`{event}` is set here, before line {module.line(early.write)} fills `{early.write.resource.name}`; "
                    f"`{early.reader}` waits for it to read that",
                    early.evidence,
                    early.world,
                    early.write.resource.name,
                    Fix(f"fill `{early.write.resource.name}` first and set `{event}` last"),
                )
                continue
            yield module.finding(
                RULE,
                unit,
                early.write,
                ((Role.ACT, early.event), (Role.WRITE, early.write)),
                f"`{name}` is set here, after line {module.line(early.event)} has set `{event}`, for which `{early.reader}` "
                "waits to read it",
                early.evidence,
                early.world,
                name,
                Fix(f"set `{name}` first and `{event}` last"),
            )
        for sent, note, taker, evidence in sent_before_noted(unit):
            name = note.resource.shown
            yield module.finding(
                RULE,
                unit,
                note,
                ((Role.ACT, sent), (Role.WRITE, note)),
                f"`{name}` is set here, after line {module.line(sent)} has sent the request; an answer that comes before finds nothing "
                f"in `{taker}` and is lost",
                evidence,
                World.TASKS if unit.facts.is_async else World.THREADS,
                name,
                Fix(f"set `{name}` first and send last"),
                "lost announcement",
            )
        for put, note, taker, evidence in queued_before_noted(unit):
            name = note.resource.shown
            yield module.finding(
                RULE,
                unit,
                note,
                ((Role.ACT, put), (Role.WRITE, note)),
                f"`{name}` is set here, after line {module.line(put)} has put what it belongs to into a queue; `{taker}` can have "
                "taken that by then, and fails as it looks the entry up",
                evidence,
                World.THREADS,
                name,
                Fix(f"set `{name}` first and put last"),
            )
        for start, write, user, evidence in filled_by_task(unit):
            name = write.resource.shown
            yield module.finding(
                RULE,
                unit,
                start,
                ((Role.ACT, start), (Role.WRITE, write)),
                f"only the task that is started here sets `{name}`, after an await, on line {module.line(write)}; `{user}` uses it "
                "without waiting for the task, and may be called before",
                evidence,
                World.TASKS,
                name,
                Fix(f"set `{name}` in the constructor, or let those who use it wait for the task"),
            )


RULE = Rule(
    "RL306",
    "started-before-ready",
    (World.THREADS, World.TASKS),
    "used before it is set",
    __doc__,
    find,
    needs=(Need.THREAD_START, Need.ANNOUNCED, Need.SHOWN, Need.EARLY_FLAG, Need.FILLED_BY_TASK),
)
