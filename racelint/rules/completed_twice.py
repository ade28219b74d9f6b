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

The same goes for a future in an attribute that one callback completes and another one cancels, where both leave it in its place;
and for one that is awaited with a limit (`wait_for(self.answer, 5)`), or that a callback of its own takes away: it is cancelled at
once, and both run only later. So it does for a future in a collection (`self.waiting[number] = answer`) that stands there until
whoever waited for it with a limit runs again, or that stays there when who waited is cancelled.

## Missed alarms
Futures kept in attributes that are completed after a switch point and of which nobody asked before it.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Kind, Mark, Op, Switch, made_future
from racelint.pattern.given_up import given_up, nobody_cancels
from racelint.pattern.module import Module
from racelint.pattern.rivals import called_by_timer
from racelint.pattern.still_listed import still_listed
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule

TIMERS = frozenset({"call_later", "call_at"})
"""Calls of a loop that run what they are given when time has passed; what runs at once is seldom too late."""

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
                Confidence.MEDIUM if mark.related & TIMERS else Confidence.LOW,
            )
        shown: set[str] = set()
        for access in unit.accesses(Op.UPDATE, kinds=(Kind.FUTURE,)):
            name = access.resource.name
            if access.place.unit != unit.facts.qualname:
                continue  # a helper is a unit of its own
            if name in shown or asked(unit, access) or tolerated(unit, access) or kept_to_itself(unit, access):
                continue
            sure = Confidence.MEDIUM if is_future(unit, access) else Confidence.LOW
            switch = waited(unit, access)
            ender = ended_by(unit, access)
            reason = (given_up(unit, access) or still_listed(unit, access)) if switch is None and not ender else ""
            if reason and sure is Confidence.LOW and access.how == "set_exception":
                sure = Confidence.MEDIUM
            if ender and sure is Confidence.MEDIUM:
                shown.add(name)
                yield finding(
                    module,
                    unit,
                    access,
                    ((Role.ACT, access),),
                    name,
                    f"is completed here without asking whether `{ender}` ended it before; it stays in its place until the one who "
                    "waits for it runs again",
                    sure,
                )
            elif switch is not None:
                shown.add(name)
                sure = Confidence.LOW if nobody_cancels(unit, access) else sure
                yield finding(
                    module,
                    unit,
                    access,
                    ((Role.SWITCH, switch), (Role.ACT, access)),
                    name,
                    f"is completed here without asking whether it was completed at the await on line {module.line(switch)}",
                    sure,
                )
            elif reason and sure is Confidence.MEDIUM:
                shown.add(name)
                yield finding(
                    module,
                    unit,
                    access,
                    ((Role.ACT, access),),
                    name,
                    f"is completed here without asking whether {reason}",
                    sure,
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
                    sure,
                )


def finding(
    module: Module,
    unit: Unit,
    at: Access | Mark,
    trace: tuple[tuple[Role, Access | Mark | Switch], ...],
    name: str,
    what: str,
    sure: Confidence,
) -> Finding:
    """The finding for one completion."""
    return module.finding(
        RULE,
        unit,
        at,
        trace,
        f"`{name}` {what}",
        Evidence(CANCELLED, sure),
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


def tolerated(unit: Unit, access: Access) -> bool:
    """Whether a second completion is caught on the spot, and not by who has then left the loop that was to complete the others."""
    if "InvalidStateError" in access.handled:
        return True
    if not access.handled & {"Exception", "BaseException", ""}:
        return False
    if not unit.repeats(access.id):
        return True
    handlers = (mark for mark in unit.marks("handler") if unit.before(access.id, mark.id))
    return any(unit.before(handler.id, access.id) for handler in handlers)


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


def kept_to_itself(unit: Unit, access: Access) -> bool:
    """Whether nobody else can complete it: made here and not handed out yet, or only through shields, or claimed as running."""
    name, line = access.resource.name, unit.module.line(access)
    calls = unit.facts.calls
    if any(call.callee == f"{name}.set_running_or_notify_cancel" for call in calls):
        return True
    if not any(local == name and made_future(built) for local, built in unit.facts.locals_built):
        return False
    chained = {write.line for write in unit.facts.writes if write.path == name and made_future(write.built_from)}
    handed = any(
        write.line < line
        and (
            write.built_from == name or (write.path != name and write.line in chained and made_future(write.built_from))
        )
        for write in unit.facts.writes
    ) or any(
        name in call.arguments
        and call.line < line
        and call.callee.rpartition(".")[2] not in ("wait_for", "shield", "wait")
        for call in calls
    )
    shielded = any(
        call.callee.endswith("shield") for function in unit.module.scope.facts.functions for call in function.calls
    )
    return not handed or shielded


def ended_by(unit: Unit, access: Access) -> str:
    """Who may have cancelled a future in an attribute, or have let it time out, and leaves it there; "" if nobody.

    Only for callbacks and other plain functions, which run between the cancellation and the next step of the one who waits.
    """
    name = access.resource.name
    owner, dot, attribute = name.partition(".")
    if unit.facts.is_async or not dot or "." in attribute or owner != "self" or not unit.facts.owner:
        return ""
    if any(write.path == name for write in unit.facts.writes):
        return ""
    scope = unit.module.scope
    family = scope.family(unit.facts.owner)
    if not any(made_future(write.built_from) for _, write in scope.attribute_writes(unit.facts.owner, attribute)):
        return ""
    for function in scope.facts.functions:
        if function.owner not in family or function.qualname == unit.facts.qualname:
            continue
        cancelled = any(call.callee == f"{name}.cancel" for call in function.calls)
        if cancelled and not function.is_async and all(write.path != name for write in function.writes):
            return function.name
    return ""


def is_future(unit: Unit, access: Access) -> bool:
    """Whether the object is known to be a future: by what it is built from, its annotation, or a result that is set."""
    name = access.resource.name
    scope = unit.module.scope
    if access.how == "set_result" or any(call.callee == f"{name}.set_result" for call in unit.facts.calls):
        return True
    parent = scope.functions.get(unit.facts.parent)
    locals_built = (*unit.facts.locals_built, *(parent.locals_built if parent is not None else ()))
    if any(local == name and made_future(built) for local, built in locals_built):
        return True
    if any(parameter == name and made_future(annotation) for parameter, annotation in unit.facts.params):
        return True
    attribute = name.rpartition(".")[2]
    return "." in name and any(
        made_future(write.built_from) for _, write in scope.attribute_writes(unit.facts.owner, attribute)
    )


RULE = Rule("RL606", "completed-twice", (World.TASKS,), "completed twice", __doc__, find, needs=(Need.COMPLETION,))
