"""Expressions as libcst has them, made from those of `ast`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from racelint.expressions import expression
from racelint.flow.making import written
from racelint.flow.nodes import (
    ANNOTATION,
    ARG,
    ASYNCHRONOUS,
    ATTRIBUTE,
    AWAIT,
    BINARIES,
    BINARY,
    BOOLEAN,
    BOOLEANS,
    CALL,
    COMP_FOR,
    COMP_IF,
    COMPARED,
    COMPARING,
    COMPARISON,
    COMPREHENSIONS,
    DICT,
    DICT_COMP,
    ELEMENT,
    ELEMENT_OF_INDEX,
    ELLIPSIS,
    ENTRY,
    FIELD,
    FLOAT,
    FORMATTED,
    FROM,
    IF_ELSE,
    IMAGINARY,
    INDEX,
    INTEGER,
    LAMBDA,
    LIST,
    NAME,
    NAMED,
    PARAM,
    PARAM_STAR,
    PARAMETERS,
    SET,
    SLICE,
    STARRED,
    STARRED_ENTRY,
    STRING,
    STRINGS,
    SUBSCRIPT,
    TEXT,
    TUPLE,
    UNARIES,
    UNARY,
    YIELD,
)


class Unmade(Exception):
    """Something that is left to libcst's own parser."""


