"""Where a lock is made that several units share: in the constructor of the class, as a field of a dataclass, in the module."""

from __future__ import annotations

import ast

from racelint.edits.code import Code
from racelint.edits.imports import below_imports, imported
from racelint.finding import Edit, Span
from racelint.frozen import dataclass

NAME = "_lock"


@dataclass(frozen=True, slots=True)
class Made:
    """The name of a new attribute or global, and the edits that make it."""

    name: str
    edits: tuple[Edit, ...]


def made_in_module(code: Code, built: str, guarded: str) -> Made | None:
    """A module-level name below the imports; named after what it guards if there is a `_lock` already."""
    for name in (NAME, f"_{guarded.strip('_')}_lock"):
        if name.isidentifier() and name not in code.scope.module_names and name not in code.names:
            return Made(name, (below_imports(code, f"{name} = {built}()"),))
    return None


def made_in_class(code: Code, owner: str, built: str, guarded: str) -> Made | None:
    """An attribute that each object gets when it is built; None for a class whose construction cannot be seen whole.

    It is named after what it guards where the class has a base, which may have a `_lock` of its own.
    """
    class_ = _class(code.surroundings.tree, owner)
    name = f"_{guarded.strip('_')}_lock" if class_ is not None and class_.bases else NAME
    if class_ is None or _has(class_, name):
        return None
    if _is_built_otherwise(code, owner):
        return None
    if any("dataclass" in ast.unparse(decorator) for decorator in class_.decorator_list):
        return _field(code, class_, name, built)
    constructor = next(
        (one for one in class_.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None
    )
    slots = [one for one in class_.body if _is_slots(one)]
    if constructor is not None:
        made = _in_constructor(code, constructor, name, built)
        return _with_slot(made, slots[0]) if made is not None and slots else made
    if slots:
        return None
    if class_.bases or class_.decorator_list:
        return None
    return _new_constructor(code, class_, name, built)


def _is_built_otherwise(code: Code, owner: str) -> bool:
    """Whether objects of the class may lack what the constructor sets, or must not have it.

    A derived class may not call the constructor; copies and pickles cannot hold a lock; pydantic refuses what is no field.
    """
    if (code.scope.facts.path, owner) in code.scope.index.built_apart:
        return True
    return any(
        set(one.methods) & SPECIAL or any(base.rpartition(".")[2] in VALIDATED for base in one.bases)
        for one in code.scope.lineage(owner)
    )


SPECIAL = frozenset({"__copy__", "__deepcopy__", "__getstate__", "__reduce__", "__reduce_ex__", "__setattr__"})
VALIDATED = frozenset({"BaseModel", "BaseSettings"})


def _class(tree: ast.Module, qualname: str) -> ast.ClassDef | None:
    body: list[ast.stmt] = tree.body
    found = None
    for name in qualname.split("."):
        found = next((one for one in body if isinstance(one, ast.ClassDef) and one.name == name), None)
        if found is None:
            return None
        body = found.body
    return found


def _has(class_: ast.ClassDef, name: str) -> bool:
    """Whether the class uses the name already."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)
        for node in ast.walk(class_)
    )


def _is_slots(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "__slots__" for target in statement.targets
    )


def _with_slot(made: Made, slots: ast.stmt) -> Made | None:
    """The attribute with its name among the `__slots__`, if they are written out in one line."""
    value = slots.value if isinstance(slots, ast.Assign) else None
    if not isinstance(value, (ast.Tuple, ast.List)) or not value.elts or value.end_lineno != value.lineno:
        return None
    row, start, end = value.lineno, value.elts[-1].end_col_offset or 0, value.end_col_offset or 0
    return Made(made.name, (Edit(Span(row, start + 1, row, end), f', "{made.name}"'), *made.edits))


def _in_constructor(code: Code, constructor: ast.FunctionDef, name: str, built: str) -> Made | None:
    """Ahead of all that the constructor does, but behind its docstring and the constructor of the base."""
    self_name = constructor.args.args[0].arg if constructor.args.args else ""
    text = f"{self_name}.{name} = {built}()"
    body = [one for number, one in enumerate(constructor.body) if not (number == 0 and _is_text(one))]
    while body and "__init__" in ast.unparse(body[0]):
        body.pop(0)
    if not self_name or constructor.body[0].lineno == constructor.lineno:
        return None
    if body:
        edit = _ahead(code, body[0], text)
    else:
        last = constructor.body[-1]
        edit = _below(code, last.end_lineno or last.lineno, _indentation(code, last) + text)
    return Made(name, (edit,))


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _indentation(code: Code, statement: ast.stmt) -> str:
    line = code.lines[statement.lineno - 1]
    return line[: len(line) - len(line.lstrip())]


def _ahead(code: Code, statement: ast.stmt, text: str) -> Edit:
    line = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
    while code.lines[line - 2].lstrip().startswith("#"):  # a comment stays with what it is about
        line -= 1
    return Edit(Span(line, 1, line, 1), f"{_indentation(code, statement)}{text}\n")


def _below(code: Code, line: int, text: str) -> Edit:
    column = len(code.lines[line - 1].rstrip("\r\n")) + 1
    return Edit(Span(line, column, line, column), f"\n{text}")


def _new_constructor(code: Code, class_: ast.ClassDef, name: str, built: str) -> Made | None:
    """A constructor before the first method."""
    first = next((one for one in class_.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))), None)
    if first is None or first.lineno == class_.lineno:
        return None
    indentation = _indentation(code, first)
    text = f"{indentation}def __init__(self) -> None:\n{indentation}{code.step}self.{name} = {built}()\n\n"
    line = min([first.lineno, *(one.lineno for one in first.decorator_list)])
    return Made(name, (Edit(Span(line, 1, line, 1), text),))


def _field(code: Code, class_: ast.ClassDef, name: str, built: str) -> Made | None:
    """A field of a dataclass that is no argument of its constructor and no part of comparisons."""
    fields = [one for one in class_.body if isinstance(one, ast.AnnAssign)]
    field = imported(code, "dataclasses", "field")
    frozen = any("frozen=True" in ast.unparse(decorator) for decorator in class_.decorator_list)
    if not fields or field is None or frozen:
        return None
    last = fields[-1]
    text = f"{name}: {built} = {field.name}(default_factory={built}, init=False, repr=False, compare=False)"
    return Made(name, (*field.edits, _below(code, last.end_lineno or last.lineno, _indentation(code, last) + text)))
