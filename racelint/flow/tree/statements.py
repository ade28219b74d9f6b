"""The nodes of statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from racelint.flow.tree.expressions import Name, Parameters
from racelint.flow.tree.node import Asynchronous, BaseAugOp, BaseExpression, CSTNode, Origin

if TYPE_CHECKING:
    from racelint.flow.tree.text import Text


class BaseSuite(CSTNode):
    __slots__ = ()

    body: Sequence[BaseStatement]


class BaseStatement(CSTNode):
    __slots__ = ()


class BaseSmallStatement(BaseStatement):
    __slots__ = ()


class BaseCompoundStatement(BaseStatement):
    __slots__ = ()


class IndentedBlock(BaseSuite):
    __slots__ = ("body",)

    def __init__(self, body: Sequence[BaseStatement], at: Origin = None, text: Text | None = None) -> None:
        self.body, self.at, self.text = body, at, text


class Expr(BaseSmallStatement):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class AssignTarget(CSTNode):
    __slots__ = ("target",)

    def __init__(self, target: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.target, self.at, self.text = target, at, text


class Assign(BaseSmallStatement):
    __slots__ = ("targets", "value")

    def __init__(
        self, targets: Sequence[AssignTarget], value: BaseExpression, at: Origin = None, text: Text | None = None
    ) -> None:
        self.targets, self.value, self.at, self.text = targets, value, at, text


class AnnAssign(BaseSmallStatement):
    __slots__ = ("annotation", "target", "value")

    def __init__(
        self,
        target: BaseExpression,
        annotation: BaseExpression,
        value: BaseExpression | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.target, self.annotation, self.value, self.at, self.text = target, annotation, value, at, text


class AugAssign(BaseSmallStatement):
    __slots__ = ("operator", "target", "value")

    def __init__(
        self,
        target: BaseExpression,
        operator: BaseAugOp,
        value: BaseExpression,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.target, self.operator, self.value, self.at, self.text = target, operator, value, at, text


class Del(BaseSmallStatement):
    __slots__ = ("target",)

    def __init__(self, target: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.target, self.at, self.text = target, at, text


class Return(BaseSmallStatement):
    __slots__ = ("value",)

    def __init__(self, value: BaseExpression | None, at: Origin = None, text: Text | None = None) -> None:
        self.value, self.at, self.text = value, at, text


class Raise(BaseSmallStatement):
    __slots__ = ("cause", "exc")

    def __init__(
        self, exc: BaseExpression | None, cause: BaseExpression | None, at: Origin = None, text: Text | None = None
    ) -> None:
        self.exc, self.cause, self.at, self.text = exc, cause, at, text


class Break(BaseSmallStatement):
    __slots__ = ()

    def __init__(self, at: Origin = None, text: Text | None = None) -> None:
        self.at, self.text = at, text


class Continue(BaseSmallStatement):
    __slots__ = ()

    def __init__(self, at: Origin = None, text: Text | None = None) -> None:
        self.at, self.text = at, text


class Assert(BaseSmallStatement):
    __slots__ = ("msg", "test")

    def __init__(
        self, test: BaseExpression, msg: BaseExpression | None, at: Origin = None, text: Text | None = None
    ) -> None:
        self.test, self.msg, self.at, self.text = test, msg, at, text


class OtherStatement(BaseSmallStatement):
    """`pass`, imports, `global` and the like, with the names that they bind."""

    __slots__ = ("names",)

    def __init__(self, names: Sequence[Name], at: Origin = None, text: Text | None = None) -> None:
        self.names, self.at, self.text = names, at, text


class Else(CSTNode):
    __slots__ = ("body",)

    def __init__(self, body: IndentedBlock, at: Origin = None, text: Text | None = None) -> None:
        self.body, self.at, self.text = body, at, text


class If(BaseCompoundStatement):
    __slots__ = ("body", "orelse", "test")

    def __init__(
        self,
        test: BaseExpression,
        body: IndentedBlock,
        orelse: If | Else | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.test, self.body, self.orelse, self.at, self.text = test, body, orelse, at, text


class While(BaseCompoundStatement):
    __slots__ = ("body", "orelse", "test")

    def __init__(
        self,
        test: BaseExpression,
        body: IndentedBlock,
        orelse: Else | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.test, self.body, self.orelse, self.at, self.text = test, body, orelse, at, text


class For(BaseCompoundStatement):
    __slots__ = ("asynchronous", "body", "iter", "orelse", "target")

    def __init__(
        self,
        target: BaseExpression,
        iter: BaseExpression,
        body: IndentedBlock,
        orelse: Else | None,
        asynchronous: Asynchronous | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.target, self.iter, self.body, self.orelse, self.asynchronous, self.at, self.text = (
            target,
            iter,
            body,
            orelse,
            asynchronous,
            at,
            text,
        )


class AsName(CSTNode):
    __slots__ = ("name",)

    def __init__(self, name: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.name, self.at, self.text = name, at, text


class ExceptHandler(CSTNode):
    __slots__ = ("body", "name", "type")

    def __init__(
        self,
        type: BaseExpression | None,
        name: AsName | None,
        body: IndentedBlock,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.type, self.name, self.body, self.at, self.text = type, name, body, at, text


class Finally(CSTNode):
    __slots__ = ("body",)

    def __init__(self, body: IndentedBlock, at: Origin = None, text: Text | None = None) -> None:
        self.body, self.at, self.text = body, at, text


class Try(BaseCompoundStatement):
    __slots__ = ("body", "finalbody", "handlers", "orelse")

    def __init__(
        self,
        body: IndentedBlock,
        handlers: Sequence[ExceptHandler],
        orelse: Else | None,
        finalbody: Finally | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.body, self.handlers, self.orelse, self.finalbody, self.at, self.text = (
            body,
            handlers,
            orelse,
            finalbody,
            at,
            text,
        )


class WithItem(CSTNode):
    __slots__ = ("asname", "item")

    def __init__(
        self, item: BaseExpression, asname: AsName | None, at: Origin = None, text: Text | None = None
    ) -> None:
        self.item, self.asname, self.at, self.text = item, asname, at, text


class With(BaseCompoundStatement):
    __slots__ = ("asynchronous", "body", "items")

    def __init__(
        self,
        items: Sequence[WithItem],
        body: IndentedBlock,
        asynchronous: Asynchronous | None,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.items, self.body, self.asynchronous, self.at, self.text = items, body, asynchronous, at, text


class MatchAs(CSTNode):
    __slots__ = ("name", "pattern")

    def __init__(self, pattern: CSTNode | None, name: Name | None, at: Origin = None, text: Text | None = None) -> None:
        self.pattern, self.name, self.at, self.text = pattern, name, at, text


class MatchPattern(CSTNode):
    """Any other pattern."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[CSTNode], at: Origin = None, text: Text | None = None) -> None:
        self.parts, self.at, self.text = parts, at, text


