"""A shared attribute is tested and then read again, or removed, while another thread may clear it.

The test says that it is there; when it is read the second time, it may be `None`, or the key gone. Who finds a queue not empty waits for an
entry that another thread has taken. An entry of a `WeakValueDictionary` or a `TTLCache` goes by itself; it is no harm where
whoever finds none raises, too.

## Example
    import threading

    class Recorder:
        def __init__(self) -> None:
            self.span = open("trace.txt", "w")
            threading.Thread(target=self.close).start()
            threading.Thread(target=self.note).start()

        def note(self) -> None:
            if self.span is not None:
                self.span.flush()

        def close(self) -> None:
            self.span = None

## Use instead
    import threading

    class Recorder:
        def __init__(self) -> None:
            self.span = open("trace.txt", "w")
            threading.Thread(target=self.close).start()
            threading.Thread(target=self.note).start()

        def note(self) -> None:
            span = self.span
            if span is not None:
                span.flush()

        def close(self) -> None:
            self.span = None

## Missed alarms
Objects that only callers outside of the module share between threads, unless the class has a lock for what is read. An entry that
one caller asks for by its name and another takes out by its name.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence, Op
from racelint.pattern.called_at_once import read_after_callback
from racelint.pattern.handed import emptied_by_each
from racelint.pattern.module import Module
from racelint.pattern.pruned import pruned
from racelint.pattern.rereading import moves, rereads, takes_from_queue
from racelint.pattern.spent import spent_twice
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A test, and a second read that needs what the first one saw; an entry that was listed, and its removal."""
    for unit in module.units:
        for found in pruned(unit):
            listed, removal = found.pair.first, found.pair.second
            name = removal.resource.shown
            whom = "another thread" if found.remover == unit.facts.qualname else f"`{found.remover}`"
            yield module.finding(
                RULE,
                unit,
                removal,
                ((Role.CHECK, listed), (Role.ACT, removal)),
                f"`{name}` is found on line {module.line(listed)} and removed here; {whom} can take it away in between",
                found.evidence,
                World.THREADS,
                name,
                Fix("remove it in one step that tolerates its absence (`pop(key, None)`), or hold one lock over both"),
            )
    for unit in module.units:
        yield from after_callback(module, unit)
        for asked, take, name, evidence in emptied_by_each(unit):
            yield module.finding(
                RULE,
                unit,
                take,
                ((Role.CHECK, asked), (Role.ACT, take)),
                f"`{name}` is found to hold an entry on line {module.line(asked)} and it is waited for here; another thread can take "
                "it away in between",
                evidence,
                World.THREADS,
                name,
                Fix("take with `get_nowait()` and catch `queue.Empty`, or let an entry that says so end the loop"),
            )
        spent = {removal.id for _, _, removal, _ in spent_twice(unit)}  # who finds it gone has not used it: RL501
        for found in rereads(unit):
            check, use = found.pair.first, found.pair.second
            if use.id in spent:
                continue
            name = use.resource.shown
            whom = "another thread" if found.remover == unit.facts.qualname else f"`{found.remover}`"
            gone = f"{whom} can take it away in between" if found.remover else "it can go by itself in between"
            seen, how, fix = _words(name, use)
            yield module.finding(
                RULE,
                unit,
                use,
                ((Role.CHECK, check), (Role.ACT, use)),
                f"`{name}` is {seen} on line {module.line(check)} and {how} here; {gone}",
                found.evidence,
                World.THREADS,
                name,
                Fix(fix),
            )


def after_callback(module: Module, unit: Unit) -> Iterable[Finding]:
    """An attribute that is read anew after a callback was added to what it holds, which sets it to nothing."""
    for added, read, taker in read_after_callback(unit):
        name = read.resource.shown
        yield module.finding(
            RULE,
            unit,
            read,
            ((Role.CHECK, added), (Role.ACT, read)),
            f"`{name}` is read again here, after `{taker}` was added to it on line {module.line(added)}, which sets it to `None` and may "
            "have run by now",
            Evidence("what is done already calls a callback at once", Confidence.MEDIUM, World.THREADS.value),
            World.THREADS,
            name,
            Fix("keep it in a local, and go on with that"),
        )


def _words(name: str, use: Access) -> tuple[str, str, str]:
    """What the test says, what the use does, and what to write instead."""
    if takes_from_queue(use):
        return (
            "found to hold an entry",
            "it is waited for" if use.how == "get" else "it is taken",
            "take with `get_nowait()` and catch `queue.Empty`, or let an entry that says so end the loop",
        )
    if moves(use):
        return "tested", "moved", "hold one lock over the test and all that is done with the entry"
    if use.op is Op.DELETE:
        advice = "remove it in one step that tolerates its absence, or hold one lock over test and removal"
        return "tested", "removed", advice
    return "tested", "read again", f"read `{name}` once into a local, and test and use that"


RULE = Rule(
    "RL111",
    "double-read",
    (World.THREADS,),
    "use of something that is gone",
    __doc__,
    find,
    needs=(Need.TAKEN_BY_THREADS,),
)
