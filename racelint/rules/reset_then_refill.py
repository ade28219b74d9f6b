"""A shared collection is emptied and then filled again across a switch point.

Whoever looks meanwhile finds it empty or half full: entries seem to be gone, defaults are used, work is done again. Between
threads that takes no await: one fills the collection in a loop while another one looks. Tasks that are started for it may fill
it, too.

## Example
    async def refresh(self) -> None:
        self.users = {}
        async for user in self.fetch_users():
            self.users[user.name] = user

    async def start(self) -> None:
        asyncio.create_task(self.refresh())

    async def find(self, name: str) -> User | None:
        return self.users.get(name)

## Use instead
    async def refresh(self) -> None:
        users = {}
        async for user in self.fetch_users():
            users[user.name] = user
        self.users = users

    async def start(self) -> None:
        asyncio.create_task(self.refresh())

    async def find(self, name: str) -> User | None:
        return self.users.get(name)

## Missed alarms
Collections that are filled by another object, and those of threads that the module does not start itself.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence, Kind, Op, Shape
from racelint.pattern.lone import believed
from racelint.pattern.module import Module
from racelint.pattern.pair import Pair
from racelint.pattern.refilled import refilled_by_tasks
from racelint.pattern.rivals import read_meanwhile
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Emptied, switch, filled in a loop, with no lock over both; and another unit reads it."""
    for unit in module.units:
        for pair, evidence in refills(unit):
            name = pair.first.resource.name
            if pair.switch is None:
                continue
            yield module.finding(
                RULE,
                unit,
                pair.first,
                ((Role.WRITE, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{name}` is emptied here and filled again on line {module.line(pair.second)}, after the await on line "
                f"{module.line(pair.switch)}; whoever looks meanwhile finds it half full",
                believed(unit, evidence, pair.first),
                World.TASKS,
                name,
                Fix(f"fill a local collection, then assign it to `{name}` in one step"),
            )
        for reset, switch, fill, evidence in refilled_by_tasks(unit, FILLS):
            name = reset.resource.name
            yield module.finding(
                RULE,
                unit,
                reset,
                ((Role.WRITE, reset), (Role.SWITCH, switch), (Role.WRITE, fill)),
                f"`{name}` is emptied here and filled again on line {module.line(fill)}, by tasks that run at the await on line "
                f"{module.line(switch)}; whoever looks meanwhile finds it half full",
                believed(unit, evidence, reset),
                World.TASKS,
                name,
                Fix(f"let the tasks fill a local collection, then assign it to `{name}` in one step"),
            )
        for pair, evidence in refilled_by_threads(unit):
            name = pair.first.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.first,
                ((Role.WRITE, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is emptied here and filled again on line {module.line(pair.second)} with no lock over both; a thread that "
                "looks meanwhile finds it half full",
                evidence,
                World.THREADS,
                name,
                Fix(f"fill a local collection, then assign it to `{name}` in one step"),
            )


def refilled_by_threads(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """What a thread empties and fills again in a loop with no lock over both, and who reads it meanwhile in another thread."""
    if unit.is_constructor or unit.facts.is_async or unit.module.concurrency.called_under_lock(unit.facts):
        return
    for reset in unit.accesses(Op.WRITE, Op.DELETE, kinds=(Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL)):
        if reset.value.shape is not Shape.EMPTY or reset.resource.key or reset.how not in ("=", "clear"):
            continue
        if taken_out(unit, reset):
            continue
        for fill in unit.accesses(Op.WRITE, Op.UPDATE):
            if fill.resource.place != reset.resource.place or fill.how not in FILLS or not one_step(unit, reset, fill):
                continue
            if unit.guarded(reset, fill, World.THREADS) or unit.only_after_error(reset, fill):
                continue
            evidence = read_meanwhile(unit, reset.resource, World.THREADS)
            if evidence is not None and evidence.strength is Confidence.HIGH and not evidence.public:
                yield Pair(unit, reset, fill), evidence
                break


def refills(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """What the unit empties and fills again in a loop after a switch point, and who reads it meanwhile."""
    if unit.is_constructor or not unit.facts.is_async:
        return
    for reset in unit.accesses(Op.WRITE, Op.DELETE, kinds=(Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL)):
        if reset.value.shape is not Shape.EMPTY or reset.resource.key or reset.how not in ("=", "clear"):
            continue
        for fill in unit.accesses(Op.WRITE, Op.UPDATE):
            if fill.resource.place != reset.resource.place or fill.how not in FILLS or not one_step(unit, reset, fill):
                continue
            between = (s for s in unit.switches_between(reset.id, fill.id) if reset.id < s.id < fill.id)
            switch = next(between, None)
            if switch is None or unit.guarded(reset, fill) or put_in_at_once(unit, reset) or taken_out(unit, reset):
                continue
            evidence = read_meanwhile(unit, reset.resource)
            if evidence is not None:
                yield Pair(unit, reset, fill, switch), evidence
                break


FILLS = ("[]", "append", "add", "extend", "update", "setdefault", "insert")


def one_step(unit: Unit, reset: Access, fill: Access) -> bool:
    """Whether the filling belongs to the emptying: the same function or helper, many entries, and no other branch."""
    here = reset.place.unit == unit.facts.qualname or reset.site == fill.site
    many = fill.how in ("update", "extend") or any(
        reset.id < loop.id < fill.id and unit.before(fill.id, loop.id) for loop in unit.marks("loop")
    )
    return here and many and reset.id < fill.id and reset.controlled_by <= fill.controlled_by


def put_in_at_once(unit: Unit, reset: Access) -> bool:
    """Whether something is put in before the first switch point: what is there is meant to be seen."""
    return any(
        same(a.resource, reset.resource) and a.how in FILLS and reset.id in a.fresh
        for a in unit.accesses(Op.WRITE, Op.UPDATE)
    )


def taken_out(unit: Unit, reset: Access) -> bool:
    """Whether the unit took what was there before it emptied the collection: a queue that is served, not a table."""
    return any(
        same(read.resource, reset.resource) and read.id in reset.fresh and (reset.how == "=" or read.id != reset.id - 1)
        for read in unit.accesses(Op.READ)
    )


RULE = Rule(
    "RL110",
    "reset-then-refill",
    (World.TASKS, World.THREADS),
    "half-filled collection seen",
    __doc__,
    find,
    needs=(Need.REFILL,),
)
