"""Expressions in short: their dotted sources, shapes and what they are built from."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from racelint.expressions import expression
from racelint.facts.data import CallSite
from racelint.words import COUNTING, MANY, POOL_MAPS, TAKEN


def dotted(node: ast.AST | None) -> str:
    """The dotted source of a name, attribute or call (`asyncio.Lock()` gives `asyncio.Lock`), or ""."""
    if isinstance(node, ast.Name):  # as nearly all that is asked for
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Call):
            if parts and _is_own_class(node):
                parts.append("cls")
                break
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
    if parts[-2:] == _CLASS_OF_SELF and len(parts) > 2:
        parts[-2:] = ["cls"]
    return ".".join(reversed(parts))


def _is_own_class(node: ast.Call) -> bool:
    """Whether the call is `type(self)`; what stands behind it is an attribute of the class, as behind `cls`."""
    given = node.args[0] if len(node.args) == 1 else None
    asked = isinstance(node.func, ast.Name) and node.func.id == "type" and not node.keywords
    return asked and isinstance(given, ast.Name) and given.id == "self"


_CLASS_OF_SELF = ["__class__", "self"]
"""The last parts of `self.__class__.count`, the inner one last."""


SETTER, DELETER = "@setter", "@deleter"
"""What the names of the functions that set and delete a property end with, so that it is not theirs: that of the one that reads it."""


def accessor_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """What is added to the name of a method by which it sets or deletes a property that another one of the same name reads."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Attribute) and dotted(decorator.value) == node.name:
            return {"setter": SETTER, "deleter": DELETER}.get(decorator.attr, "")
    return ""


def as_written(text: str) -> str:
    """A text with the names of properties in it as people know them."""
    return text.replace(SETTER, "").replace(DELETER, "") if "@" in text else text


def decorators_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> tuple[str, ...]:
    """The dotted sources of the decorators; of Django's `method_decorator` what it makes decorate all that a class answers."""
    found: list[str] = []
    for decorator in node.decorator_list:
        name = dotted(decorator)
        if isinstance(decorator, ast.Call) and name.rpartition(".")[2] == "method_decorator" and decorator.args:
            named = [k.value for k in decorator.keywords if k.arg == "name"]
            whole = all(isinstance(value, ast.Constant) and value.value == "dispatch" for value in named)
            given = decorator.args[0]
            inner = given.elts if isinstance(given, (ast.List, ast.Tuple)) else [given]
            found += [dotted(one) for one in inner] if whole else [name]
        else:
            found.append(name)
    return tuple(found)


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


CALLED = "__call__"
"""Stands behind what is built by a call of what a call gives: `sessionmaker.__call__` for `sessionmaker(engine)()`."""


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
    if isinstance(node, (ast.Yield, ast.YieldFrom)):  # of a coroutine by decoration
        return "await", dotted(node.value)
    if isinstance(node, ast.IfExp):
        real = [branch for branch in (node.body, node.orelse) if not is_no_context(branch)]
        return shape_of(real[0]) if len(real) == 1 else ("other", "")
    if is_no_context(node):  # stands for a lock where none is needed
        return "other", ""
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        if name in (
            "dict",
            "list",
            "set",
            "tuple",
            "frozenset",
            "deque",
            "collections.deque",
            "defaultdict",
            "collections.defaultdict",
        ) and not (node.args and name in _BUILTINS):
            return "empty", name
        if name.rpartition(".")[2] in COUNTING:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and first.value != 1:
                return "call", name + MANY
        if name.rpartition(".")[2] in _FIELDS:
            for keyword in node.keywords:
                if keyword.arg in ("default_factory", "factory"):
                    made = keyword.value
                    return "call", dotted(made.body if isinstance(made, ast.Lambda) else made)
        return "call", f"{name}.{CALLED}" if name and isinstance(node.func, ast.Call) else name
    if isinstance(node, (ast.Dict, ast.List, ast.Set, ast.Tuple)):
        elements = node.keys if isinstance(node, ast.Dict) else node.elts
        name = type(node).__name__.lower()
        return ("empty" if not elements else "display"), name
    if isinstance(node, (ast.ListComp, ast.DictComp, ast.SetComp)):
        return "display", type(node).__name__[:-4].lower()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.List):
        return "display", "list"  # `[0] * 16`
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return "constant", ""
    return "other", dotted(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


_BUILTINS = frozenset({"dict", "list", "set", "tuple", "frozenset"})
"""What makes a collection of what it is handed, and an empty one of nothing."""


def is_no_context(node: ast.expr) -> bool:
    """Whether the expression is `nullcontext()`, with nothing in it."""
    return isinstance(node, ast.Call) and not node.args and dotted(node.func).rpartition(".")[2] == "nullcontext"


_FIELDS = frozenset({"field", "Field", "PrivateAttr", "ib", "attrib"})
"""Last names of calls that declare a field of a dataclass, of attrs or of pydantic."""


def entry_holder(node: ast.expr | None) -> str:
    """The dotted source of the collection in `rooms[name]`; "" for a part of a list and for others."""
    return dotted(node.value) if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice) else ""


