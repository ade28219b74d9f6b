"""Who answers the error of a database about a second row for all requests of an application."""

from __future__ import annotations

import ast
from functools import lru_cache

from racelint.events import Access
from racelint.facts import CallSite, ClassFacts, FunctionFacts, ModuleFacts
from racelint.finding import Confidence
from racelint.index import Index
from racelint.pattern.unit import Unit
from racelint.words import TAKEN


def answered_by_application(unit: Unit, look: Access, new: Access) -> bool:
    """Whether a unique column refuses the second row, and the application answers that error in whatever request it comes up.

    A job has no such answer: it fails. Where no class of the row is seen, as helpers look it up and make it, an application that
    answers such errors knows that they come up.
    """
    if _in_job(unit):
        return False
    if _top(unit.module.path) not in _answering(unit.module.scope.index) and not _answers_by_table(unit):
        return False
    if not any(seen_classes(unit, row.resource.name) for row in (look, new)):
        return True
    unique, tested = _unique_columns(unit, new), _tested_columns(look)
    return bool(unique) and (not tested or not tested.isdisjoint(unique))


def second_refused_by_database(unit: Unit, look: Access, new: Access) -> bool:
    """Whether all columns that the row is looked up by are unique, alone or together: the second row is an error, not a row."""
    tested = _tested_columns(look)
    return bool(tested) and tested <= _unique_columns(unit, new)


def _unique_columns(unit: Unit, new: Access) -> frozenset[str]:
    """The columns that the class of a row declares unique, keys apart, without the ending of foreign keys."""
    unique = {name for class_ in seen_classes(unit, new.resource.name) for name in class_.unique} - KEYS
    return frozenset(name.removesuffix("_id") for name in unique)


def _tested_columns(look: Access) -> frozenset[str]:
    return frozenset(name.partition("__")[0].removesuffix("_id") for name in look.tested)


KEYS = frozenset({"id", "pk"})
"""Keys that the database gives itself, so that no second row has the same."""


def seen_classes(unit: Unit, model: str) -> list[ClassFacts]:
    """The class of a model and those of its bases that are seen, nearest first.

    What is written as `models.Order` is known as `Order`: it is the only class of that name in the project then.
    """
    index, facts = unit.module.scope.index, unit.module.scope.facts
    if not model.isidentifier():
        return []
    located = index.class_named(model, facts) or index.only_class(model)
    return [class_ for _, class_ in index.lineage(located)] if located is not None else []


def _in_job(unit: Unit) -> bool:
    """Whether a job of a queue leads to the unit."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    return any(root.world == "processes" and root.strength is not Confidence.LOW for root in roots)


@lru_cache(maxsize=2)
def _answering(index: Index) -> frozenset[str]:
    """The topmost folders with a function that is registered for such errors, or with one for all errors that looks for them.

    What lies beside them may be another application.
    """
    return frozenset(_top(module.path) for module in index.modules if _answers(module))


def _answers_by_table(unit: Unit) -> bool:
    """Whether an application beside the unit is made with a table of what answers which error, and such an error is in one."""
    top, program = _top(unit.module.path), unit.module.program
    for path in _naming_errors(unit.module.scope.index):
        if _top(path) == top:
            try:
                if _has_table("".join(program.lines_at(path))):
                    return True
            except ValueError:
                continue
    return False


@lru_cache(maxsize=2)
def _naming_errors(index: Index) -> tuple[str, ...]:
    """The modules that name an error about a second row elsewhere than to catch it."""
    return tuple(
        module.path
        for module in index.modules
        if any(
            _says_taken(name.rpartition(".")[2])
            for function in (module.module_body, *module.functions)
            for name in function.references
        )
    )


@lru_cache(maxsize=16)
def _has_table(text: str) -> bool:
    """Whether a module has a mapping from such an error to a function, and says what it is for, as Starlette calls it."""
    if _TABLE not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(
        key is not None
        and isinstance(value, ast.Name | ast.Attribute)
        and TAKEN.search(ast.unparse(key).rpartition(".")[2])
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
    )


_TABLE = "exception_handlers"


def _top(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[:-1][:1])


def _answers(module: ModuleFacts) -> bool:
    functions = (module.module_body, *module.functions)
    registering = [call for function in functions for call in function.calls if _registers(call)]
    if registering and any(_names_error(call) for function in functions for call in function.calls):
        return True
    return any(_for_all(function) and any(map(_names_error, function.calls)) for function in module.functions)


def _registers(call: CallSite) -> bool:
    return call.callee.rpartition(".")[2] in _REGISTERS


_REGISTERS = frozenset(
    "exception_handler add_exception_handler errorhandler app_errorhandler register_error_handler add_error_handler".split()
)
"""Last names of calls and decorators of web frameworks that make a function answer an error (Starlette, Flask, Falcon)."""


def _for_all(function: FunctionFacts) -> bool:
    """Whether the function is called as those are that a framework calls with the error of any request (Django)."""
    return function.name == "process_exception" or function.name.endswith("exception_handler")


def _names_error(call: CallSite) -> bool:
    return any(_says_taken(argument.rpartition(".")[2]) for argument in call.arguments)


@lru_cache(maxsize=4096)
def _says_taken(name: str) -> bool:
    return TAKEN.search(name) is not None
