"""The unit of a finding in its module: how it is called, and what else is there to call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias

from racelint.frozen import dataclass

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Kind(Enum):
    """How a unit is called."""

    FUNCTION = "function"
    METHOD = "method"
    OF_CLASS = "class method"
    CONSTRUCTOR = "constructor"


@dataclass(frozen=True, slots=True)
class Unit:
    """A function that can be called from outside of its module."""

    name: str
    """Qualified."""
    kind: Kind
    node: Function
    owner: ast.ClassDef | None = None

    @property
    def is_async(self) -> bool:
        """Whether its call gives an awaitable."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def parameters(self) -> ast.arguments:
        return self.node.args

    def given(self) -> list[tuple[ast.arg, bool]]:
        """The parameters that a call must give, and whether by keyword; without `self`."""
        arguments = self.node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        bound = 0 if self.kind is Kind.FUNCTION or _has(self.node, "staticmethod") else 1
        required = positional[bound : len(positional) - len(arguments.defaults)]
        named = [
            one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
        ]
        return [(one, False) for one in required] + [(one, True) for one in named]


class Uncallable(Exception):
    """Why a unit cannot be called from outside."""


def unit_of(tree: ast.Module, symbol: str) -> Unit:
    """The unit of that qualified name. Raises Uncallable."""
    names = symbol.split(".")
    body: list[ast.stmt] = tree.body
    owner: ast.ClassDef | None = None
    for place, name in enumerate(names):
        node = next((one for one in _defined(body) if one.name == name), None)
        if node is None:
            raise Uncallable(
                f"`{symbol}` is not defined at the top of the module" if symbol else "it is module-level code"
            )
        if isinstance(node, ast.ClassDef):
            if owner is not None:
                raise Uncallable(f"`{symbol}` is in a class within a class")
            owner, body = node, node.body
        elif place < len(names) - 1:
            raise Uncallable(f"`{symbol}` is defined inside `{'.'.join(names[: place + 1])}`, which a test cannot stop")
        else:
            return _unit(symbol, node, owner)
    raise Uncallable(f"`{symbol}` is a class")


def _unit(symbol: str, node: Function, owner: ast.ClassDef | None) -> Unit:
    if any(
        _has(node, name)
        for name in ("property", "cached_property", "contextmanager", "asynccontextmanager", "overload")
    ):
        raise Uncallable(f"`{symbol}` is no plain call: its decorator changes what it is")
    if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in own_nodes(node)):
        raise Uncallable(f"`{symbol}` is a generator")
    if owner is None:
        return Unit(symbol, Kind.FUNCTION, node)
    if node.name in ("__init__", "__new__", "__post_init__"):
        return Unit(symbol, Kind.CONSTRUCTOR, node, owner)
    of_class = _has(node, "classmethod") or _has(node, "staticmethod")
    return Unit(symbol, Kind.OF_CLASS if of_class else Kind.METHOD, node, owner)


def units_of(tree: ast.Module) -> Iterator[Unit]:
    """All that can be called."""
    for node in _defined(tree.body):
        inner = (
            [f"{node.name}.{one.name}" for one in _defined(node.body)]
            if isinstance(node, ast.ClassDef)
            else [node.name]
        )
        for name in inner:
            try:
                yield unit_of(tree, name)
            except Uncallable:
                continue


def _defined(body: list[ast.stmt]) -> Iterator[ast.ClassDef | Function]:
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
        elif isinstance(statement, ast.If | ast.Try):
            yield from _defined([*statement.body, *statement.orelse])


def classes_of(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """The classes at the top of a module."""
    return {node.name: node for node in _defined(tree.body) if isinstance(node, ast.ClassDef)}


def constructor_of(owner: ast.ClassDef) -> Function | None:
    """The `__init__` of a class, if it is in its body."""
    return next(
        (one for one in _defined(owner.body) if one.name == "__init__" and not isinstance(one, ast.ClassDef)), None
    )


def _has(node: Function, decorator: str) -> bool:
    return any(ast.unparse(one).rpartition(".")[2].partition("(")[0] == decorator for one in node.decorator_list)


def has_decorator(node: Function | ast.ClassDef, name: str) -> bool:
    """Whether it is decorated by that name."""
    return any(ast.unparse(one).partition("(")[0].rpartition(".")[2] == name for one in node.decorator_list)


def own_nodes(node: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions within."""
    pending: list[ast.AST] = [*node.body]
    while pending:
        one = pending.pop()
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(one))


def changes(unit: Unit, attribute: str) -> bool:
    """Whether it assigns an attribute of that name, or calls a method on it that changes a collection."""
    return any(_changes(node, attribute) for node in own_nodes(unit.node))


def _changes(node: ast.AST, attribute: str) -> bool:
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return _is_of(node if isinstance(node, ast.Attribute) else node.value, attribute)
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in _CHANGING and _is_of(called.value, attribute)


def _is_of(node: ast.expr, attribute: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == attribute


def calls(unit: Unit, other: Unit) -> bool:
    """Whether a unit calls another one of its own object."""
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) in (f"self.{other.node.name}", other.node.name)
        for node in own_nodes(unit.node)
    )


_CHANGING = frozenset(
    "add append appendleft clear discard extend insert pop popitem popleft remove setdefault update".split()
)


def keeps_state(tree: ast.Module) -> bool:
    """Whether the module or one of its classes holds data that calls may change, so that each run must begin afresh."""
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        return True
    bodies = [tree.body, *(one.body for one in classes_of(tree).values() if not has_decorator(one, "dataclass"))]
    return any(_may_change(value) for body in bodies for value in _assigned(body))


def _assigned(body: list[ast.stmt]) -> Iterator[ast.expr]:
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            yield statement.value


def _may_change(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None or isinstance(value.value, bool)
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] not in ("getLogger", "TypeVar", "NewType", "compile", "Path")
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
