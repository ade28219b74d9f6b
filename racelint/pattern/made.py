"""What a write makes: whether it leaks or matters when it is made twice."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Resource, Sense, Shape, Switch
from racelint.expressions import expression
from racelint.facts import Write
from racelint.pattern.unit import Unit, same
from racelint.resolve import CONSTRUCTORS, for_each_thread, locks_of
from racelint.words import CLOCKS, MAKING_SURE, SPENDS, first_word, names_cache


def makes_resource(unit: Unit, write: Access) -> bool:
    """Whether the value is something that leaks or matters when it is made twice: a connection, a task, a client."""
    return makes_known_resource(unit, write) or torn_down(unit, write.resource)


def makes_known_resource(unit: Unit, write: Access) -> bool:
    """The same as far as the value itself says so, not how its owner ends it."""
    made = _class_made(write)
    return opens_resource(unit, write) or (bool(made) and _stateful(unit, made, write))


def opens_resource(unit: Unit, write: Access) -> bool:
    """The same as far as something is open then, or is held: an object that merely has a state is not."""
    value = write.value
    if value.shape is Shape.SPAWNED or value.part("resource") is not None or value.type == "file":
        return True
    if for_each_thread(value.type) and not unit.facts.is_async:
        return True
    if _entered_by_hand(unit, write):
        return True
    call = unit.module.models.functions.get(value.type)
    if call is not None and call.effect in ("resource", "lock"):
        return True
    made = _class_made(write)
    return bool(made) and _opens_something(unit, made)


def _class_made(write: Access) -> str:
    return write.value.type[1:] if write.value.type.startswith(":") else ""


def only_found_faster(unit: Unit, write: Access) -> bool:
    """Whether the entry is one of a cache, by its name, and nothing that is open: who finds another one there has lost nothing."""
    return bool(write.resource.key) and names_cache(write.resource.path) and not opens_resource(unit, write)


def _entered_by_hand(unit: Unit, write: Access) -> bool:
    """Whether the value is what a context manager gives that the unit enters by hand, which has to be left again."""
    return any(
        switch.callee in _ENTERS and switch.statement == write.statement and switch.place.unit == write.place.unit
        for switch in unit.switches()
    )


_ENTERS = ("__aenter__", "enter_async_context")


def made_at_import(unit: Unit) -> bool:
    """Whether the unit makes the only object of its class, and the module does so when it is imported, before anybody else can."""
    return unit.facts.name == "__new__" and any(
        made == unit.facts.owner for _, made in unit.module.scope.facts.assigned
    )


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
        if event.resource.kind is Kind.FILE and event.op is Op.WRITE and not counts:
            continue  # written anew as a whole, by each of them
        if counts or event.resource.kind.external or event.op is Op.CREATE:
            return True
    return False


def begins_something(unit: Unit, check: Access, write: Access) -> bool:
    """Whether a call awaited between the two is named after a beginning: `connect`, `start`, `register`, …

    Or after a request of HTTP that the protocol itself calls unsafe to repeat. So may be the helper in which the write stands: `if not self.connected: await self._connect()`.
    """
    beginnings = unit.module.models.beginnings
    helper = write.place.unit
    if helper != check.place.unit and first_word(helper) in beginnings:
        return True
    return any(
        (switch.callee.lstrip("_").partition("_")[0] in beginnings or switch.callee == "post" or _posts(unit, switch))
        and not _ELSEWHERE.search(switch.callee)
        for switch in unit.switches_between(check.id, write.id)
    )


def _posts(unit: Unit, switch: Switch) -> bool:
    """Whether the block that is entered is an answer to `post`: `async with http.post(…) as reply`; what else it opens it ends, too."""
    return switch.callee == "async with" and any(
        mark.place == switch.place and mark.subject.endswith(".post") for mark in unit.marks("call", "slow")
    )


def begins_because(unit: Unit, check: Access, write: Access) -> bool:
    """Whether a call that stands before the write, because of the check, is named after a beginning: `connect`, `start_thread`.

    So may be the function itself, whatever it calls then: `setup_tracing`, `ensure_schema`.
    """
    models = unit.module.models
    calls = [
        mark
        for mark in unit.marks("call", "slow", "start")
        if mark.id < write.id and any(number == check.id for number, _ in mark.control) and "." in mark.subject
    ]
    works = [mark for mark in calls if first_word(mark.subject) not in models.looks and not is_told(mark.subject)]
    brings_up = check.place.unit == write.place.unit and makes_sure(unit, write.place.unit)
    return any(brings_up or first_word(mark.subject) in models.beginnings for mark in works)


def works_under(unit: Unit, check: Access, write: Access) -> bool:
    """Whether a call under the lock of the write, because of a check that was made without the lock, does more than look, tell or end.

    Who takes a lock for what is to be done once expects that two come for it.
    """
    models = unit.module.models
    locks = {lock.id for lock in unit.locked_at(write) if lock.world != "tasks"} - check.held
    return any(
        not locks.isdisjoint(mark.held)
        and mark.id < write.id
        and check.place.unit == mark.place.unit == write.place.unit
        and any(number == check.id for number, _ in mark.control)
        and "." in mark.subject
        and mark.subject.rpartition(".")[2] not in models.idempotent | CLOCKS
        and first_word(mark.subject) not in models.looks
        and not is_told(mark.subject)
        for mark in unit.marks("call", "slow")
    )


def makes_sure(unit: Unit, name: str) -> bool:
    """Whether a function is named after something that is to be done once: `setup_x`, `ensure_x`."""
    return first_word(name) in unit.module.models.lifecycle | MAKING_SURE


def is_told(callee: str) -> bool:
    """Whether a call only logs."""
    return callee.rpartition(".")[2] in _LOGS


_LOGS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print"})


def opened_by(unit: Unit, write: Access) -> bool:
    """Whether what is stored is the result of a call that opens or starts something, by its name: `bank.subscribe(currency)`.

    A function that the unit is handed may do so, too: `connect(host)`.
    """
    given = {name for name, *_ in unit.facts.params}
    return any(
        mark.statement == write.statement
        and mark.place.unit == write.place.unit
        and ("." in mark.subject or mark.subject in given)
        and first_word(mark.subject) in _OPENS
        for mark in unit.marks("call", "slow", "start")
        if mark.id < write.id
    )


def opened_for(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the write stands beside the check, or opens something in a helper that nobody but who has made the check calls."""
    checker, helper = check.place.unit, write.place.unit
    if checker == helper:
        return True
    callers = unit.module.concurrency.callers.get(helper, ())
    mine = bool(callers) and all(caller.qualname == checker for caller, _ in callers)
    return mine and opens_resource(unit, write) and helper.rpartition(".")[2].startswith("_")


