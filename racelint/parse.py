"""A `Source` becomes an `ast` tree, or a `Problem` that says why it cannot and what to do."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence

from racelint.finding import Problem
from racelint.source import Source

MAX_NESTING = 1000
"""How deep a tree may be. CPython's own parser stops somewhere between 1,000 and 10,000, depending on its version.

Deeper chains (only programs write such) are reported, not analysed: libcst's native parser takes quadratic time for them,
0.5 s at 1,000 terms and 15 s at 5,000, and overflows the C stack some time later, which no `except` can catch.
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
    line = too_deep(tree, source.lines) if len(source.text) > MAX_NESTING else None
    return tree if line is None else Problem(source.path, line, _too_deep(f"{MAX_NESTING:,} levels"))


def _too_deep(limit: str) -> str:
    return f"cannot analyse: an expression or an elif chain is nested deeper than {limit}; split it, or exclude the file"


def too_deep(tree: ast.Module, lines: Sequence[str]) -> int | None:
    """The line where the tree goes deeper than `MAX_NESTING`.

    Walking a whole tree would take two thirds of the time of parsing it. Each level of nesting needs at least a
    character, so only statements that are long enough are walked: a tenth of that.
    """
    ends = [0, *itertools.accumulate(map(len, lines))]
    level: list[ast.AST] = [tree]
    for depth in range(MAX_NESTING):
        below: list[ast.AST] = []
        for node in level:
            fields = node.__dict__
            body = fields.get("body")
            is_block = body.__class__ is list
            first = fields.get("lineno", 1)
            last = body[0].lineno if is_block and body else fields.get("end_lineno", len(lines))
            if is_block and (decorators := fields.get("decorator_list")):
                first = decorators[0].lineno
            if ends[last] - ends[first - 1] > MAX_NESTING:
                for part in _parts(node, without=_BODIES if is_block else ()):
                    if (line := _deep_line(part, MAX_NESTING - depth)) is not None:
                        return line
            for name in _BODIES:
                if (statements := fields.get(name)).__class__ is list:
                    below += statements
        if not below:
            return None
        level = below
    return _line(level)


_BODIES = ("body", "orelse", "handlers", "finalbody", "cases")
"""Where the statements, handlers and cases of a statement stand."""


def _parts(node: ast.AST, without: Collection[str] = ()) -> Iterator[ast.AST]:
    """The nodes right below a node."""
    for name, value in node.__dict__.items():
        if name not in without:
            yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST))


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
    newer = [(version, what) for pattern, version, what in _NEWER if sys.version_info < version and pattern.search(line)]
    if newer:
        (major, minor), what = newer[0]
        return f"{what} needs Python {major}.{minor} and racelint runs on {PYTHON}: run it with Python {major}.{minor}"
    if any(pattern.search(line) for pattern in _PYTHON_2) or any(word in message for word in _PYTHON_2_MESSAGES):
        return f"it looks like Python 2 and racelint reads Python 3 (here {PYTHON}): convert the file, or exclude it"
    if message.startswith("too many"):
        return "Python reads no more: split it, or exclude the file"
    return f"racelint reads what Python {PYTHON} reads: correct the file, run racelint with a newer Python, or exclude it"


_PYTHON_2_MESSAGES = ("Missing parentheses in call to", "leading zeros in decimal integer", "multiple exception types")
"""What Python 3 says of `print x`, `0777` and `except A, e`."""

_PYTHON_2 = tuple(
    re.compile(pattern)
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
    (re.compile(pattern), version, what)
    for pattern, version, what in (
        (r"^\s*except\s*\*", (3, 11), "`except*`"),
        (r"^\s*type\s+\w+\s*(?:\[.*\])?\s*=", (3, 12), "a `type` statement"),
        (r"^\s*(?:async\s+)?(?:def|class)\s+\w+\[", (3, 12), "a list of type parameters"),
        (r"\b[fF][rR]?['\"]|\b[rR][fF]['\"]", (3, 12), "this f-string"),
        (r"\b(?:[tT][rR]?|[rR][tT])['\"]", (3, 14), "a t-string"),
        (r"^\s*except\s+[\w.]+\s*,\s*[\w.]+\s*(?:,\s*[\w.]+\s*)*:", (3, 14), "`except` with several types and no brackets"),
        (r"^\s*lazy\s+(?:import|from)\b", (3, 15), "a lazy import"),
    )
)
