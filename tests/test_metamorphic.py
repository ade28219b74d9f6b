"""What does not change a race does not change the findings: other names, comments, unrelated code, `if True:`. A guard does.

Names that carry meaning (docs/rules.md lists them; `racelint.names` and the tables of models hold them) are kept.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from racelint.names import says_something
from racelint.run import lint_source
from racelint.words import named_after

FIXTURES = Path(__file__).parent / "fixtures"
CASES = sorted(FIXTURES.glob("*/*/bad.py"))


def name(path: Path) -> str:
    return path.parent.relative_to(FIXTURES).as_posix()


def found(text: str, path: Path) -> Counter[tuple[str, str]]:
    """Codes with the line they stand on, without its indentation and comment."""
    lines = text.splitlines()
    report = lint_source(text, f"app/{path.parent.parent.name}.py")
    assert not report.problems
    return Counter((f.code, re.sub(r"\s*#.*", "", lines[f.line - 1]).strip()) for f in report.findings)


# other names


def defined(tree: ast.Module) -> set[str]:
    """The names that the file itself gives to functions, classes, variables, parameters and attributes; no keywords of calls."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.arg():
                names.add(node.arg)
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.Attribute(ctx=ast.Store(), value=ast.Name(id="self" | "cls")):
                names.add(node.attr)
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    keywords |= {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.endswith("_id")
    }  # `Row.team_id == key`
    keywords |= {
        keyword.removesuffix("_id") for keyword in keywords
    }  # `team_id` is a key of `Team`, or of the field `team`
    statements = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"SELECT|UPDATE", node.value)
    )
    keywords |= {word for statement in statements for word in re.findall(r"\w+", statement)}  # columns
    entries = {
        n.slice.value for n in ast.walk(tree) if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
    } | {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value).endswith("app.state")}
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    names -= {
        known for known in classes if any(named_after(str(entry), known) for entry in entries)
    }  # what is kept there
    return {known for known in names - imported if known not in keywords and known.lower() not in keywords}


def renamed(text: str) -> tuple[str, dict[str, str]]:
    """The text with all names that say nothing replaced, in the same style, and which became which."""
    kept = {*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "self", "cls", "Meta"}
    names = sorted(
        n for n in defined(ast.parse(text)) if n not in kept and not n.startswith("__") and not says_something(n)
    )
    new = {old: _like(old, number) for number, old in enumerate(names)}
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        string = token.string
        if token.type == tokenize.NAME:
            string = new.get(string, string)
        elif token.type == tokenize.STRING:
            string = _in_string(string, new)
        tokens.append((token.start, token.end, string))
    return _put_together(text, tokens), new


def _like(old: str, number: int) -> str:
    """A name of the same style: capitals and underscores at the start say what it is."""
    bare = old.lstrip("_")
    word = "qx" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:02}")
    word = word.upper() if bare.isupper() else word.capitalize() if bare[:1].isupper() else word
    return "_" * (len(old) - len(bare)) + word


def _in_string(string: str, new: dict[str, str]) -> str:
    """Names in the braces of an f-string, and a string that is nothing but a name, such as a column's."""
    if re.match(r"[rR]?[fF]", string):
        return re.sub(
            r"\{[^{}]*\}", lambda m: re.sub(r"(?<![\w'\"])[A-Za-z_]\w*", lambda n: new.get(n[0], n[0]), m[0]), string
        )
    inner = string.strip("'\"")
    return string.replace(inner, new[inner]) if inner in new else string


def _put_together(text: str, tokens: list[tuple[tuple[int, int], tuple[int, int], str]]) -> str:
    """The text with each token's string in its place."""
    lines = text.splitlines(keepends=True)
    for (line, column), (end_line, end), string in reversed(tokens):
        if line == end_line and lines[line - 1 : line]:
            old = lines[line - 1]
            lines[line - 1] = old[:column] + string + old[end:]
    return "".join(lines)


@pytest.mark.parametrize("path", CASES, ids=name)
def test_names_that_say_nothing_change_nothing(path: Path) -> None:
    """The same findings on the same lines, with every other name."""
    text = path.read_text(encoding="utf-8")
    other, new = renamed(text)
    before, after = (lint_source(t, "app/module.py").findings for t in (text, other))
    assert [(f.code, f.line) for f in after] == [(f.code, f.line) for f in before], new


# comments, unrelated code, `if True:`


