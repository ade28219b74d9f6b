"""A `Source` becomes an `ast` tree, or a `Problem` that says why it cannot and what to do."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterable, Iterator

from racelint.expressions import expression
from racelint.finding import Problem
from racelint.source import Source, split_lines

MAX_NESTING = 1000
"""How deep a tree may be. CPython's own parser stops somewhere between 1,000 and 10,000, depending on its version.

Deeper chains (only programs write such) are reported, not analysed: libcst's native parser takes quadratic time for
them, 0.5 s at 1,000 terms and 15 s at 5,000, and overflows the C stack some time later, which no `except` can catch.
"""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def parse(source: Source) -> ast.Module | Problem:
    """The tree of a file, not deeper than `MAX_NESTING`.

    Warnings of the parser (invalid escape sequences) are those of the caller's filters; `run.py` silences them.
    """
    try:
        tree = ast.parse(source.text)
    except SyntaxError as error:
        return _explained(source, error)
    except (RecursionError, MemoryError):
        return Problem(source.path, 1, _too_deep(f"Python {PYTHON} itself can read"))
    except ValueError as error:  # a lone surrogate in a text that was handed over
        return Problem(source.path, 1, f"cannot parse: {error}")
    line = too_deep(tree, source.text)
    return tree if line is None else Problem(source.path, line, _too_deep(f"{MAX_NESTING:,} levels"))


def _too_deep(limit: str) -> str:
    what = "an expression or an elif chain is nested deeper than"
    return f"cannot analyse: {what} {limit}; split it, or exclude the file"


def too_deep(tree: ast.Module, text: str) -> int | None:
    """The line where the tree goes deeper than `MAX_NESTING`.

    Walking a whole tree would take two thirds of the time of parsing it. Each level of nesting needs at least a
    character, so only statements that are long enough are walked: a tenth of that.
    """
    if len(text) <= MAX_NESTING:
        return None
    lines = split_lines(text)
    ends = [0, *itertools.accumulate(map(len, lines))]
    level: list[ast.AST] = [tree]
    for depth in range(MAX_NESTING):
        below: list[ast.AST] = []
        for node in level:
            if not _is_block(node):
                line = _deep_line(node, MAX_NESTING - depth)
                if line is not None:
                    return line
                continue
            for part in _parts(node):
                # Handlers have an extent as statements have; cases and arguments, which have none, are looked into.
                last = getattr(part, "end_lineno", None)
                if last is None or ends[last] - ends[_first(part) - 1] > MAX_NESTING:
                    below.append(part)
        if not below:
            return None
        level = below
    return _line(level)


def _is_block(node: ast.AST) -> bool:
    """Whether statements stand below a node."""
    return isinstance(node.__dict__.get("body", node.__dict__.get("cases")), list)


def _first(node: ast.AST) -> int:
    """The line a node begins on, with its decorators."""
    decorators = node.__dict__.get("decorator_list")
    line: int = decorators[0].lineno if decorators else node.__dict__["lineno"]
    return line


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes right below a node."""
    for name in node._fields:  # not all attributes: other tools hang links to parents on the nodes
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield from (part for part in value if isinstance(part, ast.AST))
        elif isinstance(value, ast.AST):
            yield value


def _deep_line(node: ast.AST, limit: int) -> int | None:
    """The line at which `node` goes deeper than `limit`."""
    level = [node]
    for _ in range(limit):
        below: list[ast.AST] = []
        for part in level:
            if isinstance(part, ast.BoolOp) and len(part.values) > limit:
                return part.lineno  # flat here, but one level a term in libcst
            below += _parts(part)
        if not below:
            return None
        level = below
    return _line(level)


def _line(nodes: Iterable[ast.AST]) -> int:
    """The first line that is known."""
    return next((line for node in nodes if isinstance(line := getattr(node, "lineno", None), int)), 1)


def _explained(source: Source, error: SyntaxError) -> Problem:
    """The parser's message, and the likely reason: Python 2, or a syntax newer than this Python."""
    line = min(max(error.lineno or 1, 1), max(len(source.lines), 1))
    column = max(error.offset or 1, 1)
    text = source.lines[line - 1] if source.text else ""
    reason = _reason(text, error.msg)
    return Problem(source.path, line, f"cannot parse: {error.msg}; {reason}", column)


def _reason(line: str, message: str) -> str:
    newer = [entry for entry in _NEWER if sys.version_info < entry[1] and entry[0].search(line)]
    if newer:
        _, (major, minor), what = newer[0]
        return f"{what} needs Python {major}.{minor} and racelint runs on {PYTHON}: run it with Python {major}.{minor}"
    if any(pattern.search(line) for pattern in _PYTHON_2) or any(word in message for word in _PYTHON_2_MESSAGES):
        return f"it looks like Python 2 and racelint reads Python 3 (here {PYTHON}): convert the file, or exclude it"
    if message.startswith("too many"):
        return "Python reads no more: split it, or exclude the file"
    return f"racelint runs on Python {PYTHON} and reads its syntax: correct the file, use a newer Python, or exclude it"


_PYTHON_2_MESSAGES = ("Missing parentheses in call to", "leading zeros in decimal integer", "multiple exception types")
"""What Python 3 says of `print x`, `0777` and `except A, e`."""

_PYTHON_2 = tuple(
    expression(pattern)
    for pattern in (
        r"^\s*print\s+[^\s(=.:,)]",
        r"^\s*print\s*>>",
        r"^\s*exec\s+[^\s(=.:,)]",
        r"^\s*raise\s+[\w.]+\s*,",
        r"^\s*except\s+[\w.]+\s*,\s*\w+\s*:",
        r"^\s*except\s*\(.*\)\s*,\s*\w+\s*:",
        r"<>",
        r"`[^`]+`",
        r"\b[uU][rR]['\"]",
        r"\b(?:0[xX][0-9a-fA-F]+|[0-9]+)[lL]\b",
        r"\b0[0-7]+\b",
        r"^\s*def\s+\w+\(.*\([\w, ]+\).*\):",
    )
)

_NEWER: tuple[tuple[re.Pattern[str], tuple[int, int], str], ...] = tuple(
    (expression(pattern), version, what)
    for pattern, version, what in (
        (r"^\s*except\s*\*", (3, 11), "`except*`"),
        (r"^\s*type\s+\w+\s*(?:\[.*\])?\s*=", (3, 12), "a `type` statement"),
        (r"^\s*(?:async\s+)?(?:def|class)\s+\w+\[", (3, 12), "a list of type parameters"),
        (r"\b[fF][rR]?['\"]|\b[rR][fF]['\"]", (3, 12), "this f-string"),
        (r"\b(?:[tT][rR]?|[rR][tT])['\"]", (3, 14), "a t-string"),
        (r"^\s*except\s+[\w.]+\s*(?:,\s*(?:\w+\.)*[A-Z]\w*\s*)+:", (3, 14), "`except` with several types unbracketed"),
        (r"^\s*lazy\s+(?:import|from)\b", (3, 15), "a lazy import"),
    )
)
