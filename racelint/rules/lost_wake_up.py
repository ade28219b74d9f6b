"""An event is cleared after the work that follows its `wait()`, not before it.

The one who sets the event meanwhile finds it set already; the clearing then takes the news away, and the next `wait()` sleeps
although there is work to do. The same happens where a new event is put in the place of the old one; to a request to stop that
comes before a new task or thread, which clears it or sets its flag (`self.running = True`) first, has run its first step; and to an answer that comes before the event is
cleared to wait for it. So does a request to stop that is taken back for a thread that may have seen it. A plain flag (`self.dirty`) that is lowered after the work loses news in the same way.

Also reported is a thread that tells tasks something by objects which are not made for threads, such as `put_nowait` of an `asyncio.Queue`,
`set` of an `asyncio.Event` (unless tasks only ask it by `is_set()`), `set_result` of a future or `loop.create_task`: the loop is not woken.

## Example
    async def run(self) -> None:
        while True:
            await self.changed.wait()
            await self.save(self.data)
            self.changed.clear()

    def change(self, key: str, value: str) -> None:
        self.data[key] = value
        self.changed.set()

## Use instead
    async def run(self) -> None:
        while True:
            await self.changed.wait()
            self.changed.clear()
            await self.save(self.data)

    def change(self, key: str, value: str) -> None:
        self.data[key] = value
        self.changed.set()

## Missed alarms
Events that are arguments or local variables.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Mark, Op, Switch, first_word
from racelint.pattern.announced import EVENTS
from racelint.pattern.lowered import lowered_late
from racelint.pattern.module import Module
from racelint.pattern.pair import INTERNAL
from racelint.pattern.reset_at_start import awaited_by_starter, reset_at_start
from racelint.pattern.revived import revived_in_vain
from racelint.pattern.rivals import only_started, rivals
from racelint.pattern.told_from_thread import told_from_thread
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Cleared after the work, or by a new task or thread that has only now begun to run."""
    for unit in module.units:
        yield from after_the_work(module, unit)
        yield from at_the_start(module, unit)
        yield from flag_at_the_start(module, unit)
        yield from of_the_last_thread(module, unit)
        yield from after_the_request(module, unit)
        yield from flag_after_the_work(module, unit)
        yield from by_a_thread(module, unit)


def after_the_work(module: Module, unit: Unit) -> Iterable[Finding]:
    """Waited for, work, cleared, and waited for again with no look at the work in between; and somebody else sets it."""
    for clear in unit.accesses(Op.USE, Op.DELETE, Op.WRITE, kinds=INTERNAL):
        if not forgets(unit, clear):
            continue
        world = World.TASKS if unit.facts.is_async else World.THREADS
        evidence = set_by(unit, clear, world)
        wait = waited_for(unit, clear)
        if wait is None or evidence is None:
            continue
        work = work_between(unit, wait, clear)
        if work is None or decided_freshly(work, clear) or looked_again(unit, wait, clear) or looked_last(unit, clear):
            continue
        name = clear.resource.shown
        yield module.finding(
            RULE,
            unit,
            clear,
            ((Role.READ, wait), (Role.SWITCH, work), (Role.ACT, clear)),
            f"`{name}` is waited for on line {module.line(wait)} and {CLEARED if clear.how == 'clear' else REPLACED} here, after "
            f"the work; a `set()` that comes during the work, from line {module.line(work)} on, is lost",
            evidence,
            world,
            name,
            Fix(f"clear `{name}` right after the `wait()`, before the work"),
        )


CLEARED, REPLACED = "cleared", "replaced by a new one"


def flag_after_the_work(module: Module, unit: Unit) -> Iterable[Finding]:
    """A plain flag that says that there is something to do, found up, and lowered after the work."""
    for check, work, lower, setter, evidence in lowered_late(unit):
        name = lower.resource.shown
        yield module.finding(
            RULE,
            unit,
            lower,
            ((Role.CHECK, check), (Role.SWITCH, work), (Role.ACT, lower)),
            f"`{name}` is found up on line {module.line(check)} and lowered here, after the work; what `{setter}` changes during the "
            f"work, from line {module.line(work)} on, is not done, and nothing says so any more",
            evidence,
            World.TASKS if unit.facts.is_async else World.THREADS,
            name,
            Fix(f"lower `{name}` before the work, and raise it again if the work fails"),
        )


def forgets(unit: Unit, access: Access) -> bool:
    """Whether the access clears an event, or puts a new one in its place."""
    if access.op is Op.WRITE:
        return access.how == "=" and not access.resource.key and access.value.type in EVENTS
    return access.how == "clear"


