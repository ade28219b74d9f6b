"""Paths that a class has for all its objects, whatever they are called where they are used."""

from __future__ import annotations

from racelint.facts import FunctionFacts
from racelint.pattern.unit import Unit


def paths_of_class(unit: Unit, path: str) -> frozenset[str]:
    """All names of a path that the class of the unit sets in its body and that no method sets: `self.FILE`, `cls.FILE`, `Store.FILE`.

    None for any other path.
    """
    root, _, name = path.partition(".")
    owner, scope = unit.facts.owner, unit.module.scope
    own = (
        [class_ for class_ in scope.lineage(owner) if any(name == known for known, _ in class_.attributes)]
        if owner
        else []
    )
    roots = {"self", "cls", *(class_.name for class_ in own)}
    if root not in roots or not own or scope.attribute_writes(owner, name):
        return frozenset()
    return frozenset(f"{one}.{name}" for one in (*roots, owner.rpartition(".")[2]))


def names_elsewhere(unit: Unit, path: str) -> frozenset[str]:
    """Those that mean the same in functions that are no methods of the class."""
    return frozenset(one for one in paths_of_class(unit, path) if one.partition(".")[0] not in ("self", "cls"))


def names_in(unit: Unit, function: FunctionFacts, path: str) -> frozenset[str]:
    """What another function calls a path that is one for the module or the class; none for what is made anew each time."""
    if path[:1] in ("'", '"') or path in unit.module.scope.assigned:
        return frozenset({path})
    alike = bool(unit.facts.owner) and function.owner == unit.facts.owner
    return paths_of_class(unit, path) if alike else names_elsewhere(unit, path)
