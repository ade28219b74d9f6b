"""Locks between processes that stand nowhere around a step on a file: taken by a call before it, by a decorator, or by callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from racelint.events import Access, Kind, Op
from racelint.evidence import runs_alone
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.index.file_locks import is_file_lock, takes_file_lock
from racelint.pattern.files import written_in_place
from racelint.pattern.path_users import read_elsewhere
from racelint.pattern.unit import Unit

MOST_LEVELS = 3
"""Calls on the way from who takes the lock to the unit."""
MOST_CALLERS = 12
"""Functions that are looked at on one level."""


def locked_outside(unit: Unit, *steps: Access) -> bool:
    """Whether a lock between processes is held at all the steps, as far as calls, decorators and the callers of the project tell.

    What it is taken on is not looked at: who takes one wherever it calls has thought of others.
    """
    known = unit.module.scope.index.file_locks
    return all(_taken(unit, step, known) for step in steps) or locked_for(unit)


def _taken(unit: Unit, step: Access, known: frozenset[str]) -> bool:
    """Whether the function of a step has taken a lock by a call before it or stands in one, or the unit calls that function so."""
    helper, line = unit.module.scope.functions.get(step.place.unit, unit.facts), unit.module.line(step)
    here = [call for call in helper.calls if call.line == line]
    if held_at(helper, line, known) or _decorated(helper, known) or any(_around(call, known) for call in here):
        return True
    if helper is unit.facts:
        return False
    calls = [call for call in unit.facts.calls if call.callee.rpartition(".")[2] == helper.name]
    return bool(calls) and all(_around(call, known) or held_at(unit.facts, call.line, known) for call in calls)


def _around(call: CallSite, known: frozenset[str]) -> bool:
    return any(is_file_lock(guard, known) for guard in call.within)


def held_at(function: FunctionFacts, line: int, known: frozenset[str]) -> bool:
    """Whether the function has taken a lock between processes by a call on a line before, and not let go of it since."""
    taken = False
    for call in sorted(function.calls, key=lambda call: call.line):
        if call.line >= line:
            break
        step = takes_file_lock(call, known)
        taken = taken if step is None else step
    return taken


def _decorated(function: FunctionFacts, known: frozenset[str]) -> bool:
    return any(is_file_lock(decorator, known) for decorator in function.decorators)


def locked_for(unit: Unit) -> bool:
    """Whether each call of the unit in the project is made under a lock between processes, or in a function that is called so."""
    return _called(unit, partial(_holds, unit.module.scope.index.file_locks), every=True)


def locked_for_some(unit: Unit) -> bool:
    """Whether any of them is, as all that write one file have to agree on it; or only one process of a computation comes first."""
    return _called(unit, partial(_holds, unit.module.scope.index.file_locks), every=False)


def after_the_first(unit: Unit) -> bool:
    """Whether a caller lets one process of a computation go first: `with main_process_first():`."""
    return _called(unit, lambda caller, call: any(map(_FIRST_GOES.search, call.within)), every=False)


_FIRST_GOES = expression(r"(?i)(process|zero|rank0?|master|main|chief)_first\b|first_on_(main|master|rank)")


def _holds(known: frozenset[str], caller: FunctionFacts, call: CallSite) -> bool:
    """Whether a lock between processes is held where a function is called."""
    around = (*call.within, *caller.decorators)
    return any(is_file_lock(guard, known) for guard in around) or held_at(caller, call.line, known)


def _called(unit: Unit, holds: Callable[[FunctionFacts, CallSite], bool], *, every: bool) -> bool:
    """Whether every call, or any, on the ways to the unit is of a kind; what nobody calls is called by somebody out of view."""
    if _decorated(unit.facts, unit.module.scope.index.file_locks):
        return True
    seen, level, met = {unit.facts.qualname}, [unit.facts], False
    for number in range(MOST_LEVELS):
        above: list[FunctionFacts] = []
        for function in level:
            sites = list(_sites(unit, function, near=number == 0))
            if every and (not sites or function.name.startswith("__")):
                return False
            for caller, call in sites:
                if holds(caller, call):
                    met = True
                    if not every:
                        return True
                elif caller.qualname not in seen:
                    seen.add(caller.qualname)
                    above.append(caller)
        if not above or len(above) > MOST_CALLERS:
            return every and met and not above
        level = above
    return False


def _sites(unit: Unit, function: FunctionFacts, *, near: bool) -> Iterator[tuple[FunctionFacts, CallSite]]:
    """The calls of a function: those of its module, if it is the unit itself, and those of its name in others."""
    if near:
        yield from unit.module.concurrency.callers.get(function.qualname, ())
    if near and function.parent:
        return
    for module, caller, call in unit.module.scope.index.calls.get(function.name, ()):
        if not (near and module.path == unit.module.path) and not runs_alone(module.path):
            yield caller, call


def readers_wait(unit: Unit, write: Access) -> bool:
    """Whether a lock between processes is held at a write that is seen nowhere around it, and by the function that reads the file, too."""
    if not locked_outside(unit, write):
        return False
    reader = unit.module.unit(read_elsewhere(unit, write.resource) or "")
    if reader is None:
        return True
    reads = [read for read in reader.accesses(Op.READ, Op.USE, kinds=(Kind.FILE,)) if not written_in_place(read)]
    return locked_for(reader) or all(
        reader.locked_at(read) or _taken(reader, read, unit.module.scope.index.file_locks) for read in reads
    )
