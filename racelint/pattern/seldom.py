"""Units that an application does not run while it serves: commands and tests alone lead to them, or nothing does."""

from __future__ import annotations

from collections.abc import Set

from racelint.evidence import runs_alone
from racelint.expressions import expression
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.index import Index
from racelint.pattern.surrounding import AROUND_MIGRATIONS, receives
from racelint.pattern.unit import Unit
from racelint.pattern.unused import of_unused_class
from racelint.words import first_word

MOST_STEPS = 3
"""Functions on the way from a command to the unit."""


def seldom_run(unit: Unit) -> str:
    """Why the application does not run the unit: all that leads to it are commands, tests and migrations, or nothing does; "" if it may.

    The latter is known only of a module that others import, so that the project is in view. A method may be called by a template or
    a framework, unless nobody has the class; what is decorated may be called by whoever decorates it, unless that only wraps it.
    """
    if receives(unit, AROUND_MIGRATIONS):
        return "one command runs the migrations and what follows them"
    facts, index = unit.facts, unit.module.scope.index
    if unit.module.path not in index.users:
        return ""
    if of_unused_class(unit.module.scope, unit.facts):
        return f"nothing in the project makes a `{facts.owner}`"
    if not _led_to_by_name(facts) and not _only_wrapped(unit.module.scope.index, unit.module.scope.facts, facts):
        return ""
    mentioning = index.mentions.get(facts.name, set())
    if (facts.owner and not mentioning) or not _alone(index, facts, MOST_STEPS, _one_after_another(unit)):
        return ""
    return (
        f"only commands or tests lead to `{facts.name}`"
        if mentioning
        else f"nothing in the project calls `{facts.name}`"
    )


def _only_wrapped(index: Index, module: ModuleFacts, facts: FunctionFacts) -> bool:
    """Whether a function is decorated by what the project defines to put a call around another one, or as one of its class, and by
    nothing else."""
    if facts.parent or facts.name.startswith("__"):
        return False
    for decorator in facts.decorators:
        if decorator in ("staticmethod", "classmethod"):
            continue
        found = index.meaning(decorator, module) if "(" not in decorator else None
        if found is None or not found.name:
            return False
        function = index.table(found.module).functions.get(found.name)
        inner = f"{found.name}."
        if function is None or not any(f.qualname.startswith(inner) for f in found.module.functions):
            return False
        if any(_hands_out(call.callee) for call in function.calls):
            return False
    return True


def _hands_out(callee: str) -> bool:
    """Whether a decorator's call may keep what is decorated, for whoever calls it later; one that looks at it does not."""
    name = callee.rpartition(".")[2]
    return name not in ("wraps", "iscoroutinefunction") and first_word(name) not in ("find", "is", "has", "signature")


def _led_to_by_name(facts: FunctionFacts) -> bool:
    """Whether whoever calls the function has to write its name."""
    return not (facts.parent or facts.decorators or facts.name.startswith("__"))


def _one_after_another(unit: Unit) -> tuple[str, ...]:
    """Names of classes of whose objects a framework runs one step after the other, in one process."""
    return tuple(sorted(unit.module.models.serialised))


def _alone(index: Index, target: FunctionFacts, steps: int, serialised: tuple[str, ...]) -> bool:
    """Whether all that mention the name of a function run alone, or are functions that only such lead to."""
    if steps == 0:
        return False
    modules = {module.path: module for module in index.modules}
    serving = [modules[path] for path in index.mentions.get(target.name, ()) if not _beside(modules[path])]
    return all(_mentioned_alone(index, module, target, steps, serialised) for module in serving)


def _mentioned_alone(
    index: Index, module: ModuleFacts, target: FunctionFacts, steps: int, serialised: tuple[str, ...]
) -> bool:
    """The same for the functions of one module; an import alone runs nothing."""
    name = target.name
    holders = None if target.owner else frozenset(local for local, _ in module.imports)
    if _mentions(module.module_body, name, holders) or any(_hands_on(f, name) for f in module.functions):
        return False
    return all(
        _in_command(module, function)
        or _is_serialised(index, module, function, serialised)
        or (
            (function.name != name or not function.owner)  # else it calls another method of its own name
            and (_led_to_by_name(function) or _only_wrapped(index, module, function))
            and bool(index.mentions.get(function.name))
            and (function.name == name or _alone(index, function, steps - 1, serialised))
        )
        for function in module.functions
        if _mentions(function, name, holders)
    )


def _is_serialised(index: Index, module: ModuleFacts, function: FunctionFacts, serialised: tuple[str, ...]) -> bool:
    """Whether the function is a method of a class of whose objects a framework runs one step after the other."""
    located = index.class_named(function.owner, module) if function.owner else None
    for found, class_ in index.lineage(located) if located is not None else ():
        imports = dict(found.imports)
        for base in class_.bases:
            first, dot, rest = base.partition(".")
            if f"{imports.get(first, first)}{dot}{rest}".endswith(serialised):
                return True
    return False


def _in_command(module: ModuleFacts, function: FunctionFacts) -> bool:
    """Whether the function, or one that it stands in, is a command for the terminal."""
    libraries = {origin.partition(".")[0] for _, origin in module.imports}
    by_name = {one.qualname: one for one in module.functions}
    seen: FunctionFacts | None = function
    while seen is not None:
        if is_command(seen, libraries):
            return True
        seen = by_name.get(seen.parent)
    return False


def is_command(function: FunctionFacts, libraries: Set[str]) -> bool:
    """Whether the function is a command beside the views of an application: `@cli.command()`, `@click.command()`."""
    return not _COMMANDS.isdisjoint(libraries) and any(
        decorator.rpartition(".")[2] == "command" for decorator in function.decorators
    )


_COMMANDS = frozenset({"click", "asyncclick", "typer", "flask", "quart"})
"""Libraries whose decorator `command` makes a command for the terminal."""

BY_HAND = expression(r"(^|[/\\])((\w+_)?(cli|cmdline)([/\\]|\.py$)|management[/\\]|(manage|management|__main__)\.py$)")
"""Modules whose functions somebody runs at a terminal."""

TERMINAL = frozenset({"argparse", "optparse", "docopt", "fire"})
"""What modules import that are run at a terminal. Not `click`, with which web applications have commands beside their views."""


def _hands_on(function: FunctionFacts, name: str) -> bool:
    """Whether the function hands on something of this name, as a job or a callback: whoever gets it runs it."""
    return any(path.rpartition(".")[2] == name for path in function.references)


def _mentions(function: FunctionFacts, name: str, holders: frozenset[str] | None) -> bool:
    """Whether the function calls something of this last name, or hands it on; of one of the holders, if they are given.

    What an object has is no function of a module, which is called by its name or by that of something imported.
    """
    paths = (*(call.callee for call in function.calls), *function.references, *function.decorators)
    return any(
        path.rpartition(".")[2] == name and (holders is None or "." not in path or path.partition(".")[0] in holders)
        for path in paths
    )


def _beside(module: ModuleFacts) -> bool:
    """Whether the module is one of those that run alone, or at a terminal, or serves the tests."""
    path = module.path
    return runs_alone(path) or "testing" in path.split("/")[:-1] or BY_HAND.search(path) is not None
