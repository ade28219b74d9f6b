"""Nodes of libcst, made from parts without its constructors: what is not given is as libcst has it by default.

A constructor of libcst takes 3.4 µs for a call, as the classes are frozen dataclasses that check what they are given; this takes 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from functools import cache
from types import FunctionType
from typing import Any, TypeVar

import libcst as cst

Node = TypeVar("Node", bound=cst.CSTNode)


def maker(kind: type[Node], *names: str) -> Callable[..., Node]:
    """A function that makes nodes of a class from the values of these fields, in this order.

    White space and other defaults are the same objects in all nodes. The function is written as text, as `dataclasses` does it,
    because a loop over the fields would take twice as long; that text is compiled when the function is called first, as a file
    has few of the kinds.
    """

    def first(*values: Any) -> Node:
        known: dict[str, Any] = make.__globals__
        exec(_text(kind, names, known), known)  # noqa: S102 - of names of fields alone
        make.__code__ = known["make"].__code__
        made: Node = make(*values)
        return made

    make = FunctionType(_UNMADE, {"new": object.__new__, "kind": kind, "first": first})
    return make


_UNMADE = compile("lambda *values: first(*values)", __name__, "eval").co_consts[0]
"""The code of a function before it is called first."""


def _text(kind: type[cst.CSTNode], names: tuple[str, ...], known: dict[str, Any]) -> str:
    """The text of a maker; what it refers to is put into `known`."""
    lines = []
    for number, field in enumerate(fields(kind)):
        known[f"set{number}"] = kind.__dict__[field.name].__set__
        value = field.name
        if field.name not in names:
            value = f"default{number}"
            known[value] = field.default if field.default_factory is MISSING else field.default_factory()
            if kind is cst.GeneratorExp and field.name in ("lpar", "rpar"):
                known[value] = ()
        lines.append(f"    set{number}(node, {value})\n")
    return f"def make({', '.join(names)}):\n    node = new(kind)\n{''.join(lines)}    return node\n"


class Written(tuple[cst.LeftParen, ...]):
    """Stands for the parentheses of an expression, and knows how it is written: see `source_of`.

    It holds no parenthesis, as nothing asks for one.
    """

    source: str
    start: int
    end: int
    least: int
    most: int

    @property
    def text(self) -> str:
        """The source with the parentheses around it, its white space folded."""
        source, start, end = self.source, self.start, self.end
        while True:
            before, after = len(source[:start].rstrip()), end + len(source[end:]) - len(source[end:].lstrip())
            if before - 1 < self.least or after >= self.most or source[before - 1] != "(" or source[after] != ")":
                return " ".join(source[start:end].split())
            start, end = before - 1, after + 1


def written(source: str, start: int, end: int, least: int, most: int) -> Written:
    """An expression from `start` to `end`; what stands before `least` or from `most` on does not belong to it."""
    found = Written()
    found.source, found.start, found.end, found.least, found.most = source, start, end, least, most
    return found


_LAYOUT = (
    cst.BaseParenthesizableWhitespace,
    cst.TrailingWhitespace,
    cst.EmptyLine,
    cst.Newline,
    cst.Comment,
    cst.Comma,
    cst.Dot,
    cst.Semicolon,
    cst.Colon,
    cst.AssignEqual,
    cst.LeftParen,
    cst.RightParen,
    cst.LeftSquareBracket,
    cst.RightSquareBracket,
    cst.LeftCurlyBrace,
    cst.RightCurlyBrace,
    cst.ParamSlash,
)
"""What trees that were made have not."""


def nodes_of(node: cst.CSTNode) -> list[cst.CSTNode]:
    """A node and all below it that trees have in common, however they came about, in the order of the source."""
    found: list[cst.CSTNode] = []
    todo = [node]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(part for part in reversed(one.children) if not _is_layout(type(part)))
    return found


@cache
def _is_layout(kind: type[cst.CSTNode]) -> bool:
    """As `isinstance`, which takes long for classes of libcst: all of them have an abstract base."""
    return issubclass(kind, _LAYOUT)


def parts_of(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes right below a node, without layout and in no certain order; `children` makes a copy of the node to find them."""
    kind = type(node)
    names = _PARTS.get(kind)
    if names is None:
        names = _PARTS[kind] = tuple(f.name for f in fields(kind) if not f.name.startswith(_LAID_OUT))
    for name in names:
        value = getattr(node, name)
        if type(value) in _PLAIN:
            continue
        if isinstance(value, (tuple, list)):
            yield from (part for part in value if isinstance(part, cst.CSTNode))
        elif isinstance(value, cst.CSTNode):
            yield value


def below(node: cst.CSTNode, *leaves: type[cst.CSTNode]) -> Iterator[cst.CSTNode]:
    """A node and all below it, without layout and in no certain order, but not what is in nodes of the classes `leaves`, nor these.

    A visitor of libcst takes ten times as long, as it makes ready to change what it visits.
    """
    todo = [node]
    while todo:
        one = todo.pop()
        if type(one) not in leaves:
            yield one
            todo.extend(parts_of(one))


_PLAIN = frozenset({type(None), str, bool})
"""Types of fields that hold no node."""

_PARTS: dict[type[cst.CSTNode], tuple[str, ...]] = {}
"""By class: the fields that may hold such nodes."""
_LAID_OUT = (
    "whitespace",
    "leading_lines",
    "lines_after",
    "lpar",
    "rpar",
    "comma",
    "semicolon",
    "equal",
    "header",
    "footer",
)
"""How fields for layout are called."""