def commented(text: str) -> str:
    """A comment and an empty line before each line that begins a statement, and unrelated code at the end."""
    starts = {node.lineno: node.col_offset for node in _statements(ast.parse(text))}
    inside = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno is not None
        for line in range(node.lineno + 1, node.end_lineno + 1)
    }
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if number in starts and number not in inside:
            lines += ["", " " * starts[number] + "# a remark"]
        lines.append(line)
    return "\n".join(lines) + UNRELATED


UNRELATED = """


def unrelated(left: int, right: int) -> int:
    return left * right


class Unrelated:
    def __init__(self, width: int) -> None:
        self.width = width

    def area(self) -> int:
        return unrelated(self.width, self.width)
"""


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements on lines of their own, without what decorators begin."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not getattr(node, "decorator_list", None):
            yield node


def wrapped(text: str) -> str:
    """The body of each outermost function under `if True:`."""
    lines = text.splitlines()
    for function in _outermost(ast.parse(text)):
        body = function.body
        docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        body = body[1:] if docstring else body
        if not body or body[0].lineno == function.lineno:
            continue
        _put_under(lines, function, body[0], "if True:")
    return "\n".join(lines) + "\n"


def _put_under(lines: list[str], function: ast.stmt, first: ast.stmt, header: str) -> None:
    """Indents a function from a statement on, and puts the header above it."""
    start = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", ()))]) - 1
    for number in range(start, function.end_lineno or 0):
        lines[number] = "    " + lines[number] if lines[number] else ""
    lines[start] = f"{' ' * first.col_offset}{header}\n{lines[start]}"


def _outermost(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    todo: list[ast.AST] = [tree]
    while todo:
        for node in ast.iter_child_nodes(todo.pop()):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node
            elif isinstance(node, ast.ClassDef):
                todo.append(node)


@pytest.mark.parametrize("path", CASES, ids=name)
def test_remarks_unrelated_code_and_a_condition_that_holds_change_nothing(path: Path) -> None:
    """The same findings on lines with the same text, deeper and further down."""
    text = path.read_text(encoding="utf-8")
    assert found(commented(wrapped(text)), path) == found(text, path)


# guards

TASK_GUARD, FILE_GUARD = "async with GUARD:", 'with FileLock("guard"):'
GUARDED = {"RL101": TASK_GUARD, "RL102": TASK_GUARD, "RL108": TASK_GUARD, "RL303": TASK_GUARD, "RL305": TASK_GUARD}
GUARDED |= {"RL701": FILE_GUARD}
"""What a guard around a whole body cures, and the guard."""

NOT_CURED = re.compile("thrown away|made private|awaited|only a name|itself is handed over|is put there on line")
"""Messages of what is done by units that know nothing of the guard."""

GUARDS = "import asyncio\nfrom filelock import FileLock\nGUARD = asyncio.Lock()\n"


def guarded(text: str, guards: dict[str, str]) -> str:
    """The text with a guard around the bodies of the functions of these names."""
    tree = ast.parse(text)
    lines = text.splitlines()
    for function in _outermost(tree):
        first = function.body[0]
        if function.name not in guards or first.lineno == function.lineno:
            continue
        _put_under(lines, function, first, guards[function.name])
    imports = max((n.end_lineno or 0 for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))), default=1)
    return "\n".join([*lines[:imports], GUARDS, *lines[imports:]]) + "\n"


@pytest.mark.parametrize(
    "path",
    [p for p in CASES if "await" in p.parent.parent.name or "stale-write" in str(p) or "file" in str(p)],
    ids=name,
)
def test_a_guard_cures(path: Path) -> None:
    """No finding that a lock prevents is left in a function whose whole body holds one."""
    text = path.read_text(encoding="utf-8")
    coroutines = {f.name for f in _outermost(ast.parse(text)) if isinstance(f, ast.AsyncFunctionDef)}
    guards = {
        name: GUARDED[finding.code]
        for finding in lint_source(text, "app/module.py").findings
        if finding.code in GUARDED
        and not NOT_CURED.search(finding.message)
        and (name := finding.symbol.rpartition(".")[2])
        and (GUARDED[finding.code] is FILE_GUARD or name in coroutines)
    }
    left = [
        f"{finding.code} {finding.symbol} {finding.message}"
        for finding in lint_source(guarded(text, guards), "app/module.py").findings
        if GUARDED.get(finding.code) == guards.get(finding.symbol.rpartition(".")[2], "")
        and not NOT_CURED.search(finding.message)
    ]
    assert left == []
