"""A value of one call is kept in a shared object and read back when another call may have set it.

Two calls on one object mix their values: one goes on with what the other was given. So do threads that set something of the whole
process for their work, as `os.chdir` does, and processes that look whether a store works by setting one key and reading it back.
A future by which one call waits is no better kept: the next call puts its own there, and nobody wakes the first.

## Example
    class Client:
        async def send(self, text: str) -> None:
            self.text = text
            await self.connect()
            await self.post(self.text)

    async def main(client: Client) -> None:
        await asyncio.gather(client.send("to Ada"), client.send("to Bob"))

## Use instead
    class Client:
        async def send(self, text: str) -> None:
            await self.connect()
            await self.post(text)

    async def main(client: Client) -> None:
        await asyncio.gather(client.send("to Ada"), client.send("to Bob"))

## Missed alarms
Values that a call does not compute from its arguments, such as the time; values that other methods read, too, because they may
be meant to stay; collections that each call empties and fills. Between threads, objects that only callers outside of the module
share, unless they are applications, middlewares or admin pages of a server, decorate functions, or register two hooks for the same job.
Where several modules are there and one of them uses this one, that callers outside may run two units at once is too little for the
default: low confidence.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import first_word
from racelint.pattern.hooks import kept_by_hooks
from racelint.pattern.module import Module
from racelint.pattern.per_call import mixed_calls
from racelint.pattern.read_back import found_again
from racelint.pattern.rows import row_evidence
from racelint.pattern.settings import set_for_all
from racelint.pattern.unit import Unit
from racelint.pattern.waiter_slots import overwritten_waiters
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A write of what this call was given, a switch, and a read that takes it for the same value."""
    yield from hooks(module)
    for unit in module.units:
        yield from settings(module, unit)
        yield from entries(module, unit)
        yield from waiters(module, unit)
        for mixed in mixed_calls(unit):
            write, read, switch = mixed.pair.first, mixed.pair.second, mixed.pair.switch
            once = (
                first_word(unit.facts.name) in module.models.lifecycle
            )  # whoever starts or sets up an object does so once
            name = write.resource.shown
            meanwhile = f" at the await on line {module.line(switch)}" if switch is not None else " in between"
            yield module.finding(
                RULE,
                unit,
                read,
                ((Role.WRITE, write), *(((Role.SWITCH, switch),) if switch is not None else ()), (Role.READ, read)),
                f"`{name}` is set from an argument on line {module.line(write)} and read back here; another call may set "
                f"its own value{meanwhile}",
                mixed.evidence.weakened()
                if once or mixed.evidence.public or mixed.evidence.at_lock
                else mixed.evidence,
                mixed.world,
                name,
                Fix(f"keep the value in a local and hand it on as an argument, or make `{name}` a `ContextVar`"),
            )


def entries(module: Module, unit: Unit) -> Iterator[Finding]:
    """An entry of a store that all calls set, and of which each expects to find its own."""
    for write, read, removal in found_again(unit):
        name = write.resource.name
        does = f"removes it as line {module.line(removal)} does" if removal is not None else "sets its own value"
        yield module.finding(
            RULE,
            unit,
            read,
            ((Role.WRITE, write), (Role.READ, read)),
            f"`{name}` is set on line {module.line(write)} and looked for here, under a key that all calls share; another call that "
            f"{does} in between makes this one fail",
            row_evidence(unit, read, write),
            World.PROCESSES,
            name,
            Fix("make the key one of this call alone, with `uuid4()` in it"),
        )


def waiters(module: Module, unit: Unit) -> Iterator[Finding]:
    """The future by which a call waits, in the one place of the object that all calls have for it."""
    for write, wait, asserted, completer, evidence in overwritten_waiters(unit):
        name = write.resource.shown
        fails = (
            "fails at the assertion" if asserted else f"puts its own there, and `{completer}` never completes the first"
        )
        yield module.finding(
            RULE,
            unit,
            write,
            ((Role.WRITE, write), (Role.SWITCH, wait)),
            f"`{name}` holds the future by which this call waits on line {module.line(wait)}; another call that comes meanwhile {fails}",
            evidence,
            World.TASKS,
            name,
            Fix(f"hold a lock over it, keep one future for each call, or let all calls wait for the one in `{name}`"),
            "lost waiter",
        )


def settings(module: Module, unit: Unit) -> Iterator[Finding]:
    """Something of the whole process that a thread sets for its own work."""
    for mark, work, evidence in set_for_all(unit):
        yield module.finding(
            RULE,
            unit,
            mark,
            ((Role.WRITE, mark), (Role.READ, work)),
            f"`{mark.subject}` sets it for the whole process here, and line {module.line(work)} goes by it; another thread that does the "
            "same meanwhile sets it otherwise",
            evidence,
            World.THREADS,
            mark.subject,
            Fix(
                "hand it on as an argument (a full path, a file to write to), hold one lock from here to the end of the work, or work "
                "in processes"
            ),
        )


def hooks(module: Module) -> Iterator[Finding]:
    """A read of what an earlier hook of the same object keeps there for one of several jobs."""
    for unit in module.units:
        for kept in kept_by_hooks(unit):
            name = kept.read.resource.shown
            yield module.finding(
                RULE,
                unit,
                kept.read,
                ((Role.WRITE, kept.write), (Role.READ, kept.read)),
                f"`{name}` is set by `{kept.setter}` on line {module.line(kept.write)} and read back here; the object is shared, so another "
                "call may set its own value in between",
                kept.evidence,
                World.THREADS,
                name,
                Fix(f"keep the value with what is worked on, or make `{name}` a `ContextVar`"),
            )


RULE = Rule(
    "RL109",
    "per-call-state",
    (World.TASKS, World.THREADS, World.PROCESSES),
    "values of two calls are mixed",
    __doc__,
    find,
    needs=(Need.PER_CALL_STATE, Need.WAITER_SLOT, Need.KEPT_BY_HOOK, Need.PROCESS_SETTING, Need.STORE_UPDATE),
    believes_callers=False,
)
