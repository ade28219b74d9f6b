"""The nodes of expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from racelint.flow.tree.node import Asynchronous, BaseBinaryOp, BaseExpression, CSTNode, Operator, Origin

if TYPE_CHECKING:
    from racelint.flow.tree.text import Text


class Name(BaseExpression):
    __slots__ = ("value",)

    def __init__(self, value: str, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Attribute(BaseExpression):
    __slots__ = ("attr", "value")

    def __init__(self, value: BaseExpression, attr: Name, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.attr, self.at, self.text = value, attr, at, text


class Arg(CSTNode):
    """An argument of a call; `star` is "", "*" or "**"."""

    __slots__ = ("keyword", "star", "value")

    def __init__(
        self,
        value: BaseExpression,
        keyword: Name | None = None,
        star: str = "",
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.value, self.keyword, self.star, self.at, self.text = value, keyword, star, at, text


class Call(BaseExpression):
    __slots__ = ("args", "func")

    def __init__(self, func: BaseExpression, args: Sequence[Arg], at: Origin = None, text: Text | None = None) -> None:
        self.func, self.args, self.at, self.text = func, args, at, text


class Index(CSTNode):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Slice(CSTNode):
    __slots__ = ("lower", "step", "upper")

    def __init__(
        self,
        lower: BaseExpression | None,
        upper: BaseExpression | None,
        step: BaseExpression | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.lower, self.upper, self.step, self.at, self.text = lower, upper, step, at, text


class SubscriptElement(CSTNode):
    __slots__ = ("slice",)

    def __init__(self, slice: Index | Slice, at: Origin = None, text: Text | None = None) -> None:
        self.slice, self.at, self.text = slice, at, text


class Subscript(BaseExpression):
    __slots__ = ("slice", "value")

    def __init__(
        self, value: BaseExpression, slice: Sequence[SubscriptElement], at: Origin = None, text: Text | None = None
    ) -> None:
        self.value, self.slice, self.at, self.text = value, slice, at, text


class Await(BaseExpression):
    __slots__ = ("expression",)

    def __init__(self, expression: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.expression, self.at, self.text = expression, at, text


class BinaryOperation(BaseExpression):
    __slots__ = ("left", "operator", "right")

    def __init__(
        self,
        left: BaseExpression,
        operator: BaseBinaryOp,
        right: BaseExpression,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.left, self.operator, self.right, self.at, self.text = left, operator, right, at, text


class UnaryOperation(BaseExpression):
    __slots__ = ("expression", "operator")

    def __init__(
        self, operator: Operator, expression: BaseExpression, at: Origin = None, text: Text | None = None
    ) -> None:
        self.operator, self.expression, self.at, self.text = operator, expression, at, text


class BooleanOperation(BaseExpression):
    """Three operands are two operations, the left one within the other."""

    __slots__ = ("left", "operator", "right")

    def __init__(
        self,
        left: BaseExpression,
        operator: Operator,
        right: BaseExpression,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.left, self.operator, self.right, self.at, self.text = left, operator, right, at, text


class ComparisonTarget(CSTNode):
    __slots__ = ("comparator", "operator")

    def __init__(
        self, operator: Operator, comparator: BaseExpression, at: Origin = None, text: Text | None = None
    ) -> None:
        self.operator, self.comparator, self.at, self.text = operator, comparator, at, text


class Comparison(BaseExpression):
    __slots__ = ("comparisons", "left")

    def __init__(
        self, left: BaseExpression, comparisons: Sequence[ComparisonTarget], at: Origin = None, text: Text | None = None
    ) -> None:
        self.left, self.comparisons, self.at, self.text = left, comparisons, at, text


class IfExp(BaseExpression):
    __slots__ = ("body", "orelse", "test")

    def __init__(
        self,
        test: BaseExpression,
        body: BaseExpression,
        orelse: BaseExpression,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.test, self.body, self.orelse, self.at, self.text = test, body, orelse, at, text


class NamedExpr(BaseExpression):
    __slots__ = ("target", "value")

    def __init__(
        self, target: BaseExpression, value: BaseExpression, at: Origin = None, text: Text | None = None
    ) -> None:
        self.target, self.value, self.at, self.text = target, value, at, text


class Element(CSTNode):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class StarredElement(BaseExpression):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Tuple(BaseExpression):
    __slots__ = ("elements",)

    def __init__(
        self, elements: Sequence[Element | StarredElement], at: Origin = None, text: Text | None = None
    ) -> None:
        self.elements, self.at, self.text = elements, at, text


class List(BaseExpression):
    __slots__ = ("elements",)

    def __init__(
        self, elements: Sequence[Element | StarredElement], at: Origin = None, text: Text | None = None
    ) -> None:
        self.elements, self.at, self.text = elements, at, text


class Set(BaseExpression):
    __slots__ = ("elements",)

    def __init__(
        self, elements: Sequence[Element | StarredElement], at: Origin = None, text: Text | None = None
    ) -> None:
        self.elements, self.at, self.text = elements, at, text


class DictElement(CSTNode):
    __slots__ = ("key", "value")

    def __init__(self, key: BaseExpression, value: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.key, self.value, self.at, self.text = key, value, at, text


class StarredDictElement(CSTNode):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Dict(BaseExpression):
    __slots__ = ("elements",)

    def __init__(
        self, elements: Sequence[DictElement | StarredDictElement], at: Origin = None, text: Text | None = None
    ) -> None:
        self.elements, self.at, self.text = elements, at, text


class CompIf(CSTNode):
    __slots__ = ("test",)

    def __init__(self, test: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.test, self.at, self.text = test, at, text


class CompFor(CSTNode):
    __slots__ = ("asynchronous", "ifs", "inner_for_in", "iter", "target")

    def __init__(
        self,
        target: BaseExpression,
        iter: BaseExpression,
        ifs: Sequence[CompIf],
        asynchronous: Asynchronous | None,
        inner_for_in: CompFor | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.target, self.iter, self.ifs, self.asynchronous, self.inner_for_in, self.at, self.text = (
            target,
            iter,
            ifs,
            asynchronous,
            inner_for_in,
            at,
            text,
        )


class ListComp(BaseExpression):
    __slots__ = ("elt", "for_in")

    def __init__(self, elt: BaseExpression, for_in: CompFor, at: Origin = None, text: Text | None = None) -> None:
        self.elt, self.for_in, self.at, self.text = elt, for_in, at, text


class SetComp(BaseExpression):
    __slots__ = ("elt", "for_in")

    def __init__(self, elt: BaseExpression, for_in: CompFor, at: Origin = None, text: Text | None = None) -> None:
        self.elt, self.for_in, self.at, self.text = elt, for_in, at, text


class GeneratorExp(BaseExpression):
    __slots__ = ("elt", "for_in")

    def __init__(self, elt: BaseExpression, for_in: CompFor, at: Origin = None, text: Text | None = None) -> None:
        self.elt, self.for_in, self.at, self.text = elt, for_in, at, text


class DictComp(BaseExpression):
    __slots__ = ("for_in", "key", "value")

    def __init__(
        self, key: BaseExpression, value: BaseExpression, for_in: CompFor, at: Origin = None, text: Text | None = None
    ) -> None:
        self.key, self.value, self.for_in, self.at, self.text = key, value, for_in, at, text


class Param(CSTNode):
    __slots__ = ("annotation", "default", "name")

    def __init__(
        self,
        name: Name,
        annotation: BaseExpression | None,
        default: BaseExpression | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.name, self.annotation, self.default, self.at, self.text = name, annotation, default, at, text


class Parameters(CSTNode):
    """`starred` are `*args` and `**kwargs`."""

    __slots__ = ("kwonly_params", "params", "posonly_params", "starred")

    def __init__(
        self,
        params: Sequence[Param],
        kwonly_params: Sequence[Param],
        posonly_params: Sequence[Param],
        starred: Sequence[Param],
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.params, self.kwonly_params, self.posonly_params, self.starred, self.at, self.text = (
            params,
            kwonly_params,
            posonly_params,
            starred,
            at,
            text,
        )


class Lambda(BaseExpression):
    __slots__ = ("body", "params")

    def __init__(self, params: Parameters, body: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.params, self.body, self.at, self.text = params, body, at, text


class From(CSTNode):
    __slots__ = ("item",)

    def __init__(self, item: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.item, self.at, self.text = item, at, text


class Yield(BaseExpression):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression | From | None, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Integer(BaseExpression):
    __slots__ = ("value",)

    def __init__(self, value: str, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Float(BaseExpression):
    __slots__ = ("value",)

    def __init__(self, value: str, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class SimpleString(BaseExpression):
    __slots__ = ("value",)

    def __init__(self, value: str, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class ConcatenatedString(BaseExpression):
    __slots__ = ("parts",)

    def __init__(
        self, parts: Sequence[SimpleString | FormattedString], at: Origin = None, text: Text | None = None
    ) -> None:
        self.parts, self.at, self.text = parts, at, text


class FormattedStringText(CSTNode):
    __slots__ = ("value",)

    def __init__(self, value: str, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class FormattedStringExpression(CSTNode):
    __slots__ = ("expression", "format_spec")

    def __init__(
        self,
        expression: BaseExpression,
        format_spec: Sequence[FormattedStringText | FormattedStringExpression],
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.expression, self.format_spec, self.at, self.text = expression, format_spec, at, text


class FormattedString(BaseExpression):
    __slots__ = ("end", "parts", "start")

    def __init__(
        self,
        start: str,
        parts: Sequence[FormattedStringText | FormattedStringExpression],
        end: str,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.start, self.parts, self.end, self.at, self.text = start, parts, end, at, text


class Other(BaseExpression):
    """An expression that a walk only looks through, such as `...`."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[CSTNode], at: Origin = None, text: Text | None = None) -> None:
        self.parts, self.at, self.text = parts, at, text
