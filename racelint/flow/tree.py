"""A definition as libcst has it, made from its `ast`: a third of the time that `libcst.parse_module` takes.

What flows ask for is there: nodes of libcst's classes with the same parts and names. White space, commas and comments are not, so
positions and repairs take what libcst itself parses (`Definition.exact`). What is rare is not made either (`Unmade`).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from racelint.flow.nodes import (
    ALIAS,
    ANN_ASSIGN,
    ANNOTATION,
    ARG,
    AS,
    ASSERT,
    ASSIGN,
    ASYNCHRONOUS,
    AUG_ASSIGN,
    AUGMENTING,
    BLOCK,
    BREAK,
    CLASS,
    CONTINUE,
    DECORATOR,
    DEL,
    DOT,
    ELSE,
    EXPR,
    FINALLY,
    FOR,
    FROM,
    FUNCTION,
    GLOBAL,
    HANDLER,
    IF,
    IMPORT,
    IMPORT_FROM,
    ITEM,
    LINE,
    NAME,
    NAME_ITEM,
    NONLOCAL,
    PASS,
    RAISE,
    RETURN,
    STAR,
    SUITE,
    TARGET,
    TRY,
    TUPLE,
    WHILE,
    WITH,
)
from racelint.flow.places import Place
from racelint.flow.tree_expressions import Expressions, Unmade


def made(text: str) -> Made | None:
    """The function that a text holds, alone or below `if 1:`; None if something in it is left to libcst's own parser."""
    try:
        node: object = _parsed(text).body[0]
        if isinstance(node, ast.If):
            node = node.body[0]
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        maker = _Maker(text)
        return Made(maker.function(node), maker)
    except (Unmade, SyntaxError, ValueError):
        return None


