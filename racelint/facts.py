"""One `ast` pass over a module: what exists and who touches it, as plain data that can be cached and merged."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from racelint.source import Source


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call, as written: `callee` is the dotted source of the function."""

    callee: str
    line: int
    within: tuple[str, ...]
    """Dotted sources of the context managers around it, outermost first."""
    awaited: bool = False
    looped: bool = False
    arguments: tuple[str, ...] = ()
    """Dotted sources of the arguments that are names, attributes or calls; "" for others; keywords as `name=source`."""
    arms: tuple[tuple[int, int], ...] = ()
    """The branches around it: line of the `if`, and 0 for its body or 1 for its `else`."""


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a name or attribute path: `path` as written, `self._session` or `counter`."""

    path: str
    how: str
    """`=`, `+=`, `del`, `[]`, `del[]`, or the name of a mutating method."""
    shape: str
    """`none`, `false`, `true`, `constant`, `empty`, `call`, `await` or `other`."""
    line: int
    within: tuple[str, ...]
    built_from: str = ""
    """Dotted source of the constructor or function whose result is written."""


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A function or method; `first` is the line of its first decorator, `last` its last line."""

    qualname: str
    owner: str
    """Qualified name of the class it is a method of; "" otherwise."""
    parent: str
    """Qualified name of the enclosing function; "" otherwise."""
    first: int
    line: int
    last: int
    column: int
    is_async: bool
    suspends: bool
    """Holds an `await`, `async for`, `async with`, or is an async generator."""
    yields: bool
    params: tuple[tuple[str, str], ...]
    """Names with the dotted sources of their annotations."""
    decorators: tuple[str, ...]
    calls: tuple[CallSite, ...]
    writes: tuple[Write, ...]
    reads: frozenset[str]
    """Attribute paths (`self._session`, two parts) and free names that are read."""
    local_names: frozenset[str]
    outer_names: frozenset[str]
    """Declared `global` or `nonlocal`."""
    global_names: frozenset[str]
    """Declared `global`."""
    references: frozenset[str]
    """Paths used as values, not called: callbacks and targets."""
    locals_built: tuple[tuple[str, str], ...] = ()
    """Local names with the dotted source of the call they are assigned from."""
    statements: int = 0
    loop_names: frozenset[str] = frozenset()
    """Names that loops and comprehensions bind: another object in each round."""
    stub: bool = False
    """Has no body of its own: a protocol's or an abstract method."""

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A class: its bases as written, and what its attributes are built from anywhere in its methods."""

    qualname: str
    line: int
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    """Class-level names with the dotted source of what they are built from, or `none`, `false`, …, as in `Write.shape`."""
    unique: frozenset[str]
    """Fields that a model declares unique, alone or together."""
    versioned: bool = False
    """Declares a version column that the ORM checks in its writes."""
    methods: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """Everything that later stages know of a module without parsing it again."""

    path: str
    imports: tuple[tuple[str, str], ...]
    """Local name and dotted origin."""
    classes: tuple[ClassFacts, ...]
    functions: tuple[FunctionFacts, ...]
    module_body: FunctionFacts
    """Module-level statements, as a function named ""."""
    assigned: tuple[tuple[str, str], ...]
    """Module-level names with what they are built from, as in `ClassFacts.attributes`."""
    autocommit: bool = False


_MUTATORS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "popitem",
        "clear",
        "update",
        "add",
        "discard",
        "setdefault",
        "sort",
        "reverse",
        "appendleft",
        "popleft",
        "extendleft",
        "rotate",
        "move_to_end",
        "put",
        "put_nowait",
        "get_nowait",
        "set",
        "difference_update",
        "intersection_update",
    ]
)


def dotted(node: ast.AST | None) -> str:
    """The dotted source of a name, attribute or call (`asyncio.Lock()` gives `asyncio.Lock`), or ""."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, (ast.Subscript, ast.Await)):
            node = node.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier() and not parts:
            return node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and not parts:
            left = dotted(node.left)
            return left if left and left != "None" else dotted(node.right)
        else:
            return ""
    return ".".join(reversed(parts))