def opened_between(unit: Unit, check: Access, write: Access) -> bool:
    """Whether what is awaited between the two opens or starts something, or moves money or goods, by its name: once more is not as good."""
    return any(first_word(switch.callee) in _OPENS | _MOVES for switch in unit.switches_between(check.id, write.id))


_OPENS = frozenset("connect reconnect dial establish open start subscribe listen launch spawn login register".split())
"""First words of calls whose result is under way and has to be ended."""

_MOVES = frozenset("charge refund withdraw pay payout credit debit transfer settle disburse redeem ship award".split())
"""First words of calls by which somebody pays or gets something, each time."""

_ELSEWHERE = expression(r"^_*run_.*(executor|thread|sync|blocking|pool)")
"""Names of calls that have another function run somewhere else, whatever that does."""


def claims_too_late(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the write puts the resource into the state that the check asked for, in a function that brings up or takes down.

    `if self.ready: return`, awaits, `self.ready = True`: what is awaited in between is done by everybody who comes meanwhile,
    unless it only looks or tolerates a second time.
    """
    models = unit.module.models
    if check.place.unit != write.place.unit or not makes_sure(unit, write.place.unit):
        return False
    if write.value.shape is not Shape.TRUE and write.value.text not in check.related:
        return False
    return any(
        switch.callee not in models.idempotent
        and first_word(switch.callee) not in models.looks
        and switch.callee != "acquire"
        for switch in unit.switches_between(check.id, write.id)
    )


def spent_between(unit: Unit, check: Access, act: Access) -> bool:
    """Whether what is awaited between the two is done once for each entry, by its name: `charge`, `ship`, `redeem`."""
    return any(first_word(switch.callee) in SPENDS for switch in unit.switches_between(check.id, act.id))


def paid_out(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether what was found to be due is set to nothing only when it has been paid: `if due: await pay(due); dues[who] = 0`."""
    emptied = act.how in ("[]", "=") and (act.value.shape.absent or act.value.text in ("0", "0.0"))
    if act.op is not Op.WRITE or not emptied or act.resource.key != check.resource.key:
        return False
    enough = Sense.OTHER if check.id in unit.flow.above else Sense.OTHERWISE
    due = sense is Sense.PRESENT or (check.id in unit.flow.ordered and sense is enough)
    return due and spent_between(unit, check, act)


def works_first(unit: Unit, check: Access, act: Access, called: bool = False) -> bool:
    """Whether what is awaited between the two is more than a look, or what tolerates being done twice; a call, if `called`."""
    models = unit.module.models
    trifles = (*models.idempotent, "", "wait", "acquire", "sleep", *(("async with", "async for") if called else ()))
    return any(
        switch.callee not in trifles and first_word(switch.callee) not in models.looks
        for switch in unit.switches_between(check.id, act.id)
    )


def made_for_threads(unit: Unit, write: Access) -> bool:
    """Whether what is made is there for several threads: it is a pool or thread, or its class has a lock for threads or a thread."""
    scope, made = unit.module.scope, write.value.type
    if not made.startswith(":"):
        return scope.has_threads(made)
    return scope.is_thread(made[1:]) or any(
        any(world != "tasks" for world in locks_of(scope, class_.qualname).values())
        or any(write.built_from.rpartition(".")[2] == "Thread" for write in _own_writes(unit, class_.qualname))
        for class_ in scope.lineage(made[1:])
        if class_.qualname in scope.classes
    )


def has_threads(unit: Unit, write: Access) -> bool:
    """Whether what is made is a pool or thread, or its class makes some: a second one goes on beside the first."""
    return unit.module.scope.has_threads(write.value.type)


def _own_writes(unit: Unit, class_name: str) -> Iterator[Write]:
    """What the methods of a class change."""
    return (write for method in unit.module.scope.methods.get(class_name, {}).values() for write in method.writes)


def _stateful(unit: Unit, class_name: str, kept: Access) -> bool:
    """Whether objects of the class change after their construction, so that it matters which one a caller holds."""
    scope = unit.module.scope
    if _filled_by_others(unit, class_name, kept):
        return True
    return any(
        write.path.startswith(function.params[0][0] + ".") and not scope.in_construction(function, write)
        for class_ in scope.lineage(class_name)
        for function in scope.methods.get(class_.qualname, {}).values()
        if function.params
        for write in function.writes
    )


def _opens_something(unit: Unit, class_name: str) -> bool:
    """Whether the constructor of the class makes a connection, a thread or the like, which the object keeps."""
    scope = unit.module.scope
    makers = (
        unit.module.models.functions.get(scope.names_in(function.qualname).canonical(write.built_from))
        for class_ in scope.lineage(class_name)
        for name, function in scope.methods.get(class_.qualname, {}).items()
        if name in CONSTRUCTORS
        for write in function.writes
        if write.shape == "call" and write.path.startswith("self.")
    )
    return any(call is not None and call.effect == "resource" for call in makers)


def _filled_by_others(unit: Unit, class_name: str, kept: Access) -> bool:
    """Whether the unit changes what the constructor gives an object of the class to begin with: `room.members.append(user)`.

    So it does where it takes the object out of where it is kept: `room = rooms[name]`.
    """
    scope = unit.module.scope
    begins = {
        write.path.partition(".")[2]
        for class_ in scope.lineage(class_name)
        for name, function in scope.methods.get(class_.qualname, {}).items()
        if name in CONSTRUCTORS
        for write in function.writes
        if write.shape in ("empty", "display", "constant", "none", "false")
    } | {name for class_ in scope.lineage(class_name) for name in class_.fields}
    return any(
        (access.resource.owner == class_name and access.resource.path in begins)
        or (
            access.resource.owner == kept.resource.owner
            and access.resource.path in {f"{kept.resource.path}.{name}" for name in begins}
            and access.place.unit == kept.place.unit
            and unit.before(kept.id, access.id)
        )
        for access in unit.flow.accesses
        if access.op.changes
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
