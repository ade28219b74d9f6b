"""Which processes of a program or of a computation run a unit."""

from __future__ import annotations

from racelint.paths import (
    COMMAND_LIBRARIES,
    FILE_LOCK,
    FIRST,
    PROCESS_LIBRARIES,
    WINDOW_LIBRARIES,
    is_command,
)
from racelint.pattern.unit import Unit


def lock_between_processes(unit: Unit) -> str:
    """What the module takes that is a lock between processes; "" if there is none."""
    facts = unit.module.scope.facts
    return next(
        (
            call.callee
            for function in (*facts.functions, facts.module_body)
            for call in function.calls
            if FILE_LOCK.search(call.callee)
        ),
        "",
    )


def by_the_first(unit: Unit) -> bool:
    """Whether only one process of a computation, the first, does it."""
    if run_by_one(unit):
        return True
    facts = unit.facts
    names = (*facts.decorators, *facts.reads, *(call.callee for call in facts.calls))
    return any(FIRST.search(name) for name in names)


def in_many_processes(unit: Unit) -> str:
    """What the module imports that is run by every process of a computation; "" if there is nothing."""
    origins = unit.module.scope.imports.values()
    return next((name for name in PROCESS_LIBRARIES if any(f"{o}.".startswith(f"{name}.") for o in origins)), "")


def of_a_command(unit: Unit) -> bool:
    """Whether the module is part of a command line."""
    return is_command(unit.module.path, script=unit.module.scope.facts.script)


def of_one_program(unit: Unit) -> bool:
    """Whether the module is a command or a window, of which a user runs one at a time."""
    if of_a_command(unit) or unit.module.scope.facts.script or unit.module.scope.index.processes.windowed:
        return True
    roots = {origin.partition(".")[0] for origin in unit.module.scope.imports.values()}
    return not roots.isdisjoint(COMMAND_LIBRARIES | WINDOW_LIBRARIES)


def run_by_one(unit: Unit) -> bool:
    """Whether the unit is a method that a framework calls in one process alone, before the others go on."""
    scope, facts = unit.module.scope, unit.facts
    if not facts.owner or not any(name.endswith(f".{facts.name}") for name in unit.module.models.by_one_process):
        return False
    names = {f"{base}.{facts.name}" for base in scope.base_names(facts.owner)}
    return not names.isdisjoint(unit.module.models.by_one_process)
