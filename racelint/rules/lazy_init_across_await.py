"""Something is created because it is missing, and stored only after an await.

Other tasks find it missing too while the first one waits: it is created twice, and all but the last leak. The other way round,
where a flag says that all is ready before the await that makes it so, others go on with what is not there yet.

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
Where several modules are there and one of them uses this one, that callers outside may run two units at once is too little for the
default: low confidence.
"""

from collections.abc import Iterable

from racelint.creation import made_across_await
from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern.half_made import published_half_made
from racelint.pattern.half_ready import ready_too_early
from racelint.pattern.lone import believed
from racelint.pattern.module import Module
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Checked absent, switch, written present, not claimed before."""
    for unit in module.units:
        yield from half_ready(module, unit)
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
                believed(unit, evidence, pair.second),
                World.TASKS,
                name,
                Fix("hold one lock over test and creation, store the task before awaiting it, or use `init_once`"),
            )


def half_ready(module: Module, unit: Unit) -> Iterable[Finding]:
    """The flag changed, then the awaited work that it stands for; and somebody relies on it."""
    for check, claim, switch, user, evidence in ready_too_early(unit):
        name = claim.resource.shown
        yield module.finding(
            RULE,
            unit,
            claim,
            ((Role.CHECK, check), (Role.WRITE, claim), (Role.SWITCH, switch)),
            f"`{name}` is set here, before the work at the await on line {module.line(switch)} is done; who comes meanwhile finds it "
            f"set, and `{user}` goes on with what is not ready",
            evidence,
            World.TASKS,
            name,
            Fix(f"hold one lock over test, work and flag, and set `{name}` last; or keep the task and await it"),
            "half-made state used",
        )
    for check, claim, switch, evidence in published_half_made(unit):
        name = claim.resource.shown
        yield module.finding(
            RULE,
            unit,
            claim,
            ((Role.CHECK, check), (Role.WRITE, claim), (Role.SWITCH, switch)),
            f"`{name}` is put here before it is ready, which it is after the await on line {module.span(switch.site).line}; who comes "
            "meanwhile finds it there and goes on with it",
            evidence,
            World.TASKS,
            name,
            Fix(f"make it ready under a local name, then set `{name}`; or hold one lock over all of it"),
            "half-made state used",
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
        Need.FLAG_OF_TASKS,
    ),
    believes_callers=False,
)
