"""Tasks that an object starts of its own methods, and goes on without waiting for them."""

from __future__ import annotations

from racelint.evidence.calls import Calls
from racelint.facts import CallSite, FunctionFacts
from racelint.words import TASK_GROUPS


def find_own_tasks(calls: Calls) -> frozenset[str]:
    """The coroutines of objects that methods of the same object start, each time without waiting for the end: no `gather`, no group
    of tasks, no `await task`."""
    alone: dict[str, bool] = {}
    for caller in calls.scope.facts.functions:
        family = calls.scope.family(caller.owner) if caller.owner else frozenset()
        for call, spawner in calls.spawning_calls(caller):
            if spawner.world != "tasks" or spawner.once:
                continue
            for argument in call.arguments:
                for unit in calls.spawned_units(argument, caller, call.line):
                    own = argument.startswith("self.") and argument.count(".") == 1 and unit.owner in family
                    alone[unit.qualname] = alone.get(unit.qualname, True) and own and not _waits(caller, call)
    return frozenset(name for name, left in alone.items() if left)


def _waits(caller: FunctionFacts, call: CallSite) -> bool:
    """Whether the function waits for the task that a call of it starts."""
    if call.awaited or any(manager.rpartition(".")[2] in TASK_GROUPS for manager in call.within):
        return True
    names = {write.path for write in caller.writes if write.line == call.line and "." not in write.path}
    later = [other for other in caller.calls if other.awaited and other.line > call.line]
    if any(path in names for path, _, _ in caller.waits):
        return True
    return any(
        given.lstrip("*") in names or (bool(names) and other.callee.rpartition(".")[2] in _WAIT_FOR)
        for other in later
        for given in other.arguments
    )


_WAIT_FOR = frozenset({"wait", "gather", "wait_for", "as_completed"})
"""Last names of calls that wait for tasks, which may be handed to them in a list."""
