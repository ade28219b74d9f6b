"""Two attributes that change together everywhere else are changed with a switch point between them.

Another task that runs at the switch sees one new and one old value.

## Example
    async def open(self, clock: Clock) -> None:
        self.is_open = True
        self.opened_at = await clock.now()

    async def close(self) -> None:
        self.is_open = False
        self.opened_at = None

    async def age(self) -> float | None:
        return self.opened_at if self.is_open else None

## Use instead
    async def open(self, clock: Clock) -> None:
        now = await clock.now()
        self.is_open = True
        self.opened_at = now

    async def close(self) -> None:
        self.is_open = False
        self.opened_at = None

    async def age(self) -> float | None:
        return self.opened_at if self.is_open else None

## Missed alarms
Attributes that no other method changes together.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.pattern import Access, Evidence, Kind, Module, Op, Pair, Resource, Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Two writes with a switch between, of attributes that another method changes side by side and a third place reads together."""
    for unit in module.units:
        for pair, evidence in torn_pairs(unit):
            if pair.switch is None:
                continue
            one, other = pair.first.resource.shown, pair.second.resource.shown
            yield module.finding(
                RULE, unit, pair.second, ((Role.WRITE, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{one}` (line {module.line(pair.first)}) and `{other}` (here) change together elsewhere, but here another task can "
                f"see one without the other at the await on line {module.line(pair.switch)}",
                evidence, World.TASKS, other, Fix("change both on one side of the await, or hold one lock wherever they are used"),
            )


def torn_pairs(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Changes of two attributes that belong together, with a switch between them and no guard over both."""
    writes = [a for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.ATTRIBUTE,)) if "." not in a.resource.path]
    for index, first in enumerate(writes):
        for second in writes[index + 1 :]:
            if first.resource.place == second.resource.place or first.resource.owner != second.resource.owner:
                continue
            if first.id in second.fresh or not unit.before(first.id, second.id) or unit.guarded(first, second):
                continue
            switch = unit.switch_between(first.id, second.id)
            if switch is None or also_written_near(unit, first, second):
                continue
            evidence = belong_together(unit, first.resource, second.resource)
            if evidence is not None:
                yield Pair(unit, first, second, switch), evidence


def also_written_near(unit: Unit, first: Access, second: Access) -> bool:
    """Whether either is set on the other's side of the switch as well: a change of state in steps, not a torn pair."""
    return any(
        (a.resource.place == first.resource.place and a.id in second.fresh and a.id != first.id)
        or (a.resource.place == second.resource.place and a.id != second.id and first.id in a.fresh | {n for n in first.fresh if n == a.id})
        for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE)
    )


def belong_together(unit: Unit, one: Resource, other: Resource) -> Evidence | None:
    """Another method changes both in neighbouring statements, and one that can run in between reads both."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    lines: dict[str, list[tuple[str, int]]] = {}
    for resource in (one, other):
        for function, write in concurrency.writers(resource):
            if function.qualname != unit.facts.qualname:
                lines.setdefault(function.qualname, []).append((resource.path, write.line))
    together = [
        name for name, places in lines.items()
        if any(abs(a - b) == 1 for left, a in places if left == one.path for right, b in places if right == other.path)
    ]
    if not together:
        return None
    best: Evidence | None = None
    for reader in scope.facts.functions:
        if {"self." + one.path, "self." + other.path} <= reader.reads and reader.qualname != unit.facts.qualname:
            found = concurrency.overlap(unit.facts.qualname, reader.qualname, "tasks")
            if found is not None and (best is None or found.strength.rank > best.strength.rank):
                best = Evidence(f"{found.text}; `{reader.qualname}` uses both", found.strength, found.world)
    return best


RULE = Rule("RL403", "torn-pair", (World.TASKS, World.THREADS), "torn pair", __doc__, find)
