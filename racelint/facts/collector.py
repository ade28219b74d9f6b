"""The one pass over a module's tree that gathers its facts."""

from __future__ import annotations

import ast
from collections.abc import Callable

from racelint.facts.data import MUTATORS, SECOND_ROW_HANDLED, CallSite, ClassFacts, FunctionFacts, ModuleFacts, Write
from racelint.facts.declared import (
    ATOMIC_REQUESTS,
    MAIN,
    atomic_requests,
    back_references,
    is_script,
    note_assigned,
    note_model,
    note_reference,
    note_statement,
    notes_threads,
    per_object,
    says_thread_safe,
    says_threaded,
)
from racelint.facts.gathered import Gathered
from racelint.facts.guarded import declared_guards
from racelint.facts.isolation import WORD, serializable_names
from racelint.facts.source_text import (
    SHORTEST_SQL,
    annotation_name,
    arguments_of,
    asked_attribute,
    choices_of,
    decorators_of,
    dotted,
    either,
    entry_holder,
    handles_second_row,
    runs_later,
    says_nothing,
    says_sql,
    shape_of,
)
from racelint.frozen import replace
from racelint.paths import PATH_STEPS, words_of_paths
from racelint.source import Source

AWAITING_BY_YIELD = frozenset(
    {
        "asyncio.coroutine",
        "tornado.gen.coroutine",
        "tornado.gen.engine",
        "twisted.internet.defer.inlineCallbacks",
    }
)
"""Decorators of generators that run as coroutines: what they yield is awaited."""
_LAST_NAMES = frozenset(name.rpartition(".")[2] for name in AWAITING_BY_YIELD)