def after_the_request(module: Module, unit: Unit) -> Iterable[Finding]:
    """Something is sent with an await, then the event that announces the answer is cleared and waited for."""
    for clear in unit.accesses(Op.USE, Op.DELETE, kinds=INTERNAL) if unit.facts.is_async else ():
        if clear.how != "clear" or clear.place.unit != unit.facts.qualname:
            continue
        wait = next(
            (
                use
                for use in unit.accesses(Op.USE, kinds=INTERNAL)
                if use.how == "wait"
                and use.id > clear.id
                and same(use.resource, clear.resource)
                and use.controlled_by == clear.controlled_by
                and all(
                    s.used is not None and same(s.used, clear.resource) for s in unit.switches_between(clear.id, use.id)
                )
            ),
            None,
        )
        request = asked_for(unit, clear) if wait is not None else None
        if wait is None or request is None or set_before(unit, clear):
            continue
        evidence = set_by(unit, clear, World.TASKS)
        if evidence is None:
            continue
        name = clear.resource.shown
        yield module.finding(
            RULE,
            unit,
            clear,
            ((Role.SWITCH, request), (Role.ACT, clear), (Role.READ, wait)),
            f"`{name}` is cleared here and then waited for, after the await on line {module.line(request)} that asks for it; an "
            "answer which comes during that await is erased",
            evidence,
            World.TASKS,
            name,
            Fix(f"clear `{name}` before line {module.line(request)}"),
        )


def asked_for(unit: Unit, clear: Access) -> Switch | None:
    """The await in the statement right before the clearing, if it sends something."""
    before = [
        s
        for s in unit.switches()
        if s.id < clear.id
        and s.site.unit == unit.facts.qualname
        and s.statement == clear.statement - 1
        and unit.before(s.id, clear.id)
        and not (s.used is not None and same(s.used, clear.resource))
    ]
    line = unit.module.line(clear)
    last = max(
        (call for call in unit.facts.calls if call.awaited and call.line < line), key=lambda c: c.line, default=None
    )
    return before[0] if before and last is not None and first_word(last.callee) in SENDS else None


SENDS = frozenset(
    {"send", "request", "write", "publish", "put", "emit", "notify", "call", "execute", "query", "transmit"}
)
"""First words of calls that make another side do something."""


def at_the_start(module: Module, unit: Unit) -> Iterable[Finding]:
    """Cleared in the first step of a unit that was started, and asked for later; and another unit sets it."""
    world = World.TASKS if unit.facts.is_async else World.THREADS
    start = only_started(unit)
    for clear in unit.accesses(Op.USE, Op.DELETE, kinds=INTERNAL) if start is not None else ():
        if clear.how != "clear" or clear.control or unit.repeats(clear.id) or set_before(unit, clear):
            continue
        if any(unit.before(switch.id, clear.id) for switch in unit.switches()):
            continue
        asked = next(
            (
                use
                for use in unit.accesses(Op.USE, kinds=INTERNAL)
                if use.how == "is_set" and same(use.resource, clear.resource) and unit.before(clear.id, use.id)
            ),
            None,
        )
        if asked is None or start is None or set_by(unit, clear, world) is None:
            continue
        name = clear.resource.shown
        yield module.finding(
            RULE,
            unit,
            clear,
            ((Role.ACT, clear), (Role.CHECK, asked)),
            f"`{name}` is cleared when the new {world.value.removesuffix('s')} first runs; a `set()` that came after the start "
            "and before that is erased",
            start.weakened() if set_when_left(unit, clear) else start,
            world,
            name,
            Fix(f"clear `{name}` before the start, or make a new event"),
        )


def set_when_left(unit: Unit, clear: Access) -> bool:
    """Whether only who leaves the object sets the event, which nobody does while the starter waits for the task there."""
    setters = {f.name for f, write in unit.module.concurrency.writers(clear.resource) if write.how == "set"}
    return setters == {"__aexit__"} and awaited_by_starter(unit)


def flag_at_the_start(module: Module, unit: Unit) -> Iterable[Finding]:
    """A plain flag that a new task or thread sets when it first runs, and that whoever ends it has turned by then."""
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for write, asked, ender, evidence in reset_at_start(unit):
        name = write.resource.shown
        yield module.finding(
            RULE,
            unit,
            write,
            ((Role.ACT, write), (Role.CHECK, asked)),
            f"`{name}` is set when the new {world.value.removesuffix('s')} first runs; what `{ender}` wrote to end it, after the start "
            "and before that, is overwritten",
            evidence,
            world,
            name,
            Fix(f"set `{name}` before the start"),
        )


def of_the_last_thread(module: Module, unit: Unit) -> Iterable[Finding]:
    """A request to end that is taken back while the thread, which may have seen it, is still alive: no new one is started."""
    for reset, asked, ender in revived_in_vain(unit):
        name = reset.resource.shown
        yield module.finding(
            RULE,
            unit,
            reset,
            ((Role.ACT, reset), (Role.CHECK, asked)),
            f"`{name}` is reset here for the thread that may still be alive on line {module.line(asked)}; if that has seen what `{ender}` "
            "wrote, it ends all the same, and no new one is started",
            Evidence(
                f"`{ender}` asks the thread to end and does not wait for it", Confidence.MEDIUM, World.THREADS.value
            ),
            World.THREADS,
            name,
            Fix("wait for the old thread (`join`) before it is reset, or give each thread an event of its own"),
        )


