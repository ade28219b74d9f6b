"""Units that an application does not run while it serves: commands and tests alone lead to them, or nothing does."""

from __future__ import annotations

from racelint.evidence import runs_alone
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.index import Index
from racelint.pattern.surrounding import AROUND_MIGRATIONS, receives
from racelint.pattern.unit import Unit

MOST_STEPS = 3
"""Functions on the way from a command to the unit."""


def seldom_run(unit: Unit) -> str:
    """Why the application does not run the unit: all that leads to it are commands, tests and migrations, or nothing does; "" if it may.

    The latter is known only of a module that others import, so that the project is in view. A method may be called by a template or
    a framework, and what is decorated by whoever decorates it.
    """
    if receives(unit, AROUND_MIGRATIONS):
        return "one command runs the migrations and what follows them"
    facts, index = unit.facts, unit.module.scope.index
    if unit.module.path not in index.users or not _led_to_by_name(facts):
        return ""
    mentioning = index.mentions.get(facts.name, set())
    if (facts.owner and not mentioning) or not _alone(index, facts.name, MOST_STEPS):
        return ""
    return (
        f"only commands or tests lead to `{facts.name}`"
        if mentioning
        else f"nothing in the project calls `{facts.name}`"
    )


def _led_to_by_name(facts: FunctionFacts) -> bool:
    """Whether whoever calls the function has to write its name."""
    return not (facts.parent or facts.decorators or facts.name.startswith("__"))


def _alone(index: Index, name: str, steps: int) -> bool:
    """Whether all that mention the name run alone, or are functions that only such lead to."""
    if steps == 0:
        return False
    modules = {module.path: module for module in index.modules}
    serving = [modules[path] for path in index.mentions.get(name, ()) if not _beside(path)]
    return all(_mentioned_alone(index, module, name, steps) for module in serving)


def _mentioned_alone(index: Index, module: ModuleFacts, name: str, steps: int) -> bool:
    """The same for the functions of one module; an import alone runs nothing."""
    if _mentions(module.module_body, name):
        return False
    return all(
        function.name != name  # else it calls another function of its own name
        and _led_to_by_name(function)
        and bool(index.mentions.get(function.name))
        and _alone(index, function.name, steps - 1)
        for function in module.functions
        if _mentions(function, name)
    )


def _mentions(function: FunctionFacts, name: str) -> bool:
    """Whether the function calls something of this last name, or hands it on."""
    paths = (*(call.callee for call in function.calls), *function.references, *function.decorators)
    return any(path.rpartition(".")[2] == name for path in paths)


def _beside(path: str) -> bool:
    """Whether the module is one of those that run alone, or serves the tests."""
    return runs_alone(path) or "testing" in path.split("/")[:-1]