class Expressions:
    """Makes the nodes of the expressions in one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        for line in text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.origins: dict[int, Any] = {}
        """By the id of a node that was made what it was made from; only of such that stand in the tree, so that ids are not reused."""
        self.wide = (
            {} if text.isascii() else {n: line for n, line in enumerate(text.split("\n"), 1) if not line.isascii()}
        )

    # places

    def at(self, line: int, column: int) -> int:
        """The index in the text of a place as `ast` has it, in bytes."""
        return self.starts[line - 1] + self.column(line, column)

    def column(self, line: int, column: int) -> int:
        """The characters before a place as `ast` has it."""
        return len(self.wide[line].encode()[:column].decode()) if line in self.wide else column

    def start(self, node: Any) -> int:
        return self.at(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        return self.at(node.end_lineno, node.end_col_offset)

    def source(self, node: ast.expr) -> str:
        return self.text[self.start(node) : self.end(node)]

    # expressions

    def one(self, node: ast.expr) -> Any:
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            raise Unmade
        found = handler(self, node)
        self.origins[id(found)] = node
        return found

    def some(self, node: ast.expr | None) -> Any:
        return None if node is None else self.one(node)

    def written(self, node: Any, call: ast.Call | None = None) -> Any:
        """How an expression is written; `call` is the one of which it is an argument, whose parentheses are not its own."""
        start, end = self.start(node), self.end(node)
        if call is None:
            return written(self.text, start, end, 0, len(self.text))
        least, most = self.text.index("(", self.end(call.func)) + 1, self.end(call) - 1
        return written(self.text, max(start, least), min(end, most), least, most)

    def name(self, node: ast.Name) -> cst.Name:
        return NAME(node.id)

    def attribute(self, node: ast.Attribute) -> cst.Attribute:
        return ATTRIBUTE(self.one(node.value), NAME(node.attr))

    def constant(self, node: ast.Constant) -> Any:
        value = node.value
        if value is None or value is True or value is False:
            return NAME(str(value))
        if isinstance(value, (str, bytes)):
            return self.string(node)
        if value is ...:
            return ELLIPSIS()
        raw = self.source(node)
        return {int: INTEGER, float: FLOAT, complex: IMAGINARY}[type(value)](raw)

    def string(self, node: ast.expr, call: ast.Call | None = None) -> Any:
        raw = self.source(node)
        if (raw.count(raw[0]) == 2 and raw[0] in "'\"" and raw[-1] == raw[0]) or _ONE_STRING.fullmatch(raw):
            return self.piece(raw)
        pieces: list[tuple[int, str]] = []
        at = 0
        while at < len(raw):
            found = _ONE_STRING.match(raw, at)
            if found is not None:
                pieces.append((at, found.group()))
            else:
                found = _BETWEEN.match(raw, at)
                if found is None:
                    raise Unmade
            at = found.end()
        if len(pieces) > MOST_PIECES:
            raise Unmade  # each stands one level deeper than the one before, which libcst bears up to a limit of its own
        start, end = self.start(node), self.end(node)
        last = self.piece(pieces[-1][1])
        for at, piece in reversed(pieces[:-1]):
            text = written(self.text, start + at, end, start + at, end) if at else self.written(node, call)
            last = STRINGS(self.piece(piece), last, text)
        return last

    def piece(self, raw: str) -> Any:
        """One literal."""
        if raw[0] in "'\"" or ("f" not in raw[:2] and "F" not in raw[:2]):
            return STRING(raw)
        start = _OPENING.match(raw)
        if start is None:
            raise Unmade
        begin, quotes = start.group(), start.group(1)
        if begin.lower() not in ("f'", 'f"', "f'''", 'f"""'):
            return cst.parse_expression(raw)
        parts = _PLAIN_FIELD.split(raw[len(begin) : -len(quotes)])
        if any("{" in part or "}" in part for part in parts[::2]):
            return cst.parse_expression(raw)
        found: list[Any] = []
        for number, part in enumerate(parts):
            if number % 2:
                found.append(FIELD(self.dotted(part)))
            elif part:
                found.append(TEXT(part))
        return FORMATTED(found, begin, quotes)

    def dotted(self, path: str) -> Any:
        first, *rest = path.split(".")
        node: Any = NAME(first)
        for name in rest:
            node = ATTRIBUTE(node, NAME(name))
        return node

    def call(self, node: ast.Call) -> cst.Call:
        args, keywords = node.args, node.keywords
        found = []
        for one in args:
            if type(one) is ast.Starred:
                found.append(ARG(self.argument(one.value, node), None, "*"))
            else:
                found.append(ARG(self.argument(one, node), None, ""))
        for keyword in keywords:
            value = self.argument(keyword.value, node)
            if keyword.arg is None:
                found.append(ARG(value, None, "**"))
            else:
                found.append(ARG(value, NAME(keyword.arg), ""))
        if keywords and args and self.start(args[-1]) > self.start(keywords[0]):  # `f(a=1, *rest)`
            places = [self.start(one) for one in (*args, *keywords)]
            found = [found[number] for number in sorted(range(len(found)), key=places.__getitem__)]
        return CALL(self.one(node.func), found)

    def argument(self, node: ast.expr, call: ast.Call) -> Any:
        """An argument, whose parentheses are not those of the call."""
        kind = type(node)
        if kind in _WRITTEN:
            found = _WRITTEN[kind](self, node, call)
        elif kind is ast.JoinedStr or (type(node) is ast.Constant and isinstance(node.value, (str, bytes))):
            found = self.string(node, call)
        else:
            return self.one(node)
        self.origins[id(found)] = node
        return found

    def subscript(self, node: ast.Subscript, call: ast.Call | None = None) -> cst.Subscript:
        index = node.slice
        listed = isinstance(index, ast.Tuple) and bool(index.elts) and not self.in_brackets(index)
        parts = index.elts if listed and isinstance(index, ast.Tuple) else [index]
        elements = [
            ELEMENT_OF_INDEX(
                SLICE(self.some(part.lower), self.some(part.upper), self.some(part.step))
                if isinstance(part, ast.Slice)
                else INDEX(self.one(part.value), "*")
                if isinstance(part, ast.Starred)
                else INDEX(self.one(part), None)
            )
            for part in parts
        ]
        sliced = any(isinstance(part, ast.Slice) for part in parts)
        return SUBSCRIPT(self.one(node.value), elements, self.written(node, call) if sliced else ())

    def in_brackets(self, node: ast.Tuple) -> bool:
        """Whether a tuple has parentheses of its own."""
        start, first = self.start(node), self.start(node.elts[0])
        if self.text[start] != "(" or start == first:
            return False
        following = self.start(node.elts[1]) if len(node.elts) > 1 else self.end(node) - 1
        return ")" not in self.text[self.end(node.elts[0]) : following]

    def elements(self, nodes: Sequence[ast.expr]) -> list[Any]:
        return [STARRED(self.one(e.value)) if type(e) is ast.Starred else ELEMENT(self.one(e)) for e in nodes]

    def tuple_(self, node: ast.Tuple) -> cst.Tuple:
        return TUPLE(self.elements(node.elts))

    def list_(self, node: ast.List) -> cst.List:
        return LIST(self.elements(node.elts))

    def set_(self, node: ast.Set, call: ast.Call | None = None) -> cst.Set:
        return SET(self.elements(node.elts), self.written(node, call))

    def dict_(self, node: ast.Dict, call: ast.Call | None = None) -> cst.Dict:
        elements = [
            STARRED_ENTRY(self.one(value)) if key is None else ENTRY(self.one(key), self.one(value))
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        return DICT(elements, self.written(node, call))

    def binary(self, node: ast.BinOp) -> cst.BinaryOperation:
        return BINARY(self.one(node.left), BINARIES[type(node.op)], self.one(node.right))

    def unary(self, node: ast.UnaryOp, call: ast.Call | None = None) -> cst.UnaryOperation:
        return UNARY(UNARIES[type(node.op)], self.one(node.operand), self.written(node, call))

    def boolean(self, node: ast.BoolOp, call: ast.Call | None = None) -> Any:
        operator, word = BOOLEANS[type(node.op)]
        start, values = self.start(node), node.values
        found: Any = self.one(values[0])
        for number, value in enumerate(values[1:], 1):
            if number == len(values) - 1:
                here = self.written(node, call)
            else:  # flat in `ast`
                end, following = self.end(value), self.start(values[number + 1])
                between = self.text[end:following]
                if "#" in between:
                    raise Unmade
                end += len(between[: between.index(word)].rstrip())
                here = written(self.text, start, end, start, end)
            found = BOOLEAN(found, operator, self.one(value), here)
        return found

    def compare(self, node: ast.Compare, call: ast.Call | None = None) -> cst.Comparison:
        targets = [COMPARED(COMPARING[type(o)], self.one(c)) for o, c in zip(node.ops, node.comparators, strict=True)]
        return COMPARISON(self.one(node.left), targets, self.written(node, call))

    def conditional(self, node: ast.IfExp, call: ast.Call | None = None) -> cst.IfExp:
        return IF_ELSE(self.one(node.test), self.one(node.body), self.one(node.orelse), self.written(node, call))

    def lambda_(self, node: ast.Lambda, call: ast.Call | None = None) -> cst.Lambda:
        return LAMBDA(self.parameters(node.args), self.one(node.body), self.written(node, call))

    def named(self, node: ast.NamedExpr, call: ast.Call | None = None) -> cst.NamedExpr:
        return NAMED(self.one(node.target), self.one(node.value), self.written(node, call))

    def await_(self, node: ast.Await) -> cst.Await:
        return AWAIT(self.one(node.value))

    def yield_(self, node: ast.Yield, call: ast.Call | None = None) -> cst.Yield:
        return YIELD(self.some(node.value), self.written(node, call))

    def yield_from(self, node: ast.YieldFrom, call: ast.Call | None = None) -> cst.Yield:
        return YIELD(FROM(self.one(node.value)), self.written(node, call))

    def loops(self, generators: Sequence[ast.comprehension]) -> cst.CompFor:
        inner = None
        for one in reversed(generators):
            tests = [COMP_IF(self.one(test)) for test in one.ifs]
            asynchronous = ASYNCHRONOUS() if one.is_async else None
            inner = COMP_FOR(self.one(one.target), self.one(one.iter), tests, inner, asynchronous)
        if inner is None:
            raise Unmade
        return inner

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, call: ast.Call | None = None) -> Any:
        return COMPREHENSIONS[type(node)](self.one(node.elt), self.loops(node.generators), self.written(node, call))

    def dict_comprehension(self, node: ast.DictComp, call: ast.Call | None = None) -> cst.DictComp:
        return DICT_COMP(
            self.one(node.key), self.one(node.value), self.loops(node.generators), self.written(node, call)
        )

    def parameters(self, arguments: ast.arguments) -> cst.Parameters:
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
        defaults += arguments.defaults
        params = [self.parameter(*pair) for pair in zip(plain, defaults, strict=True)]
        split = len(arguments.posonlyargs)
        keywords = [self.parameter(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
        star: Any = cst.MaybeSentinel.DEFAULT
        if arguments.vararg is not None:
            star = self.parameter(arguments.vararg, None, "*")
        elif keywords:
            star = PARAM_STAR()
        last = None if arguments.kwarg is None else self.parameter(arguments.kwarg, None, "**")
        return PARAMETERS(params[split:], star, keywords, last, params[:split])

    def parameter(self, argument: ast.arg, default: ast.expr | None, star: str = "") -> cst.Param:
        annotation = None if argument.annotation is None else ANNOTATION(self.one(argument.annotation))
        return PARAM(NAME(argument.arg), annotation, self.some(default), star)


MOST_PIECES = 100
"""Literals side by side that make one text."""

_QUOTED = (
    r"'''(?:[^'\\]|\\.|'(?!''))*'''|\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*\"\"\"|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
)
_ONE_STRING = expression(rf"(?s)[rRbBuUfF]{{0,2}}(?:{_QUOTED})")
_BETWEEN = expression(r"(?:\s|\\\n|#[^\n]*)+")
_OPENING = expression(r"[rRfF]{1,2}('''|\"\"\"|'|\")")
_PLAIN_FIELD = expression(r"\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}")
"""A field of a formatted string that is a name or a path."""

_WRITTEN: dict[type[ast.expr], Callable[..., Any]] = {
    ast.UnaryOp: Expressions.unary,
    ast.BoolOp: Expressions.boolean,
    ast.Compare: Expressions.compare,
    ast.IfExp: Expressions.conditional,
    ast.Lambda: Expressions.lambda_,
    ast.NamedExpr: Expressions.named,
    ast.Dict: Expressions.dict_,
    ast.Set: Expressions.set_,
    ast.ListComp: Expressions.comprehension,
    ast.SetComp: Expressions.comprehension,
    ast.GeneratorExp: Expressions.comprehension,
    ast.DictComp: Expressions.dict_comprehension,
    ast.Yield: Expressions.yield_,
    ast.YieldFrom: Expressions.yield_from,
    ast.Subscript: Expressions.subscript,
}
"""Expressions of which `source_of` tells how they are written, parentheses included."""

_EXPRESSIONS: dict[type[ast.expr], Callable[..., Any]] = {
    **_WRITTEN,
    ast.Name: Expressions.name,
    ast.Attribute: Expressions.attribute,
    ast.Constant: Expressions.constant,
    ast.JoinedStr: Expressions.string,
    ast.Call: Expressions.call,
    ast.Tuple: Expressions.tuple_,
    ast.List: Expressions.list_,
    ast.BinOp: Expressions.binary,
    ast.Await: Expressions.await_,
}
