"""Objects that live as long as the application: it keeps them, or its handlers close over them."""

from __future__ import annotations

from racelint.facts import FunctionFacts
from racelint.resolve import Scope


def closed_over(function: FunctionFacts, scope: Scope, family: frozenset[str]) -> bool:
    """Whether a nested function uses an object of one of the classes that the function around it made, once for all its calls, or
    whose method that is: `def routes(self): @app.get("/") async def index(): return await self.load()`.

    A method of the class has no object of it: with `cls` each call makes one of its own.
    """
    parent = scope.functions.get(function.parent)
    while parent is not None:
        names = {name for name, built in parent.locals_built if built in family}
        if parent.owner in family and parent.params and _OF_NO_OBJECT.isdisjoint(parent.decorators):
            names.add(parent.params[0][0])
        if any(read.partition(".")[0] in names - function.local_names for read in function.reads):
            return True
        parent = scope.functions.get(parent.parent)
    return False


_OF_NO_OBJECT = frozenset({"staticmethod", "classmethod"})
"""Decorators of methods whose first parameter holds no object of their class."""
