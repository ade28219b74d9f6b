"""Classes that nothing in the project makes objects of, and private functions that nothing in it calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from racelint.evidence import runs_alone
from racelint.expressions import expression
from racelint.facts import FunctionFacts, is_property
from racelint.index import Index
from racelint.index.processes import FEWEST_MODULES
from racelint.pattern.unit import Unit
from racelint.resolve import Scope


def of_unused_class(scope: Scope, function: FunctionFacts) -> bool:
    """Whether the function is a method of a class of its own kind that nothing in the project makes, imports, annotates or derives from.

    What has a base may be looked up by a framework or an entry point.
    """
    class_ = scope.classes.get(function.owner)
    if class_ is None or class_.decorators or not {base.partition("[")[0] for base in class_.bases} <= _PLAIN_BASES:
        return False
    return class_.name not in scope.index.mentions and class_.name not in _named_classes(scope.index)


def stands_in(scope: Scope, function: FunctionFacts) -> bool:
    """Whether the function is a method of a class that stands for another one in tests, by its name, and that nothing else makes.

    What frameworks look up has no such name. Of a few modules that are looked at alone, others may make it.
    """
    class_ = scope.classes.get(function.owner)
    if class_ is None or not _DOUBLE.search(class_.name) or len(scope.index.modules) < FEWEST_MODULES:
        return False
    mentioning = scope.index.mentions.get(class_.name, set())
    return all(map(runs_alone, mentioning)) and class_.name not in _named_classes(scope.index)


_DOUBLE = expression(r"(?:Mock|Fake|Stub|Dummy)(?=[A-Z_\d]|$)")
"""Words in names of classes that stand for something else in tests."""


def unused_step(scope: Scope, function: FunctionFacts, lines: Sequence[str]) -> bool:
    """Whether the function is private and nothing in the project calls it or hands it on; `lines` are those of its module.

    What a base from elsewhere may call, or somebody looks up by its name, is not told of.
    """
    name, class_ = function.name, scope.classes.get(function.owner)
    if not name.startswith("_") or name.endswith("__") or function.parent or function.decorators:
        return False
    if class_ is not None and not {base.partition("[")[0] for base in class_.bases} <= _PLAIN_BASES:
        return False
    if name in scope.index.mentions or any("getattr(" in line and not _LITERAL.search(line) for line in lines):
        return False
    word = expression(rf"\b{re.escape(name)}\b")
    return sum(bool(word.search(line)) for line in lines) == 1


def called_by_name(index: Index, function: FunctionFacts, path: str) -> bool:
    """Whether anything in the project calls a method of this name, or hands it on, and not only methods that are called alike, which
    pass on what they are asked for.

    A call that has no place for the argument of which the path is made is one of another method, as that of an open file is.
    """
    if function.name.startswith("__") or is_property(function):
        return True
    names = [name for name, _ in function.params[bool(function.owner) :]]
    least = max((place for place, name in enumerate(names, 1) if name in _WORDS.findall(path)), default=0)
    for module, caller, call in index.calls.get(function.name, ()):
        root = call.callee.partition(".")[0]
        foreign = "." in call.callee and root in dict(module.imports) and index.meaning(root, module) is None
        given = call.arguments
        fits = least <= len(given) <= len(names) or any(argument.startswith("*") for argument in given)
        if fits and not foreign and caller.name != function.name:
            return True
    return any(
        (function.name in other.unnamed and function.name not in _OF_FILES)
        or any(reference.rpartition(".")[2] == function.name for reference in other.references)
        for module in index.modules
        for other in (*module.functions, module.module_body)
        if other.name != function.name
    )


def is_used(unit: Unit, name: str) -> bool:
    """Whether anything in the project calls or imports a function of the module, as far as names tell and the project is in view.

    What a decorator makes of it is called by others, and so is what a thread, a handler or another module comes to, and a method of a
    class that a package offers to its users.
    """
    scope, concurrency = unit.module.scope, unit.module.concurrency
    function = scope.functions.get(name)
    if function is None or unit.module.path not in scope.index.users or function.decorators or function.parent:
        return True
    roots = (concurrency.roots[number] for number in concurrency.reached.get(name, ()))
    if any(not root.public for root in roots) or (not function.owner and function.name in scope.index.mentions):
        return True
    class_ = scope.classes.get(function.owner)
    if class_ is not None and class_.name in _offered(scope.index):
        return True
    return called_by_name(scope.index, function, "")


@lru_cache(maxsize=4)
def _offered(index: Index) -> frozenset[str]:
    """The names that packages import into themselves, for their users."""
    packages = (module for module in index.modules if module.path.rpartition("/")[2] == "__init__.py")
    return frozenset(name for module in packages for name, _ in module.imports)


_OF_FILES = frozenset("read read_bytes read_text write write_bytes write_text".split())
"""Methods that paths and open files have."""


_LITERAL = expression(r"""getattr\(.+,\s*["']""")
"""An attribute that is asked for by a name which is written out."""


_PLAIN_BASES = frozenset({"object", "Generic", "typing.Generic", "ABC", "abc.ABC"})
"""Bases that say nothing of who makes the objects of a class."""


@lru_cache(maxsize=4)
def _named_classes(index: Index) -> frozenset[str]:
    """Last names of all that classes derive from, that is kept in names of modules and classes, and that arguments are annotated with."""
    functions = (function for module in index.modules for function in module.functions)
    paths = {annotation for function in functions for _, annotation in function.params}
    for module in index.modules:
        paths.update(built for _, built in module.assigned)
        for class_ in module.classes:
            paths.update((*class_.bases, *(built for _, built in class_.attributes)))
    return frozenset(word for path in paths for word in _WORDS.findall(path))


_WORDS = expression(r"\w+")