def annotation_name(node: ast.expr | None) -> str:
    """The class an annotation names: `Optional[X]`, `X | None`, `"X"` and `Annotated[X, …]` give `X`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return annotation_name(ast.parse(node.value, mode="eval").body)
        except (SyntaxError, ValueError):
            return ""
    if isinstance(node, ast.Subscript):
        outer = dotted(node.value)
        if outer.rpartition(".")[2] in ("Optional", "Annotated", "ClassVar", "Final", "Type", "type"):
            inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
            return annotation_name(inner)
        return outer
    return dotted(node)


def shape_of(node: ast.expr | None) -> tuple[str, str]:
    """The shape of an assigned expression, as in `Write.shape`, and what it is built from."""
    if node is None:
        return "other", ""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return "none", ""
        if node.value is False:
            return "false", ""
        return ("true" if node.value is True else "constant"), ""
    if isinstance(node, ast.Await):
        return "await", dotted(node.value)
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        if name in (
            "dict",
            "list",
            "set",
            "deque",
            "collections.deque",
            "defaultdict",
            "collections.defaultdict",
        ) and not (node.args and name in ("dict", "list", "set")):
            return "empty", name
        if name.rpartition(".")[2] in ("Semaphore", "BoundedSemaphore", "CapacityLimiter"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and first.value != 1:
                return "call", name + "#many"
        if name.rpartition(".")[2] == "field":
            for keyword in node.keywords:
                if keyword.arg == "default_factory":
                    return "call", dotted(keyword.value)
        return "call", name
    if isinstance(node, (ast.Dict, ast.List, ast.Set, ast.Tuple)):
        elements = node.keys if isinstance(node, ast.Dict) else node.elts
        name = type(node).__name__.lower()
        return ("empty" if not elements else "display"), name
    if isinstance(node, (ast.ListComp, ast.DictComp, ast.SetComp)):
        return "display", type(node).__name__[:-4].lower()
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return "constant", ""
    return "other", dotted(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def _says_nothing(statement: ast.stmt) -> bool:
    """A docstring, `...`, `pass` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Raise):
        return "NotImplemented" in dotted(statement.exc)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


class _Function:
    """What is gathered of one function while its body is walked."""

    __slots__ = (
        "built",
        "calls",
        "column",
        "decorators",
        "first",
        "globals",
        "is_async",
        "last",
        "line",
        "locals",
        "looped",
        "outer",
        "owner",
        "params",
        "parent",
        "qualname",
        "reads",
        "references",
        "statements",
        "stub",
        "suspends",
        "writes",
        "yields",
    )

    def __init__(self, qualname: str, owner: str, parent: str) -> None:
        self.qualname, self.owner, self.parent = qualname, owner, parent
        self.first = self.line = self.last = 1
        self.column = 0
        self.is_async = self.suspends = self.yields = False
        self.params: tuple[tuple[str, str], ...] = ()
        self.decorators: tuple[str, ...] = ()
        self.calls: list[CallSite] = []
        self.writes: list[Write] = []
        self.reads: set[str] = set()
        self.references: set[str] = set()
        self.locals: set[str] = set()
        self.outer: set[str] = set()
        self.globals: set[str] = set()
        self.built: list[tuple[str, str]] = []
        self.statements = 0
        self.looped: set[str] = set()
        self.stub = False

    def freeze(self) -> FunctionFacts:
        return FunctionFacts(
            self.qualname,
            self.owner,
            self.parent,
            self.first,
            self.line,
            self.last,
            self.column,
            self.is_async,
            self.suspends,
            self.yields,
            self.params,
            self.decorators,
            tuple(self.calls),
            tuple(self.writes),
            frozenset(self.reads),
            frozenset(self.locals - self.outer),
            frozenset(self.outer),
            frozenset(self.globals),
            frozenset(self.references),
            tuple(self.built),
            self.statements,
            frozenset(self.looped),
            self.stub,
        )


