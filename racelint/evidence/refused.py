"""Jobs that are refused while one with the same arguments waits or runs."""

from __future__ import annotations

from racelint.facts import FunctionFacts, ModuleFacts
from racelint.index import Index


def refuses_second_run(index: Index, module: ModuleFacts, function: FunctionFacts, kinds: tuple[str, ...]) -> bool:
    """Whether a job is of a class, by its decorator or as a method `run`, that keeps a second one from being queued.

    `@shared_task(base=QueueOnce)`; `kinds` are the names of such classes, of which the project may have subclasses.
    """
    if function.owner:
        return function.name == "run" and _is_one_of(index, module, function.owner, kinds)
    if not function.decorators or function.parent:
        return False
    return any(
        _is_one_of(index, module, argument.removeprefix("base="), kinds)
        for call in module.module_body.calls
        if function.first <= call.line < function.line
        for argument in call.arguments
        if argument.startswith("base=")
    )


def own_params(function: FunctionFacts) -> frozenset[str]:
    """What a job is told, by which one is known from another; not the job itself, which some are handed first."""
    names = [name for name, _ in function.params]
    return frozenset(names[1:] if names and names[0].strip("_") == "self" else names)


def _is_one_of(index: Index, module: ModuleFacts, name: str, kinds: tuple[str, ...]) -> bool:
    if _origin(module, name).endswith(kinds):
        return True
    located = index.class_named(name, module)
    lineage = index.lineage(located) if located is not None else ()
    return any(_origin(found, base).endswith(kinds) for found, class_ in lineage for base in class_.bases)


def _origin(module: ModuleFacts, name: str) -> str:
    first, dot, rest = name.partition(".")
    return f"{dict(module.imports).get(first, first)}{dot}{rest}"