def by_a_thread(module: Module, unit: Unit) -> Iterable[Finding]:
    """What tells tasks of a loop something, from a thread that is not the loop's: they are not woken."""
    for event, call, evidence in told_from_thread(unit):
        name = call.callee.rpartition(".")[0]
        yield module.finding(
            RULE,
            unit,
            event,
            ((Role.ACT, event),),
            f"`{call.callee}` is called in a thread, and only that of the event loop may do so: nothing wakes the loop, which may sleep on",
            evidence,
            World.THREADS,
            name,
            Fix(f"hand it to the loop: `loop.call_soon_threadsafe({call.callee}, …)`"),
            "loop asleep",
        )


def set_before(unit: Unit, clear: Access) -> bool:
    """Whether the unit itself set the event before it clears it: it only makes sure of a state."""
    return any(
        use.how == "set" and use.id < clear.id and same(use.resource, clear.resource)
        for use in unit.accesses(Op.USE, kinds=INTERNAL)
    )


def set_by(unit: Unit, clear: Access, world: World) -> Evidence | None:
    """Who else sets the event: somebody has to, or the wait would never end."""
    best: Evidence | None = None
    for function, write in unit.module.concurrency.writers(clear.resource):
        if write.how == "set" and function.qualname != unit.facts.qualname:
            best = Evidence(
                f"`{function.qualname}` sets it, and the wait ends only if that runs meanwhile",
                Confidence.MEDIUM,
                world.value,
            )
    for _, function, found in rivals(unit, clear.resource, world, ("set",)):
        if found.strength is Confidence.HIGH and function.qualname != unit.facts.qualname:
            return Evidence(f"{found.text}; `{function.qualname}` sets it", found.strength, found.world)
    return best


def waited_for(unit: Unit, clear: Access) -> Access | None:
    """The wait that the clearing follows, if the unit then waits again."""
    return next(
        (
            use
            for use in unit.accesses(Op.USE, kinds=INTERNAL)
            if use.how == "wait"
            and same(use.resource, clear.resource)
            and (use.id < clear.id or clear.op is Op.WRITE)
            and unit.before(use.id, clear.id)
            and unit.before(clear.id, use.id)
        ),
        None,
    )


def work_between(unit: Unit, wait: Access, clear: Access) -> Switch | Mark | None:
    """The first thing done after the wait and before the clearing during which another unit may set the event."""
    if unit.facts.is_async:
        switches = [s for s in unit.switches_between(wait.id, clear.id) if s.id > wait.id]
        own = next((s for s in switches if s.used is not None and same(s.used, wait.resource)), None)
        return next((s for s in switches if s is not own), None)
    between = (event for event in unit.between(wait.id, clear.id) if event.place != wait.place)
    return next(
        (event for event in between if isinstance(event, Mark) and event.what == "call" and not logs(event)), None
    )


def decided_freshly(work: Switch | Mark, clear: Access) -> bool:
    """Whether something else was looked at after the work, right before the clearing, which runs only because of it."""
    return any(number > work.id for number in clear.controlled_by & clear.fresh)


def looked_again(unit: Unit, wait: Access, clear: Access) -> bool:
    """Whether anything is done after the clearing and before the next wait: it may be the very work."""
    for event in unit.between(clear.id, wait.id):
        if event.place == clear.place:
            continue
        if isinstance(event, Switch) or (isinstance(event, Mark) and event.what == "call" and not logs(event)):
            return True
        if isinstance(event, Access) and event.how != "while" and not same(event.resource, clear.resource):
            return True
    return False


def looked_last(unit: Unit, clear: Access) -> bool:
    """Whether the task cleared right after it found nothing left of what it is told of, with no await in between: `while self.rows`."""
    if not unit.facts.is_async:
        return False
    concurrency = unit.module.concurrency
    setters = {f.qualname for f, write in concurrency.writers(clear.resource) if write.how == "set"}
    looks = (unit.access(number) for number in sorted(clear.fresh))
    return any(
        look is not None
        and look.op is Op.CHECK
        and not same(look.resource, clear.resource)
        and any(function.qualname in setters for function, _ in concurrency.writers(look.resource))
        for look in looks
    )


def logs(mark: Mark) -> bool:
    """Whether the call only writes to a log."""
    return mark.subject.rpartition(".")[2] in ("debug", "info", "warning", "error", "exception", "print")


RULE = Rule(
    "RL605",
    "lost-wake-up",
    (World.TASKS, World.THREADS),
    "lost announcement",
    __doc__,
    find,
    needs=(Need.WAKE_UP, Need.TOLD_BY_THREAD, Need.STATE_OF_TASKS, Need.STATE_OF_THREADS),
)
