"""Effects of modelled calls on files: which path they touch, and how.

A path is told by the text of the expression that gives it, after what it was joined of: `folder / name` is another path than
`folder`, and `os.path.join(folder, name)` is the same one.
"""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from racelint.events import NO_IDS, Access, Kind, Op, Resource, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.summaries import source_of
from racelint.frozen import dataclass, replace
from racelint.models.data import Call
from racelint.paths import is_own


@dataclass(frozen=True, slots=True)
class FileCall:
    """A modelled call on a file, with everything that its effect needs."""

    ev: Evaluator
    node: cst.Call
    where: cst.CSTNode
    model: Call
    base: Value
    method: str
    arguments: Arguments

    @property
    def target(self) -> Resource | None:
        """The file that the call is about: the argument that the model names, or the path that it is a method of."""
        if self.model.key is not None:
            return self.file(self.model.key)
        function = self.node.func
        return file_of(self.base, function.value if isinstance(function, cst.Attribute) else None)

    def file(self, index: int) -> Resource | None:
        """The file that an argument names."""
        value = self.arguments.at(index)
        if value is None:
            return None
        nodes = [node for node in self.arguments.nodes if node.keyword is None]
        return file_of(value, nodes[index].value)

    def emit(self, op: Op, resource: Resource | None, how: str, value: Value | None = None) -> Value:
        """An access; its value stems from it."""
        if resource is None:
            return Value(self.arguments.stems)
        value = value or Value(self.arguments.stems | self.base.stems)
        number = self.ev.emit(op, resource, self.where, value, how, self.arguments.texts)
        return Value(frozenset((number,)), Shape.CALL, via=number if op in (Op.READ, Op.CHECK) else None)


def file_of(value: Value, node: cst.BaseExpression | None) -> Resource | None:
    """The file that a value names; None if nothing is known of it, or if it is a buffer in memory."""
    if _BUFFER.search(value.type) or _BUFFER.search(value.origin.partition("(")[0]):
        return None
    path = path_text(value, node)
    if not path:
        return None
    shown = path if _PLAIN.fullmatch(path) else value.text or (source_of(node) if node is not None else path)
    return Resource(Kind.FILE, "file", path, shown if len(shown) <= MOST_SHOWN else path)


_BUFFER = expression(r"(^|\.)(StringIO|BytesIO)$")
_PLAIN = expression(r"[A-Za-z_][\w.]*")


MOST_SHOWN = 60
"""Longer expressions are shown by what they were joined of."""


def path_text(value: Value, node: cst.BaseExpression | None = None) -> str:
    """What a path is told by."""
    path = value.part("path")
    if path is not None and path.text:
        return path.text
    if is_own(value.origin) or '"' in value.origin or "'" in value.origin:
        return value.origin
    text = value.text or (source_of(node) if node is not None else "")
    dressed = _AS_TEXT.fullmatch(text)
    return dressed[1] if dressed is not None else text


_AS_TEXT = expression(r"(?:str|fspath|os\.fspath|Path|pathlib\.Path)\(([A-Za-z_][\w.]*)\)")
"""A path as a text, or a text as a path."""


def file_effect(
    ev: Evaluator,
    node: cst.Call,
    where: cst.CSTNode,
    model: Call,
    base: Value | None,
    method: str,
    arguments: Arguments,
) -> Value | None:
    """Applies an effect on a file; None to treat the call as an unknown one."""
    return FILE_EFFECTS[model.effect](FileCall(ev, node, where, model, base or Value(), method, arguments))


def _open(call: FileCall) -> Value | None:
    """`open`: what is written to an opened file comes later, but what stood in it is gone."""
    given = call.arguments.at(0 if call.model.key is None else 1) or call.arguments.keywords.get("mode")
    mode = given.text.strip("'\"") if given is not None else "r"
    literal = given is None or given.text[:1] in ("'", '"')
    return _opened(call, call.target, mode, literal and not _may_refuse(call.arguments.keywords.get("opener")))


