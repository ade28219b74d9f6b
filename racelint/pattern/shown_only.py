"""Numbers that nothing goes by: they are counted, and at most logged or shown with the object."""

from __future__ import annotations

import ast
from enum import Enum
from functools import lru_cache

from racelint.events import Access, Kind, Resource
from racelint.expressions import expression
from racelint.facts import ModuleFacts
from racelint.index.processes import OF_TESTS
from racelint.pattern.made import is_told
from racelint.pattern.unit import Unit
from racelint.words import PACES


def only_shown(unit: Unit, write: Access, counted: bool = True, figures: bool = False) -> bool:
    """Whether nobody in the project reads the attribute that is counted up, but for what is logged, printed or shown of its object.
    With `counted` false, whatever is done with it here, but something has to show it. With `figures`, what a function returns that is
    there for the statistics of the object, by its name, is shown, too.

    One that others may read, and that nothing shows, is there for them, but not in the copy of a library that a project has, nor where
    several modules are seen and none names it. What only says when something is tried again is as harmless.
    """
    resource = write.resource
    if PACES.search(resource.path):
        return True
    function = unit.module.scope.functions.get(write.place.unit)
    if counted and resource.kind is Kind.GLOBAL and write.how in _COUNTS:
        return _never_read(unit, resource.path)
    if resource.kind is not Kind.ATTRIBUTE or "." in resource.path or function is None:
        return False
    if counted and write.how not in _COUNTS and not (write.how == "=" and _ADDED.search(write.value.text)):
        return False
    name, home = resource.path, unit.module.scope.names_in(function.qualname).facts.path
    readers = _readers(unit, name, home)
    if len(readers) > MOST_READERS:
        return False
    uses = {_used_in(_text(unit, path), name, figures) for path in (home, *readers)}
    if Use.READ in uses:
        return False
    own = name.startswith("_") or not _COPIED.isdisjoint(home.split("/")[:-1])
    return Use.SHOWN in uses or (counted and (own or _named_nowhere(unit, resource, home)))


def _named_nowhere(unit: Unit, resource: Resource, home: str) -> bool:
    """Whether no other one of several modules has an attribute of that name but to count it, too, nor a way to come to attributes of
    the object without their names, and whether its class does not promise to be safe for threads, which its numbers are a part of.

    One module by itself is there for others, which are out of view.
    """
    scope = unit.module.scope
    class_, last = scope.classes.get(resource.owner), f".{resource.path}"
    if class_ is None or class_.thread_safe or class_.decorators or len(scope.index.modules) < 2:
        return False
    if not all(
        base in _PLAIN or scope.is_plain(base) for base in scope.base_names(resource.owner)
    ) or _ALL_AT_ONCE.search(_text(unit, home)):
        return False
    naming = [
        module.path
        for module in scope.index.modules
        if module.path != home
        and any(
            path.endswith(last)
            for function in (*module.functions, module.module_body)
            for path in (*function.reads, *function.references)
        )
    ]
    return len(naming) <= MOST_READERS and all(
        _used_in(_text(unit, path), resource.path, False) is Use.NONE for path in naming
    )


_PLAIN = ("object", "threading.Thread")
"""Bases that do nothing with the attributes of their objects."""

_ALL_AT_ONCE = expression(r"__dict__|\bvars\(|\basdict\(|__slots__|__all__")
"""Ways to come to all attributes of an object, and what says that others use the module."""


def _never_read(unit: Unit, name: str) -> bool:
    """Whether a private global is only set and counted up, here and in all modules that use this one: tests may look at it."""
    if not name.startswith("_") or not name.isidentifier():
        return False
    home, index = unit.module.path, unit.module.scope.index
    if any(not OF_TESTS.search(module.path) and _imports(module, name) for module in index.users.get(home, ())):
        return False
    return not _readers(unit, name, home) and _only_set(_text(unit, home), name)


def _imports(module: ModuleFacts, name: str) -> bool:
    return any(origin.rpartition(".")[2] == name for _, origin in module.imports)


