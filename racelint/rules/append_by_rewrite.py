"""A whole document is loaded, appended to and saved back.

Two writers that load the same document each save it with their own entry only: entries are lost, often nearly all of them.

## Example
    async def add_log(self, entry: dict[str, str]) -> None:
        logs = await self.store.load("logs")
        logs.append(entry)
        await self.store.save("logs", logs)

## Use instead
    async def add_log(self, entry: dict[str, str]) -> None:
        async with self.lock:
            logs = await self.store.load("logs")
            logs.append(entry)
            await self.store.save("logs", logs)

## Missed alarms
Entries that are added by a function of another module.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, World
from racelint.need import Need
from racelint.pattern.dependence import store_updates
from racelint.pattern.module import Module
from racelint.pattern.rows import store_rival
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A load-transform-save whose transformation adds an element."""
    for unit in module.units:
        for pair in store_updates(unit):
            evidence = store_rival(unit, pair)
            if not pair.second.value.appended or evidence is None:
                continue
            name = pair.second.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                pair.steps,
                f"`{name}` is loaded whole on line {module.line(pair.first)}, appended to and saved back here; "
                "entries that another unit saves in between are lost",
                evidence,
                pair.world,
                name,
                Fix(
                    "append in one atomic step: a queue with a single writer (`LogWriter`), a row for each entry, or one lock over all three"
                ),
            )


RULE = Rule(
    "RL104",
    "append-by-rewrite",
    (World.PROCESSES, World.TASKS),
    "lost entries",
    __doc__,
    find,
    needs=(Need.STORE_UPDATE,),
)
