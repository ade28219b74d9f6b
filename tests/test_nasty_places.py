"""The repairs of all fixtures once more, with the code around them made awkward by a program: nothing is lost or damaged."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from test_fixtures import FIXTURES
from test_repairs import FIXED, repaired, text_of, unmarked

Lines = list[str]


def statements(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
    """Each statement's place: the list that it stands in, and where."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                for number, one in enumerate(block):
                    if isinstance(one, ast.stmt):
                        yield block, number


def simple(statement: ast.stmt) -> bool:
    """Whether it can stand behind a `;`, on one line."""
    return (
        not hasattr(statement, "body")
        and not isinstance(statement, ast.Match)
        and statement.lineno == statement.end_lineno
    )


def commented(text: str) -> str:
    """A comment above and behind every statement."""
    lines = text.splitlines()
    ends = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NEWLINE
    }
    starts = {block[number].lineno: block[number].col_offset for block, number in statements(ast.parse(text))}
    found: Lines = []
    for number, line in enumerate(lines, 1):
        if (
            number in starts
            and not line.lstrip().startswith(("@", "elif", "else"))
            and starts[number] == len(line) - len(line.lstrip())
        ):
            above = f"{' ' * starts[number]}# above {number}"
            if not (number == 1 or "from __future__" in line):
                found.append(above)
        found.append(f"{line}  # behind {number}" if number in ends and "#" not in line else line)
    return "\n".join(found) + "\n"


def decorated(text: str) -> str:
    """Each function has a decorator that does nothing, with a comment behind it."""
    lines = text.splitlines()
    tree = ast.parse(text)
    heads = sorted(
        (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    for line, column in reversed(heads):
        lines.insert(line - 1, f"{' ' * column}@kept  # for {line}")
    return _with_head("\n".join(lines) + "\n", "def kept(function):\n    return function\n")


def _with_head(text: str, head: str) -> str:
    """The text with definitions behind its imports."""
    tree = ast.parse(text)
    last = max(
        (node.end_lineno or 0 for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))), default=0
    )
    if not last and isinstance(tree.body[0], ast.Expr):
        last = tree.body[0].end_lineno or 0
    lines = text.splitlines(keepends=True)
    return "".join((*lines[:last], "\n\n", head, "\n", *lines[last:]))


def one_line(text: str) -> str:
    """`if x: do()` where one simple statement stands in a branch."""
    lines = text.splitlines()
    for node in sorted(
        (n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.If, ast.With, ast.AsyncWith, ast.For))),
        key=lambda n: -n.lineno,
    ):
        inner = node.body[0]
        if (
            len(node.body) == 1
            and simple(inner)
            and not getattr(node, "orelse", None)
            and inner.lineno == node.lineno + 1
        ) and lines[node.lineno - 1].rstrip().endswith(":"):
            lines[node.lineno - 1] += " " + lines.pop(inner.lineno - 1).strip()
    return "\n".join(lines) + "\n"


def joined(text: str) -> str:
    """Simple statements that follow each other stand on one line."""
    lines = text.splitlines()
    tree = ast.parse(text)
    places = [(b[n - 1], b[n]) for b, n in statements(tree) if n and simple(b[n - 1]) and simple(b[n])]
    for first, second in sorted(places, key=lambda pair: -pair[1].lineno):
        if first.col_offset and second.lineno == first.lineno + 1 and "#" not in lines[first.lineno - 1]:
            lines[first.lineno - 1] += "; " + lines.pop(second.lineno - 1).strip()
    return "\n".join(lines) + "\n"


def matched(text: str) -> str:
    """The body of each function stands in a `match`."""
    return _wrapped(text, ("match 0:", "    case _:"), 8)


def guarded(text: str) -> str:
    """The body of each function stands in `try` … `finally`."""
    return _wrapped(text, ("try:",), 4, ("finally:", "    pass"))


def _wrapped(text: str, head: tuple[str, ...], indent: int, tail: tuple[str, ...] = ()) -> str:
    lines = text.splitlines()
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for node in sorted(functions, key=lambda n: -n.lineno):
        body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        body = [s for s in body if not isinstance(s, (ast.Global, ast.Nonlocal))]
        if (
            not body
            or body[0].lineno == node.lineno
            or any(isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)) for s in ast.walk(node) if s is not node)
        ):
            continue
        first = min([body[0].lineno, *(d.lineno for d in getattr(body[0], "decorator_list", []))])
        last = body[-1].end_lineno or first
        column = " " * body[0].col_offset
        lines[first - 1 : last] = [
            *(column + one for one in head),
            *(" " * indent + one if one else one for one in lines[first - 1 : last]),
            *(column + one for one in tail),
        ]
    return "\n".join(lines) + "\n"


