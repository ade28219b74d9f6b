"""Names that a repair needs, imported once and in the right place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence

from racelint.edits.code import Code
from racelint.finding import Edit, Span
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Imported:
    """How to write an imported name, and the edit that imports it; none if it is there already."""

    name: str
    edits: tuple[Edit, ...] = ()


def imported(code: Code, module: str, name: str = "") -> Imported | None:
    """A module, or a name of it, ready to be used in the function; None if its name means something else there.

    A module that is imported whole gives `module.name`; `from module import name` gives `name`.
    """
    origin = f"{module}.{name}" if name else module
    for local, known in code.scope.imports.items():
        if known == origin and not _hidden(code, local):
            return Imported(local)
        if name and known == module and not _hidden(code, local):
            return Imported(f"{local}.{name}")
    wanted = name or module.partition(".")[0]
    if wanted in code.names:
        return None
    statement = f"from {module} import {name}" if name else f"import {module}"
    edit = _joined(code, module, name) if name else None
    return Imported(wanted if name else module, (edit or _inserted(code, statement, module, plain=not name),))


def _hidden(code: Code, name: str) -> bool:
    """Whether the function itself gives the name another meaning."""
    facts = code.facts
    return name in facts.local_names or name in dict(facts.params)


def _joined(code: Code, module: str, name: str) -> Edit | None:
    """The name among those that are imported from its module already, in its place; None if the line would become too long."""
    for statement in _head(code.surroundings.tree):
        if isinstance(statement, ast.Import) or statement.module != module or statement.level:
            continue
        line, names = code.lines[statement.lineno - 1].rstrip(), statement.names
        if len({statement.lineno, *(one.lineno for one in names)}) == 1:
            if len(line) + len(name) + 2 > WIDEST or any(one.name == "*" or one.asname for one in names):
                continue
            separator = ", "
        elif len({one.lineno for one in names}) == len(names) and names[0].lineno > statement.lineno:
            separator = f",\n{code.lines[names[0].lineno - 1][: names[0].col_offset]}"
        else:
            continue
        before = [one for one in names if one.name < name]
        if not before:
            return Edit(
                Span(names[0].lineno, names[0].col_offset + 1, names[0].lineno, names[0].col_offset + 1),
                name + separator,
            )
        row, column = before[-1].end_lineno or before[-1].lineno, (before[-1].end_col_offset or 0) + 1
        return Edit(Span(row, column, row, column), separator + name)
    return None


WIDEST = 88
"""How long a line of imports may become."""


def _inserted(code: Code, statement: str, module: str, *, plain: bool) -> Edit:
    """The import in its place: by name among imports of its kind at the head of the file, else in a group of its own."""
    head = [one for one in _head(code.surroundings.tree) if not _from_future(one)]
    group = [one for one in head if _is_standard(_module_of(one)) is _is_standard(module) and not _is_relative(one)]
    peers = [one for one in group if isinstance(one, ast.Import) is plain]
    before = [one for one in peers if _module_of(one) < module]
    if before:
        return _below(code, _end(before[-1]), statement)
    if peers:
        return _above(peers[0].lineno, statement)
    if group:
        return _above(group[0].lineno, statement) if plain else _below(code, _end(group[-1]), statement)
    if not head:
        return below_imports(code, statement)
    if _is_standard(module):
        return _above(head[0].lineno, f"{statement}\n")
    known = [one for one in head if _is_standard(_module_of(one)) and not _is_relative(one)]
    return _below(code, _end(known[-1]), f"\n{statement}") if known else _above(head[0].lineno, f"{statement}\n")


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def below_imports(code: Code, statement: str) -> Edit:
    """A statement of the module behind the imports at its head."""
    tree = code.surroundings.tree
    before: Sequence[ast.stmt] = _head(tree) or [one for one in tree.body[:1] if _is_docstring(one)]
    if before:
        end = before[-1].end_lineno or before[-1].lineno
        close = end < len(code.lines) and bool(code.lines[end].strip())
        return _below(code, end, f"\n{statement}" + ("\n" if close else ""))
    first = _first_line(code)
    return Edit(Span(first, 1, first, 1), f"{statement}\n\n")


def _head(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """The imports before the first other statement, but for a docstring."""
    found: list[ast.Import | ast.ImportFrom] = []
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found.append(statement)
        elif not _is_docstring(statement):
            break
    return found


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _from_future(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_relative(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.level > 0


def _module_of(statement: ast.Import | ast.ImportFrom) -> str:
    return statement.names[0].name if isinstance(statement, ast.Import) else statement.module or ""


def _below(code: Code, line: int, text: str) -> Edit:
    column = len(code.lines[line - 1].rstrip("\r\n")) + 1
    return Edit(Span(line, column, line, column), f"\n{text}")


def _above(line: int, text: str) -> Edit:
    return Edit(Span(line, 1, line, 1), f"{text}\n")


def _first_line(code: Code) -> int:
    """The first line that is no comment: an encoding or a licence stays at the top."""
    for number, line in enumerate(code.lines, 1):
        if not line.lstrip().startswith("#"):
            return number
    return len(code.lines)
