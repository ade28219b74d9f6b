"""What the pass over a module gathers of expressions."""

from __future__ import annotations

import ast

from racelint.facts.data import LIST_FUNCTIONS, MUTATORS, CallSite, Write
from racelint.facts.source_text import (
    SHORTEST_SQL,
    arguments_of,
    asked_attribute,
    dotted,
    entry_holder,
    literal_text,
    runs_later,
    says_sql,
    shape_of,
)
from racelint.facts.walk import Walk


class Expressions(Walk):
    """Reads, calls and what is assigned to."""

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.current.reads.add(node.id)
            self.current.references.add(node.id)
            if self.current.is_async:
                self.current.touch(node.id)

    def attribute(self, node: ast.Attribute) -> None:
        path = dotted(node)
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.note_read(path)
            self.current.references.add(path)
        else:
            if path.startswith("cls."):  # `type(self).count`
                self.note_read(path)
            if isinstance(inner, ast.Call) and dotted(inner).rpartition(".")[2][:1].isupper():
                self.current.references.add(path)  # `Chat(server).join`: a method of an object that is made there
            self.visit(inner)

    def await_(self, node: ast.Await | ast.Yield | ast.YieldFrom) -> None:
        if isinstance(node.value, ast.Call):
            self.call(node.value, awaited=True)
        elif node.value is not None:
            self.visit(node.value)
            if isinstance(node.value, (ast.Name, ast.Attribute)):
                self.current.waits.append((dotted(node.value), node.lineno, self.within))
        self.current.suspend()

    def yield_(self, node: ast.Yield | ast.YieldFrom) -> None:
        if self.current.by_yield and node.value is not None:
            self.await_(node)
            return
        known = self.current.yields_within if self.current.yields else self.within
        self.current.yields_within = tuple(guard for guard in known if guard and guard in self.within)
        self.current.yields = True
        if node.value is not None:
            self.visit(node.value)
        if self.current.is_async:
            self.current.suspend()

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        began = self.current.switches
        for generator in node.generators:
            self.visit(generator.iter)
            self.current.bind_in_loop(generator.target, generator.iter)
            if generator.is_async:
                self.current.suspend()
            for name in ast.walk(generator.target):
                if isinstance(name, ast.Name):
                    self.current.locals.add(name.id)
        self.loops += 1
        for generator in node.generators:
            for test in generator.ifs:
                self.visit(test)
        if isinstance(node, ast.DictComp):
            self.visit(node.key)
            self.visit(node.value)
        else:
            self.visit(node.elt)
        self.current.end_loop(began)
        self.loops -= 1

    def call(self, node: ast.Call, awaited: bool = False) -> None:
        function = node.func
        callee = dotted(function)
        changed: list[tuple[str, str]] = []  # by the call, which is made when its arguments have been awaited
        if isinstance(function, ast.Attribute):
            if not callee:
                self.current.unnamed.add(function.attr)
            path = dotted(function.value)
            inner: ast.expr = function.value
            while isinstance(inner, ast.Attribute):
                inner = inner.value
            if isinstance(inner, ast.Name):
                self.note_read(path)
                self.current.references.add(path)
                if function.attr in MUTATORS:
                    changed.append((path, function.attr))
            else:
                self.visit(function.value)
                if isinstance(function.value, ast.Subscript):
                    self.note_entry(function.value)
        elif isinstance(function, ast.Name):
            self.current.reads.add(function.id)
            if function.id in ("hasattr", "getattr") and (asked := asked_attribute(node)):
                self.note_read(asked)
        else:
            self.visit(function)
        changes = LIST_FUNCTIONS.get(callee.rpartition(".")[2]) if node.args else None
        if changes is not None and (path := dotted(node.args[0])):
            changed.append((path, changes))
        later = runs_later(callee)
        for argument in node.args:
            self.given(argument, later)
        for keyword in node.keywords:
            if keyword.arg in ("isolation_level", "autocommit") and isinstance(keyword.value, ast.Constant):
                self.autocommit = self.autocommit or keyword.value.value in (None, True, "AUTOCOMMIT")
            self.given(keyword.value, later)
        for path, how in changed:
            self.note_write(Write(path, how, "other", node.lineno, self.within, "", self.current.statements))
        self.current.calls.append(
            CallSite(
                callee,
                node.lineno,
                self.within,
                awaited,
                self.loops > 0,
                arguments_of(node, callee),
                self.arms,
                self.current.switches,
            )
        )

    def given(self, node: ast.expr, later: bool) -> None:
        """An argument; of a lambda that runs `later` nothing is known to be held when it does."""
        before = self.within
        if later and isinstance(node, ast.Lambda):
            self.within = ()
        self.visit(node)
        self.within = before

    def constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and len(node.value) >= SHORTEST_SQL:
            self.current.sql = self.current.sql or says_sql(node.value)

    def named(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.target(node.target, node.value, "=")

    def lambda_(self, node: ast.Lambda) -> None:
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d)):
            self.visit(default)
        self.visit(node.body)

    def target(self, node: ast.expr, value: ast.expr | None, how: str) -> None:
        if isinstance(node, (ast.Tuple, ast.List)):
            values: list[ast.expr | None] = [None] * len(node.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(node.elts):
                values = list(value.elts)
            for element, part in zip(node.elts, values, strict=True):
                self.target(element, part, how)
            if isinstance(value, ast.Name) and how == "=":
                self.current.unpack(node.elts, value.id)
            return
        if isinstance(node, ast.Starred):
            self.target(node.value, None, how)
            return
        shape, built = shape_of(value) if how == "=" else ("other", "")
        if isinstance(node, ast.Subscript):
            self.visit(node.slice)
            path = dotted(node.value)
            inner, depth = node.value, 1
            while isinstance(inner, (ast.Attribute, ast.Subscript)):
                depth += isinstance(inner, ast.Subscript)
                inner = inner.value
            if path and not isinstance(inner, ast.Name):
                self.visit(inner)
            if path:
                self.note_read(path)  # which says, too, when it is written
                how = "del[]" if how == "del" else "[]+=" if how == "+=" else "[]"
                statement = self.current.statements
                key = literal_text(node.slice) if depth == 1 else ""
                self.note_write(Write(path, how, shape, node.lineno, self.within, built, statement, depth, key))
            else:
                self.visit(node.value)
            return
        path = dotted(node)
        if isinstance(node, ast.Name):
            self.current.locals.add(node.id)
            if self.loops:
                self.current.made_anew.add(node.id)
            if built and how == "=":
                self.current.built.append((node.id, built))
            elif how == "=" and isinstance(value, ast.Subscript) and (holder := entry_holder(value)):
                self.current.built.append((node.id, f"{holder}.get"))
                self.note_entry(value)
        if path:
            if isinstance(node, ast.Attribute):
                self.note_read(dotted(node.value))
                root = node.value
                while isinstance(root, (ast.Attribute, ast.Subscript)):
                    root = root.value
                if not isinstance(root, ast.Name):  # `session.get(Book, number).shelf = shelf`
                    self.visit(root)
            self.note_write(Write(path, how, shape, node.lineno, self.within, built, self.current.statements))
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)

    def note_entry(self, node: ast.Subscript) -> None:
        """Notes the name of an entry in quotes, which may say what is there: `request.app["redis"]`."""
        key = literal_text(node.slice)
        if key.isidentifier():
            self.current.reads.add(f'"{key}"')

    def skip(self, node: ast.AST) -> None:
        """What holds nothing."""
