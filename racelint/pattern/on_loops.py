"""Functions that go on only in a thread which runs an event loop, where nobody comes between two of their steps."""

from __future__ import annotations

from racelint.events import Op, Resource
from racelint.expressions import expression
from racelint.facts import FunctionFacts, Write
from racelint.pattern.pair import INTERNAL
from racelint.pattern.unit import Unit, same


def only_on_loops(unit: Unit, function: FunctionFacts, write: Write, resource: Resource) -> bool:
    """Whether the unit, and whoever else makes the change, have asked for the running loop before, which a thread without one does not get.

    Of several loops in several threads nothing is said by that; who asks for the one that runs mostly has one.
    """
    if not function.is_async and not _has_loop(unit, function, write.line):
        return False
    functions = unit.module.scope.functions
    changes = [a for a in unit.accesses(Op.UPDATE, Op.WRITE, Op.DELETE, kinds=INTERNAL) if same(a.resource, resource)]
    return bool(changes) and all(
        _has_loop(unit, functions.get(change.place.unit, unit.facts), unit.module.line(change)) for change in changes
    )


def _has_loop(unit: Unit, function: FunctionFacts, line: int) -> bool:
    """Whether each way to a line of a function asks for the running loop and ends where there is none."""
    call = next((call for call in function.calls if call.callee.rpartition(".")[2] == "get_running_loop"), None)
    if call is None or call.arms or call.line >= line:
        return False
    lines = unit.module.program.lines_of(function)[call.line : line - 1]
    after = [text.strip() for text in lines if text.strip()]
    handlers = (number for number, text in enumerate(after) if _HANDLER.match(text))
    return all(_LEAVES.match("".join(after[number + 1 : number + 2])) for number in handlers)


_HANDLER = expression(r"except\b.*:$")
_LEAVES = expression(r"(return|raise|continue)\b")
