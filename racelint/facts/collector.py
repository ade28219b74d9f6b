"""The one pass over a module's tree that gathers its facts."""

from __future__ import annotations

import ast

from racelint.facts.data import ClassFacts, ModuleFacts
from racelint.facts.declared import (
    ATOMIC_REQUESTS,
    LEFT_OUT,
    MAIN,
    THREAD_SAFETY,
    atomic_requests,
    back_references,
    held_by_all,
    is_script,
    loose_columns,
    named_annotation,
    note_assigned,
    note_model,
    note_reference,
    note_statement,
    notes_threads,
    per_object,
    says_locked,
    says_thread_safe,
    says_threaded,
    shares_no_connections,
)
from racelint.facts.gathered import Gathered
from racelint.facts.guarded import declared_guards
from racelint.facts.isolation import WORD, serializable_names
from racelint.facts.source_text import (
    accessor_of,
    annotation_name,
    decorators_of,
    dotted,
    says_nothing,
    says_sql,
)
from racelint.facts.statements import Statements
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


class _Collector(Statements):
    """Walks a module once. Nested functions and classes are gathered as they are met."""

    def collect(self, tree: ast.Module, path: str) -> ModuleFacts:
        self._speaks_of_threads = (
            "hread" in self.source.text
        )  # asked for each class, of which generated files have thousands
        assigned: list[tuple[str, str]] = []
        annotations: list[tuple[str, str]] = []
        for node in tree.body:
            note_assigned(node, assigned)
            annotations += named_annotation(node)
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
            leaves_out_requests=f"@transaction.{LEFT_OUT}" in self.source.text,
            statements=tuple(self.statements),
            serializable=serializable_names(tree) if WORD in self.source.text else frozenset(),
            referring_back=back_references(tree, self.source.text),
            script=MAIN in self.source.text and is_script(tree),
            unshared=THREAD_SAFETY in self.source.text and shares_no_connections(tree),
            annotations=tuple(annotations),
        )

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer, within, loops = self.current, self.within, self.loops
        prefix = outer.qualname + "." if outer.qualname else ""
        owner = self.class_name if not outer.qualname or outer.qualname == self.class_name else ""
        inside_class = bool(owner)
        name = node.name + accessor_of(node) if inside_class else node.name
        found = Gathered(prefix + name, owner if inside_class else "", "" if inside_class else outer.qualname)
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
            if isinstance(default, ast.Constant) and isinstance(default.value, str) and says_sql(default.value):
                found.sql = True
        found.stub = all(says_nothing(statement) for statement in node.body)
        found.run_by = says_threaded(node)
        found.says_locked = says_locked(node)
        class_name, self.class_name = self.class_name, ""
        arms, self.arms = self.arms, ()
        loop_last, self.loop_last = self.loop_last, 0
        self.current, self.within, self.loops = found, (), 0
        self.body(node.body)
        if any(call.callee.rpartition(".")[2] in PATH_STEPS for call in found.calls):
            found.path_words = words_of_paths("".join(self.lines[found.first - 1 : found.last]))
        self.functions.append(found.freeze())
        self.loop_last = loop_last
        self.current, self.within, self.loops, self.class_name, self.arms = outer, within, loops, class_name, arms

    def _awaits_by_yield(self, decorator: ast.expr) -> bool:
        """Whether a function that is decorated so is a coroutine, in which `yield` awaits."""
        name = dotted(decorator)
        first, _, rest = name.partition(".")
        if name.rpartition(".")[2] not in _LAST_NAMES:
            return False
        origin = dict(self.imports).get(first, first)
        return (f"{origin}.{rest}" if rest else origin) in AWAITING_BY_YIELD

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
            note_assigned(statement, attributes, of_class=True)
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
                says_thread_safe(node) or (self._speaks_of_threads and notes_threads(node, self.lines)),
                frozenset(enforced),
                loose_columns(node.body),
                frozenset(held_by_all(node)),
            )
        )


_Collector.handlers = {
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
    ast.Return: _Collector.return_,
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
