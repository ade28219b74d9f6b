"""Numbers that nothing goes by: they are counted, and at most logged or shown with the object."""

from __future__ import annotations

import ast
from enum import Enum
from functools import lru_cache

from racelint.events import Access, Kind
from racelint.pattern.made import is_told
from racelint.pattern.unit import Unit
from racelint.words import PACES


def only_shown(unit: Unit, write: Access, counted: bool = True, figures: bool = False) -> bool:
    """Whether nobody in the project reads the attribute that is counted up, but for what is logged, printed or shown of its object.
    With `counted` false, whatever is done with it here, but something has to show it. With `figures`, what a function returns that is
    there for the statistics of the object, by its name, is shown, too.

    One that others may read, and that nothing shows, is there for them, but not in the copy of a library that a project has. What only says when something is tried again is as harmless.
    """
    resource = write.resource
    if PACES.search(resource.path):
        return True
    function = unit.module.scope.functions.get(write.place.unit)
    if resource.kind is not Kind.ATTRIBUTE or "." in resource.path or function is None:
        return False
    if counted and write.how not in _COUNTS:
        return False
    name, home = resource.path, unit.module.scope.names_in(function.qualname).facts.path
    if _read_elsewhere(unit, name, home):
        return False
    used = _used_in("".join(unit.module.program.lines_of(function)), name, figures)
    own = name.startswith("_") or not _COPIED.isdisjoint(home.split("/")[:-1])
    return used is Use.SHOWN or (counted and used is Use.NONE and own)


class Use(Enum):
    """What becomes of an attribute."""

    NONE = "it is only counted"
    SHOWN = "it is logged, or shown with its object"
    READ = "something may go by it"


_COPIED = frozenset({"packages", "vendor", "_vendor", "vendored", "_vendored", "third_party", "extern"})
"""Names of folders in which projects keep copies of libraries."""

_FIGURES = frozenset({"stats", "statistics", "metrics"})
"""Words of names of functions that give out figures about an object, for somebody to look at."""

_COUNTS = ("+=", "-=", "[]+=", "[]-=")


def _read_elsewhere(unit: Unit, name: str, home: str) -> bool:
    """Whether a module of the project other than `home` names an attribute that is called so; a private one of `self` is another one."""
    last, own = f".{name}", f"self.{name}" if name.startswith("_") else ""
    return any(
        path.endswith(last) and path != own
        for module in unit.module.scope.index.modules
        if module.path != home
        for function in (*module.functions, module.module_body)
        for path in (*function.reads, *function.references)
    )


@lru_cache(maxsize=64)
def _used_in(text: str, name: str, figures: bool) -> Use:
    """What a module does with attributes of that name, apart from counting them."""
    try:
        return _used(ast.parse(text), name, figures)
    except (SyntaxError, ValueError, RecursionError):
        return Use.READ


def _used(node: ast.AST, name: str, figures: bool) -> Use:
    if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load):
        return Use.READ
    if isinstance(node, ast.Constant) and node.value == name:  # `getattr(self, "name")`, a list of fields
        return Use.READ
    parts = ast.iter_child_nodes(node)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Attribute):
        parts = iter((node.value.value, node.slice))  # an entry is set, or counted up
    uses = {_used(part, name, figures) for part in parts}
    shows = (
        isinstance(node, ast.FunctionDef)
        and (node.name in ("__repr__", "__str__") or (figures and not _FIGURES.isdisjoint(node.name.split("_"))))
    ) or (isinstance(node, ast.Call) and is_told(ast.unparse(node.func)))
    if Use.READ in uses:
        return Use.SHOWN if shows else Use.READ
    return Use.SHOWN if Use.SHOWN in uses else Use.NONE
