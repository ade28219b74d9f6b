"""Nodes of `ast` → ours: expressions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from racelint.flow.tree import node as operators
from racelint.flow.tree.expressions import (
    Arg,
    Attribute,
    Await,
    BinaryOperation,
    BooleanOperation,
    Call,
    Comparison,
    ComparisonTarget,
    CompFor,
    CompIf,
    ConcatenatedString,
    Dict,
    DictComp,
    DictElement,
    Element,
    Float,
    FormattedString,
    FormattedStringExpression,
    FormattedStringText,
    From,
    GeneratorExp,
    IfExp,
    Index,
    Integer,
    Lambda,
    List,
    ListComp,
    Name,
    NamedExpr,
    Other,
    Param,
    Parameters,
    Set,
    SetComp,
    SimpleString,
    Slice,
    StarredDictElement,
    StarredElement,
    Subscript,
    SubscriptElement,
    Tuple,
    UnaryOperation,
    Yield,
)
from racelint.flow.tree.node import BaseExpression, Compared, Joined, Origin
from racelint.flow.tree.strings import Field, Literal, literals
from racelint.flow.tree.text import Text

ASYNCHRONOUS = operators.Asynchronous()


class Operands:
    """Makes the expressions of one text."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def read(self, node: ast.expr) -> BaseExpression:
        """An expression with all that is in it."""
        return _EXPRESSIONS.get(type(node), Operands.unknown)(self, node)

    def maybe(self, node: ast.expr | None) -> BaseExpression | None:
        """The same where there may be none."""
        return self.read(node) if node is not None else None

    def unknown(self, node: ast.expr) -> BaseExpression:
        return Other([], node, self.text)

    def name(self, node: ast.Name) -> BaseExpression:
        return Name(node.id, node, self.text)

    def attribute(self, node: ast.Attribute) -> BaseExpression:
        text = self.text
        return Attribute(self.read(node.value), Name(node.attr, None, text), node, text)

    def constant(self, node: ast.Constant) -> BaseExpression:
        value, text = node.value, self.text
        if isinstance(value, (str, bytes)):
            return self.string(node)
        if value is None or value is True or value is False:
            return Name(str(value), node, text)
        if isinstance(value, int):
            written = str(value)
            if node.end_col_offset != node.col_offset + len(written):  # `1_000`, `0x10`
                written = text.raw(node)
            return Integer(written, node, text)
        return Float(text.raw(node), node, text) if isinstance(value, float) else Other([], node, text)

    def call(self, node: ast.Call) -> BaseExpression:
        text, read = self.text, self.read
        args = [
            Arg(read(one.value), None, "*", one, text)
            if isinstance(one, ast.Starred)
            else Arg(read(one), None, "", one, text)
            for one in node.args
        ]
        if node.keywords:
            args += [
                Arg(read(one.value), Name(one.arg, None, text) if one.arg else None, "" if one.arg else "**", one, text)
                for one in node.keywords
            ]
            if len(args) > len(node.keywords):
                args.sort(key=_place)  # `f(a=1, *rest)`
        return Call(read(node.func), args, node, text)

    def subscript(self, node: ast.Subscript) -> BaseExpression:
        inner = node.slice
        several = isinstance(inner, ast.Tuple) and not self.text.is_parenthesised(inner)
        parts: Sequence[ast.expr] = inner.elts if several and isinstance(inner, ast.Tuple) else [inner]
        text = self.text
        elements = [SubscriptElement(self._index(part), None, text) for part in parts]
        return Subscript(self.read(node.value), elements, node, text)

    def _index(self, node: ast.expr) -> Index | Slice:
        if isinstance(node, ast.Slice):
            return Slice(self.maybe(node.lower), self.maybe(node.upper), self.maybe(node.step), node, self.text)
        return Index(self.read(node.value if isinstance(node, ast.Starred) else node), None, self.text)

    def await_(self, node: ast.Await) -> BaseExpression:
        return Await(self.read(node.value), node, self.text)

    def binary(self, node: ast.BinOp) -> BaseExpression:
        return BinaryOperation(self.read(node.left), _BINARY[type(node.op)], self.read(node.right), node, self.text)

    def unary(self, node: ast.UnaryOp) -> BaseExpression:
        return UnaryOperation(_UNARY[type(node.op)], self.read(node.operand), node, self.text)

    def boolean(self, node: ast.BoolOp) -> BaseExpression:
        operator = _BOOLEAN[type(node.op)]
        found, last = self.read(node.values[0]), len(node.values) - 1
        for number, value in enumerate(node.values[1:], 1):
            at: Origin = node if number == last else Joined(node.values[0], value)
            found = BooleanOperation(found, operator, self.read(value), at, self.text)
        return found

    def comparison(self, node: ast.Compare) -> BaseExpression:
        parts = []
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            at = Compared(left, right)
            parts.append(ComparisonTarget(_COMPARED[type(operator)], self.read(right), at, self.text))
            left = right
        return Comparison(self.read(node.left), parts, node, self.text)

    def conditional(self, node: ast.IfExp) -> BaseExpression:
        return IfExp(self.read(node.test), self.read(node.body), self.read(node.orelse), node, self.text)

    def named(self, node: ast.NamedExpr) -> BaseExpression:
        return NamedExpr(self.read(node.target), self.read(node.value), node, self.text)

    def elements(self, nodes: Sequence[ast.expr]) -> list[Element | StarredElement]:
        """The elements of a display or of a target."""
        return [
            StarredElement(self.read(one.value), one, self.text)
            if isinstance(one, ast.Starred)
            else Element(self.read(one), one, self.text)
            for one in nodes
        ]

    def tuple_(self, node: ast.Tuple) -> BaseExpression:
        return Tuple(self.elements(node.elts), node, self.text)

    def list_(self, node: ast.List) -> BaseExpression:
        return List(self.elements(node.elts), node, self.text)

    def set_(self, node: ast.Set) -> BaseExpression:
        return Set(self.elements(node.elts), node, self.text)

    def starred(self, node: ast.Starred) -> BaseExpression:
        return StarredElement(self.read(node.value), node, self.text)

    def dict_(self, node: ast.Dict) -> BaseExpression:
        elements = [
            StarredDictElement(self.read(value), None, self.text)
            if key is None
            else DictElement(self.read(key), self.read(value), None, self.text)
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        return Dict(elements, node, self.text)

    def _loops(self, nodes: Sequence[ast.comprehension]) -> CompFor:
        node, *inner = nodes
        return CompFor(
            self.read(node.target),
            self.read(node.iter),
            [CompIf(self.read(test), None, self.text) for test in node.ifs],
            ASYNCHRONOUS if node.is_async else None,
            self._loops(inner) if inner else None,
            None,
            self.text,
        )

    def list_comprehension(self, node: ast.ListComp) -> BaseExpression:
        return ListComp(self.read(node.elt), self._loops(node.generators), node, self.text)

    def set_comprehension(self, node: ast.SetComp) -> BaseExpression:
        return SetComp(self.read(node.elt), self._loops(node.generators), node, self.text)

    def generator(self, node: ast.GeneratorExp) -> BaseExpression:
        return GeneratorExp(self.read(node.elt), self._loops(node.generators), node, self.text)

    def dict_comprehension(self, node: ast.DictComp) -> BaseExpression:
        return DictComp(self.read(node.key), self.read(node.value), self._loops(node.generators), node, self.text)

    def lambda_(self, node: ast.Lambda) -> BaseExpression:
        return Lambda(self.parameters(node.args), self.read(node.body), node, self.text)

    def yield_(self, node: ast.Yield) -> BaseExpression:
        return Yield(self.maybe(node.value), node, self.text)

    def yield_from(self, node: ast.YieldFrom) -> BaseExpression:
        return Yield(From(self.read(node.value), None, self.text), node, self.text)

    def parameters(self, node: ast.arguments) -> Parameters:
        """The parameters of a function."""
        positional = [*node.posonlyargs, *node.args]
        without = len(positional) - len(node.defaults)
        listed = [
            self._parameter(one, node.defaults[number - without] if number >= without else None)
            for number, one in enumerate(positional)
        ]
        keywords = [self._parameter(*pair) for pair in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
        starred = [self._parameter(one, None) for one in (node.vararg, node.kwarg) if one is not None]
        count = len(node.posonlyargs)
        return Parameters(listed[count:], keywords, listed[:count], starred, None, self.text)

    def _parameter(self, node: ast.arg, default: ast.expr | None) -> Param:
        name = Name(node.arg, None, self.text)
        return Param(name, self.maybe(node.annotation), self.maybe(default), node, self.text)

    # strings

    def string(self, node: ast.expr) -> BaseExpression:
        """A string, an f-string, or several of them side by side."""
        written = self.text.raw(node)
        if (
            isinstance(node, ast.Constant)
            and written[0] in _QUOTES
            and written[0] == written[-1]
            and written.count(written[0]) == 2
        ):
            return SimpleString(written, node, self.text)
        try:
            found = literals(written)
        except ValueError:
            return Other([], node, self.text)
        if len(found) == 1:
            return self._literal(found[0], written, node)
        return ConcatenatedString([self._literal(one, written, node) for one in found], node, self.text)

    def _literal(self, found: Literal, written: str, node: ast.expr) -> SimpleString | FormattedString:
        if found.parts is None:
            return SimpleString(written[found.begin : found.end], node, self.text)
        parts = self._fields(found.parts, written, node)
        return FormattedString(found.start, parts, found.start.lstrip(_LETTERS), node, self.text)

    def _fields(
        self, parts: Sequence[str | Field], written: str, node: ast.expr
    ) -> list[FormattedStringText | FormattedStringExpression]:
        found: list[FormattedStringText | FormattedStringExpression] = []
        for part in parts:
            if isinstance(part, str):
                found.append(FormattedStringText(part, None, self.text))
                continue
            tree = self.text.within(node, part.begin, written[part.begin : part.end])
            expression = self.read(tree) if tree is not None else Other([], None, self.text)
            found.append(
                FormattedStringExpression(expression, self._fields(part.parts, written, node), None, self.text)
            )
        return found


_QUOTES = ("'", '"')
_LETTERS = "rRbBuUfFtT"


def _place(argument: Arg) -> tuple[int, int]:
    at = argument.at
    return at.lineno, at.col_offset  # type: ignore[union-attr]  # all were read from somewhere


_BINARY: dict[type[ast.operator], operators.BaseBinaryOp] = {
    ast.Add: operators.Add(),
    ast.Sub: operators.Subtract(),
    ast.Mult: operators.Multiply(),
    ast.Div: operators.Divide(),
    ast.FloorDiv: operators.FloorDivide(),
    ast.Mod: operators.Modulo(),
    ast.Pow: operators.Power(),
    ast.LShift: operators.LeftShift(),
    ast.RShift: operators.RightShift(),
    ast.BitOr: operators.BitOr(),
    ast.BitAnd: operators.BitAnd(),
    ast.BitXor: operators.BitXor(),
    ast.MatMult: operators.MatrixMultiply(),
}
_UNARY: dict[type[ast.unaryop], operators.Operator] = {
    ast.Not: operators.Not(),
    ast.USub: operators.Minus(),
    ast.UAdd: operators.Plus(),
    ast.Invert: operators.BitInvert(),
}
_BOOLEAN: dict[type[ast.boolop], operators.Operator] = {ast.And: operators.And(), ast.Or: operators.Or()}
_COMPARED: dict[type[ast.cmpop], operators.Operator] = {
    ast.In: operators.In(),
    ast.NotIn: operators.NotIn(),
    ast.Is: operators.Is(),
    ast.IsNot: operators.IsNot(),
    ast.Eq: operators.Equal(),
    ast.NotEq: operators.NotEqual(),
    ast.Lt: operators.LessThan(),
    ast.LtE: operators.LessThanEqual(),
    ast.Gt: operators.GreaterThan(),
    ast.GtE: operators.GreaterThanEqual(),
}

_EXPRESSIONS: dict[type[ast.expr], Callable[[Operands, Any], BaseExpression]] = {
    ast.Name: Operands.name,
    ast.Attribute: Operands.attribute,
    ast.Constant: Operands.constant,
    ast.JoinedStr: Operands.string,
    ast.Call: Operands.call,
    ast.Subscript: Operands.subscript,
    ast.Await: Operands.await_,
    ast.BinOp: Operands.binary,
    ast.UnaryOp: Operands.unary,
    ast.BoolOp: Operands.boolean,
    ast.Compare: Operands.comparison,
    ast.IfExp: Operands.conditional,
    ast.NamedExpr: Operands.named,
    ast.Tuple: Operands.tuple_,
    ast.List: Operands.list_,
    ast.Set: Operands.set_,
    ast.Starred: Operands.starred,
    ast.Dict: Operands.dict_,
    ast.ListComp: Operands.list_comprehension,
    ast.SetComp: Operands.set_comprehension,
    ast.GeneratorExp: Operands.generator,
    ast.DictComp: Operands.dict_comprehension,
    ast.Lambda: Operands.lambda_,
    ast.Yield: Operands.yield_,
    ast.YieldFrom: Operands.yield_from,
}