@lru_cache(maxsize=64)
def _only_set(text: str, name: str) -> bool:
    """Whether a module never reads a name, nor says it in a text by which it could be looked up."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return not any(
        (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Constant) and node.value == name)
        for node in nodes
    )


MOST_READERS = 5
"""Other modules that are read for what they do with an attribute; where more name it, something may go by it."""


def _text(unit: Unit, path: str) -> str:
    """The text of a module; nothing that can be parsed if it cannot be read."""
    try:
        return "".join(unit.module.program.lines_at(path))
    except ValueError:
        return "("


class Use(Enum):
    """What becomes of an attribute."""

    NONE = "it is only counted"
    SHOWN = "it is logged, or shown with its object"
    READ = "something may go by it"


_COPIED = frozenset({"packages", "vendor", "_vendor", "vendored", "_vendored", "third_party", "extern"})
"""Names of folders in which projects keep copies of libraries."""

_FIGURES = frozenset({"stats", "statistics", "metrics"})
"""Words of names of functions that give out figures about an object, for somebody to look at."""

_ADDED = expression(r"\+ \d+\s*\)*$")
"""The end of what a number is set to that is counted up without `+=`."""

_COUNTS = ("+=", "-=", "[]+=", "[]-=")


def _readers(unit: Unit, name: str, home: str) -> list[str]:
    """The modules that use `home` and name an attribute which is called so; a private one of `self` is another one."""
    last, own = f".{name}", f"self.{name}" if name.startswith("_") else ""
    return [
        module.path
        for module in unit.module.scope.index.users.get(home, ())
        if module.path != home
        and any(
            path.endswith(last) and path != own
            for function in (*module.functions, module.module_body)
            for path in (*function.reads, *function.references)
        )
    ]


@lru_cache(maxsize=64)
def _used_in(text: str, name: str, figures: bool) -> Use:
    """What a module does with attributes of that name, apart from counting them."""
    try:
        return _used(ast.parse(text), name, figures)
    except (SyntaxError, ValueError, RecursionError):
        return Use.READ


def _used(tree: ast.AST, name: str, figures: bool) -> Use:
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = [node for node in above if _names(node, name)]
    by_hand = [step for node in found if (step := _counted_by_hand(node, above, name)) is not None]
    steps = [
        holder.op for holder in (*map(above.get, found), *by_hand) if isinstance(holder, ast.AugAssign | ast.BinOp)
    ]
    falls = not steps or not all(isinstance(step, ast.Add) for step in steps)
    loads = [node for node in found if not _is_changed(node, above) and _counted_by_hand(node, above, name) is None]
    if not all(_is_shown(node, above, figures, falls) for node in loads):
        return Use.READ
    return Use.SHOWN if loads else Use.NONE


def _counted_by_hand(node: ast.AST, above: dict[ast.AST, ast.AST], name: str) -> ast.BinOp | None:
    """The sum to which the attribute is set that is read there for nothing else: `self.n = getattr(self, "n", 0) + 1`."""
    read = above.get(node)
    summed = above.get(read) if isinstance(read, ast.Call) and ast.unparse(read.func) == "getattr" else read
    holder = above.get(summed) if isinstance(summed, ast.BinOp) and isinstance(summed.right, ast.Constant) else None
    if not isinstance(holder, ast.Assign) or len(holder.targets) != 1 or not isinstance(summed, ast.BinOp):
        return None
    target = holder.targets[0]
    return summed if isinstance(target, ast.Attribute) and target.attr == name else None


def _names(node: ast.AST, name: str) -> bool:
    """Whether a node is the attribute, or its name in a text: `getattr(self, "name")`, a list of fields."""
    if isinstance(node, ast.Constant):
        return bool(node.value == name)
    return isinstance(node, ast.Attribute) and node.attr == name


def _is_changed(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether the attribute, or an entry of it, is set or counted up there."""
    entry = above[node]
    if isinstance(entry, ast.Subscript) and entry.value is node and isinstance(entry.ctx, ast.Store | ast.Del):
        return True
    return isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)


def _is_shown(node: ast.AST, above: dict[ast.AST, ast.AST], figures: bool, falls: bool) -> bool:
    """Whether what stands there is logged or shown with its object, or only asked whether it is any: one that is lost of several does
    not change that, unless it is no number that only rises. A local name that holds it is followed."""
    holder = above.get(node)
    if not falls and _asks_if_any(holder, node):
        return True
    if isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Name) and len(holder.targets) == 1:
        around = above.get(holder)
        while around is not None and not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
            around = above.get(around)
        local = holder.targets[0].id
        uses = [n for n in ast.walk(around) if isinstance(n, ast.Name) and n.id == local] if around is not None else []
        loads = [use for use in uses if isinstance(use.ctx, ast.Load)]
        return bool(loads) and all(
            not isinstance(above[n], ast.Assign) and _is_shown(n, above, figures, falls) for n in loads
        )
    while holder is not None:
        if isinstance(holder, ast.Call) and is_told(ast.unparse(holder.func)):
            return True
        if isinstance(holder, ast.FunctionDef) and (
            holder.name in ("__repr__", "__str__") or (figures and not _FIGURES.isdisjoint(holder.name.split("_")))
        ):
            return True
        holder = above.get(holder)
    return False


def _asks_if_any(holder: ast.AST | None, node: ast.AST) -> bool:
    """Whether a value is only asked whether it is anything but none."""
    if isinstance(holder, ast.If | ast.IfExp):
        return holder.test is node
    return isinstance(holder, ast.BoolOp) or (isinstance(holder, ast.UnaryOp) and isinstance(holder.op, ast.Not))
