"""Flags that say whether a thread or task is to go on, and that it sets itself when it first runs."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Op, Sense, Shape
from racelint.evidence import Evidence
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import World
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import only_started
from racelint.pattern.unit import Unit, same
from racelint.resolve import CONSTRUCTORS

Reset = tuple[Access, Access, str, Evidence]

_TURNED = {Shape.TRUE: ("false", Sense.PRESENT), Shape.FALSE: ("true", Sense.ABSENT)}
"""What is written to say that it goes on: what another unit writes to end it, and how the test comes out while it goes on."""


def reset_at_start(unit: Unit) -> Iterator[Reset]:
    """The write that says that the unit goes on, the test that a loop of it makes, who ends it, and why it is started.

    Between the start and the first step whoever ends it writes the flag in vain. That matters only where the unit itself writes it:
    set before the start, the flag is whatever the last one said.
    """
    evidence = only_started(unit)
    if evidence is None or _starter_waits(unit):
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        turned = _TURNED.get(write.value.shape)
        if turned is None or write.how != "=" or write.resource.key or write.control or unit.repeats(write.id):
            continue
        if write.place.unit != unit.facts.qualname or not _comes_first(unit, write, world):
            continue
        test = _asked_in_loop(unit, write, turned[1])
        ender = _ended_by(unit, write, turned[0]) if test is not None else None
        if test is None or ender is None:
            continue
        calls = unit.module.concurrency.callers.get(ender.qualname, ())
        cancelled = [_cancels_next(call, caller) for caller, call in calls] if world is World.TASKS else []
        if cancelled and all(cancelled):
            continue  # a task that is cancelled before its first step never runs that
        if any(cancelled) or awaited_by_starter(unit) or (world is World.THREADS and _long_begun(unit, ender)):
            evidence = evidence.weakened()
        yield write, test, ender.qualname, evidence


def _comes_first(unit: Unit, write: Access, world: World) -> bool:
    """Whether the write belongs to the first steps: nothing is waited for before it, and nothing asked."""
    if world is World.TASKS:
        return not any(unit.before(switch.id, write.id) for switch in unit.switches())
    return not any(unit.before(mark.id, write.id) for mark in unit.marks("slow", "wait"))


def _asked_in_loop(unit: Unit, write: Access, going: Sense) -> Access | None:
    """A test of the flag that decides whether the unit goes round again."""
    return next(
        (
            check
            for check in unit.accesses(Op.CHECK, kinds=INTERNAL)
            if same(check.resource, write.resource)
            and check.id > write.id
            and unit.before(write.id, check.id)
            and unit.repeats(check.id)
            and _goes_on(unit, check, going)
        ),
        None,
    )


def _goes_on(unit: Unit, check: Access, going: Sense) -> bool:
    """Whether more is done where the test comes out so; if nothing that is seen rests on the test, it only leaves the loop."""
    senses = {
        sense
        for event in unit.events
        if not isinstance(event, Acquire)
        for number, sense in event.control
        if number == check.id
    }
    return going in senses or senses.isdisjoint((Sense.PRESENT, Sense.ABSENT))


_SENDS = frozenset({"put", "put_nowait"})
"""Whoever tells it to end by a queue as well is not forgotten."""


def _ended_by(unit: Unit, write: Access, shape: str) -> FunctionFacts | None:
    """The function that tells the unit to end, and that is no part of it."""
    concurrency = unit.module.concurrency
    own = set(concurrency.runs(unit.facts.qualname))
    return next(
        (
            function
            for function, other in concurrency.writers(write.resource)
            if other.shape == shape
            and function.qualname not in own
            and function.name not in CONSTRUCTORS
            and unit.facts.qualname not in concurrency.runs(function.qualname)
            and not any(call.callee.rpartition(".")[2] in _SENDS for call in function.calls)
        ),
        None,
    )


def _cancels_next(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether who asks for the end then cancels something as well: `worker.stop()`, `task.cancel()`."""
    return any(other.line > call.line and other.callee.endswith(".cancel") for other in caller.calls)


def _long_begun(unit: Unit, ender: FunctionFacts) -> bool:
    """Whether whoever starts the thread has more to do before it can be asked to end: it has run its first steps by then.

    One function starts and ends it, one block is entered and left (`__enter__`, `__exit__`), or who has it started waits next.
    """
    concurrency = unit.module.concurrency
    starts = list(_starts(unit))
    ends = concurrency.callers.get(ender.qualname, ())
    if not starts:
        return False
    if ends and all(
        any(
            caller is starter
            or (caller.owner == starter.owner and (starter.name, caller.name) == ("__enter__", "__exit__"))
            for starter, _ in starts
        )
        for caller, _ in ends
    ):
        return True
    above = [site for starter, _ in starts for site in concurrency.callers.get(starter.qualname, ())]
    return bool(above) and all(
        any(other.line > call.line and other.callee.endswith(".wait") for other in caller.calls)
        for caller, call in above
    )


def awaited_by_starter(unit: Unit) -> bool:
    """Whether whoever starts the unit as a task then awaits that task: `task = create_task(self.run())`, `await task`."""
    concurrency, name = unit.module.concurrency, unit.facts.qualname
    found = []
    for starter in unit.module.scope.every_function if unit.facts.is_async else ():
        for call, _ in concurrency.spawning_calls(starter):
            units = (one for given in call.arguments for one in concurrency.spawned_units(given, starter, call.line))
            if not any(name in concurrency.runs(one.qualname) for one in units):
                continue
            kept = {write.path for write in starter.writes if write.line == call.line}
            kept |= {local for local, built in starter.locals_built if built == call.callee}
            found.append(any(path in kept and line > call.line for path, line, _ in starter.waits))
    return bool(found) and all(found)


def _starts(unit: Unit) -> Iterator[tuple[FunctionFacts, CallSite]]:
    """The functions of the module that start the thread, and the calls by which they do."""
    concurrency, scope, facts = unit.module.concurrency, unit.module.scope, unit.facts
    for start in concurrency.started_with.get(facts.qualname, ()):
        yield start.caller, start.call
    family = scope.family(facts.owner) if facts.owner and scope.is_thread(facts.owner) else frozenset()
    for function in (*scope.every_function, scope.facts.module_body) if family else ():
        for call in function.calls:
            holder, _, method = call.callee.rpartition(".")
            if method != "start":
                continue
            made = function.owner if holder == "self" else concurrency.receiver_type(holder, function).removeprefix(":")
            if made in family:
                yield function, call


def _starter_waits(unit: Unit) -> bool:
    """Whether the unit announces that it runs by an event that another function waits for: nobody ends it before."""
    return any(use.how == "set" and _waited_for(unit, use) for use in unit.accesses(Op.USE, kinds=INTERNAL))


def _waited_for(unit: Unit, use: Access) -> bool:
    """Whether any other function of the module waits for what the unit sets."""
    name = use.resource.path.rpartition(".")[2]
    return any(
        call.callee.rpartition(".")[2] == "wait" and call.callee.rpartition(".")[0].rpartition(".")[2] == name
        for function in unit.module.scope.every_function
        if function.qualname != unit.facts.qualname
        for call in function.calls
    )
