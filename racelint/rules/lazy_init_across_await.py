"""Something is created because it is missing, and stored only after an await.

Other tasks find it missing too while the first one waits: it is created twice, and all but the last leak.

## Example
    async def session(self) -> Session:
        if self._session is None:
            self._session = await self.connect()
        return self._session

## Use instead
    async def session(self) -> Session:
        async with self._lock:
            if self._session is None:
                self._session = await self.connect()
        return self._session

## Missed alarms
Values that are found to be missing by another object's method.
"""

from collections.abc import Iterable

from racelint.creation import made_across_await
from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Checked absent, switch, written present, not claimed before."""
    for unit in module.units:
        for pair, evidence in made_across_await(unit, keyed=False):
            if pair.switch is None:
                continue
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{name}` is found missing on line {module.line(pair.first)} and set here after the await on line "
                f"{module.line(pair.switch)}; other tasks find it missing too and do the same work",
                evidence,
                World.TASKS,
                name,
                Fix("hold one lock over test and creation, store the task before awaiting it, or use `init_once`"),
            )


RULE = Rule(
    "RL303",
    "lazy-init-across-await",
    (World.TASKS,),
    "double initialisation",
    __doc__,
    find,
    needs=(
        Need.STATE_OF_TASKS,
        Need.MADE_BY_TASKS,
    ),
)