def derived(text: str) -> str:
    """Each class without a base has one."""
    return _with_head(re.sub(r"^( *class \w+):", r"\1(Kept):", text, flags=re.MULTILINE), "class Kept:\n    pass\n")


def slotted(text: str) -> str:
    """Each class without a base says its `__slots__`."""
    lines = text.splitlines()
    for node in sorted((n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef)), key=lambda n: -n.lineno):
        if node.bases or node.decorator_list:
            continue
        taken = {t.targets[0].id for t in node.body if isinstance(t, ast.Assign) and isinstance(t.targets[0], ast.Name)}
        names = {
            n.attr
            for n in ast.walk(node)
            if isinstance(n, ast.Attribute)
            and isinstance(n.ctx, ast.Store)
            and isinstance(n.value, ast.Name)
            and n.value.id == "self"
        }
        if names - taken and not any(isinstance(s, ast.AnnAssign) for s in node.body):
            first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
            at = first.lineno - 1 - len(getattr(first, "decorator_list", []))
            lines.insert(at, f"{' ' * first.col_offset}__slots__ = ({', '.join(map(repr, sorted(names - taken)))},)")
    return "\n".join(lines) + "\n"


def annotated(text: str) -> str:
    """What is assigned to an attribute in a constructor has a type."""
    return re.sub(r"^( {8}self\.\w+) = ", r"\1: object = ", text, flags=re.MULTILINE)


def other_ways(text: str) -> str:
    """The same code as other editors keep it."""
    lines = [re.sub(r"^(?: {4})+", lambda found: "\t" * (len(found[0]) // 4), line) for line in text.splitlines()]
    return "\f\r\n" + "\r\n".join(lines)


def all_of(*changes: Callable[[str], str]) -> Callable[[str], str]:
    """One change after the other."""

    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


AWKWARD = {
    "declared otherwise": all_of(annotated, slotted, derived, decorated),
    "deeper": all_of(guarded, matched),
}
"""What every repair has to stand."""

CROWDED = {"comments": commented, "one line": all_of(one_line, joined)}
"""Where a repair may say no, and then nothing must have changed."""

LEFT = {("declared otherwise", "stale-write/owners"): ["Box.earn"]}
"""Functions that stay as they are: nothing is made in a class with a base and without a constructor."""


def cases(changes: Mapping[str, object]) -> list[tuple[str, Path]]:
    """Each change with each fixture that has a repair."""
    return [(name, path) for name in changes for path in FIXED]


def told(value: object) -> str:
    """What a case is called."""
    return value.parent.relative_to(FIXTURES).as_posix() if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("change", "path"), cases(AWKWARD), ids=told)
def test_a_repair_stands_awkward_code(change: str, path: Path) -> None:
    """The race is gone, and a second run has nothing to do."""
    bad = AWKWARD[change](unmarked(path.with_name("bad.py")))
    done = repaired(bad)
    text = text_of(done, bad)
    ast.parse(text)
    assert text != bad
    assert [one.symbol for one in done.report.findings] == LEFT.get((change, told(path)), [])
    assert repaired(text).repairs == ()


@pytest.mark.parametrize(("change", "path"), cases(CROWDED), ids=told)
def test_a_repair_loses_nothing_in_crowded_code(change: str, path: Path) -> None:
    """Every comment is still there, once; each finding is repaired or still reported."""
    bad = CROWDED[change](unmarked(path.with_name("bad.py")))
    done = repaired(bad)
    text = text_of(done, bad)
    ast.parse(text)
    assert all(text.count(f"{comment}\n") == 1 for comment in re.findall(r"# (?:above|behind|for) \d+", bad))
    assert text != bad or done.report.findings
    assert repaired(text).repairs == ()


@pytest.mark.parametrize("path", FIXED, ids=told)
def test_a_repair_keeps_the_files_ways(path: Path) -> None:
    """Tabs, a form feed, Windows' line ends and no line end in the last line: as in `fixed.py`, letter by letter otherwise."""
    done = repaired(other_ways(unmarked(path.with_name("bad.py"))))
    assert [one.data.decode() for one in done.repairs] == [other_ways(path.read_text(encoding="utf-8"))]
