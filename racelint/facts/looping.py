"""What the names that loops and comprehensions bind have in turn."""

from __future__ import annotations

import ast

from racelint.facts.source_text import dotted


def choices_of(target: ast.expr, collection: ast.expr) -> list[tuple[str, int, tuple[str, ...]]]:
    """The names that a loop over what stands there (`for job in (self.read, self.write)`) binds, each with the line of the
    collection and the paths that it has in turn."""
    if not isinstance(collection, (ast.Tuple, ast.List, ast.Set)):
        return []
    if isinstance(target, ast.Name):
        paths = tuple(path for element in collection.elts if (path := dotted(element)))
        return [(target.id, collection.lineno, paths)] if paths else []
    if not isinstance(target, ast.Tuple) or not all(
        isinstance(row, ast.Tuple) and len(row.elts) == len(target.elts) for row in collection.elts
    ):
        return []
    rows = [row.elts for row in collection.elts if isinstance(row, ast.Tuple)]
    return [
        choice
        for place, name in enumerate(target.elts)
        for choice in choices_of(
            name, ast.copy_location(ast.List([row[place] for row in rows], ast.Load()), collection)
        )
    ]


def distinct_names(target: ast.expr, collection: ast.expr) -> set[str]:
    """The names that a loop binds to another value in each round, whatever the collection holds."""
    while isinstance(collection, ast.Call) and dotted(collection.func) in _AS_THEY_ARE and collection.args:
        collection = collection.args[0]
    if isinstance(collection, ast.SetComp):
        return {target.id} if isinstance(target, ast.Name) else set()
    if not isinstance(collection, ast.Call):
        return set()
    of = dotted(collection.func)
    if of in _NUMBERED or (isinstance(collection.func, ast.Attribute) and of.endswith(".items")):
        first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
        return {first.id} if isinstance(first, ast.Name) else set()
    keys = isinstance(collection.func, ast.Attribute) and of.endswith(".keys")
    return {target.id} if isinstance(target, ast.Name) and (keys or of in _SETS) else set()


_AS_THEY_ARE = frozenset({"list", "tuple", "sorted", "reversed", "iter"})
"""Functions whose result has the elements of what they are handed, each as often."""

_NUMBERED = frozenset({"enumerate"})
_SETS = frozenset({"set", "frozenset", "range"})
"""Functions whose results hold nothing twice."""
