"""Values for parameters, as source text: from the annotation, or from what the function does with them."""

from __future__ import annotations

import ast

from racelint.frozen import dataclass, field
from racelint.repro.subject import Function, Unit, classes_of, constructor_of, has_decorator

DEPTH = 3
"""Objects that are made for the sake of other objects."""

_NUMBERS = {"int": ("1", "2"), "float": ("1.0", "2.0"), "complex": ("1j", "2j"), "Decimal": ("1", "2")}
_TEXTS = {"str": ('"a"', '"bb"'), "bytes": ('b"a"', 'b"bb"'), "bytearray": ('bytearray(b"a")', 'bytearray(b"bb")')}
_SIMPLE = {**_NUMBERS, **_TEXTS, "bool": ("True", "False"), "object": ('"a"', '"bb"'), "Any": ('"a"', '"bb"')}
_PRIMITIVES = {
    **{name: f"{name}()" for name in ("asyncio.Lock", "asyncio.Event", "asyncio.Condition", "asyncio.Queue")},
    **{name: f"{name}()" for name in ("threading.Lock", "threading.RLock", "threading.Event", "threading.Condition")},
    **{name: f"{name}(1)" for name in ("asyncio.Semaphore", "threading.Semaphore")},
}
_PATHS = {"Path", "PurePath", "PathLike", "StrPath"}
_MAPS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"}
_LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "tuple", "Tuple", "Iterator"}
_SETS = {"set", "Set", "frozenset", "FrozenSet", "MutableSet", "AbstractSet"}
CONNECTIONS = {"sqlite3.Connection", "aiosqlite.Connection"}
_PATH_CALLS = {
    "open",
    "Path",
    "remove",
    "unlink",
    "mkdir",
    "makedirs",
    "exists",
    "isfile",
    "isdir",
    "listdir",
    "rmtree",
}
_PATH_CALLS |= {"replace", "rename", "stat", "getsize", "rmdir", "connect", "join", "chmod"}
_PATH_MODULES = {"open", "Path", "os", "os.path", "path", "shutil", "pathlib", "sqlite3", "aiosqlite", "aiofiles"}
_PATH_METHODS = {"read_text", "write_text", "read_bytes", "write_bytes", "exists", "unlink", "mkdir", "touch", "open"}
_PATH_METHODS |= {"is_file", "is_dir", "iterdir", "with_suffix", "replace", "rename", "stat"}