def _may_refuse(opener: Value | None) -> bool:
    """Whether the function that opens the file may refuse one that is there, as far as can be seen here."""
    return opener is not None and (not opener.text.startswith("lambda") or "O_EXCL" in opener.text)


def _open_mode(call: FileCall) -> Value | None:
    """`x.open("wb")`: with a mode as its first argument, what is opened is a path."""
    given = call.arguments.at(0)
    if given is None or not _MODE.fullmatch(given.text):
        return None
    return _opened(call, call.target, given.text.strip("'\""))


_MODE = expression(r"""["'][rwax][bt+]{0,2}["']""")


def _opened(call: FileCall, target: Resource | None, mode: str, literal: bool = True) -> Value:
    if literal and target is not None:
        how = APPENDED if "a" in mode else "exclusive" if "x" in mode else TRUNCATED if "w" in mode else "open"
        op = Op.CREATE if how == "exclusive" else Op.USE
        call.emit(op, target, how)
    path = Value(text=target.path if target is not None else "")
    return Value(type="file", known=(("path", path), ("mode", Value(text=mode))))


TRUNCATED = "truncate"
"""How a file is used that is opened for writing."""

APPENDED = "append"
"""The same of one that is opened for adding to it, which makes it if it is not there."""


def touched(ev: Evaluator, value: Value) -> None:
    """`with open(path, "w"): pass`: nothing is written, whoever does so."""
    path, last = value.part("path"), ev.events[-1] if ev.events else None
    if (
        value.type == "file"
        and path is not None
        and isinstance(last, Access)
        and last.how == TRUNCATED
        and last.resource.path == path.text
    ):
        ev.revise(last.id, how="touch")


def _open_flags(call: FileCall) -> Value | None:
    """`os.open`, whose flags say what becomes of the file."""
    flags = call.arguments.nodes[1].value if len(call.arguments.nodes) > 1 else None
    text = source_of(flags) if flags is not None else ""
    writes = "O_WRONLY" in text or "O_RDWR" in text
    mode = "x" if "O_EXCL" in text else "a" if "O_APPEND" in text else "w" if writes and "O_CREAT" in text else "r"
    written = any(
        other.callee.rpartition(".")[2] in ("fdopen", "write", "truncate") for other in call.ev.function.calls
    )
    if "O_TRUNC" not in text and mode == "w" and ("O_RDWR" in text or not written):
        mode = "a"  # opened to be locked or changed in place, or made only if it is missing
    return _opened(call, call.target, mode, literal="O_" in text)


def _handle(call: FileCall) -> Value | None:
    """`os.fdopen`: the file that a descriptor stands for, if it is known."""
    first = call.arguments.at(0)
    path = first.part("path") if first is not None else None
    mode = first.part("mode") if first is not None else None
    known = (("path", path), ("mode", mode or Value(text="w"))) if path is not None else ()
    return Value(type="file", known=known)


def _load(call: FileCall) -> Value | None:
    handle = call.arguments.at(call.model.key)
    path = handle.part("path") if handle is not None else None
    if path is None:
        return Value(call.arguments.stems)
    return call.emit(Op.READ, file_of(Value(text=path.text), None), call.method)


def _dump(call: FileCall) -> Value | None:
    handle = call.arguments.at(call.model.key)
    path = handle.part("path") if handle is not None else None
    if path is None:
        return Value(call.arguments.stems)
    written = call.arguments.at(call.model.value) or Value()
    call.emit(Op.WRITE, file_of(Value(text=path.text), None), "write", written)
    return Value()


def _check(call: FileCall) -> Value | None:
    target = call.target
    if target is None or (call.model.key is None and call.arguments.at(0) is not None):
        return None  # a path is asked for itself: `client.exists(key)` is of something else
    return call.emit(Op.CHECK, target, "while" if call.ev.repeating else call.method)


def _make(call: FileCall) -> Value | None:
    call.emit(Op.CREATE, call.target, call.method)
    return Value()


def _remove(call: FileCall) -> Value | None:
    call.emit(Op.DELETE, call.target, TOLERANT if call.model.effect == TOLERATED else call.method)
    return Value()


