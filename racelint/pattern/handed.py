"""What several threads or processes are handed, or find in the module: a queue that each empties, a number that each counts up."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op
from racelint.evidence import Evidence
from racelint.evidence.handed_alike import VALUES
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.counters import own_to_thread
from racelint.pattern.rounds import named_by_round
from racelint.pattern.unit import Unit, exactly

QUEUES = frozenset(
    "queue.Queue queue.LifoQueue queue.PriorityQueue queue.SimpleQueue multiprocessing.Queue multiprocessing.JoinableQueue".split()
)


def emptied_by_each(unit: Unit) -> Iterator[tuple[Mark, Mark, str, Evidence]]:
    """The question whether a queue that was handed in is empty, the blocking call that takes from it, its name, who else does."""
    if unit.facts.is_async:
        return
    given = {name for name, _ in unit.facts.params[bool(unit.facts.owner) :]}
    for asked in unit.marks("call"):
        name = _receiver(unit, asked, "empty")
        if not name or not (name in given or _of_module(unit, name)):
            continue
        take = next(
            (
                mark
                for mark in unit.marks("call")
                if _receiver(unit, mark, "get") == name
                and unit.before(asked.id, mark.id)
                and unit.module.text(mark.place).endswith(BLOCKING)
            ),
            None,
        )
        if take is None:
            continue
        worlds = ("threads", "processes")
        evidence = _started_with(unit, QUEUES, worlds) if name in given else _started(unit, worlds)
        if evidence is not None:
            yield asked, take, name, evidence
            return


def _receiver(unit: Unit, call: Mark, method: str) -> str:
    """What the method is called of, as written, where a call is one of it; the subject of a call has its type, if that is known."""
    if not call.subject.endswith(f".{method}"):
        return ""
    return unit.module.text(call.place).partition(f".{method}(")[0]


BLOCKING = ("get()", "get(True)", "get(block=True)")
"""How an entry is waited for as long as it takes."""


def _of_module(unit: Unit, name: str) -> bool:
    """Whether the name is that of a queue which the module makes, or of one that the unit's object has."""
    root, _, attribute = name.partition(".")
    if root == "self" and unit.facts.owner:
        return unit.module.scope.attribute_type(unit.facts.owner, attribute) in QUEUES
    if not name.isidentifier() or name in unit.facts.local_names - unit.facts.global_names:
        return False
    names = unit.module.scope.names_in(unit.facts.qualname)
    return names.built_type(names.assigned.get(name, "")) in QUEUES


