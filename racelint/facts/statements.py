"""What the pass over a module gathers of statements."""

from __future__ import annotations

import ast

from racelint.facts.data import FORGIVES, SECOND_ROW_HANDLED
from racelint.facts.expressions import Expressions
from racelint.facts.source_text import annotation_name, dotted, either, forgiven, handles_second_row, yields_here


class Statements(Expressions):
    """Imports, assignments, and what is around a block while it runs."""

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.imports.append((alias.asname, alias.name))
            else:
                top = alias.name.partition(".")[0]
                self.imports.append((top, top))
            if self.current.qualname:
                self.current.locals.discard(alias.asname or alias.name.partition(".")[0])

    def import_from(self, node: ast.ImportFrom) -> None:
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            self.imports.append(
                (alias.asname or alias.name, f"{origin}.{alias.name}" if node.module else origin + alias.name)
            )

    def global_(self, node: ast.Global) -> None:
        self.current.outer.update(node.names)
        self.current.globals.update(node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        self.current.outer.update(node.names)

    def with_(self, node: ast.With | ast.AsyncWith) -> None:
        self.current.statements += 1
        before = self.within
        for item in node.items:
            self.visit(item.context_expr)
            if isinstance(node, ast.AsyncWith):
                self._enters(item.context_expr, "__aenter__", "__aexit__")
                self.current.suspend()
            if item.optional_vars is not None:
                self.target(item.optional_vars, item.context_expr, "=")
            self.within = (*self.within, dotted(item.context_expr))
        self.body(node.body)
        if isinstance(node, ast.AsyncWith):
            self.current.suspend()
        self.within = before

    def _enters(self, node: ast.expr, *methods: str) -> None:
        """What is entered or gone through is an object that the code has, not what a call makes: these methods of it are called."""
        path = dotted(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
        if path:
            self.current.enters += [f"{path}.{method}" for method in methods]

    def try_(self, node: ast.Try) -> None:
        self.current.statements += 1
        before = self.within
        if any(map(handles_second_row, node.handlers)):
            self.within = (*before, SECOND_ROW_HANDLED)
        if self.current.decorators and any(map(yields_here, node.body)):
            self.within = (*self.within, *(f"{FORGIVES}{name}" for name in forgiven(node.handlers)))
        self.body(node.body)
        self.within = before
        for handler in node.handlers:
            self.visit(handler)
        self.body(node.orelse)
        self.body(node.finalbody)

    def loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        self.current.statements += 1
        began = self.current.switches
        if isinstance(node, ast.While):
            self.loops += 1
            self.visit(node.test)
        else:
            self.visit(node.iter)
            if isinstance(node, ast.AsyncFor):
                self._enters(node.iter, "__anext__")
                self.current.suspend()
            self.target(node.target, None, "=")
            self.current.bind_in_loop(node.target, node.iter)
            self.loops += 1
        outer, self.loop_last = self.loop_last, node.body[-1].end_lineno or node.body[-1].lineno
        self.body(node.body)
        self.loop_last = outer
        self.current.end_loop(began)
        self.loops -= 1
        self.body(node.orelse)

    def if_(self, node: ast.If) -> None:
        self.current.statements += 1
        self.visit(node.test)
        outer = self.arms
        always = isinstance(node.test, ast.Constant) and node.test.value is True
        for arm, body in enumerate((node.body, node.orelse)):
            self.arms = outer if always else (*outer, (node.lineno, arm))
            self.branch(body)
        self.arms = outer

    def assign(self, node: ast.Assign) -> None:
        self.current.statements += 1
        self.visit(node.value)
        if isinstance(node.value, ast.IfExp):
            self.current.choices += either(node.targets, node.value)
        for target in node.targets:
            self.target(target, node.value, "=")

    def annotated(self, node: ast.AnnAssign) -> None:
        self.current.statements += 1
        if node.value is not None:
            self.visit(node.value)
            self.target(node.target, node.value, "=")
        elif isinstance(node.target, ast.Name):
            self.current.locals.add(node.target.id)
        if isinstance(node.target, ast.Name):
            name = annotation_name(node.annotation)
            if name:
                self.current.built.append((node.target.id, name))

    def augmented(self, node: ast.AugAssign) -> None:
        self.current.statements += 1
        self.read_of(node.target.value if isinstance(node.target, ast.Subscript) else node.target)
        self.visit(node.value)
        self.target(node.target, node.value, "+=")

    def return_(self, node: ast.Return) -> None:
        called = isinstance(node.value, ast.Call)
        plain = called or isinstance(node.value, (ast.Name, ast.Attribute))
        path = dotted(node.value) if plain else ""
        self.current.returned.append(f"{path}()" if path and called else path)
        if node.value is not None:
            self.visit(node.value)

    def delete(self, node: ast.Delete) -> None:
        self.current.statements += 1
        for target in node.targets:
            self.target(target, None, "del")

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.current.locals.add(node.name)
        self.branch(node.body)

    def expression(self, node: ast.Expr) -> None:
        self.current.statements += 1
        if not isinstance(node.value, ast.Constant):  # a documentation string says nothing
            self.visit(node.value)
