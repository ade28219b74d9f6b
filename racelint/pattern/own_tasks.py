"""Tasks that an object starts for itself and goes on without, and its callbacks: whoever calls its methods meets them."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence import Evidence, Root
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.unit import Unit
from racelint.touch import ENDINGS
from racelint.words import BRINGS_UP, CLOSES, first_word


def beside_own_task(unit: Unit, function: FunctionFacts) -> Evidence | None:
    """That one of two functions runs in a task which the object starts itself, or is called by the event loop, and the other one
    whenever a caller wants.

    One caller is enough: the task does not end before he calls again. Who brings the object up or ends it knows of the task.
    """
    concurrency = unit.module.concurrency
    for one, other in ((unit.facts, function), (function, unit.facts)):
        if concurrency.called_only_under_lock(other):
            continue
        for root in _roots(unit, one):
            for public in _callable(unit, other) if _goes_on_alone(unit, root) else ():
                if public.qualname in concurrency.runs(root.unit) or not _of_one_object(unit, root, public):
                    continue
                alone = "" if root.worker else ", and nothing waits for it"
                return Evidence(
                    f"{root.text}{alone}; callers may run `{public.name}` meanwhile", Confidence.MEDIUM, root.world
                )
    return None


def starts_own_task(unit: Unit, function: FunctionFacts) -> bool:
    """Whether the function starts a task of the object that runs the unit, or calls a method which does: so it is called again and
    again while there is such a task."""
    concurrency = unit.module.concurrency
    bodies = {root.unit for root in _roots(unit, unit.facts)} & concurrency.own_tasks
    functions = [
        step for name in concurrency.runs(function.qualname) if (step := unit.module.scope.functions.get(name))
    ]
    return any(
        started.qualname in bodies
        for step in (functions if bodies else ())
        for call, _ in concurrency.spawning_calls(step)
        for argument in call.arguments
        for started in concurrency.spawned_units(argument, step, call.line)
    )


def _roots(unit: Unit, function: FunctionFacts) -> list[Root]:
    concurrency = unit.module.concurrency
    return [concurrency.roots[number] for number in sorted(concurrency.reached.get(function.qualname, ()))]


def _callable(unit: Unit, function: FunctionFacts) -> Iterator[FunctionFacts]:
    """The public methods that are the function, or lead to it, and are called while the object is at work."""
    for root in _roots(unit, function):
        public = unit.module.scope.functions.get(root.unit) if root.public and root.world == "tasks" else None
        if public is None or not public.owner or first_word(public.name) in _BEFORE_OR_AFTER:
            continue
        if public.is_async or first_word(public.name) not in _SETS_UP:
            yield public


def _of_one_object(unit: Unit, root: Root, public: FunctionFacts) -> bool:
    body = unit.module.scope.functions.get(root.unit)
    return body is not None and body.owner in unit.module.scope.family(public.owner)


_BEFORE_OR_AFTER = BRINGS_UP | ENDINGS | CLOSES

_SETS_UP = frozenset("register on include install mount use configure define declare".split())
"""First words of plain methods that are mostly called before the object begins to work."""


def _goes_on_alone(unit: Unit, root: Root) -> bool:
    """Whether the root is a callback, or a task that the module starts and does not wait for."""
    if (
        root.public
        or root.handler
        or root.called
        or root.waited
        or root.own_object
        or root.strength is not Confidence.HIGH
    ):
        return False
    return root.world == "tasks" and (bool(root.worker) or root.unit in unit.module.concurrency.own_tasks)