@dataclass(slots=True)
class Guesser:
    """Guesses for one module."""

    tree: ast.Module
    folder: str = "folder"
    """The expression of the folder that paths are in."""
    paths: dict[str, str] = field(default_factory=dict)
    """Names of the paths that were handed out, by the expression."""
    smallest: bool = False
    """Numbers that have a default are given as 1 to constructors: a limit is reached by two calls."""
    missing: list[str] = field(default_factory=list)
    """What could not be guessed."""
    stand_ins: list[str] = field(default_factory=list)

    def arguments(self, unit: Unit) -> str:
        """The arguments of a call."""
        return self._list(unit.node, unit.given(), 0, DEPTH)

    def value(self, parameter: ast.arg, unit: Unit, which: int) -> str:
        """One argument of a call."""
        return self._annotated(parameter.arg, parameter.annotation, unit.node, which, DEPTH)

    def instance(self, owner: ast.ClassDef, which: int = 0, depth: int = DEPTH) -> str:
        """The construction of an object."""
        constructor = constructor_of(owner)
        if constructor is not None:
            arguments = constructor.args
            positional = [*arguments.posonlyargs, *arguments.args]
            required = positional[1 : len(positional) - len(arguments.defaults)]
            named = [
                one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
            ]
            given = [(one, False) for one in required] + [(one, True) for one in named]
            texts = [
                text for text in (self._list(constructor, given, which, depth), *self._limits(constructor)) if text
            ]
            return f"subject.{owner.name}({', '.join(texts)})"
        if has_decorator(owner, "dataclass") or _bases(owner) & {"NamedTuple"}:
            fields = [one for one in owner.body if isinstance(one, ast.AnnAssign) and one.value is None]
            values = [
                f"{ast.unparse(one.target)}={self._annotated(ast.unparse(one.target), one.annotation, None, which, depth)}"
                for one in fields
                if "ClassVar" not in ast.unparse(one.annotation)
            ]
            return f"subject.{owner.name}({', '.join(values)})"
        if _bases(owner) - {"object", "Generic", "ABC", "Protocol"} - classes_of(self.tree).keys():
            self.missing.append(f"the arguments of `{owner.name}`, whose constructor is in another module")
        return f"subject.{owner.name}()"

    def _limits(self, constructor: Function) -> list[str]:
        positional = [*constructor.args.posonlyargs, *constructor.args.args]
        defaults = zip(positional[::-1], constructor.args.defaults[::-1], strict=False)
        return [
            f"{parameter.arg}=1"
            for parameter, default in reversed([*defaults])
            if self.smallest and isinstance(default, ast.Constant) and type(default.value) is int and default.value > 1
        ]

    def _list(self, node: Function, given: list[tuple[ast.arg, bool]], which: int, depth: int) -> str:
        texts = []
        for parameter, named in given:
            value = self._annotated(parameter.arg, parameter.annotation, node, which, depth)
            texts.append(f"{parameter.arg}={value}" if named else value)
        return ", ".join(texts)

    def _annotated(self, name: str, annotation: ast.expr | None, node: Function | None, which: int, depth: int) -> str:
        annotation = _plain(annotation)
        text = ast.unparse(annotation) if annotation is not None else ""
        last = text.partition("[")[0].rpartition(".")[2]
        if last in _PATHS or (node is not None and _is_path(node, name) and last in ("", "str")):
            return self._path(name, text=last == "str")
        if text in CONNECTIONS:
            self.missing.append(f"the connection `{name}`, its tables and their rows")
            return "..."
        if text in _PRIMITIVES:
            return _PRIMITIVES[text]
        if last in ("", "str") and (keys := _keys(self.tree, node, name)):
            return repr(keys[which % len(keys)]).replace("'", '"')
        if last in _SIMPLE:
            return _SIMPLE[last][which]
        if last in _MAPS | _LISTS | _SETS:
            return self._collection(name, last, annotation, which, depth)
        if text == "":
            return self._by_use(name, node, which)
        owner = classes_of(self.tree).get(text)
        if owner is not None and depth > 0:
            return self._own(name, owner, which, depth)
        return self._stand_in(name)

    def _own(self, name: str, owner: ast.ClassDef, which: int, depth: int) -> str:
        bases = _bases(owner)
        if bases & {"Protocol", "ABC"}:
            return self._stand_in(name)
        if any("Enum" in base for base in bases):
            members = [one for one in owner.body if isinstance(one, ast.Assign)]
            chosen = members[which % len(members)].targets[0] if members else None
            return f"subject.{owner.name}.{ast.unparse(chosen)}" if chosen is not None else self._stand_in(name)
        if "TypedDict" in bases:
            fields = [one for one in owner.body if isinstance(one, ast.AnnAssign)]
            inner = [
                f'"{ast.unparse(one.target)}": {self._annotated("", one.annotation, None, which, depth - 1)}'
                for one in fields
            ]
            return "{" + ", ".join(inner) + "}"
        return self.instance(owner, which, depth - 1)

    def _collection(self, name: str, kind: str, annotation: ast.expr | None, which: int, depth: int) -> str:
        inner: list[ast.expr] = []
        if isinstance(annotation, ast.Subscript):
            inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        if kind in _MAPS:
            if len(inner) < 2:
                return "{}"
            pairs = [
                f"{self._annotated(name, inner[0], None, one, depth)}: {self._annotated(name, inner[1], None, one, depth)}"
                for one in (0, 1)
            ]
            return "{" + ", ".join(pairs) + "}"
        if not inner:
            return "set()" if kind in _SETS else "[]"
        values = ", ".join(self._annotated(name, inner[0], None, one, depth) for one in (which, 1 - which))
        return f"{{{values}}}" if kind in _SETS else f"({values})" if kind.lower() == "tuple" else f"[{values}]"

    def _by_use(self, name: str, node: Function | None, which: int) -> str:
        use = _use(node, name) if node is not None else ""
        if use == "number":
            return _SIMPLE["int"][which]
        return self._stand_in(name) if use == "object" else _SIMPLE["str"][which]

    def _stand_in(self, name: str) -> str:
        self.stand_ins.append(name)
        return f'StandIn("{name}")'

    def _path(self, name: str, *, text: bool) -> str:
        expression = f'{self.folder} / "{name or "data"}"'
        self.paths[name] = expression
        return f"str({expression})" if text else expression


