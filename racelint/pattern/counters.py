"""Numbers that a method of a shared object counts up and gives out, and what each thread has for itself."""

from __future__ import annotations

from racelint.events import Access, Kind, Mark, Op, Resource
from racelint.evidence import Evidence
from racelint.evidence.beside_loop import counted_on_loop
from racelint.evidence.starter import changed_by_starter
from racelint.finding import Confidence
from racelint.pattern.unit import Unit
from racelint.words import first_word


def counted_by_starter(unit: Unit, change: Access) -> Evidence | None:
    """That the function which has started the unit in a thread changes the same variable before it waits for the thread."""
    if change.resource.kind is not Kind.CAPTURED or change.resource.owner != unit.facts.parent:
        return None
    if change.how not in ("+=", "-=") or unit.locked_at(change):
        return None
    found = changed_by_starter(unit.module.scope, unit.facts, change.resource.path)
    if found is None:
        return None
    text = f"line {found[0]} starts it in a thread, and line {found[1]} changes `{change.resource.path}` before it has ended"
    return Evidence(text, Confidence.HIGH, "threads")


def counted_beside_loop(unit: Unit, change: Access) -> Evidence | None:
    """That a coroutine counts in the same attribute, where the unit runs in a thread of the module."""
    if change.resource.kind is not Kind.ATTRIBUTE or change.how not in ("+=", "[]+=") or unit.locked_at(change):
        return None
    concurrency = unit.module.concurrency
    if concurrency.called_under_lock(unit.facts):
        return None
    return counted_on_loop(concurrency, unit.facts, concurrency.writers(change.resource))


def numbered(unit: Unit, resource: Resource) -> Evidence | None:
    """That the unit counts up and ends by reading what it counted, where the object has a lock for its threads.

    Two callers are given one number. A lock says that threads share the object, whatever it guards elsewhere.
    """
    if resource.kind is not Kind.ATTRIBUTE or unit.facts.name.startswith("__"):
        return None
    module = unit.module
    locks = module.locks_of(resource.owner)
    if not locks or module.concurrency.called_under_lock(unit.facts) or not _for_public(unit):
        return None
    accesses = [event for event in unit.events if isinstance(event, Access)]
    last = accesses[-1] if accesses else None
    if last is None or last.op is not Op.READ or last.resource != resource or last.how or unit.locked_at(last):
        return None
    if not any(
        a.how == "+=" and a.resource == resource and a.id < last.id and module.text(a.place).endswith("+= 1")
        for a in accesses
    ):
        return None
    lock, thread = min(name for _, name in locks), _own_thread(unit, resource.owner)
    if thread:
        told = f"the object has a thread of its own, `{thread}`, beside its callers, and `{lock}` for them"
    else:
        told = f"`{lock}` says that threads share the object"
    return Evidence(
        f"{told}; two that call `{unit.facts.name}` at once get one number",
        Confidence.MEDIUM if thread else Confidence.LOW,
        "threads",
    )


def _own_thread(unit: Unit, owner: str) -> str:
    """The method of the object that it starts in a thread of its own; "" if there is none."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    family = scope.family(owner)
    for root in concurrency.told:
        body = scope.functions.get(root.unit)
        surely = root.world == "threads" and root.strength is Confidence.HIGH
        if surely and body is not None and body.owner in family and not root.handler:
            return body.name
    return ""


def _for_public(unit: Unit) -> bool:
    """Whether public methods of the object, which any thread may call, get their numbers from the unit."""
    concurrency = unit.module.concurrency
    callers = [caller for caller, _ in concurrency.callers.get(unit.facts.qualname, ())]
    return unit.facts.name.startswith("_") and any(
        not caller.name.startswith("_") and first_word(caller.name) not in unit.module.models.lifecycle
        for caller in callers
    )


def own_to_thread(unit: Unit, access: Access) -> bool:
    """Whether the unit asks which thread it runs in, and the resource may be what it keeps for that one: an entry, another object.

    Or the helper that has the access asks, itself or by a function that it calls.
    """
    if access.resource.name.startswith("self.") and not access.resource.key:
        return False
    if any(isinstance(e, Mark) and e.what == "call" and _asks_which(e.subject) for e in unit.events):
        return True
    helper = unit.module.scope.functions.get(access.place.unit)
    if helper is None:
        return False
    asked = (f for call in helper.calls for f in unit.module.concurrency.target(call.callee, helper))
    return any(_asks_which(call.callee) for function in (helper, *asked) for call in function.calls)


def own_to_task(unit: Unit, access: Access) -> bool:
    """Whether the key of an entry tells which task it belongs to: what the unit, or a function that made the key, asks for."""
    function = unit.module.scope.functions.get(access.place.unit, unit.facts)
    made = [built for local, built in function.locals_built if local == access.resource.key]
    helpers = (helper for built in made for helper in unit.module.concurrency.target(built, function))
    callees = (*made, *(call.callee for helper in helpers for call in helper.calls))
    return any(callee.rpartition(".")[2] in ("current_task", "get_current_task") for callee in callees)


def _asks_which(callee: str) -> bool:
    return callee.rpartition(".")[2] in _WHICH


_WHICH = ("get_ident", "current_thread", "get_native_id")
