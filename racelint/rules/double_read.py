"""A shared attribute is tested and then read again, while another thread may clear it.

The test says that it is there; when it is read the second time, it may be `None`, or the key gone. An entry of a
`WeakValueDictionary` or a `TTLCache` goes by itself; it is no harm where whoever finds none raises, too. What is not read but taken
out in another step than the test is RL506.

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
Objects that only callers outside of the module share between threads, unless the class has a lock for what is read, or is a cache or a
pool by its name and no other module is read with it. An entry that one caller asks for by its name and another takes out by its name.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Confidence, Evidence
from racelint.pattern.called_at_once import read_after_callback
from racelint.pattern.module import Module
from racelint.pattern.rereading import rereads, takes
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A test, and a second read that needs what the first one saw."""
    for unit in module.units:
        yield from after_callback(module, unit)
        for found in rereads(unit):
            check, use = found.pair.first, found.pair.second
            if takes(use):
                continue  # taken out in a step of its own: RL506
            name = use.resource.shown
            whom = "another thread" if found.remover == unit.facts.qualname else f"`{found.remover}`"
            gone = f"{whom} can take it away in between" if found.remover else "it can go by itself in between"
            yield module.finding(
                RULE,
                unit,
                use,
                ((Role.CHECK, check), (Role.ACT, use)),
                f"`{name}` is tested on line {module.line(check)} and read again here; {gone}",
                found.evidence,
                World.THREADS,
                name,
                Fix(f"read `{name}` once into a local, and test and use that"),
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


RULE = Rule(
    "RL111",
    "double-read",
    (World.THREADS,),
    "use of something that is gone",
    __doc__,
    find,
    needs=(Need.TAKEN_BY_THREADS,),
)