class _Collector:
    """Walks a module once. Nested functions and classes are gathered as they are met."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lines: list[str] = []
        self.imports: list[tuple[str, str]] = []
        self.classes: list[ClassFacts] = []
        self.functions: list[FunctionFacts] = []
        self.within: tuple[str, ...] = ()
        self.loops = 0
        self.arms: tuple[tuple[int, int], ...] = ()
        self.current = Gathered("", "", "")
        self.autocommit = False
        self.statements: list[tuple[str, str]] = []

    def collect(self, tree: ast.Module, path: str) -> ModuleFacts:
        assigned: list[tuple[str, str]] = []
        for node in tree.body:
            note_assigned(node, assigned)
            note_statement(node, "", self.statements)
        self.body(tree.body)
        return ModuleFacts(
            path,
            tuple(self.imports),
            tuple(self.classes),
            tuple(self.functions),
            self.current.freeze(),
            tuple(assigned),
            self.autocommit,
            atomic_requests=ATOMIC_REQUESTS in self.source.text and atomic_requests(tree),
            statements=tuple(self.statements),
            serializable=serializable_names(tree) if WORD in self.source.text else frozenset(),
            referring_back=back_references(tree, self.source.text),
            script=MAIN in self.source.text and is_script(tree),
        )

    def body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node)
            return
        if isinstance(node, ast.stmt):
            self.current.statements += 1
        for name in node._fields:
            if name in _OPERATORS:
                continue
            value = getattr(node, name, None)
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)
            elif isinstance(value, ast.AST):
                self.visit(value)

    # definitions

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer, within, loops = self.current, self.within, self.loops
        prefix = outer.qualname + "." if outer.qualname else ""
        owner = self.class_name if not outer.qualname or outer.qualname == self.class_name else ""
        inside_class = bool(owner)
        found = Gathered(prefix + node.name, owner if inside_class else "", "" if inside_class else outer.qualname)
        if not inside_class:
            outer.locals.add(node.name)
            if not outer.qualname:
                found.parent = ""
        found.first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        found.line, found.last, found.column = node.lineno, node.end_lineno or node.lineno, node.col_offset
        found.by_yield = any(self._awaits_by_yield(decorator) for decorator in node.decorator_list)
        found.is_async = isinstance(node, ast.AsyncFunctionDef) or found.by_yield
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        found.params = tuple((a.arg, annotation_name(a.annotation) if a.annotation else "") for a in every)
        found.locals.update(a.arg for a in every)
        found.locals.update(a.arg for a in (arguments.vararg, arguments.kwarg) if a)
        found.decorators = decorators_of(node)
        for decorator in node.decorator_list:
            self.visit(decorator)
        for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
            self.visit(default)
        found.stub = all(says_nothing(statement) for statement in node.body)
        found.run_by = says_threaded(node)
        class_name, self.class_name = self.class_name, ""
        arms, self.arms = self.arms, ()
        self.current, self.within, self.loops = found, (), 0
        self.body(node.body)
        if any(call.callee.rpartition(".")[2] in PATH_STEPS for call in found.calls):
            found.path_words = words_of_paths("".join(self.lines[found.first - 1 : found.last]))
        self.functions.append(found.freeze())
        self.current, self.within, self.loops, self.class_name, self.arms = outer, within, loops, class_name, arms

    def _awaits_by_yield(self, decorator: ast.expr) -> bool:
        """Whether a function that is decorated so is a coroutine, in which `yield` awaits."""
        name = dotted(decorator)
        first, _, rest = name.partition(".")
        if name.rpartition(".")[2] not in _LAST_NAMES:
            return False
        origin = dict(self.imports).get(first, first)
        return (f"{origin}.{rest}" if rest else origin) in AWAITING_BY_YIELD

    @property
    def lines(self) -> list[str]:
        """The lines of the source, split when they are first asked for."""
        self._lines = self._lines or self.source.lines
        return self._lines

    class_name = ""

    def class_(self, node: ast.ClassDef) -> None:
        outer, class_name = self.current, self.class_name
        for base in (*node.bases, *node.decorator_list):
            self.visit(base)
        if not outer.qualname or class_name:
            pass
        else:
            outer.locals.add(node.name)
        qualname = (outer.qualname + "." if outer.qualname else "") + node.name
        attributes: list[tuple[str, str]] = []
        unique: set[str] = set()
        enforced: set[str] = set()
        versioned = False
        for statement in node.body:
            note_assigned(statement, attributes)
            note_statement(statement, qualname, self.statements)
            note_reference(statement, enforced)
            versioned = note_model(statement, unique) or versioned
        holder = Gathered(qualname, "", outer.qualname)
        self.current, self.class_name = holder, qualname
        self.body(node.body)
        self.current, self.class_name = outer, class_name
        outer.calls.extend(holder.calls)
        outer.references |= holder.references
        outer.reads |= holder.reads
        methods = tuple(s.name for s in node.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)))
        self.classes.append(
            ClassFacts(
                qualname,
                node.lineno,
                tuple(dotted(b) for b in node.bases),
                decorators_of(node),
                tuple(attributes),
                frozenset(unique),
                versioned,
                methods,
                frozenset(name for statement in node.body if (name := per_object(statement))),
                says_thread_safe(node) or ("hread" in self.source.text and notes_threads(node, self.lines)),
                frozenset(enforced),
            )
        )

    def lambda_(self, node: ast.Lambda) -> None:
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d)):
            self.visit(default)
        self.visit(node.body)

    # statements

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
                self.current.suspend()
            if item.optional_vars is not None:
                self.target(item.optional_vars, item.context_expr, "=")
            self.within = (*self.within, dotted(item.context_expr))
        self.body(node.body)
        if isinstance(node, ast.AsyncWith):
            self.current.suspend()
        self.within = before

    def try_(self, node: ast.Try) -> None:
        self.current.statements += 1
        before = self.within
        if any(map(handles_second_row, node.handlers)):
            self.within = (*before, SECOND_ROW_HANDLED)
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
                self.current.suspend()
            self.target(node.target, None, "=")
            self.current.looped.update(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
            self.current.choices += choices_of(node.target, node.iter)
            self.loops += 1
        self.body(node.body)
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
            self.body(body)
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

    def named(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.target(node.target, node.value, "=")

    def delete(self, node: ast.Delete) -> None:
        self.current.statements += 1
        for target in node.targets:
            self.target(target, None, "del")

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.current.locals.add(node.name)
        self.body(node.body)

    def target(self, node: ast.expr, value: ast.expr | None, how: str) -> None:
        if isinstance(node, (ast.Tuple, ast.List)):
            values: list[ast.expr | None] = [None] * len(node.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(node.elts):
                values = list(value.elts)
            for element, part in zip(node.elts, values, strict=True):
                self.target(element, part, how)
            return
        if isinstance(node, ast.Starred):
            self.target(node.value, None, how)
            return
        shape, built = shape_of(value) if how == "=" else ("other", "")
        if isinstance(node, ast.Subscript):
            self.visit(node.slice)
            path = dotted(node.value)
            inner = node.value
            while isinstance(inner, (ast.Attribute, ast.Subscript)):
                inner = inner.value
            if path and not isinstance(inner, ast.Name):
                self.visit(inner)
            if path:
                self.note_read(path)  # which says, too, when it is written
                how = "del[]" if how == "del" else "[]+=" if how == "+=" else "[]"
                self.note_write(Write(path, how, shape, node.lineno, self.within, built, self.current.statements))
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
            elif how == "=" and (holder := entry_holder(value)):
                self.current.built.append((node.id, f"{holder}.get"))
        if path:
            if isinstance(node, ast.Attribute):
                self.note_read(dotted(node.value))
            self.note_write(Write(path, how, shape, node.lineno, self.within, built, self.current.statements))
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)

    def read_of(self, node: ast.expr) -> None:
        path = dotted(node)
        if path:
            self.note_read(path)

    def note_write(self, write: Write) -> None:
        if self.current.is_async:
            self.current.touch(".".join(write.path.split(".", 2)[:2]), changed=True)
        self.current.writes.append(write)

    def note_read(self, path: str) -> None:
        parts = path.split(".", 2)
        self.current.reads.add(parts[0])
        if len(parts) > 1:
            path = f"{parts[0]}.{parts[1]}"
            self.current.reads.add(path)
        if self.current.is_async:
            self.current.touch(path)

    # expressions

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
            self.current.choices += choices_of(generator.target, generator.iter)
            if generator.is_async:
                self.current.suspend()
            for name in ast.walk(generator.target):
                if isinstance(name, ast.Name):
                    self.current.locals.add(name.id)
                    self.current.looped.add(name.id)
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
        if isinstance(function, ast.Attribute):
            path = dotted(function.value)
            inner: ast.expr = function.value
            while isinstance(inner, ast.Attribute):
                inner = inner.value
            if isinstance(inner, ast.Name):
                self.note_read(path)
                self.current.references.add(path)
                if function.attr in MUTATORS:
                    self.note_write(
                        Write(path, function.attr, "other", node.lineno, self.within, "", self.current.statements)
                    )
            else:
                self.visit(function.value)
        elif isinstance(function, ast.Name):
            self.current.reads.add(function.id)
            if function.id in ("hasattr", "getattr") and (asked := asked_attribute(node)):
                self.note_read(asked)
        else:
            self.visit(function)
        later = runs_later(callee)
        for argument in node.args:
            self.given(argument, later)
        for keyword in node.keywords:
            if keyword.arg in ("isolation_level", "autocommit") and isinstance(keyword.value, ast.Constant):
                self.autocommit = self.autocommit or keyword.value.value in (None, True, "AUTOCOMMIT")
            self.given(keyword.value, later)
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

    def expression(self, node: ast.Expr) -> None:
        self.current.statements += 1
        if not isinstance(node.value, ast.Constant):  # a documentation string says nothing
            self.visit(node.value)

    def skip(self, node: ast.AST) -> None:
        """What holds nothing."""


_OPERATORS = frozenset({"ctx", "op", "ops"})
"""Fields of nodes that hold operators and contexts, in which there is nothing to see."""

_HANDLERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.FunctionDef: _Collector.function,
    ast.AsyncFunctionDef: _Collector.function,
    ast.ClassDef: _Collector.class_,
    ast.Lambda: _Collector.lambda_,
    ast.Import: _Collector.import_,
    ast.ImportFrom: _Collector.import_from,
    ast.Global: _Collector.global_,
    ast.Nonlocal: _Collector.nonlocal_,
    ast.With: _Collector.with_,
    ast.AsyncWith: _Collector.with_,
    ast.For: _Collector.loop,
    ast.AsyncFor: _Collector.loop,
    ast.While: _Collector.loop,
    ast.If: _Collector.if_,
    ast.Try: _Collector.try_,
    ast.Assign: _Collector.assign,
    ast.AnnAssign: _Collector.annotated,
    ast.AugAssign: _Collector.augmented,
    ast.NamedExpr: _Collector.named,
    ast.Delete: _Collector.delete,
    ast.ExceptHandler: _Collector.handler,
    ast.Name: _Collector.name,
    ast.Attribute: _Collector.attribute,
    ast.Await: _Collector.await_,
    ast.Yield: _Collector.yield_,
    ast.YieldFrom: _Collector.yield_,
    ast.ListComp: _Collector.comprehension,
    ast.SetComp: _Collector.comprehension,
    ast.DictComp: _Collector.comprehension,
    ast.GeneratorExp: _Collector.comprehension,
    ast.Call: _Collector.call,
    ast.Constant: _Collector.constant,
    ast.Expr: _Collector.expression,
    ast.Pass: _Collector.skip,
    ast.Break: _Collector.skip,
    ast.Continue: _Collector.skip,
}


def collect_facts(source: Source, tree: ast.Module | None = None) -> ModuleFacts:
    """Facts of one module; raises what `ast.parse` raises."""
    if tree is None:
        tree = ast.parse(source.text)
    facts = _Collector(source).collect(tree, source.path)
    guarded = declared_guards(tree, source.text)
    return replace(facts, guarded=guarded) if guarded else facts
