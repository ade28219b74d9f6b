"""What all nodes have, and the operators."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from racelint.flow.tree.text import Text


class Joined(NamedTuple):
    """From the beginning of one node to the end of another."""

    first: ast.AST
    last: ast.AST


class Compared(NamedTuple):
    """The operator and what stands behind it, up to the end of `right`."""

    left: ast.AST
    right: ast.AST


class Named(NamedTuple):
    """The name of a definition, behind `def` or `class`."""

    definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Final(NamedTuple):
    """The `finally` of a statement."""

    statement: ast.AST
    last: ast.AST


Origin: TypeAlias = "ast.AST | Joined | Compared | Named | Final | None"
"""What tells where a node stands; None for one that a walk makes up."""


class CSTNode:
    """A node. `text` is the one that it stands in; None for a node that a walk makes up."""

    __slots__ = ("at", "text")

    at: Origin
    text: Text | None

    @property
    def children(self) -> list[CSTNode]:
        """The nodes right below."""
        found: list[CSTNode] = []
        for name in self.__slots__:
            part = getattr(self, name)
            if isinstance(part, CSTNode):
                found.append(part)
            elif isinstance(part, list):
                found += part
        return found


class BaseExpression(CSTNode):
    __slots__ = ()


class Operator:
    """What stands between operands; its class is all there is to it."""

    __slots__ = ()


class Asynchronous(Operator):
    __slots__ = ()


class BaseBinaryOp(Operator):
    __slots__ = ()


class BaseAugOp(Operator):
    __slots__ = ()


class Add(BaseBinaryOp):
    __slots__ = ()


class Subtract(BaseBinaryOp):
    __slots__ = ()


class Multiply(BaseBinaryOp):
    __slots__ = ()


class Divide(BaseBinaryOp):
    __slots__ = ()


class FloorDivide(BaseBinaryOp):
    __slots__ = ()


class Modulo(BaseBinaryOp):
    __slots__ = ()


class Power(BaseBinaryOp):
    __slots__ = ()


class LeftShift(BaseBinaryOp):
    __slots__ = ()


class RightShift(BaseBinaryOp):
    __slots__ = ()


class BitOr(BaseBinaryOp):
    __slots__ = ()


class BitAnd(BaseBinaryOp):
    __slots__ = ()


class BitXor(BaseBinaryOp):
    __slots__ = ()


class MatrixMultiply(BaseBinaryOp):
    __slots__ = ()


class AddAssign(BaseAugOp):
    __slots__ = ()


class OtherAssign(BaseAugOp):
    __slots__ = ()


class And(Operator):
    __slots__ = ()


class Or(Operator):
    __slots__ = ()


class Not(Operator):
    __slots__ = ()


class Minus(Operator):
    __slots__ = ()


class Plus(Operator):
    __slots__ = ()


class BitInvert(Operator):
    __slots__ = ()


class In(Operator):
    __slots__ = ()


class NotIn(Operator):
    __slots__ = ()


class Is(Operator):
    __slots__ = ()


class IsNot(Operator):
    __slots__ = ()


class Equal(Operator):
    __slots__ = ()


class NotEqual(Operator):
    __slots__ = ()


class LessThan(Operator):
    __slots__ = ()


class LessThanEqual(Operator):
    __slots__ = ()


class GreaterThan(Operator):
    __slots__ = ()


class GreaterThanEqual(Operator):
    __slots__ = ()
