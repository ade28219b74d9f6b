"""An entry of a shared collection is found missing, made and inserted, and others can do so, too.

Two units make an entry for the same key: the first one leaks, and callers hold different objects for one key. Where the
entry is a lock, it guards nothing. Who looks for a member, does something for it and only then notes it does so twice.

## Example
    async def channel(self, name: str) -> Channel:
        if name not in self.channels:
            self.channels[name] = await self.connect(name)
        return self.channels[name]

    async def close(self) -> None:
        for channel in list(self.channels.values()):
            await channel.aclose()

## Use instead
    async def channel(self, name: str) -> Channel:
        async with self.lock:
            if name not in self.channels:
                self.channels[name] = await self.connect(name)
            return self.channels[name]

    async def close(self) -> None:
        for channel in list(self.channels.values()):
            await channel.aclose()

## Missed alarms
Plain values are left alone: computing one twice costs time and nothing else.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable

from racelint.creation import made_across_await, made_without_lock
from racelint.finding import Finding, Fix, Role, World
from racelint.frozen import replace
from racelint.need import Need
from racelint.pattern import Access, Confidence
from racelint.pattern.added import added_without_lock, kept_apart
from racelint.pattern.counters import own_to_task, own_to_thread
from racelint.pattern.lone import believed
from racelint.pattern.module import Module
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Checked missing, then inserted: across a switch point, or between threads without a lock."""
    for unit in module.units:
        for pair, evidence in made_across_await(unit, keyed=True):
            if pair.switch is None or own_to_task(unit, pair.second):
                continue
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{name}` is found missing on line {module.line(pair.first)} and inserted here after the await on line "
                f"{module.line(pair.switch)}; another task can insert its own meanwhile",
                believed(unit, evidence, pair.second),
                World.TASKS,
                name,
                Fix("hold one lock over test and insertion, or insert the task or a placeholder before awaiting"),
            )
        for pair, _, found in made_without_lock(unit, keyed=True):
            apart = keyed_by_argument(unit, pair.second) or own_to_thread(unit, pair.second)
            evidence = found.weakened() if apart else replace(found, strength=Confidence.LOW) if found.public else found
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is found missing on line {module.line(pair.first)} and inserted here; another thread can insert its "
                "own in between",
                believed(unit, evidence, pair.second),
                World.THREADS,
                name,
                Fix("use `setdefault`, `init_once` for each key, or one lock over test and insertion"),
            )
        for check, insert, evidence in kept_apart(unit):
            name = check.resource.shown
            yield module.finding(
                RULE,
                unit,
                insert,
                ((Role.CHECK, check), (Role.WRITE, insert)),
                f"`{name}` is found missing on line {module.line(check)} and inserted here, but what `setdefault` answers is not "
                "looked at; if another thread was faster, what is made here is used by nobody else",
                evidence,
                World.THREADS,
                name,
                Fix("go on with what `setdefault` answers"),
            )
        for pair, evidence, twice in added_without_lock(unit):
            name = pair.first.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.ACT, pair.second)),
                f"`{name}` is found missing on line {module.line(pair.first)} and added here; another thread can find it missing, "
                f"too, and {'it is in there twice' if twice else 'both go on'}",
                evidence,
                World.THREADS,
                name,
                Fix("hold one lock over test and addition"),
                "done twice",
            )


def keyed_by_argument(unit: Unit, write: Access) -> bool:
    """Whether the key is the identity of an object that the unit was given: as a rule, each job has an object of its own."""
    name = write.resource.key.removeprefix("id(").removesuffix(")")
    return write.resource.key == f"id({name})" and name in [given for given, *_ in unit.facts.params]


RULE = Rule(
    "RL304",
    "check-then-insert",
    (World.TASKS, World.THREADS),
    "double initialisation",
    __doc__,
    find,
    needs=(
        Need.STATE_OF_TASKS,
        Need.MADE_BY_TASKS,
        Need.STATE_OF_THREADS,
    ),
    believes_callers=False,
    wants_more_in_view=True,
)
