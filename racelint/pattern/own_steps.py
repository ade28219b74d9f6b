"""Steps on paths between which nobody else comes, as far as can be seen."""

from __future__ import annotations

from racelint.events import Access, Kind, Op
from racelint.evidence import Root
from racelint.expressions import expression
from racelint.paths import PATH_TESTS, is_system_path, shared_word
from racelint.pattern.class_paths import names_in
from racelint.pattern.file_rivals import only_on_loops
from racelint.pattern.files import TOLERANT
from racelint.pattern.unit import Unit, same


def in_one_step_of_a_loop(unit: Unit, one: Access, other: Access) -> bool:
    """Whether only another process can come between two steps of a coroutine, of which nothing but names says that there is one.

    An application of coroutines mostly is one process, unless the project names several.
    """
    facts = unit.facts
    return (
        facts.is_async
        and one.id != other.id
        and (one.place.unit == other.place.unit or not (unit.awaited_at(one) or unit.awaited_at(other)))
        and (
            unit.module.concurrency.handled_in_processes(facts.qualname) is None
            or (unit.awaited_at(other) is None and answers_alone(unit, other))  # what is awaited a thread does
        )
        and unit.switch_between(one.id, other.id) is None
    )


def written_in_one_step_of_a_loop(unit: Unit, write: Access) -> bool:
    """Whether all that requests write into a file is written before anything else of their loop runs, and nothing else says that
    others read it meanwhile."""
    path, name = write.resource.path, write.resource.name
    if is_system_path(path) or shared_word(path, name) or not answers_alone(unit, write):
        return False
    return not any(
        unit.awaited_at(later) is not None or unit.switch_between(write.id, later.id) is not None
        for later in unit.accesses(Op.WRITE, kinds=(Kind.FILE,))
        if later.id >= write.id and same(later.resource, write.resource)
    )


def answers_alone(unit: Unit, access: Access) -> bool:
    """Whether only coroutines that answer requests lead to the unit, of an application that no place of the project runs in several
    processes, and no function of the module that threads run works on the path, too."""
    concurrency = unit.module.concurrency
    if _named_several(unit) or not only_on_loops(unit):
        return False
    for function in unit.module.scope.facts.functions:
        roots = () if function.is_async else concurrency.reached.get(function.qualname, ())
        if function is unit.facts or not any(in_threads(unit, concurrency.roots[number]) for number in roots):
            continue
        names = names_in(unit, function, access.resource.path) | {access.resource.path}
        other = unit.module.unit(function.qualname)
        if other is not None and any(one.resource.path in names for one in other.accesses(kinds=(Kind.FILE,))):
            return False
    return True


def _named_several(unit: Unit) -> bool:
    """Whether the project names what works in several processes, or starts some beside its server where the unit is in reach of them."""
    index, path = unit.module.scope.index, unit.module.path
    near = {path, *(module.path for module in index.users.get(path, ()))}
    return index.processes.named_several or not near.isdisjoint(index.processes.starting)


def in_threads(unit: Unit, root: Root) -> bool:
    """Whether what starts here does not run on the loop, as a function that answers requests and is no coroutine."""
    if root.world == "threads" and not root.public:
        return True
    function = unit.module.scope.functions.get(root.unit)
    return root.handler and not (function is not None and function.is_async)


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


def refused_alike(unit: Unit, test: Access, act: Access) -> bool:
    """Whether the handler of the failed step raises the error that the unit also raises when it has looked, or when what it found
    there was of no use: the caller sees no difference."""
    if test.id == act.id:
        return False
    handlers = [
        mark
        for mark in unit.marks("handler")
        if mark.id in unit.flow.after[act.id] and not TOLERANT.isdisjoint(_caught(unit.module.text(mark.place)))
    ]
    raises = [(mark, _RAISED.match(unit.module.text(mark.place))) for mark in unit.marks("raise")] if handlers else []
    named = [(mark, found[1]) for mark, found in raises if found is not None]
    translated = {
        name
        for mark, name in named
        if unit.before(act.id, mark.id)
        and unit.only_after_error(act, mark)
        and any(unit.before(handler.id, mark.id) for handler in handlers)
    }
    return any(
        name in translated
        and (
            not unit.only_after_error(act, mark)
            if unit.before(act.id, mark.id)
            else any(number == test.id for number, _ in mark.control)
        )
        for mark, name in named
    )


def _caught(handler: str) -> frozenset[str]:
    """The last names of what a handler catches; "" for all."""
    caught = handler.removeprefix("except").partition(":")[0].partition(" as ")[0]
    return frozenset(name.rpartition(".")[2] for name in caught.strip(" ()*").replace(" ", "").split(","))


_RAISED = expression(r"raise\s+([\w.]+)")
