"""Flags that say that something is ready before the awaited work which makes it so."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Resource, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.drivers import used_by_one
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same


def ready_too_early(unit: Unit) -> Iterator[tuple[Access, Access, Switch, str, Evidence]]:
    """The test of a flag, its change before the await, the await, who relies on what comes of it, and why two come at once.

    Who finds the flag changed goes on at once, without what is only being made.
    """
    function = unit.facts
    if not function.is_async or unit.is_constructor:
        return
    for claim in unit.accesses(Op.WRITE, kinds=INTERNAL if function.owner else (Kind.GLOBAL,)):
        if (
            claim.value.shape not in (Shape.TRUE, Shape.FALSE)
            or claim.how != "="
            or claim.place.unit != function.qualname
        ):
            continue
        wanted = Sense.ABSENT if claim.value.shape is Shape.TRUE else Sense.PRESENT
        check = next(
            (
                look
                for number, sense in claim.control
                if sense is wanted
                and number in claim.fresh
                and (look := unit.access(number)) is not None
                and same(look.resource, claim.resource)
                and look.how != "while"
            ),
            None,
        )
        if check is None or taken_back(unit, claim) or not seen_outside(unit, claim):
            continue
        if any(
            (look := unit.access(n)) is None or not same(look.resource, claim.resource) for n in claim.controlled_by
        ):
            continue
        made = list(_made_later(unit, check, claim))
        resources = [resource for _, resource in made]
        found = (_used_by_itself(unit, check, resources) or _relied_on(unit, claim, resources)) if made else None
        if found is not None:
            yield check, claim, made[0][0], *found


def taken_back(unit: Unit, claim: Access) -> bool:
    """Whether the unit sets the flag back where nothing fails, too: then it only says that somebody is at work."""
    back = {
        write.id
        for write in unit.accesses(Op.WRITE, kinds=INTERNAL)
        if same(write.resource, claim.resource) and write.value.shape is not claim.value.shape
    }
    handlers = {mark.id for mark in unit.marks("handler")}
    seen, todo = {claim.id}, [claim.id]
    while todo:
        followers = [number for number in unit.flow.after[todo.pop()] if number not in seen and number not in handlers]
        seen.update(followers)
        todo.extend(followers)
    return not back.isdisjoint(seen)


def seen_outside(unit: Unit, claim: Access) -> bool:
    """Whether the flag is also tested where the locks are not held that are held when it is changed."""
    locks = {lock.id for lock in unit.locked_at(claim)}
    return not locks or any(
        same(look.resource, claim.resource) and not locks & look.held and unit.before(look.id, claim.id)
        for look in unit.accesses(Op.CHECK, kinds=INTERNAL)
    )


def _made_later(unit: Unit, check: Access, claim: Access) -> Iterator[tuple[Switch, Resource]]:
    """What is set, or begun by an await, after the first await that follows the change of the flag, and because of the test."""
    switches = [s for s in unit.switches() if s.id > claim.id and check.id in {number for number, _ in s.control}]
    if not switches:
        return
    first = switches[0]
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL):
        if (
            write.id > first.id
            and check.id in write.controlled_by
            and write.resource.owner == claim.resource.owner
            and (write.how in FILLS if write.op is Op.UPDATE or write.resource.key else True)
            and not same(write.resource, claim.resource)
            and not write.value.shape.absent
            and missing_at_first(unit, write.resource)
        ):
            yield first, write.resource
    for switch in switches:
        if switch.used is not None and switch.callee.lstrip("_").partition("_")[0] in BEGINNINGS:
            yield switch, switch.used


FILLS = frozenset({"[]", "append", "add", "update", "extend", "setdefault"})
"""How a collection gets what it lacks."""

BEGINNINGS = frozenset(
    {"init", "initialize", "initialise", "setup", "connect", "open", "start", "load", "login", "authenticate", "aenter"}
)
"""First words of calls that make the object ready whose method they are."""


def missing_at_first(unit: Unit, resource: Resource) -> bool:
    """Whether new objects have nothing there, or the module when it is imported."""
    scope = unit.module.scope
    if resource.kind is Kind.GLOBAL:
        return not resource.path.count(".") and scope.assigned.get(resource.path) in ("none", "empty", "false")
    first = [w for f, w in scope.attribute_writes(resource.owner, resource.path) if scope.in_construction(f, w)]
    return all(write.shape in ("none", "empty", "false") for write in first)


def _used_by_itself(unit: Unit, check: Access, made: list[Resource]) -> tuple[str, Evidence] | None:
    """The unit itself, if it uses what it makes where it finds the flag set, and the evidence that several come at once."""
    for access in unit.accesses(Op.READ, Op.USE, kinds=INTERNAL):
        if (
            check.id not in access.controlled_by
            and any(same(access.resource, resource) for resource in made)
            and comes_at_once(unit, check, access)
        ):
            name = unit.facts.qualname
            found = unit.module.concurrency.overlap(name, name, "tasks", access.resource)
            return (unit.facts.name, found) if found is not None and found.strength is not Confidence.LOW else None
    return None


def comes_at_once(unit: Unit, first: Access, later: Access) -> bool:
    """Whether there is a way from one access to the other on which nothing is waited for."""
    seen, todo = {first.id}, [first.id]
    while todo:
        for number in unit.flow.after[todo.pop()]:
            if number == later.id:
                return True
            if number not in seen and number <= later.id and not isinstance(unit.events[number], Switch):
                seen.add(number)
                todo.append(number)
    return False


def _relied_on(unit: Unit, claim: Access, made: list[Resource]) -> tuple[str, Evidence] | None:
    """A caller that awaits the unit, then uses what it makes; and the evidence that several come at once."""
    concurrency = unit.module.concurrency
    users = {
        caller.qualname: caller
        for caller, call in concurrency.callers.get(unit.facts.qualname, ())
        if call.awaited
        and caller.owner
        and caller.qualname != unit.facts.qualname
        and call.line == min(other.line for other in caller.calls if other.awaited)
        and _uses(unit, caller, made)
    }
    for user in users.values():
        found = concurrency.overlap(user.qualname, user.qualname, "tasks", claim.resource)
        if found is not None and found.strength is not Confidence.LOW:
            return user.name, found
    public = [user.name for user in users.values() if user.is_async and not user.name.startswith("_")]
    if len(public) > 1 and not used_by_one(unit, unit.facts.owner):
        one, other, *_ = public
        text = f"`{one}` and `{other}` both make sure of it first, and callers may run them at once"
        return one, Evidence(text, Confidence.MEDIUM)
    return None


def _uses(unit: Unit, caller: FunctionFacts, made: list[Resource]) -> bool:
    """Whether the caller, or what it calls besides the unit, looks at any of what is made."""
    wanted = {"." + resource.path for resource in made}
    scope = unit.module.scope
    others = set(unit.module.concurrency.runs(caller.qualname)) - set(unit.module.concurrency.runs(unit.facts.qualname))
    return any(
        "." + ".".join(read.split(".")[1:2]) in wanted
        for name in sorted(others)
        if (function := scope.functions.get(name)) is not None
        for read in function.reads
    )