def says_nothing(statement: ast.stmt) -> bool:
    """A docstring, `...`, `pass`, `return` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Raise):
        return "NotImplemented" in dotted(statement.exc)
    if isinstance(statement, ast.Return):
        return statement.value is None or (isinstance(statement.value, ast.Constant) and statement.value.value is None)
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Constant) and statement.test.value is True:
        return all(map(says_nothing, statement.body))
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def arguments_of(node: ast.Call, callee: str) -> tuple[str, ...]:
    """The arguments of a call of `callee`, as in `CallSite.arguments`; of a lambda what it calls, and of `a if test else b` both, all but the first as `func=…`, of a comprehension its element (a tuple only where a pool maps over it), of `*map(f, …)`
    and `partial(f, …)` `f`. What a `partial` hands to `f` stands behind all else: `partial=(a, b)`, `kwargs={name=a}`."""
    found: list[str] = []
    method = callee.rpartition(".")[2]
    maps = method in _MAPPING
    for argument in node.args:
        if isinstance(argument, ast.Name):
            found.append(argument.id)
            continue
        if maps and isinstance(argument, ast.Call) and argument.args and dotted(argument.func) in _REPEATS:
            found.append(f"repeat({dotted(argument.args[0])})")
            continue
        inner = argument.value if isinstance(argument, ast.Starred) else argument
        if isinstance(inner, (ast.GeneratorExp, ast.ListComp)):
            found.append("*" + (_handed(inner.elt) or (_one(inner.elt) if method in POOL_MAPS else "")))
        elif isinstance(inner, ast.IfExp) and inner is argument:
            found += [_handed(inner.body), f"func={_handed(inner.orelse)}"]
        elif isinstance(inner, ast.Lambda):
            first, *more = _called_in(inner) or [""]
            found += [first, *(f"func={name}" for name in more)]
        elif inner is not argument and isinstance(inner, ast.Call) and dotted(inner.func) in _MAPS and inner.args:
            found.append("*" + dotted(inner.args[0]))
        elif not found and method in _EXECUTING and (said := _said_of_transaction(inner)):
            found.append(said)
        else:
            found.append(("*" if isinstance(argument, ast.Starred) else "") + (_handed(inner) or _one(inner)))
    for keyword in node.keywords:
        value = keyword.value
        if keyword.arg in ("kwargs", "kwds") and isinstance(value, ast.Dict):
            found.append(
                _by_name((literal_text(k) if k else "", v) for k, v in zip(value.keys, value.values, strict=True))
            )
            continue
        if keyword.arg in _SAID and isinstance(value, ast.Constant):
            found.append(f"{keyword.arg}={value.value!r}")
            continue
        called = _called_in(value) if isinstance(value, ast.Lambda) else [_handed(value) or _one(value)]
        found.extend(f"{keyword.arg or '**'}={name}" for name in called)
    for given in (*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "target")):
        if isinstance(given, ast.Call) and given.args and dotted(given.func).rpartition(".")[2] == "partial":
            if given.args[1:]:
                found.append(f"partial=({', '.join(dotted(one) for one in given.args[1:])})")
            if given.keywords:
                found.append(_by_name((keyword.arg or "", keyword.value) for keyword in given.keywords))
    if found and callee.endswith("Executor"):  # a pool of one thread runs one job after the other
        sizes = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "max_workers")]
        found += ["max_workers=1" for size in sizes if isinstance(size, ast.Constant) and size.value == 1]
    return tuple(found)


_SAID = frozenset({"async_mode", "threaded"})
"""Arguments by which a server is told how it is to call its handlers: their constants are kept, as `async_mode='gevent'`."""
_MAPS = frozenset({"map", "itertools.starmap", "starmap"})
_MAPPING = POOL_MAPS - {"starmap"}
_REPEATS = frozenset({"repeat", "itertools.repeat"})
"""What hands a pool that maps the same in each round."""


def _by_name(given: Iterable[tuple[str, ast.expr]]) -> str:
    """What is handed over by name, in one text: `kwargs={counts=counts, lock=self.lock}`."""
    return f"kwargs={{{', '.join(f'{name}={dotted(value)}' for name, value in given)}}}"


def _handed(node: ast.expr) -> str:
    """The dotted source of an argument, of a `partial` the function that it stands for, of `wait_for(fetch(), 3)` what it waits for."""
    path = dotted(node)
    if path.rpartition(".")[2] in _WRAPPERS and isinstance(node, ast.Call) and node.args:
        return _handed(node.args[0]) or path
    return path


_WRAPPERS = frozenset({"partial", "wait_for", "shield"})
"""Last names of calls that stand for what they are handed first."""


def runs_later(callee: str) -> bool:
    """Whether a call keeps what it is handed to run it at another time or in another thread."""
    return callee.rpartition(".")[2] in _LATER


_LATER = frozenset(
    "Thread Timer submit add_done_callback apply_async map_async run_in_executor start_new_thread start_soon create_task "
    "call_soon call_soon_threadsafe call_later call_at register".split()
)
"""Last names of calls that do so."""


def asked_attribute(node: ast.Call) -> str:
    """The path of what `hasattr(self, "_pool")` asks about; "" if no name says it."""
    if len(node.args) < 2 or not isinstance(node.args[0], ast.Name) or not isinstance(node.args[1], ast.Constant):
        return ""
    name = node.args[1].value
    return f"{node.args[0].id}.{name}" if isinstance(name, str) and name.isidentifier() else ""


def _one(node: ast.expr) -> str:
    """`1` for the number: that many workers are no crowd; `''` for a text that stands there."""
    if isinstance(node, ast.Tuple) and node.elts:
        return f"({', '.join(_handed(element) or _one(element) for element in node.elts)})"
    if not isinstance(node, ast.Constant) or node.value is True:
        return ""
    return "1" if node.value == 1 else "''" if isinstance(node.value, str) else ""


def _called_in(node: ast.Lambda) -> list[str]:
    return [dotted(inner.func) for inner in ast.walk(node.body) if isinstance(inner, ast.Call)]


def either(targets: Iterable[ast.expr], value: ast.IfExp) -> list[tuple[str, int, tuple[str, ...]]]:
    """The names that `work = read if ready else wait` binds, as in `choices_of`; none where a path alone does not tell what they are."""
    if not isinstance(value.body, (ast.Name, ast.Attribute)) or not isinstance(value.orelse, (ast.Name, ast.Attribute)):
        return []
    paths = dotted(value.body), dotted(value.orelse)
    return [(name.id, value.lineno, paths) for name in targets if isinstance(name, ast.Name) and all(paths)]


def _said_of_transaction(node: ast.expr) -> str:
    """`BEGUN`, `BEGUN_ALONE` or `ENDED` for a text, or `text(…)` of one, that begins or ends a transaction."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and dotted(node.func).rpartition(".")[2] == "text":
        node = node.args[0]
    words = node.value.upper().split() if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
    first = words[0].rstrip(";") if words else ""
    if first == "BEGIN" and not any(word.endswith(";") for word in words[:-1]):
        return BEGUN_ALONE if words[1:] and words[1].rstrip(";") in ("IMMEDIATE", "EXCLUSIVE") else BEGUN
    ends = first in ("COMMIT", "END") or (first == "ROLLBACK" and "TO" not in words)
    return ENDED if ends else ""