TOLERANT = "tolerant"
"""How a path is removed that need not be there."""

TOLERATED = "file-remove-any"
"""The effect of such a removal, which no table names."""


def tolerated(effect: str) -> str:
    """What an effect becomes by the argument that `unless` names: it never fails, or is one step."""
    if effect == "file-remove":
        return TOLERATED
    return "none" if effect.startswith("file-") else "atomic"


def _use(call: FileCall) -> Value | None:
    """Needs the file to be there: `stat`, `chmod`, `listdir`."""
    return call.emit(Op.USE, call.target, call.method, call.arguments.at(call.model.value))


def _list(call: FileCall) -> Value | None:
    """Names what is in a folder; the names stem from the listing, and are paths themselves where a path's own method gives them."""
    entries = call.model.key is None and call.base.type == PATH
    return call.emit(Op.USE, call.target, LISTED, Value(call.arguments.stems | call.base.stems, type=PATH * entries))


PATH = "pathlib.Path"


def names_paths(ev: Evaluator, listed: Value) -> bool:
    """Whether a loop over the value is given paths, each time one of a listing that a path's own method made."""
    listings = (ev.access(number) for number in listed.stems if not listed.type and listed.row is None)
    return any(a is not None and a.how == LISTED and a.value.type == PATH for a in listings)


LISTED = "list"
"""How a folder is used whose entries are named."""


def _read(call: FileCall) -> Value | None:
    target = _of_handle(call)
    return call.emit(Op.READ, target, call.method) if target is not None else None


def _write(call: FileCall) -> Value | None:
    """A file is written, through its handle, by its path, or by being replaced with another one."""
    target = _of_handle(call)
    if target is None:
        return None
    mode = call.base.part("mode")
    if mode is not None and ("a" in mode.text or "x" in mode.text):
        return Value()
    written = call.arguments.at(call.model.value) or Value()
    if call.model.key is not None and call.model.value is not None and call.method in REPLACING:
        source = call.file(call.model.value)
        return _replaced(call, source, target)
    call.emit(Op.WRITE, target, call.method, written)
    return Value()


REPLACING = {"replace": "replace", "rename": "replace", "renames": "replace", "move": "move"}
"""Calls that put one file in the place of another; what is moved may be copied."""


def _of_handle(call: FileCall) -> Resource | None:
    if call.model.key is not None:
        return call.target
    path = call.base.part("path")
    if path is not None and call.base.type == "file":
        return file_of(Value(text=path.text), None)
    return call.target if call.base.text or path is not None else None


def _move(call: FileCall) -> Value | None:
    """`Path.rename`, `Path.replace`."""
    source = file_of(call.base, call.node.func.value if isinstance(call.node.func, cst.Attribute) else None)
    return _replaced(call, source, call.file(0))


def _replaced(call: FileCall, source: Resource | None, target: Resource | None) -> Value:
    """One file takes the place of another: it holds what was written to it before."""
    how = REPLACING.get(call.method, "replace")
    last = next(
        (
            event
            for event in reversed(call.ev.told())
            if isinstance(event, Access)
            and event.op is Op.WRITE
            and source is not None
            and event.resource.place == source.place
        ),
        None,
    )
    stems = last.value.stems if last is not None else call.arguments.stems
    if source is not None:
        call.emit(Op.USE, source, how)
    if target is not None:
        origin = source.path if source is not None else ""
        call.emit(Op.WRITE, target, how, Value(stems, text=origin))
    return Value()


def _copy(call: FileCall) -> Value | None:
    """`shutil.copy`: the first argument is read, the second one written bit by bit."""
    source = call.file(call.model.value) if call.model.value is not None else None
    if source is not None:
        call.emit(Op.USE, source, "copy")
    call.emit(Op.WRITE, call.target, "copy", Value(call.arguments.stems))
    return Value()