def _bases(owner: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in owner.bases}


def _plain(annotation: ast.expr | None) -> ast.expr | None:
    """An annotation without quotes, `Optional`, `Annotated` and `None`; of several the first."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return _plain(ast.parse(annotation.value, mode="eval").body)
        except SyntaxError:
            return None
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        left, right = annotation.left, annotation.right
        paths = [one for one in (left, right) if ast.unparse(one).rpartition(".")[2] in _PATHS]
        if paths:
            return paths[0]
        return _plain(right if isinstance(left, ast.Constant) and left.value is None else left)
    if isinstance(annotation, ast.Subscript):
        head = ast.unparse(annotation.value).rpartition(".")[2]
        inner = annotation.slice.elts[0] if isinstance(annotation.slice, ast.Tuple) else annotation.slice
        if head in ("Optional", "Union", "Annotated", "Final"):
            return _plain(inner)
    return annotation


def _is_path(node: Function, name: str) -> bool:
    """Whether a parameter is handed to what takes paths."""
    for one in ast.walk(node):
        if not isinstance(one, ast.Call):
            continue
        receiver, _, called = ast.unparse(one.func).rpartition(".")
        is_taken = called in _PATH_CALLS and (receiver or called) in _PATH_MODULES
        if is_taken and one.args and isinstance(one.args[0], ast.Name) and one.args[0].id == name:
            return True
        target = one.func.value if isinstance(one.func, ast.Attribute) else None
        if isinstance(target, ast.Name) and target.id == name and called in _PATH_METHODS:
            return True
    return False


def _keys(tree: ast.Module, node: Function | None, name: str) -> list[str]:
    """The keys that a parameter is used as, where they are written out in the module."""
    used = {_looked_up(one, name) for one in (ast.walk(node) if node is not None else ())} - {""}
    for one in ast.walk(tree) if used else ():
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        value = one.value if isinstance(one, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Dict) and any(ast.unparse(target).rpartition(".")[2] in used for target in targets):
            return [key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return []


def _looked_up(node: ast.AST, name: str) -> str:
    """The last name of what a parameter is a key of; "" if this is no look-up by it."""
    where: ast.expr | None = None
    key: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        where, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
        where, key = node.func.value, node.args[0] if node.args else None
    if where is None or not isinstance(key, ast.Name) or key.id != name:
        return ""
    return ast.unparse(where).rpartition(".")[2]


def _use(node: Function, name: str) -> str:
    """What a parameter without annotation is, from what is done with it: a number, an object, or nothing that tells."""
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute | ast.Call | ast.Await | ast.Starred):
            target = one.func if isinstance(one, ast.Call) else one.value
            if isinstance(target, ast.Name) and target.id == name:
                return "object"
        if isinstance(one, ast.withitem) and isinstance(one.context_expr, ast.Name) and one.context_expr.id == name:
            return "object"
        if isinstance(one, ast.BinOp) and name in {
            side.id for side in (one.left, one.right) if isinstance(side, ast.Name)
        }:
            return "number"
        if isinstance(one, ast.AugAssign) and isinstance(one.value, ast.Name) and one.value.id == name:
            return "number"
    return ""
