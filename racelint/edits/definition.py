"""One function as repairs see it: libcst's tree of its lines, in which every blank and comment has its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import libcst as cst

from racelint.edits.places import Place, places_of
from racelint.facts import FunctionFacts
from racelint.finding import Span
from racelint.flow.printing import Printer


@contextmanager
def _trusted() -> Iterator[None]:
    """Nodes are not checked one by one while the parser makes them: it makes no wrong ones, and a fifth of its time goes there."""
    checked = cst.CSTNode.__post_init__
    setattr(cst.CSTNode, "__post_init__", _unchecked)  # noqa: B010 - a type checker knows methods as constant
    try:
        yield
    finally:
        setattr(cst.CSTNode, "__post_init__", checked)  # noqa: B010


def _unchecked(node: cst.CSTNode) -> None:
    """Instead of the checks that libcst makes of each node."""


class Written:
    """A function, sliced out of its module by its lines; an indented one is put under `if 1:` so that its columns stay.

    Raises ValueError or `cst.ParserSyntaxError` if it cannot be read.
    """

    def __init__(self, facts: FunctionFacts, lines: list[str]) -> None:
        self.facts = facts
        text = "".join(lines[facts.first - 1 : facts.last])
        self.offset = facts.first - 1
        if facts.column:
            text = "if 1:\n" + text
            self.offset -= 1
        with _trusted():
            self.module = cst.parse_module(text)
        found = self._find(self.module.body)
        if found is None:
            raise ValueError(f"no function in lines {facts.first} to {facts.last}")
        self.node = found

    def _find(self, body: object) -> cst.FunctionDef | None:
        if not isinstance(body, (list, tuple)):
            return None
        for statement in body:
            if isinstance(statement, cst.FunctionDef):
                return statement
            if isinstance(statement, cst.If):
                return self._find(statement.body.body)
        return None

    @cached_property
    def _places(self) -> dict[cst.CSTNode, Place]:
        return places_of(self.module)

    def span(self, node: cst.CSTNode) -> Span:
        """Where a node stands in the file."""
        line, column, end_line, end_column = self._places[node]
        return Span(line + self.offset, column + 1, end_line + self.offset, end_column + 1)


_EMPTY = cst.Module([])
source_of = Printer(cst, _EMPTY.code_for_node)
"""The source of a node with its white space folded; common expressions without libcst's slow code generator."""