_EXECUTING = frozenset({"execute", "exec_driver_sql"})
BEGUN, BEGUN_ALONE, ENDED = "!begun", "!begun alone", "!ended"
"""Stand for the text of a statement that begins a transaction, one that lets no other writer in, or ends it. `NO_GUARD` to others."""


def gives_back(call: CallSite) -> bool:
    """Whether a call gives back what was taken before: a lock, or the transaction of a connection."""
    method = call.callee.rpartition(".")[2]
    return method in _GIVING_BACK or call.arguments[:1] == (ENDED,)


_GIVING_BACK = frozenset({"release", "commit", "rollback"})

SHORTEST_SQL = len("COMMIT")
"""Shorter strings are not looked at."""
_SQL = expression(
    r"^\s*(?i:(?:insert|update|delete|replace|merge|begin|commit)\b)"
    r"|\b(?:INSERT|UPDATE|DELETE|REPLACE|MERGE|BEGIN|COMMIT|LOCK)\b|(?i:for\s+(?:no\s+key\s+)?update|advisory|get_lock)"
)


def says_sql(text: str) -> bool:
    """Whether a string may be a statement of SQL, or a part of one, that changes or locks rows; it errs towards yes."""
    return _SQL.search(text) is not None


def handles_second_row(handler: ast.ExceptHandler) -> bool:
    """Whether the handler is for an error of a database about a second row where there may be one."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(TAKEN.search(dotted(kind).rpartition(".")[2]) for kind in kinds)


def yields_here(statement: ast.stmt) -> bool:
    """Whether a statement is a `yield` and nothing else."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)


def forgiven(handlers: list[ast.ExceptHandler]) -> list[str]:
    """Last names of the exceptions after which handlers go on; "" for all."""
    kinds = [
        kind
        for handler in handlers
        if not any(isinstance(node, ast.Raise) for statement in handler.body for node in ast.walk(statement))
        for kind in (handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])
    ]
    return ["" if kind is None else dotted(kind).rpartition(".")[2] for kind in kinds]


def literal_text(node: ast.expr) -> str:
    """The text of a literal; "" for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