def _join(call: FileCall) -> Value | None:
    """A path that is computed from others."""
    given = [
        path_text(value, node.value)
        for value, node in zip(
            call.arguments.positional, (n for n in call.arguments.nodes if n.keyword is None), strict=False
        )
    ]
    if call.method in ("join", "joinpath") and given:
        parts = [path_text(call.base), *given] if call.model.returns else given
        text = " / ".join(part for part in parts if part)
    elif call.model.returns:
        text = f"{path_text(call.base)}.{call.method}({', '.join(given)})"
    else:
        text = f"{call.method}({', '.join(given)})"
    stems = call.arguments.stems | (call.base.stems if call.model.returns else NO_IDS)
    return Value(stems, type=call.model.returns, text=source_of(call.node), known=(("path", Value(text=text)),))


def _named(call: FileCall) -> Value | None:
    """`mktemp` looks for a name that is free."""
    text = source_of(call.node)
    found = call.emit(Op.CHECK, Resource(Kind.FILE, "file", text, text), "name")
    return replace(found, text=text, known=(("path", Value(text=text)),))


def saved_to_path(arguments: Arguments) -> bool:
    """Whether `save` is given what is known to be a path: an upload, an image or a figure is saved, and no row."""
    target = arguments.at(0)
    return target is not None and target.part("path") is not None and target.type != "file"


def dump_to_path(ev: Evaluator, where: cst.CSTNode, method: str, arguments: Arguments) -> None:
    """`dump(value, path)` of a library that no table describes, or of a subclass, writes the file as all of them do."""
    target = arguments.at(1)
    if method in ("save", "savefig") and saved_to_path(arguments):
        path = arguments.positional[0]
        ev.emit(Op.WRITE, Resource(Kind.FILE, "file", path_text(path), path.text), where, Value(path.stems), "save")
        return
    if method.lstrip("_") != "dump" or target is None or target.type == "file":
        return
    if target.part("path") is not None or _FILE_NAME.fullmatch(target.text):
        resource = Resource(Kind.FILE, "file", path_text(target), target.text)
        ev.emit(Op.WRITE, resource, where, arguments.positional[0], "dump")


_FILE_NAME = expression(r"(\w+\.)*\w*(file|path|file_?name|fname)")
"""Names of what is a path and no open file, where something is dumped to it."""


def used_as_key(ev: Evaluator, node: cst.Call, entries: Value | None, key: Value | None) -> None:
    """`sorted(entries, key=os.path.getmtime)` looks at each of the files that a listing named; so may a lambda."""
    if key is None or entries is None or not entries.stems:
        return
    model = ev.models.functions.get(key.type)
    if model is not None and model.effect == "file-use":
        text = entries.text or source_of(node.func.value if type(node.func) is cst.Attribute else node.args[0].value)
        ev.emit(Op.USE, Resource(Kind.FILE, "file", f"[{text}]", text), node, entries, key.type.rpartition(".")[2])
    elif key.type == "lambda" and any(a is not None and a.how == LISTED for a in map(ev.access, entries.stems)):
        _called_for_each(ev, node, entries)


def _called_for_each(ev: Evaluator, node: cst.Call, entries: Value) -> None:
    """Walks a key that is written as a lambda of one name as the body of a loop over what a listing named."""
    key = next(a.value for a in node.args if a.keyword is not None and a.keyword.value == "key")
    if type(key) is not cst.Lambda or len(key.params.params) != 1:
        return
    before = ev.state.copy()
    name = key.params.params[0].name
    ev.bind(name.value, Value(entries.stems, type=PATH * names_paths(ev, entries), born=entries.born))
    ev.plain(key.body)
    ev.merge(before, ev.state)


FILE_EFFECTS: dict[str, Callable[[FileCall], Value | None]] = {
    "open": _open,
    "open-mode": _open_mode,
    "open-flags": _open_flags,
    "file-handle": _handle,
    "json-load": _load,
    "json-dump": _dump,
    "file-check": _check,
    "file-make": _make,
    "file-remove": _remove,
    TOLERATED: _remove,
    "file-use": _use,
    "file-list": _list,
    "file-read": _read,
    "file-write": _write,
    "file-move": _move,
    "file-copy": _copy,
    "file-join": _join,
    "file-name": _named,
}