class _Collector:
    """Walks a module once. Nested functions and classes are gathered as they are met."""

    def __init__(self) -> None:
        self.imports: list[tuple[str, str]] = []
        self.classes: list[ClassFacts] = []
        self.functions: list[FunctionFacts] = []
        self.within: tuple[str, ...] = ()
        self.loops = 0
        self.arms: tuple[tuple[int, int], ...] = ()
        self.current = _Function("", "", "")
        self.autocommit = False

    def collect(self, tree: ast.Module, path: str) -> ModuleFacts:
        assigned: list[tuple[str, str]] = []
        for node in tree.body:
            self.note_assigned(node, assigned)
        self.body(tree.body)
        return ModuleFacts(
            path,
            tuple(self.imports),
            tuple(self.classes),
            tuple(self.functions),
            self.current.freeze(),
            tuple(assigned),
            self.autocommit,
        )

    @staticmethod
    def note_assigned(node: ast.stmt, into: list[tuple[str, str]]) -> None:
        targets: list[ast.expr]
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            shape, built = shape_of(node.value)
            name = built if shape in ("call", "await") else (annotation_name(node.annotation) or shape)
            if isinstance(node.target, ast.Name):
                into.append((node.target.id, name if node.value is None or shape in ("call", "await") else shape))
            return
        elif isinstance(node, (ast.If, ast.Try)):
            for inner in (*node.body, *node.orelse):
                _Collector.note_assigned(inner, into)
            return
        else:
            return
        shape, built = shape_of(value)
        for target in targets:
            if isinstance(target, ast.Name):
                into.append((target.id, built if shape in ("call", "await") and built else shape))

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
            value = getattr(node, name, None)
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)
            elif isinstance(value, ast.AST) and not isinstance(value, (ast.expr_context, ast.operator, ast.cmpop)):
                self.visit(value)

    # definitions

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer, within, loops = self.current, self.within, self.loops
        prefix = outer.qualname + "." if outer.qualname else ""
        owner = self.class_name if not outer.qualname or outer.qualname == self.class_name else ""
        inside_class = bool(owner)
        found = _Function(prefix + node.name, owner if inside_class else "", "" if inside_class else outer.qualname)
        if not inside_class:
            outer.locals.add(node.name)
            if not outer.qualname:
                found.parent = ""
        found.first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        found.line, found.last, found.column = node.lineno, node.end_lineno or node.lineno, node.col_offset
        found.is_async = isinstance(node, ast.AsyncFunctionDef)
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        found.params = tuple((a.arg, annotation_name(a.annotation) if a.annotation else "") for a in every)
        found.locals.update(a.arg for a in every)
        found.locals.update(a.arg for a in (arguments.vararg, arguments.kwarg) if a)
        found.decorators = tuple(dotted(d) for d in node.decorator_list)
        for decorator in node.decorator_list:
            self.visit(decorator)
        for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
            self.visit(default)
        found.stub = all(_says_nothing(statement) for statement in node.body)
        class_name, self.class_name = self.class_name, ""
        arms, self.arms = self.arms, ()
        self.current, self.within, self.loops = found, (), 0
        self.body(node.body)
        self.functions.append(found.freeze())
        self.current, self.within, self.loops, self.class_name, self.arms = outer, within, loops, class_name, arms

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
        versioned = False
        for statement in node.body:
            self.note_assigned(statement, attributes)
            versioned = self.note_model(statement, unique) or versioned
        holder = _Function(qualname, "", outer.qualname)
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
                tuple(dotted(d) for d in node.decorator_list),
                tuple(attributes),
                frozenset(unique),
                versioned,
                methods,
            )
        )

    @staticmethod
    def note_model(statement: ast.stmt, unique: set[str]) -> bool:
        """Notes the unique fields of a model class; True if the statement declares a version column."""
        versioned = False
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.Call):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if isinstance(target, ast.Name):
                for keyword in statement.value.keywords:
                    if keyword.arg in ("unique", "primary_key", "pk") and getattr(keyword.value, "value", None) is True:
                        unique.add(target.id)
                if dotted(statement.value.func).rpartition(".")[2] == "OneToOneField":
                    unique.add(target.id)
        constraint_home = isinstance(statement, ast.ClassDef) and statement.name == "Meta"
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            constraint_home = isinstance(target, ast.Name) and target.id in ("__table_args__", "__mapper_args__")
        if constraint_home:
            for inner in ast.walk(statement):
                if isinstance(inner, ast.Call) and dotted(inner.func).rpartition(".")[2] == "UniqueConstraint":
                    fields = [*inner.args, *(k.value for k in inner.keywords if k.arg == "fields")]
                    for constant in (c for f in fields for c in ast.walk(f)):
                        if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                            unique.add(constant.value)
                elif isinstance(inner, ast.Assign) and dotted(inner.targets[0]) == "unique_together":
                    unique.update(
                        c.value
                        for c in ast.walk(inner.value)
                        if isinstance(c, ast.Constant) and isinstance(c.value, str)
                    )
                elif isinstance(inner, ast.Constant) and inner.value == "version_id_col":
                    versioned = True
        return versioned

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
        if isinstance(node, ast.AsyncWith):
            self.current.suspends = True
        before = self.within
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.target(item.optional_vars, item.context_expr, "=")
            self.within = (*self.within, dotted(item.context_expr))
        self.body(node.body)
        self.within = before

    def loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        self.current.statements += 1
        if isinstance(node, ast.While):
            self.loops += 1
            self.visit(node.test)
        else:
            if isinstance(node, ast.AsyncFor):
                self.current.suspends = True
            self.visit(node.iter)
            self.target(node.target, None, "=")
            self.current.looped.update(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
            self.loops += 1
        self.body(node.body)
        self.loops -= 1
        self.body(node.orelse)

    def if_(self, node: ast.If) -> None:
        self.current.statements += 1
        self.visit(node.test)
        outer = self.arms
        for arm, body in enumerate((node.body, node.orelse)):
            self.arms = (*outer, (node.lineno, arm))
            self.body(body)
        self.arms = outer

    def assign(self, node: ast.Assign) -> None:
        self.current.statements += 1
        self.visit(node.value)
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
        self.visit(node.value)
        self.read_of(node.target)
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
                self.note_read(path)
                how = "del[]" if how == "del" else "[]+=" if how == "+=" else "[]"
                self.current.writes.append(Write(path, how, shape, node.lineno, self.within, built))
            else:
                self.visit(node.value)
            return
        path = dotted(node)
        if isinstance(node, ast.Name):
            self.current.locals.add(node.id)
            if built and how == "=":
                self.current.built.append((node.id, built))
        if path:
            if isinstance(node, ast.Attribute):
                self.note_read(dotted(node.value))
            self.current.writes.append(Write(path, how, shape, node.lineno, self.within, built))
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)

    def read_of(self, node: ast.expr) -> None:
        path = dotted(node)
        if path:
            self.note_read(path)

    def note_read(self, path: str) -> None:
        parts = path.split(".")
        self.current.reads.add(parts[0])
        if len(parts) > 1:
            self.current.reads.add(".".join(parts[:2]))

    # expressions

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.current.reads.add(node.id)
            self.current.references.add(node.id)

    def attribute(self, node: ast.Attribute) -> None:
        path = dotted(node)
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.note_read(path)
            self.current.references.add(path)
        else:
            self.visit(inner)

    def await_(self, node: ast.Await) -> None:
        self.current.suspends = True
        if isinstance(node.value, ast.Call):
            self.call(node.value, awaited=True)
        else:
            self.visit(node.value)

    def yield_(self, node: ast.Yield | ast.YieldFrom) -> None:
        self.current.yields = True
        if self.current.is_async:
            self.current.suspends = True
        if node.value is not None:
            self.visit(node.value)

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        for generator in node.generators:
            if generator.is_async:
                self.current.suspends = True
            self.visit(generator.iter)
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
                if function.attr in _MUTATORS:
                    self.current.writes.append(Write(path, function.attr, "other", node.lineno, self.within))
            else:
                self.visit(function.value)
        elif isinstance(function, ast.Name):
            self.current.reads.add(function.id)
        else:
            self.visit(function)
        arguments: list[str] = []
        for argument in node.args:
            inner_argument = argument.value if isinstance(argument, ast.Starred) else argument
            if isinstance(inner_argument, (ast.GeneratorExp, ast.ListComp)):
                arguments.append("*" + dotted(inner_argument.elt))
            elif isinstance(inner_argument, ast.Lambda):
                arguments.extend(dotted(n.func) for n in ast.walk(inner_argument.body) if isinstance(n, ast.Call))
            else:
                arguments.append(("*" if isinstance(argument, ast.Starred) else "") + dotted(inner_argument))
            self.visit(argument)
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Lambda):
                called = [dotted(n.func) for n in ast.walk(keyword.value.body) if isinstance(n, ast.Call)]
            else:
                called = [dotted(keyword.value)]
            arguments.extend(f"{keyword.arg or '**'}={name}" for name in called)
            if keyword.arg in ("isolation_level", "autocommit") and isinstance(keyword.value, ast.Constant):
                self.autocommit = self.autocommit or keyword.value.value in (None, True, "AUTOCOMMIT")
            self.visit(keyword.value)
        self.current.calls.append(
            CallSite(callee, node.lineno, self.within, awaited, self.loops > 0, tuple(arguments), self.arms)
        )

    def skip(self, node: ast.AST) -> None:
        """Constants, operators and contexts hold nothing."""


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
    ast.Constant: _Collector.skip,
    ast.Pass: _Collector.skip,
    ast.Break: _Collector.skip,
    ast.Continue: _Collector.skip,
}


def collect_facts(source: Source, tree: ast.Module | None = None) -> ModuleFacts:
    """Facts of one module; raises what `ast.parse` raises."""
    if tree is None:
        tree = ast.parse(source.text)
    return _Collector().collect(tree, source.path)
