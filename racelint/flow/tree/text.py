"""Where the nodes of one definition stand, and what is written there: the answers that libcst gives for the same code.

An expression stands where it begins itself, without the parentheses around it; its source has them.
"""

from __future__ import annotations

import ast
import re
from functools import cached_property
from itertools import accumulate
from typing import TypeAlias

from racelint.flow.tree.node import Compared, Final, Joined, Named, Origin

Place: TypeAlias = "tuple[int, int, int, int]"
"""First line, first column, last line, end column: lines from 1, columns in characters from 0, the end exclusive."""

Extent: TypeAlias = "tuple[int, int]"
"""From which character to which: from 0, the end exclusive."""

_NAME = re.compile(r"(?:async[\s\\]+)?(?:def|class)[\s\\]+")
_FINALLY = re.compile(r"^[ \t\f]*(?=finally\b)", re.MULTILINE)
_BLANK = " \t\f\n\\"


class Text:
    """The lines of a definition, each with its line break, and what `ast` says of the whole of them."""

    def __init__(self, lines: list[str], tree: ast.AST) -> None:
        self.lines, self.tree = lines, tree

    def place(self, at: Origin) -> Place:
        """Where a node stands."""
        if isinstance(at, (ast.Tuple, ast.GeneratorExp)) or not isinstance(at, ast.AST):
            begin, end = self._own(at)
            return (*self._line_and_column(begin), *self._line_and_column(end))
        first, last = at.lineno, at.end_lineno  # type: ignore[attr-defined]  # nodes without a place are not asked for
        return first, self._column(first, at.col_offset), last, self._column(last, at.end_col_offset)  # type: ignore[attr-defined]

    def written(self, at: Origin) -> str:
        """The source of an expression, with the parentheses around it."""
        begin, end = self.around(at) if isinstance(at, ast.AST) else self._own(at)
        return self.whole[begin:end]

    def raw(self, at: ast.expr) -> str:
        """The source of an expression without parentheses around it, and without any of its own."""
        begin, end = self._extent(at)
        return self.whole[begin:end]

    def within(self, at: ast.expr, begin: int, code: str) -> ast.expr | None:
        """What is written in a field of an f-string, so many characters behind its beginning; None if it is no expression."""
        try:
            tree = ast.parse(f"({code}\n)", mode="eval").body
        except (SyntaxError, ValueError):
            return None
        line, column = self._line_and_column(self._extent(at)[0] + begin)
        column = len(self.lines[line - 1][:column].encode("utf-8", "surrogatepass"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.expr, ast.keyword, ast.arg)):
                if node.lineno == 1:
                    node.col_offset += column - 1
                if node.end_lineno == 1 and node.end_col_offset is not None:
                    node.end_col_offset += column - 1
                node.lineno += line - 1
                node.end_lineno = (node.end_lineno or 1) + line - 1
        return tree

    @cached_property
    def whole(self) -> str:
        """All lines."""
        return "".join(self.lines)

    # where things are

    @cached_property
    def _starts(self) -> list[int]:
        """Where the lines begin."""
        return [0, *accumulate(map(len, self.lines))]

    def _column(self, line: int, column: int) -> int:
        """A column in characters for one in bytes."""
        text = self.lines[line - 1]
        if text.isascii():
            return column
        return len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + self._column(line, column)

    def _line_and_column(self, offset: int) -> tuple[int, int]:
        starts = self._starts
        low, high = 0, len(starts) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= offset:
                low = middle
            else:
                high = middle
        return low + 1, offset - starts[low]

    def _extent(self, at: ast.AST) -> Extent:
        """As `ast` has it: a tuple or a generator with its parentheses."""
        return (
            self._offset(at.lineno, at.col_offset),  # type: ignore[attr-defined]
            self._offset(at.end_lineno, at.end_col_offset),  # type: ignore[attr-defined]
        )

    def _own(self, at: Origin) -> Extent:
        """Where a node stands that `ast` does not have, or has with its parentheses."""
        if isinstance(at, Joined):
            return self.around(at.first)[0], self.around(at.last)[1]
        if isinstance(at, Compared):
            return self.around(at.left)[1], self.around(at.right)[1]
        if isinstance(at, Named):
            begin = self._extent(at.definition)[0]
            match = _NAME.match(self.whole, begin)
            begin = match.end() if match is not None else begin
            return begin, begin + len(at.definition.name)
        if isinstance(at, Final):
            return self._final(at)
        if isinstance(at, ast.GeneratorExp):
            last = at.generators[-1]
            return self.around(at.elt)[0], self.around(last.ifs[-1] if last.ifs else last.iter)[1]
        assert isinstance(at, ast.Tuple)
        begin, end = self._extent(at)
        if not self.is_parenthesised(at):
            return begin, end
        if not at.elts:
            return begin + 1, begin + 1
        begin, inner = self.around(at.elts[0])[0], self.around(at.elts[-1])[1]
        comma = self._skip(inner)
        return begin, comma + 1 if self.whole[comma] == "," else inner

    def _final(self, at: Final) -> Extent:
        """From `finally` to the end of its block: the last one of these that stands before it."""
        begin, end = self._extent(at.statement)[0], self._extent(at.last)
        first = self._extent(at.last)[0]
        found = [match.end() for match in _FINALLY.finditer(self.whole, begin, first)]
        return (found[-1] if found else first), end[1]

    def is_parenthesised(self, at: ast.Tuple) -> bool:
        """Whether the parentheses at the ends of a tuple are its own."""
        begin, _ = self._extent(at)
        if self.whole[begin] != "(":
            return False
        if not at.elts:
            return True
        first, last = self._extent(at.elts[0])
        return self.whole.count("(", begin, first) > self._closing(last, len(self.whole))

    # parentheses

    def around(self, at: ast.AST) -> Extent:
        """From the first of the parentheses around an expression to the last."""
        begin, end = self._extent(at)
        if isinstance(at, ast.Tuple) and not self.is_parenthesised(at):
            return begin, end  # as wide as it gets
        first, last = self._around(at)
        if isinstance(at, ast.GeneratorExp) and self._called_with(at, end):
            return self._own(at)
        count = min(self._opening(begin, first), self._closing(end, last))
        for _ in range(count):
            begin, end = self._before(begin) - 1, self._skip(end) + 1
        return begin, end

    def _around(self, at: ast.AST) -> Extent:
        """Where the parentheses of an expression may stand: within what holds it, before the `)` of a call."""
        parent = self._parents.get(id(at))
        while parent is not None and getattr(parent, "end_lineno", None) is None:
            parent = self._parents.get(id(parent))
        if parent is None:
            return 0, len(self.whole)
        begin, end = self._extent(parent)
        return begin, end - 1 if isinstance(parent, ast.Call) and at is not parent.func else end

    def _called_with(self, at: ast.GeneratorExp, end: int) -> bool:
        """Whether the parentheses of a generator are those of the call that it is the argument of."""
        parent = self._parents.get(id(at))
        return isinstance(parent, ast.Call) and self._extent(parent)[1] == end

    @cached_property
    def _parents(self) -> dict[int, ast.AST]:
        return {id(child): node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def _before(self, offset: int) -> int:
        """Back over blanks."""
        while offset and self.whole[offset - 1] in _BLANK:
            offset -= 1
        return offset

    def _skip(self, offset: int) -> int:
        """On over blanks and comments."""
        whole = self.whole
        while offset < len(whole) and whole[offset] in "# \t\f\n\\":
            if whole[offset] == "#":
                offset = whole.find("\n", offset)
                if offset < 0:
                    return len(whole)
            offset += 1
        return min(offset, len(whole) - 1)

    def _opening(self, offset: int, first: int) -> int:
        count = 0
        while (offset := self._before(offset)) > first and self.whole[offset - 1] == "(":
            offset -= 1
            count += 1
        return count

    def _closing(self, offset: int, last: int) -> int:
        count = 0
        while (offset := self._skip(offset)) < last and self.whole[offset] == ")":
            offset += 1
            count += 1
        return count
