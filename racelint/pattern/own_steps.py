"""Steps on paths between which nobody else comes, as far as can be seen."""

from __future__ import annotations

from racelint.events import Access, Op
from racelint.paths import PATH_TESTS
from racelint.pattern.unit import Unit


def in_one_step_of_a_loop(unit: Unit, one: Access, other: Access) -> bool:
    """Whether only another process can come between two steps of a coroutine, of which nothing but names says that there is one.

    An application of coroutines mostly is one process; a request that several workers take is handled in several.
    """
    facts = unit.facts
    return (
        facts.is_async
        and one.id != other.id
        and unit.module.concurrency.handled_in_processes(facts.qualname) is None
        and one.place.unit == other.place.unit
        and unit.switch_between(one.id, other.id) is None
    )


def own_failure_cleaned(unit: Unit, test: Access, act: Access) -> bool:
    """Whether the handler of an error takes away what the failed step, which was told the path, may have left there."""
    if act.op is not Op.DELETE:
        return False
    first = unit.events[0]
    handler = unit.module.scope.functions.get(act.place.unit)
    if handler is None or first.id == test.id or not unit.only_after_error(first, test):
        return False
    return any(
        call.line < unit.module.line(test) and act.resource.name in call.arguments
        for call in handler.calls
        if call.callee.rpartition(".")[2] not in PATH_TESTS
    )
