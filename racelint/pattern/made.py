"""What a write makes: whether it leaks or matters when it is made twice."""

from __future__ import annotations

from racelint.events import Access, Kind, Mark, Op, Resource, Shape
from racelint.expressions import expression
from racelint.pattern.unit import Unit, same
from racelint.words import first_word


def makes_resource(unit: Unit, write: Access) -> bool:
    """Whether the value is something that leaks or matters when it is made twice: a connection, a task, a client."""
    return makes_known_resource(unit, write) or torn_down(unit, write.resource)


def makes_known_resource(unit: Unit, write: Access) -> bool:
    """The same as far as the value itself says so, not how its owner ends it."""
    value = write.value
    if value.shape is Shape.SPAWNED or value.part("resource") is not None or value.type == "file":
        return True
    call = unit.module.models.functions.get(value.type)
    if call is not None and call.effect in ("resource", "lock"):
        return True
    return value.type.startswith(":") and _stateful(unit, value.type[1:])


def has_side_effects(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the unit does anything else because of the check that is seen when it is done twice.

    A row, a counter, an appended entry, a started task; not a flag that is raised again nor a value that is stored again.
    """
    for event in unit.events:
        if (
            isinstance(event, Mark)
            and event.what in ("spawn", "enqueue")
            and any(n == check.id for n, _ in event.control)
        ):
            return True
        if not isinstance(event, Access) or not event.op.changes or check.id not in event.controlled_by:
            continue
        if same(event.resource, write.resource):
            continue
        counts = event.how in ("+=", "append", "appendleft", "insert", "extend", "[]+=")
        if counts or event.resource.kind.external or event.op is Op.CREATE:
            return True
    return False


def begins_something(unit: Unit, check: Access, write: Access) -> bool:
    """Whether a call awaited between the two is named after a beginning: `connect`, `start`, `register`, …

    So may be the helper in which the write stands: `if not self.connected: await self._connect()`.
    """
    beginnings = unit.module.models.beginnings
    helper = write.place.unit
    if helper != check.place.unit and first_word(helper) in beginnings:
        return True
    return any(
        switch.callee.lstrip("_").partition("_")[0] in beginnings and not _ELSEWHERE.search(switch.callee)
        for switch in unit.switches_between(check.id, write.id)
    )


_ELSEWHERE = expression(r"^_*run_.*(executor|thread|sync|blocking|pool)")
"""Names of calls that have another function run somewhere else, whatever that does."""


def claims_too_late(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the write puts the resource into the state that the check asked for, in a function that brings up or takes down.

    `if self.ready: return`, awaits, `self.ready = True`: what is awaited in between is done by everybody who comes meanwhile,
    unless it only looks or tolerates a second time.
    """
    models = unit.module.models
    if check.place.unit != write.place.unit or first_word(write.place.unit) not in models.lifecycle:
        return False
    if write.value.shape is not Shape.TRUE and write.value.text not in check.related:
        return False
    return any(
        switch.callee not in models.idempotent
        and first_word(switch.callee) not in models.looks
        and switch.callee != "acquire"
        for switch in unit.switches_between(check.id, write.id)
    )


def works_first(unit: Unit, check: Access, act: Access) -> bool:
    """Whether what is awaited between the two is more than a look, or what tolerates being done twice."""
    models = unit.module.models
    return any(
        switch.callee not in (*models.idempotent, "", "wait", "acquire", "sleep")
        and first_word(switch.callee) not in models.looks
        for switch in unit.switches_between(check.id, act.id)
    )


def _stateful(unit: Unit, class_name: str) -> bool:
    """Whether objects of the class change after their construction, so that it matters which one a caller holds."""
    scope = unit.module.scope
    return any(
        write.path.startswith(function.params[0][0] + ".") and not scope.in_construction(function, write)
        for class_ in scope.lineage(class_name)
        for function in scope.methods.get(class_.qualname, {}).values()
        if function.params
        for write in function.writes
    )


def calls_resource(unit: Unit) -> bool:
    """Whether the unit itself calls something that makes a connection, a thread or the like."""
    scope = unit.module.scope
    return any(
        (call := unit.module.models.functions.get(scope.canonical(site.callee))) is not None
        and call.effect == "resource"
        for site in unit.facts.calls
    )


def torn_down(unit: Unit, resource: Resource) -> bool:
    """Whether the owner closes, stops or cancels what the resource holds."""
    scope = unit.module.scope
    wanted = resource.path if resource.kind is Kind.GLOBAL else "." + resource.path
    family = scope.family(resource.owner) if resource.owner in scope.classes else frozenset()
    return any(
        callee[2] in unit.module.models.idempotent
        and (callee[0].endswith(wanted) if wanted.startswith(".") else callee[0] == wanted)
        for function in scope.facts.functions
        if not family or function.owner in family
        for call in function.calls
        for callee in (call.callee.rpartition("."),)
    )