def _parsed(text: str) -> ast.Module:
    if "\\" not in text:
        return ast.parse(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escape sequences that mean nothing
        return ast.parse(text)


class Made:
    """A function that was made."""

    def __init__(self, node: cst.FunctionDef, maker: _Maker) -> None:
        self.node, self._maker = node, maker

    def place(self, node: cst.CSTNode) -> Place | None:
        """Where a node stands, as libcst has it; None if only libcst knows."""
        origin = self._maker.origins.get(id(node))
        if origin is None or isinstance(node, (cst.Tuple, cst.GeneratorExp)):  # libcst counts without their parentheses
            return None
        maker = self._maker
        return (
            origin.lineno,
            maker.column(origin.lineno, origin.col_offset),
            origin.end_lineno,
            maker.column(origin.end_lineno, origin.end_col_offset),
        )


class _Maker(Expressions):
    """Makes the nodes of one text."""

    def suite(self, body: Sequence[ast.stmt]) -> cst.BaseSuite:
        first = body[0]
        simple = type(first) in _SMALL
        if simple and self.text[self.starts[first.lineno - 1] : self.start(first)].strip():  # `if x: return`
            return SUITE([self.small(one) for one in body])
        return BLOCK(self.statements(body))

    def statements(self, body: Sequence[ast.stmt]) -> list[Any]:
        found: list[Any] = []
        line: list[Any] = []
        last = 0
        for node in body:
            if type(node) in _SMALL:
                if node.lineno != last:
                    line = []
                    found.append(LINE(line))
                line.append(self.small(node))
                last = node.end_lineno or 0
            else:
                handler = _COMPOUND.get(type(node))
                if handler is None:
                    raise Unmade
                found.append(self.noted(handler(self, node), node))
                last = 0
        return found

    def small(self, node: ast.stmt) -> Any:
        return self.noted(_SMALL[type(node)](self, node), node)

    def noted(self, found: Any, node: ast.AST) -> Any:
        self.origins[id(found)] = node
        return found

    def expression(self, node: ast.Expr) -> cst.Expr:
        return EXPR(self.one(node.value))

    def assign(self, node: ast.Assign) -> cst.Assign:
        return ASSIGN([TARGET(self.one(target)) for target in node.targets], self.one(node.value))

    def annotated(self, node: ast.AnnAssign) -> cst.AnnAssign:
        return ANN_ASSIGN(self.one(node.target), ANNOTATION(self.one(node.annotation)), self.some(node.value))

    def augmented(self, node: ast.AugAssign) -> cst.AugAssign:
        return AUG_ASSIGN(self.one(node.target), AUGMENTING[type(node.op)], self.one(node.value))

    def delete(self, node: ast.Delete) -> cst.Del:
        targets = node.targets
        return DEL(self.one(targets[0]) if len(targets) == 1 else TUPLE(self.elements(targets)))

    def return_(self, node: ast.Return) -> cst.Return:
        return RETURN(self.some(node.value))

    def raise_(self, node: ast.Raise) -> cst.Raise:
        return RAISE(self.some(node.exc), None if node.cause is None else FROM(self.one(node.cause)))

    def assert_(self, node: ast.Assert) -> cst.Assert:
        return ASSERT(self.one(node.test), self.some(node.msg))

    def global_(self, node: ast.Global) -> cst.Global:
        return GLOBAL([NAME_ITEM(NAME(name)) for name in node.names])

    def nonlocal_(self, node: ast.Nonlocal) -> cst.Nonlocal:
        return NONLOCAL([NAME_ITEM(NAME(name)) for name in node.names])

    def import_(self, node: ast.Import) -> cst.Import:
        return IMPORT([self.alias(alias) for alias in node.names])

    def import_from(self, node: ast.ImportFrom) -> cst.ImportFrom:
        names = STAR() if node.names[0].name == "*" else [self.alias(alias) for alias in node.names]
        return IMPORT_FROM(self.dotted(node.module) if node.module else None, names, [DOT()] * node.level)

    def alias(self, alias: ast.alias) -> cst.ImportAlias:
        return ALIAS(self.dotted(alias.name), AS(NAME(alias.asname)) if alias.asname else None)

    def pass_(self, node: ast.Pass) -> cst.Pass:
        return PASS()

    def break_(self, node: ast.Break) -> cst.Break:
        return BREAK()

    def continue_(self, node: ast.Continue) -> cst.Continue:
        return CONTINUE()

    def if_(self, node: ast.If) -> cst.If:
        orelse: Any = None
        if node.orelse:
            inner = node.orelse[0]
            if type(inner) is ast.If and self.text.startswith("elif", self.start(inner)):
                orelse = self.if_(inner)
            else:
                orelse = self.else_(node.orelse)
        return IF(self.one(node.test), self.suite(node.body), orelse)

    def else_(self, body: Sequence[ast.stmt]) -> Any:
        return ELSE(self.suite(body)) if body else None

    def while_(self, node: ast.While) -> cst.While:
        return WHILE(self.one(node.test), self.suite(node.body), self.else_(node.orelse))

    def for_(self, node: ast.For | ast.AsyncFor) -> cst.For:
        asynchronous = ASYNCHRONOUS() if type(node) is ast.AsyncFor else None
        target, iterated = self.one(node.target), self.one(node.iter)
        return FOR(target, iterated, self.suite(node.body), self.else_(node.orelse), asynchronous)

    def try_(self, node: ast.Try) -> cst.Try:
        handlers = [
            HANDLER(self.suite(one.body), self.caught(one.type), AS(NAME(one.name)) if one.name else None)
            for one in node.handlers
        ]
        last = FINALLY(self.suite(node.finalbody)) if node.finalbody else None
        return TRY(self.suite(node.body), handlers, self.else_(node.orelse), last)

    def caught(self, node: ast.expr | None) -> Any:
        if isinstance(node, ast.Tuple) and node.elts and not self.in_brackets(node):
            raise Unmade  # libcst wants them
        return self.some(node)

    def with_(self, node: ast.With | ast.AsyncWith) -> cst.With:
        items = [
            ITEM(self.one(one.context_expr), AS(self.one(one.optional_vars)) if one.optional_vars else None)
            for one in node.items
        ]
        return WITH(items, self.suite(node.body), ASYNCHRONOUS() if type(node) is ast.AsyncWith else None)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> cst.FunctionDef:
        if getattr(node, "type_params", None):
            raise Unmade
        return FUNCTION(
            NAME(node.name),
            self.parameters(node.args),
            self.suite(node.body),
            [DECORATOR(self.one(one)) for one in node.decorator_list],
            None if node.returns is None else ANNOTATION(self.one(node.returns)),
            ASYNCHRONOUS() if type(node) is ast.AsyncFunctionDef else None,
        )

    def class_(self, node: ast.ClassDef) -> cst.ClassDef:
        if getattr(node, "type_params", None):
            raise Unmade
        bases = [
            ARG(self.one(base.value), None, "*") if isinstance(base, ast.Starred) else ARG(self.one(base), None, "")
            for base in node.bases
        ]
        keywords = [
            ARG(self.one(one.value), NAME(one.arg), "") if one.arg else ARG(self.one(one.value), None, "**")
            for one in node.keywords
        ]
        decorators = [DECORATOR(self.one(one)) for one in node.decorator_list]
        return CLASS(NAME(node.name), self.suite(node.body), bases, keywords, decorators)


_SMALL: dict[type[ast.stmt], Callable[..., Any]] = {
    ast.Expr: _Maker.expression,
    ast.Assign: _Maker.assign,
    ast.AnnAssign: _Maker.annotated,
    ast.AugAssign: _Maker.augmented,
    ast.Delete: _Maker.delete,
    ast.Return: _Maker.return_,
    ast.Raise: _Maker.raise_,
    ast.Assert: _Maker.assert_,
    ast.Global: _Maker.global_,
    ast.Nonlocal: _Maker.nonlocal_,
    ast.Import: _Maker.import_,
    ast.ImportFrom: _Maker.import_from,
    ast.Pass: _Maker.pass_,
    ast.Break: _Maker.break_,
    ast.Continue: _Maker.continue_,
}

_COMPOUND: dict[type[ast.stmt], Callable[..., Any]] = {
    ast.If: _Maker.if_,
    ast.While: _Maker.while_,
    ast.For: _Maker.for_,
    ast.AsyncFor: _Maker.for_,
    ast.Try: _Maker.try_,
    ast.With: _Maker.with_,
    ast.AsyncWith: _Maker.with_,
    ast.FunctionDef: _Maker.function,
    ast.AsyncFunctionDef: _Maker.function,
    ast.ClassDef: _Maker.class_,
}
