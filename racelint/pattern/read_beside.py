"""Files that a thread writes again and again while who has started it goes on and reads them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.unit import Unit


def read_by_starter(unit: Unit, reader: str) -> Evidence | None:
    """That a function of the module starts the unit in a thread that goes on, and calls the reader after that."""
    concurrency = unit.module.concurrency
    for number in sorted(concurrency.reached.get(unit.facts.qualname, ())):
        root = concurrency.roots[number]
        known = not (root.public or root.called or root.handler or root.waited or root.starters)
        thread = unit.module.scope.functions.get(root.unit)
        if root.world != "threads" or not known or thread is None or not any(call.looped for call in thread.calls):
            continue
        for starter, line in _starts(unit, root.unit):
            if any(line < later for later in _calls_of(unit, starter, reader)):
                return Evidence(
                    f"`{starter.qualname}` starts `{root.unit}` and calls `{reader}` meanwhile",
                    Confidence.MEDIUM,
                    "processes",
                )
    return None


def prepared(unit: Unit, write: Access) -> bool:
    """Whether those that read the file are threads and processes which the unit starts when it has written it.

    They have the path from the unit alone, as a local name.
    """
    facts, name = unit.module.scope.functions.get(write.place.unit, unit.facts), write.resource.name
    starts = list(unit.marks("spawn", "spawn and wait"))
    if name not in facts.local_names or not starts or any(unit.before(start.id, write.id) for start in starts):
        return False
    functions = unit.module.scope.facts.functions
    if not any(function.parent == facts.qualname and name in function.reads for function in functions):
        return False
    return unit.module.concurrency.handled_in_processes(facts.qualname) is None and unit.safe(
        write, because=lambda: f"those that read it are started later, on line {unit.module.line(starts[0])}"
    )


def _starts(unit: Unit, started: str) -> Iterator[tuple[FunctionFacts, int]]:
    """The functions that start a unit in a thread, each with the line on which it does."""
    concurrency = unit.module.concurrency
    for starter in unit.module.scope.facts.functions:
        for call, spawner in concurrency.spawning_calls(starter):
            if spawner.world == "threads" and any(
                one.qualname == started
                for argument in call.arguments
                for one in concurrency.spawned_units(argument, starter, call.line)
            ):
                yield starter, call.line


def _calls_of(unit: Unit, caller: FunctionFacts, reader: str) -> Iterator[int]:
    """The lines on which a function calls another one, directly or through others."""
    concurrency = unit.module.concurrency
    for callee, sites in concurrency.callers.items():
        if reader in concurrency.runs(callee):
            yield from (call.line for function, call in sites if function.qualname == caller.qualname)
