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

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.pattern import Confidence, Evidence, Module, Op, Pair, Sense, Shape, Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Checked absent, switch, written present, not claimed before."""
    for unit in module.units:
        for pair, evidence in lazy_inits(unit):
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


MADE = (Shape.AWAITED, Shape.NEW, Shape.CALL, Shape.SPAWNED)


def lazy_inits(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Checked absent, switch, set; unless what is made is a plain value that two tasks may well compute twice."""
    for pair, sense in unit.decided():
        write = pair.second
        if write.op is not Op.WRITE or write.resource.key or write.how != "=" or write.value.shape not in MADE:
            continue
        if (
            sense is not Sense.ABSENT
            or unit.fresh(write, write.resource) is not None
            or pair.first.how == "while"
            or unit.claimed(pair.first, write)
            or unit.guarded(pair.first, write)
        ):
            continue
        evidence = unit.rival(write.resource)
        if evidence is None or not does_work(unit, pair):
            continue
        if not unit.has_side_effects(pair.first, write):
            strength = (
                Confidence.LOW
                if not unit.makes_resource(write)
                else max(evidence.strength, Confidence.MEDIUM, key=lambda s: s.rank)
            )
            evidence = Evidence(evidence.text, strength, evidence.world)
        yield pair, evidence


def does_work(unit: Unit, pair: Pair) -> bool:
    """Whether what lies between check and write is more than what tolerates being done twice."""
    idempotent = unit.module.models.idempotent
    return any(switch.callee not in idempotent for switch in unit.switches_between(pair.first.id, pair.second.id))


RULE = Rule("RL303", "lazy-init-across-await", (World.TASKS,), "double initialisation", __doc__, find)