def counted_in_shared_memory(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """The read and the write of one `counter.value += 1`, where `counter` is a `multiprocessing.Value`, and who else does it.

    So it is where the new value is computed from one read before.

    Its own lock guards the read and the write, each alone.
    """
    for write in unit.accesses(Op.WRITE) if unit.module.concurrency.shares_memory else ():
        if write.resource.path.count(".") != 1 or unit.locked_at(write):
            continue
        read = next(
            (
                a
                for n in sorted(write.value.stems)
                if (a := unit.access(n)) is not None and a.resource == write.resource
            ),
            None,
        )
        if read is None:
            continue
        evidence = counted_by_processes(unit, write)
        if evidence is not None:
            yield read, write, evidence


def makes_unlocked_values(unit: Unit) -> bool:
    """Whether the module makes values in shared memory that have no lock of their own."""
    facts = unit.module.scope.facts
    return any(
        call.callee.rpartition(".")[2] == "RawValue"
        or (call.callee.endswith("Value") and "lock=False" in call.arguments)
        for function in (*facts.functions, facts.module_body)
        for call in function.calls
    )


def entry_in_shared_memory(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """The same for an entry of an array, or of a dictionary or list of a manager, which takes one trip to read and another to write.

    Not for one that each process has for itself.
    """
    for write in unit.accesses(Op.WRITE) if unit.module.concurrency.shares_memory else ():
        resource = write.resource
        if write.how not in ("[]", "[]+=") or unit.locked_at(write) or not in_shared_memory(unit, write):
            continue
        reads = (unit.access(n) for n in sorted(write.value.stems))
        read = next((a for a in reads if a is not None and exactly(a.resource, resource)), None)
        if read is None or named_by_round(unit, resource.key) or own_to_thread(unit, write):
            continue
        evidence = _started(unit, ("processes",))
        if evidence is not None:
            yield read, write, evidence


def in_shared_memory(unit: Unit, write: Access) -> bool:
    """Whether processes that the module starts share the collection."""
    concurrency, scope, resource = unit.module.concurrency, unit.module.scope, write.resource
    if resource.kind is Kind.ARGUMENT:
        return resource.owner == f"?{unit.facts.qualname}" and resource.path in concurrency.memory_of_all(unit.facts)
    if resource.kind is not Kind.GLOBAL or resource.owner or not concurrency.shares_memory:
        return False
    return concurrency.is_memory(scope.assigned.get(resource.path, ""), scope.facts.module_body)


def counted_by_processes(unit: Unit, write: Access) -> Evidence | None:
    """That processes which the module starts change the value that all of them were handed, or that it keeps."""
    concurrency, resource = unit.module.concurrency, write.resource
    holder, dot, last = resource.path.rpartition(".")
    if not dot or not concurrency.shares_memory:
        return None
    worlds = ("threads", "processes")
    found: Evidence | None = None
    if resource.kind is Kind.ARGUMENT:
        handed = concurrency.handed_value(unit.facts, holder)
        if handed:
            found = _started(unit, ("processes",))
        elif handed is None and last == "value":
            found = _started_with(unit, VALUES, worlds)
    elif last == "value":
        made = concurrency.maker(_built(unit, write, holder), unit.facts) in VALUES
        found = _started(unit, worlds) if made else None
        if found is None and made:
            found = _risen_and_fallen(unit, write)
        if found is None and resource.kind is Kind.GLOBAL and concurrency.initialised_with_value(holder):
            found = _started(unit, ("processes",))
        if found is None and resource.kind is Kind.ATTRIBUTE and concurrency.keeps_shared_value(resource.owner, holder):
            text = f"all processes that are a `{resource.owner}` are handed one `{holder}`"
            found = Evidence(text, Confidence.MEDIUM, "processes")
    return found


def _risen_and_fallen(unit: Unit, write: Access) -> Evidence | None:
    """That one public method counts up what another counts down: of what one process puts in and the other takes out, say.

    Nobody makes a value in memory that processes share for one of them alone.
    """
    facts, resource, sign = unit.facts, write.resource, _sign(unit, write)
    if resource.kind is not Kind.ATTRIBUTE or not sign or not _for_all(unit):
        return None
    for function, _ in unit.module.scope.attribute_writes(resource.owner, resource.path):
        other = unit.module.unit(function.qualname) if function is not facts else None
        changes = other.accesses(Op.WRITE) if other is not None and _for_all(other) else ()
        if other is not None and any(
            exactly(change.resource, resource) and {_sign(other, change), sign} == {"+", "-"} for change in changes
        ):
            up, down = (facts, function) if sign == "+" else (function, facts)
            text = f"processes share `{resource.name}`, which `{up.name}` counts up and `{down.name}` counts down"
            return Evidence(text, Confidence.MEDIUM, "processes")
    return None


def _for_all(unit: Unit) -> bool:
    """Whether a public method, which nobody calls under a lock only."""
    return not unit.facts.name.startswith("_") and not unit.module.concurrency.called_under_lock(unit.facts)


def _sign(unit: Unit, write: Access) -> str:
    """Whether the write adds or subtracts: `+` or `-`; "" if it does something else, or does it to another object."""
    if write.how != "+=" or not write.resource.name.startswith("self.") or unit.locked_at(write):
        return ""
    operator = unit.module.text(write.place).removeprefix(write.resource.name).lstrip()[:2]
    return operator[0] if operator in ("+=", "-=") else ""


def _built(unit: Unit, write: Access, holder: str) -> str:
    """What made the object whose `value` is written."""
    scope = unit.module.scope
    if write.resource.kind is Kind.GLOBAL:
        return scope.built_type(scope.assigned.get(holder, ""))
    return scope.attribute_type(write.resource.owner, holder) if write.resource.owner in scope.classes else ""


def _started(unit: Unit, worlds: tuple[str, ...]) -> Evidence | None:
    """That the module starts the unit for many at once."""
    concurrency = unit.module.concurrency
    for number in sorted(concurrency.reached.get(unit.facts.qualname, ())):
        root = concurrency.roots[number]
        if (
            root.world in worlds
            and root.many
            and root.strength is Confidence.HIGH
            and not (root.handler or root.public or root.body or root.apart)
        ):
            return Evidence(root.text, Confidence.MEDIUM, root.world)
    return None


def _started_with(unit: Unit, made_by: frozenset[str], worlds: tuple[str, ...]) -> Evidence | None:
    """The same, where whoever starts it makes one object of these for all of them."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    for caller in (*scope.facts.functions, scope.facts.module_body):
        if any(scope.names_in(caller.qualname).built_type(built) in made_by for built in _makes(unit, caller)) and any(
            target.qualname == unit.facts.qualname
            for call, _ in concurrency.spawning_calls(caller)
            for argument in concurrency.handed(call, caller)
            for target in concurrency.spawned_units(argument, caller, call.line)
        ):
            return _started(unit, worlds)
    return None


def _makes(unit: Unit, caller: FunctionFacts) -> Iterator[str]:
    """What makes the locals of a function, or the names of the module where the module itself is the caller."""
    scope = unit.module.scope
    yield from (
        built for _, built in (scope.facts.assigned if caller is scope.facts.module_body else caller.locals_built)
    )
