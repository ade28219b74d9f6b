"""A future is completed by a timer or after an await, without asking whether it is completed already.

Whoever waits for a future may be cancelled, and that cancels the future; a timeout or an answer may have completed it too. The
second completion raises `InvalidStateError` in the timer, or in the worker that was about to answer everybody else.

## Example
    async def worker(self) -> None:
        while True:
            future, request = await self.queue.get()
            answer = await self.ask(request)
            future.set_result(answer)

## Use instead
    async def worker(self) -> None:
        while True:
            future, request = await self.queue.get()
            answer = await self.ask(request)
            if not future.done():
                future.set_result(answer)

## Missed alarms
Futures kept in attributes that are completed after a switch point and of which nobody asked before it.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Kind, Mark, Module, Op, Switch, Unit, called_by_timer, same
from racelint.rule import Rule

CANCELLED = "whoever waits for it may be cancelled meanwhile, which completes it"


def find(module: Module) -> Iterable[Finding]:
    """A completion that no fresh question goes before: handed to a timer, in a timer's function, or after a switch point."""
    for unit in module.units:
        for mark in unit.marks("completed later"):
            yield finding(
                module,
                unit,
                mark,
                ((Role.ACT, mark),),
                mark.subject,
                "is completed by the loop later, which does not ask whether it is completed already",
            )
        shown: set[str] = set()
        for access in unit.accesses(Op.UPDATE, kinds=(Kind.FUTURE,)):
            name = access.resource.name
            if name in shown or asked(unit, access) or tolerated(access) or kept_to_itself(unit, name):
                continue
            switch = waited(unit, access)
            if switch is not None:
                shown.add(name)
                yield finding(
                    module,
                    unit,
                    access,
                    ((Role.SWITCH, switch), (Role.ACT, access)),
                    name,
                    f"is completed here without asking whether it was completed at the await on line {module.line(switch)}",
                )
            elif not access.control and access.value.born <= 0 and called_by_timer(unit):
                shown.add(name)
                yield finding(
                    module,
                    unit,
                    access,
                    ((Role.ACT, access),),
                    name,
                    "is completed by a timer, which does not ask whether it is completed already",
                )


def finding(
    module: Module,
    unit: Unit,
    at: Access | Mark,
    trace: tuple[tuple[Role, Access | Mark | Switch], ...],
    name: str,
    what: str,
) -> Finding:
    """The finding for one completion."""
    return module.finding(
        RULE,
        unit,
        at,
        trace,
        f"`{name}` {what}",
        Evidence(CANCELLED, Confidence.MEDIUM),
        World.TASKS,
        name,
        Fix(f"complete it only `if not {name}.done()`"),
    )


def asked(unit: Unit, access: Access) -> bool:
    """Whether the future was asked for its state since the last switch point, and the completion depends on the answer."""
    return any(
        (look := unit.access(number)) is not None
        and look.resource.kind is Kind.FUTURE
        and same(look.resource, access.resource)
        for number in access.controlled_by & access.fresh
    )


def tolerated(access: Access) -> bool:
    """Whether a second completion is caught on the spot."""
    return bool(access.handled & {"InvalidStateError", "Exception", "BaseException", ""})


def waited(unit: Unit, access: Access) -> Switch | None:
    """The first switch point since the unit got hold of the future, or since it last asked."""
    looks = [
        number
        for number in sorted(access.controlled_by)
        if (look := unit.access(number)) is not None and same(look.resource, access.resource)
    ]
    since = looks[-1] if looks else access.value.born
    if since < 0:
        return None
    first = unit.events[since]
    if isinstance(first, Switch) and not looks and unit.before(first.id, access.id):
        return first
    return unit.switch_between(since, access.id)


def kept_to_itself(unit: Unit, name: str) -> bool:
    """Whether the unit made the future itself and puts it nowhere, so that nobody else can complete it."""
    made = any(
        local == name and built.rpartition(".")[2] in ("create_future", "Future")
        for local, built in unit.facts.locals_built
    )
    return (
        made
        and not any(write.built_from == name for write in unit.facts.writes)
        and not any(
            name in call.arguments and call.callee.rpartition(".")[2] not in ("wait_for", "shield", "wait")
            for call in unit.facts.calls
        )
    )


RULE = Rule("RL606", "completed-twice", (World.TASKS,), "completed twice", __doc__, find, needs=(Need.COMPLETION,))
