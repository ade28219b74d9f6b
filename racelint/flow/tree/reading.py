"""Nodes of `ast` → ours: statements, and what holds them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from racelint.flow.tree.expressions import Name, Tuple
from racelint.flow.tree.node import AddAssign, CSTNode, Final, Joined, Named, OtherAssign
from racelint.flow.tree.operands import ASYNCHRONOUS, Operands
from racelint.flow.tree.statements import (
    AnnAssign,
    AsName,
    Assert,
    Assign,
    AssignTarget,
    AugAssign,
    BaseStatement,
    Break,
    ClassDef,
    Continue,
    Decorator,
    Del,
    Else,
    ExceptHandler,
    Expr,
    Finally,
    For,
    FunctionDef,
    If,
    IndentedBlock,
    Match,
    MatchAs,
    MatchCase,
    MatchPattern,
    OtherStatement,
    Raise,
    Return,
    Try,
    While,
    With,
    WithItem,
)
from racelint.flow.tree.text import Text

ADD, OTHER = AddAssign(), OtherAssign()


def read_function(lines: list[str]) -> FunctionDef | None:
    """The first function in the lines of a text, which may stand under an `if`; None if there is none.

    Raises what `ast.parse` does.
    """
    tree = ast.parse("".join(lines))
    body: list[ast.stmt] = tree.body
    while body and isinstance(body[0], ast.If):
        body = body[0].body
    function = next((one for one in body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))), None)
    return Reader(Text(lines, tree)).function(function) if function is not None else None


class Reader(Operands):
    """Makes the nodes of one text."""

    def block(self, body: list[ast.stmt]) -> IndentedBlock:
        """A block of statements."""
        return IndentedBlock([_STATEMENTS.get(type(one), Reader.other)(self, one) for one in body], None, self.text)

    def orelse(self, body: list[ast.stmt]) -> Else | None:
        """What stands under an `else`."""
        return Else(self.block(body), None, self.text) if body else None

    def other(self, node: ast.stmt) -> BaseStatement:
        """A statement that binds names at most."""
        names: list[str] = []
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                names += [*alias.name.split(".")[:1], *([alias.asname] if alias.asname else [])]
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            names += node.names
        return OtherStatement([Name(name, None, self.text) for name in names], node, self.text)

    def expression_statement(self, node: ast.Expr) -> BaseStatement:
        return Expr(self.read(node.value), node, self.text)

    def assign(self, node: ast.Assign) -> BaseStatement:
        targets = [AssignTarget(self.read(target), target, self.text) for target in node.targets]
        return Assign(targets, self.read(node.value), node, self.text)

    def annotated(self, node: ast.AnnAssign) -> BaseStatement:
        return AnnAssign(self.read(node.target), self.read(node.annotation), self.maybe(node.value), node, self.text)

    def augmented(self, node: ast.AugAssign) -> BaseStatement:
        operator = ADD if isinstance(node.op, ast.Add) else OTHER
        return AugAssign(self.read(node.target), operator, self.read(node.value), node, self.text)

    def delete(self, node: ast.Delete) -> BaseStatement:
        targets = [self.read(target) for target in node.targets]
        one = (
            targets[0]
            if len(targets) == 1
            else Tuple(self.elements(node.targets), Joined(node.targets[0], node.targets[-1]), self.text)
        )
        return Del(one, node, self.text)

    def return_(self, node: ast.Return) -> BaseStatement:
        return Return(self.maybe(node.value), node, self.text)

    def raise_(self, node: ast.Raise) -> BaseStatement:
        return Raise(self.maybe(node.exc), self.maybe(node.cause), node, self.text)

    def break_(self, node: ast.Break) -> BaseStatement:
        return Break(node, self.text)

    def continue_(self, node: ast.Continue) -> BaseStatement:
        return Continue(node, self.text)

    def assert_(self, node: ast.Assert) -> BaseStatement:
        return Assert(self.read(node.test), self.maybe(node.msg), node, self.text)

    def if_(self, node: ast.If) -> If:
        orelse: If | Else | None
        inner = node.orelse[0] if len(node.orelse) == 1 else None
        if isinstance(inner, ast.If) and inner.col_offset == node.col_offset:
            orelse = self.if_(inner)  # an `elif` stands where its `if` does
        else:
            orelse = self.orelse(node.orelse)
        return If(self.read(node.test), self.block(node.body), orelse, node, self.text)

    def while_(self, node: ast.While) -> BaseStatement:
        return While(self.read(node.test), self.block(node.body), self.orelse(node.orelse), node, self.text)

    def for_(self, node: ast.For | ast.AsyncFor) -> BaseStatement:
        target, iterated = self.read(node.target), self.read(node.iter)
        asynchronous = ASYNCHRONOUS if isinstance(node, ast.AsyncFor) else None
        return For(target, iterated, self.block(node.body), self.orelse(node.orelse), asynchronous, node, self.text)

    def try_(self, node: Any) -> BaseStatement:  # `ast.TryStar` is not in all versions
        handlers = [
            ExceptHandler(self.maybe(one.type), self._name_of(one.name), self.block(one.body), one, self.text)
            for one in node.handlers
        ]
        final = None
        if node.finalbody:
            final = Finally(self.block(node.finalbody), Final(node, node.finalbody[-1]), self.text)
        return Try(self.block(node.body), handlers, self.orelse(node.orelse), final, node, self.text)

    def _name_of(self, name: str | None) -> AsName | None:
        return AsName(Name(name, None, self.text), None, self.text) if name else None

    def with_(self, node: ast.With | ast.AsyncWith) -> BaseStatement:
        items = [WithItem(self.read(one.context_expr), self._bound(one), None, self.text) for one in node.items]
        asynchronous = ASYNCHRONOUS if isinstance(node, ast.AsyncWith) else None
        return With(items, self.block(node.body), asynchronous, node, self.text)

    def _bound(self, item: ast.withitem) -> AsName | None:
        bound = item.optional_vars
        return AsName(self.read(bound), None, self.text) if bound is not None else None

    def match(self, node: ast.Match) -> BaseStatement:
        cases = [
            MatchCase(self.pattern(one.pattern), self.maybe(one.guard), self.block(one.body), None, self.text)
            for one in node.cases
        ]
        return Match(self.read(node.subject), cases, node, self.text)

    def pattern(self, node: ast.pattern) -> CSTNode:
        """A pattern of a `match`, with those within it."""
        if isinstance(node, ast.MatchAs):
            within = self.pattern(node.pattern) if node.pattern is not None else None
            return MatchAs(within, Name(node.name, None, self.text) if node.name else None, node, self.text)
        parts = [
            self.pattern(part) if isinstance(part, ast.pattern) else self.read(part)
            for part in ast.iter_child_nodes(node)
            if isinstance(part, (ast.pattern, ast.expr))
        ]
        return MatchPattern(parts, node, self.text)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> FunctionDef:
        """A function with all that is in it."""
        return FunctionDef(
            Name(node.name, Named(node), self.text),
            self.parameters(node.args),
            self.maybe(node.returns),
            self._decorators(node.decorator_list),
            self.block(node.body),
            node,
            self.text,
        )

    def class_(self, node: ast.ClassDef) -> BaseStatement:
        bases = [self.read(base) for base in (*node.bases, *(keyword.value for keyword in node.keywords))]
        name, decorators = Name(node.name, Named(node), self.text), self._decorators(node.decorator_list)
        return ClassDef(name, bases, decorators, self.block(node.body), node, self.text)

    def _decorators(self, nodes: list[ast.expr]) -> list[Decorator]:
        return [Decorator(self.read(node), None, self.text) for node in nodes]


_STATEMENTS: dict[type[ast.AST], Callable[[Reader, Any], BaseStatement]] = {
    ast.Expr: Reader.expression_statement,
    ast.Assign: Reader.assign,
    ast.AnnAssign: Reader.annotated,
    ast.AugAssign: Reader.augmented,
    ast.Delete: Reader.delete,
    ast.Return: Reader.return_,
    ast.Raise: Reader.raise_,
    ast.Break: Reader.break_,
    ast.Continue: Reader.continue_,
    ast.Assert: Reader.assert_,
    ast.If: Reader.if_,
    ast.While: Reader.while_,
    ast.For: Reader.for_,
    ast.AsyncFor: Reader.for_,
    ast.Try: Reader.try_,
    ast.With: Reader.with_,
    ast.AsyncWith: Reader.with_,
    ast.Match: Reader.match,
    ast.FunctionDef: Reader.function,
    ast.AsyncFunctionDef: Reader.function,
    ast.ClassDef: Reader.class_,
}
if hasattr(ast, "TryStar"):
    _STATEMENTS[ast.TryStar] = Reader.try_
