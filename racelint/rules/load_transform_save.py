"""A document is loaded, changed and saved in separate steps.

Another task or process can save its own change between the load and the save; the later save overwrites it.

## Example
    async def set_progress(self, task_id: str, done: float) -> None:
        state = await self.store.load(task_id)
        state["progress"] = done
        await self.store.save(task_id, state)

## Use instead
    async def set_progress(self, task_id: str, done: float) -> None:
        async with self.lock:
            state = await self.store.load(task_id)
            state["progress"] = done
            await self.store.save(task_id, state)

## Missed alarms
Stores whose calls are neither modelled nor named as a pair (`load`/`save`, `read`/`write`, `get`/`set`).
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, World
from racelint.need import Need
from racelint.pattern import Op
from racelint.pattern.dependence import store_updates
from racelint.pattern.lone import written_by_unseen
from racelint.pattern.module import Module
from racelint.pattern.own_rows import switched_by_owner
from racelint.pattern.rows import added_to, store_rival
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A store's document is written with a value computed from what was read of it."""
    for unit in module.units:
        for pair in store_updates(unit):
            if pair.second.value.appended or pair.version_check is not None:
                continue
            evidence = store_rival(unit, pair)
            if evidence is None:
                continue
            of_server = pair.second.resource.owner == "store" and added_to(pair.second)
            if evidence.public and unit.facts.is_async and unit.facts.owner and not of_server:
                evidence = (
                    evidence.weakened()
                )  # nothing says that the object is shared, nor that others mean the same entry
            if switched_by_owner(unit, pair):
                evidence = evidence.weakened()
            evidence = written_by_unseen(unit, evidence, pair.second)
            name = pair.second.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                pair.steps,
                f"`{name}` is {'counted' if pair.first.op is Op.UPDATE else 'loaded'} on line {module.line(pair.first)}, changed and saved here in a separate step; "
                "what another unit saves in between is overwritten",
                evidence,
                pair.world,
                name,
                Fix(
                    "load, change and save in one atomic step: `update_atomic`, one lock over all three, or a conditional write"
                ),
            )


RULE = Rule(
    "RL103",
    "load-transform-save",
    (World.PROCESSES, World.TASKS),
    "lost update",
    __doc__,
    find,
    needs=(Need.STORE_UPDATE,),
    wants_more_in_view=True,
)
