"""The state of the one pass over a module, and what every step of it uses."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import ClassVar

from racelint.facts.data import ClassFacts, FunctionFacts, Write
from racelint.facts.gathered import Gathered
from racelint.facts.source_text import dotted, gives_back
from racelint.source import Source

_OPERATORS = frozenset({"ctx", "op", "ops"})
"""Fields of nodes that hold operators and contexts, in which there is nothing to see."""


class Walk:
    """Where the pass is: the definition, what it is within, and what has been gathered so far."""

    handlers: ClassVar[Mapping[type[ast.AST], Callable[..., None]]] = {}
    """What is done with a kind of node; others are only walked through."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lines: list[str] = []
        self.imports: list[tuple[str, str]] = []
        self.classes: list[ClassFacts] = []
        self.functions: list[FunctionFacts] = []
        self.class_name = ""
        self.within: tuple[str, ...] = ()
        self.loops = 0
        self.loop_last = 0  # the last line of the body of the innermost loop
        self.arms: tuple[tuple[int, int], ...] = ()
        self.current = Gathered("", "", "")
        self.autocommit = False
        self.statements: list[tuple[str, str]] = []

    def body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def branch(self, statements: list[ast.stmt]) -> None:
        """A block that may not run; what it gives back is noted if nothing behind the block is come to from there."""
        known = len(self.current.calls)
        self.body(statements)
        end = statements[-1] if statements else None
        if isinstance(end, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
            jumps = isinstance(end, (ast.Continue, ast.Break))
            left = (end.end_lineno or end.lineno, self.loop_last if jumps else self.current.last)
            calls = self.current.calls[known:]
            self.current.left_by += [(call.line, *left) for call in calls if gives_back(call)]

    def visit(self, node: ast.AST) -> None:
        handler = self.handlers.get(type(node))
        if handler is not None:
            handler(self, node)
            return
        if isinstance(node, ast.stmt):
            self.current.statements += 1
        for name in node._fields:
            if name in _OPERATORS:
                continue
            value = getattr(node, name, None)
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)
            elif isinstance(value, ast.AST):
                self.visit(value)

    @property
    def lines(self) -> list[str]:
        """The lines of the source, split when they are first asked for."""
        self._lines = self._lines or self.source.lines
        return self._lines

    def read_of(self, node: ast.expr) -> None:
        path = dotted(node)
        if path:
            self.note_read(path)

    def note_write(self, write: Write) -> None:
        if self.current.is_async:
            self.current.touch(".".join(write.path.split(".", 2)[:2]), changed=True)
        self.current.writes.append(write)

    def note_read(self, path: str) -> None:
        parts = path.split(".", 2)
        self.current.reads.add(parts[0])
        if len(parts) > 1:
            path = f"{parts[0]}.{parts[1]}"
            self.current.reads.add(path)
        if self.current.is_async:
            self.current.touch(path)
