"""Something is closed with an await and only then forgotten: `await self._c.close(); self._c = None`.

While it is being closed, other tasks still find and use it; and a replacement that is made meanwhile is forgotten by the
assignment, so it leaks. So is a successor's entry that a run takes out of a dictionary at its end, whoever has put it there
(`self.sockets[user] = ws`, … `finally: self.sockets.pop(user)`), and a connection that one of two tasks opens anew over the
other's.

## Example
    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def start(self) -> None:
        self._client = Client()

## Use instead
    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def start(self) -> None:
        self._client = Client()

## Missed alarms
Objects that are torn down by a function which gets them as an argument.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import CONSTRUCTORS, Access, Confidence, Evidence, Op, Resource, Shape, Switch, first_word
from racelint.pattern.module import Module
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.reopened import reopened_by_two
from racelint.pattern.replaced import replaced_meanwhile
from racelint.pattern.successors import successor_taken_out, taken_out_by_callback
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Used by an awaited call, switch, then set to nothing without looking again; and another unit sets it to something."""
    for unit in module.units:
        for pair, evidence in teardowns(unit):
            if pair.switch is None:
                continue
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{name}` is torn down at the await on line {module.line(pair.switch)} and forgotten here; a replacement that "
                "another task makes meanwhile is lost",
                evidence,
                World.TASKS,
                name,
                Fix(f"take it out first (`old, {name} = {name}, None`), then close the old one"),
            )
        yield from successors(module, unit)
        yield from reopened(module, unit)


def successors(module: Module, unit: Unit) -> Iterator[Finding]:
    """An entry that is put under a key which comes again, and taken out at the end, though it may be another run's by then."""
    for put, switch, act, evidence in successor_taken_out(unit):
        name = act.resource.shown
        yield module.finding(
            RULE,
            unit,
            act,
            ((Role.WRITE, put), (Role.SWITCH, switch), (Role.ACT, act)),
            f"`{name}` is put there on line {module.line(put)} and taken out here, after the await on line {module.line(switch)}, "
            "whatever is there; if another run has put its own there meanwhile, that is lost",
            evidence,
            World.TASKS,
            name,
            Fix(f"take `{name}` out only if it is still the one that was put there"),
        )

    for put, mark, evidence in taken_out_by_callback(unit):
        name = put.resource.shown
        yield module.finding(
            RULE,
            unit,
            mark,
            ((Role.WRITE, put), (Role.ACT, mark)),
            f"`{name}` is put there on line {module.line(put)}, and the callback here takes out whatever is there when the task has "
            "ended; if another one has been put there meanwhile, that is lost",
            evidence,
            World.TASKS,
            name,
            Fix(f"take `{name}` out only if it is still the task that has ended"),
        )


def reopened(module: Module, unit: Unit) -> Iterator[Finding]:
    """Ended, then replaced after an await, by each of two tasks."""
    for end, switch, write, evidence in reopened_by_two(unit):
        name = write.resource.shown
        yield module.finding(
            RULE,
            unit,
            write,
            ((Role.ACT, end), (Role.SWITCH, switch), (Role.WRITE, write)),
            f"`{name}` is ended on line {module.line(end)} and replaced here, after the await on line {module.line(switch)}; what "
            "another task puts there meanwhile is overwritten and never ended",
            evidence,
            World.TASKS,
            name,
            Fix(f"hold one lock over it, and look under the lock whether `{name}` is still the one that failed"),
        )


def teardowns(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Awaited on the object, then the resource set to nothing; and who sets it to something meanwhile."""
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if write.value.shape is not Shape.NONE or write.resource.key:
            continue
        for switch in reversed(list(unit.switches())):  # of several teardowns the one nearest to the write
            if switch.used is None or not same(switch.used, write.resource):
                read = next(
                    (
                        a
                        for n in sorted(switch.stems)
                        if (a := unit.access(n)) is not None and same(a.resource, write.resource)
                    ),
                    None,
                )
            else:
                read = last_read(unit, write.resource, switch.id)
            if (
                read is None
                or switch.id > write.id
                or not ends(unit, switch)
                or (switch.callee == "" and started_here(unit, read))
                or not unit.before(switch.id, write.id)
                or unit.fresh(write, write.resource) is not None
                or swapped(unit, write)
            ):
                continue
            if (
                unit.guarded(read, write)
                or written_between(unit, read, switch, write.resource)
                or read.id in write.fresh
            ):
                break
            if unit.kept_out(read, write):
                break
            evidence = replaced_meanwhile(unit, write.resource)
            if evidence is not None and ends_object(unit, write, evidence) and not begun_by_others(unit, write):
                evidence = evidence.weakened()  # whoever ends an object does not begin it meanwhile
            if evidence is not None and unit.facts.name == "__aexit__":
                evidence = (
                    evidence.weakened()
                )  # whoever has entered the object leaves it, before anybody enters it again
            if evidence is not None and makes_another(unit, write):
                evidence = evidence.weakened()  # who else comes then is mostly kept out, as both would make one
            if evidence is not None:
                yield Pair(unit, read, write, switch), evidence
                break


ENDS = frozenset(
    "stop close aclose shutdown cleanup clean disconnect teardown unload terminate end exit finish finalize reset".split()
)
"""First words of functions that end an object."""


def ends_object(unit: Unit, write: Access, evidence: Evidence) -> bool:
    """Whether the function is there to end its object, by its name: `_partial_shutdown`. Who resets one goes on with it.

    So does who calls the function and then puts something else there.
    """
    if evidence.strength is Confidence.MEDIUM and first_word(unit.facts.name) in ENDS:
        return True
    words = unit.facts.name.lower().split("_")
    return not ENDS.isdisjoint(words) and "reset" not in words and not made_anew_after(unit, write)


def begun_by_others(unit: Unit, write: Access) -> bool:
    """Whether what puts something into the resource and what ends it are asked for by requests of two kinds, and by nothing else.

    Those come from different people, who do not wait for each other. Events of one client, which come in turn, are no requests.
    """
    enders = requested(unit, unit.facts.qualname)
    beginners = [
        requested(unit, function.qualname)
        for function, change in unit.module.concurrency.writers(write.resource)
        if change.shape not in ("none", "false") and function.name not in CONSTRUCTORS
    ]
    return bool(enders) and any(begun and begun.isdisjoint(enders) for begun in beginners)


def requested(unit: Unit, qualname: str) -> frozenset[str]:
    """The handlers of web requests that lead to a function, if nothing else does; none if it is run otherwise, too."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(qualname, ())]
    if any(not root.processes and not root.public for root in roots):
        return frozenset()
    return frozenset(root.unit for root in roots if root.handler and root.many and root.processes)


def made_anew_after(unit: Unit, write: Access) -> bool:
    """Whether a function that calls the unit puts something into the resource afterwards, itself or by a function that it calls."""
    concurrency = unit.module.concurrency
    makers = {f.qualname for f, change in concurrency.writers(write.resource) if change.shape not in ("none", "false")}
    return any(
        other.line > call.line
        and not makers.isdisjoint(
            name for target in concurrency.target(other.callee, caller) for name in concurrency.runs(target.qualname)
        )
        for caller, call in concurrency.callers.get(unit.facts.qualname, ())
        for other in caller.calls
    )


def swapped(unit: Unit, write: Access) -> bool:
    """Whether the statement that forgets it takes out what is there by then: `old, self._c = self._c, None`."""
    return any(
        read.statement == write.statement
        and read.place.unit == write.place.unit
        and same(read.resource, write.resource)
        for read in unit.accesses(Op.READ, Op.CHECK)
    )


def ends(unit: Unit, switch: Switch) -> bool:
    """Whether what is awaited ends the object: a call that closes it, or the object itself, awaited to its end."""
    if switch.callee in unit.module.models.idempotent or switch.callee in ("gather", "wait", "wait_for", "shield"):
        return True
    return switch.callee in ("", "async with") and switch.used is not None


def started_here(unit: Unit, read: Access) -> bool:
    """Whether the unit itself has put there what it awaits: it waits for its own work."""
    return any(
        same(write.resource, read.resource)
        and write.id < read.id
        and not write.value.shape.absent
        and unit.before(write.id, read.id)
        for write in unit.accesses(Op.WRITE, kinds=INTERNAL)
    )


def makes_another(unit: Unit, write: Access) -> bool:
    """Whether the unit itself puts something there, before or after: it brings up anew what it takes down."""
    return any(
        same(other.resource, write.resource)
        and not other.value.shape.absent
        and (unit.before(other.id, write.id) or unit.before(write.id, other.id))
        for other in unit.accesses(Op.WRITE)
    )


def last_read(unit: Unit, resource: Resource, before: int) -> Access | None:
    """The last read of the resource ahead of an event."""
    reads = [
        a
        for a in unit.accesses(Op.READ, Op.CHECK, Op.USE)
        if same(a.resource, resource) and a.id < before and unit.before(a.id, before)
    ]
    return reads[-1] if reads else None


def written_between(unit: Unit, read: Access, switch: Switch, resource: Resource) -> bool:
    """Whether the unit itself sets the resource between taking and awaiting it: a swap."""
    return any(
        same(a.resource, resource) and unit.before(read.id, a.id) and read.id < a.id < switch.id
        for a in unit.accesses(Op.WRITE, Op.DELETE)
    )


RULE = Rule(
    "RL305",
    "teardown-across-await",
    (World.TASKS,),
    "lost replacement",
    __doc__,
    find,
    needs=(Need.STATE_OF_TASKS, Need.SUCCESSOR),
    believes_callers=False,
    wants_more_in_view=True,
)
