"""Classes that nothing in the project makes objects of."""

from __future__ import annotations

from functools import lru_cache

from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.index import Index
from racelint.resolve import Scope


def of_unused_class(scope: Scope, function: FunctionFacts) -> bool:
    """Whether the function is a method of a class of its own kind that nothing in the project makes, imports, annotates or derives from.

    What has a base may be looked up by a framework or an entry point.
    """
    class_ = scope.classes.get(function.owner)
    if class_ is None or class_.decorators or not {base.partition("[")[0] for base in class_.bases} <= _PLAIN_BASES:
        return False
    return class_.name not in scope.index.mentions and class_.name not in _named_classes(scope.index)


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
