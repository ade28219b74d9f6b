"""What is put into a queue behind the mark that ends its reader: nobody takes it out any more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.evidence import Evidence
from racelint.evidence.handed_alike import PUTS_IN, put_into
from racelint.evidence.handing_on import POOLS
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.pattern.unit import Unit


def put_after_end(unit: Unit) -> Iterator[tuple[Access, Access, str, str, Evidence]]:
    """The look at a flag, the put that follows, the queue, the method that raises the flag and puts the end mark, and why meanwhile."""
    facts = unit.facts
    if facts.is_async or not facts.owner or unit.is_constructor:
        return
    for queue in put_into(facts):
        for put in _puts(unit, queue):
            check = next((c for n, s in put.control if s is Sense.ABSENT and (c := _flag(unit, n)) is not None), None)
            if check is None or unit.locked_at(put):
                continue
            for closer in _closers(unit, check, queue):
                evidence = _meanwhile(unit, closer, check)
                if evidence is not None and _read_to_the_mark(unit, closer, queue):
                    yield check, put, queue, closer.name, evidence
                    return


def _puts(unit: Unit, queue: str) -> Iterator[Access]:
    """Where the unit puts something into the queue."""
    return (a for a in unit.accesses(Op.USE, Op.UPDATE) if a.resource.name == queue and a.how in PUTS_IN)


def _flag(unit: Unit, number: int) -> Access | None:
    """The look with this number, if it is one at an attribute of the own object, not at an entry."""
    check = unit.access(number)
    if check is None or check.resource.kind is not Kind.ATTRIBUTE or check.resource.key or "." in check.resource.path:
        return None
    return check if check.op is Op.CHECK and check.how not in ("while", "assert") else None


def _closers(unit: Unit, check: Access, queue: str) -> Iterator[FunctionFacts]:
    """The methods that raise the flag and put an end mark into the queue."""
    for function, write in unit.module.concurrency.writers(check.resource):
        if function.is_async or function.qualname == unit.facts.qualname or write.how != "=" or write.shape != "true":
            continue
        if queue in put_into(function) and _mark(unit, function, queue):
            yield function


def _mark(unit: Unit, function: FunctionFacts, queue: str) -> str:
    """What a method puts into the queue to end its reader: `None`, or a name that says so; "" if nothing."""
    put = expression(
        rf"{re.escape(queue)}\.put(?:_nowait)?\(\s*(None|[\w.]*(?i:stop|end|sentinel|done|close|quit|eof)\w*)\s*[,)]"
    )
    lines = unit.module.program.lines[function.first - 1 : function.last]
    return next((found.group(1) for line in lines if (found := put.search(line)) is not None), "")


def _read_to_the_mark(unit: Unit, closer: FunctionFacts, queue: str) -> bool:
    """Whether a method of the object takes from the queue and compares what it gets with the mark."""
    mark = re.escape(_mark(unit, closer, queue).rpartition(".")[2])
    family = unit.module.scope.family(unit.facts.owner)
    compared = expression(rf"\bis (?:not )?[\w.]*\b{mark}\b|[=!]= [\w.]*\b{mark}\b")
    for function in unit.module.scope.facts.functions:
        if function.owner in family and any(call.callee == f"{queue}.get" for call in function.calls):
            lines = unit.module.program.lines[function.first - 1 : function.last]
            if any(compared.search(line) for line in lines):
                return True
    return False


def _meanwhile(unit: Unit, closer: FunctionFacts, check: Access) -> Evidence | None:
    """Why the object may be closed while the unit runs: both run in threads that the module starts, or it hands the unit to such."""
    concurrency = unit.module.concurrency
    found = concurrency.overlap(unit.facts.qualname, closer.qualname, World.THREADS.value, check.resource)
    if found is not None and found.strength is not Confidence.LOW and not (found.public or found.half):
        return found  # else whoever closes it mostly waits for the threads first
    wanted = f".{unit.facts.name}"
    for caller in (*unit.module.scope.facts.functions, unit.module.scope.facts.module_body):
        for call, spawner in concurrency.spawning_calls(caller):
            if spawner.world != "threads" or any(one.rpartition(".")[2] in POOLS for one in call.within):
                continue
            parts = (part for argument in call.arguments for part in argument.strip("args=()").split(", "))
            holders = {part.removesuffix(wanted) for part in parts if part.endswith(wanted)}
            closed = [other.line for other in caller.calls if other.callee in {f"{h}.{closer.name}" for h in holders}]
            if closed and call.line < closed[0] and not _waits(caller, call.line, closed[0]):
                text = f"line {call.line} hands it to a thread, and line {closed[0]} calls `{closer.name}` meanwhile"
                return Evidence(text, Confidence.MEDIUM, World.THREADS.value)
    return None


def _waits(caller: FunctionFacts, first: int, last: int) -> bool:
    """Whether a function waits for something between two lines."""
    return any(
        first < call.line < last and (call.callee.rpartition(".")[2] in _WAITS or call.awaited) for call in caller.calls
    )


_WAITS = frozenset({"join", "wait", "result", "shutdown", "as_completed", "sleep", "exception"})
"""Last names of calls that wait for threads, or for long enough."""