class MatchCase(CSTNode):
    __slots__ = ("body", "guard", "pattern")

    def __init__(
        self,
        pattern: CSTNode,
        guard: BaseExpression | None,
        body: IndentedBlock,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.pattern, self.guard, self.body, self.at, self.text = pattern, guard, body, at, text


class Match(BaseCompoundStatement):
    __slots__ = ("cases", "subject")

    def __init__(
        self, subject: BaseExpression, cases: Sequence[MatchCase], at: Origin = None, text: Text | None = None
    ) -> None:
        self.subject, self.cases, self.at, self.text = subject, cases, at, text


class Decorator(CSTNode):
    __slots__ = ("decorator",)

    def __init__(self, decorator: BaseExpression, at: Origin = None, text: Text | None = None) -> None:
        self.decorator, self.at, self.text = decorator, at, text


class FunctionDef(BaseCompoundStatement):
    __slots__ = ("body", "decorators", "name", "params", "returns")

    def __init__(
        self,
        name: Name,
        params: Parameters,
        returns: BaseExpression | None,
        decorators: Sequence[Decorator],
        body: IndentedBlock,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.name, self.params, self.returns, self.decorators, self.body, self.at, self.text = (
            name,
            params,
            returns,
            decorators,
            body,
            at,
            text,
        )


class ClassDef(BaseCompoundStatement):
    __slots__ = ("bases", "body", "decorators", "name")

    def __init__(
        self,
        name: Name,
        bases: Sequence[BaseExpression],
        decorators: Sequence[Decorator],
        body: IndentedBlock,
        at: Origin = None,
        text: Text | None = None,
    ) -> None:
        self.name, self.bases, self.decorators, self.body, self.at, self.text = name, bases, decorators, body, at, text
