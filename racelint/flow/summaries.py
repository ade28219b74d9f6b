"""The definitions of one module, parsed when they are needed, and what a call of one of them does.

A definition is sliced out of its module by its exact lines; an indented one is put under `if 1:` so that its columns stay.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libcst as cst

from racelint.elsewhere import Elsewhere
from racelint.evidence import Concurrency
from racelint.evidence.conversations import says_something
from racelint.facts import FunctionFacts
from racelint.finding import Span
from racelint.flow.making import Written, below, nodes_of
from racelint.flow.places import Place, places_of
from racelint.flow.tree import made
from racelint.frozen import cached_property
from racelint.grafts import shown_name
from racelint.models.data import Models
from racelint.resolve import CONSTRUCTORS, MAPPERS, Scope
from racelint.resolve.unbounded import unbounded
from racelint.source import Source, read_source, split_lines
from racelint.touch import (
    calls_store,
    changes_state,
    picks_one,
    reads_store,
    takes_or_gives_lock,
    tests_a_path,
    touches_changing_state,
)


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


class Definition:
    """One parsed function; events refer to its nodes by number.

    Its tree is one that is quickly made (`flow/tree.py`) unless an `exact` one is asked for: that is libcst's own, in which nodes
    have places and their source is complete, as findings and repairs need it. Most definitions are in no finding.
    """

    def __init__(self, facts: FunctionFacts, lines: list[str], *, exact: bool = False) -> None:
        self.facts, self._lines = facts, lines
        text = "".join(lines[facts.first - 1 : facts.last])
        self.offset = facts.first - 1
        self._cut: dict[int, int] = {}
        if "\f" in text:
            text, self._cut = without_form_feeds(text, facts.first)
        if text.startswith((" ", "\t")):
            text = "if 1:\n" + text
            self.offset -= 1
        self.nodes: list[cst.CSTNode] = []
        self._numbers: dict[int, int] = {}
        self.module: cst.Module | None = None
        """What libcst has parsed; None if the tree was made."""
        self._made = None if exact else made(text)
        found = self._made.node if self._made is not None else None
        if found is None:
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
    def exact(self) -> Definition:
        """The same definition with libcst's own tree."""
        return self if self.module is not None else Definition(self.facts, self._lines, exact=True)

    def number(self, node: cst.CSTNode) -> int:
        """The number of a node, given when it is first asked for."""
        key = id(node)
        if key not in self._numbers:
            self._numbers[key] = len(self.nodes)
            self.nodes.append(node)
        return self._numbers[key]

    def stand_for(self, made: cst.CSTNode, real: cst.CSTNode) -> None:
        """Events at a node that the walk made up stand where the real one does."""
        self._numbers[id(made)] = self.number(real)
        self._kept.append(made)

    @cached_property
    def _kept(self) -> list[cst.CSTNode]:
        return []  # keeps made-up nodes alive, so that their ids are not given to others

    @cached_property
    def _places(self) -> dict[cst.CSTNode, Place]:
        assert self.module is not None
        return places_of(self.module)

    @cached_property
    def _twins(self) -> dict[cst.CSTNode, cst.CSTNode]:
        """For each node the one of libcst's own tree."""
        if self.exact is self:
            return {}
        return dict(zip(nodes_of(self.node), nodes_of(self.exact.node), strict=True))

    def _exact_node(self, number: int) -> cst.CSTNode:
        node = self.nodes[number]
        return self._twins.get(node, node)

    def span(self, number: int) -> Span:
        """Where a node stands in the file."""
        place = self._made.place(self.nodes[number]) if self._made is not None else None
        line, column, end_line, end_column = place or self.exact._places[self._exact_node(number)]
        line, end_line = line + self.offset, end_line + self.offset
        return Span(line, column + 1 + self._cut.get(line, 0), end_line, end_column + 1 + self._cut.get(end_line, 0))

    def text(self, number: int) -> str:
        """The source of a node, on one line."""
        node = self.nodes[number]
        return source_of(node if isinstance(node, cst.BaseExpression) else self._exact_node(number))


def without_form_feeds(text: str, first: int) -> tuple[str, dict[int, int]]:
    """The text without what Python forgets of an indentation: all up to a form feed, which libcst does not know.

    Also how many characters that is in each line; the text begins in line `first`. Lines of strings stay as they are.
    """
    import tokenize  # form feeds are rare, and it is slow to import

    inside: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):  # a definition that is cut out may end in the middle of a dedent
        pass
    lines = split_lines(text)
    cut = {}
    for number, line in enumerate(lines):
        indentation = line[: len(line) - len(line.lstrip(" \t\f"))]
        if "\f" in indentation and number + 1 not in inside and line.strip():
            cut[first + number] = indentation.rindex("\f") + 1
            lines[number] = line[cut[first + number] :]
    return "".join(lines), cut


_EMPTY = cst.Module([])


def source_of(node: cst.CSTNode) -> str:
    """The source of a node with its white space folded; common expressions without libcst's slow code generator."""
    printer = _PRINTERS.get(type(node))
    if printer is not None:
        text = printer(node)
        if text is not None:
            return text
    brackets = getattr(node, "lpar", ())
    if isinstance(brackets, Written):
        return brackets.text
    return " ".join(_EMPTY.code_for_node(node).split())


def _print_attribute(node: cst.Attribute) -> str:
    return f"{source_of(node.value)}.{node.attr.value}"


def _print_literal(node: cst.Name | cst.SimpleString | cst.Integer | cst.Float) -> str:
    return node.value


def _print_strings(node: cst.ConcatenatedString) -> str | None:
    """Plain strings side by side, as they are mostly written: each on its line, without a comment."""
    if isinstance(node.lpar, Written):
        return node.lpar.text
    parts: list[str] = []
    rest: cst.BaseExpression = node
    while isinstance(rest, cst.ConcatenatedString):
        between, left = rest.whitespace_between, rest.left
        if not isinstance(between, cst.ParenthesizedWhitespace) or between.first_line.comment or between.empty_lines:
            return None
        if rest.lpar or not isinstance(left, cst.SimpleString) or left.lpar:
            return None
        parts.append(left.value)
        rest = rest.right
    if not isinstance(rest, cst.SimpleString) or rest.lpar:
        return None
    return " ".join(" ".join([*parts, rest.value]).split())


def _print_call(node: cst.Call) -> str:
    parts = []
    for argument in node.args:
        keyword = f"{argument.keyword.value}=" if argument.keyword is not None else ""
        parts.append(f"{argument.star}{keyword}{source_of(argument.value)}")
    return f"{source_of(node.func)}({', '.join(parts)})"


def _print_subscript(node: cst.Subscript) -> str | None:
    parts = []
    for element in node.slice:
        if not isinstance(element.slice, cst.Index):
            return None
        parts.append(source_of(element.slice.value))
    return f"{source_of(node.value)}[{', '.join(parts)}]"


def _print_starred(node: cst.StarredElement) -> str:
    return f"*{source_of(node.value)}"


def _print_await(node: cst.Await) -> str:
    return f"await {source_of(node.expression)}"


_OPERATORS: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.Modulo: "%",
    cst.BitOr: "|",
    cst.BitAnd: "&",
    cst.BitXor: "^",
    cst.FloorDivide: "//",
    cst.LeftShift: "<<",
    cst.MatrixMultiply: "@",
    cst.Power: "**",
    cst.RightShift: ">>",
}


def _print_binary(node: cst.BinaryOperation) -> str | None:
    operator = _OPERATORS.get(type(node.operator))
    return f"{source_of(node.left)} {operator} {source_of(node.right)}" if operator else None


def _print_formatted(node: cst.FormattedString) -> str | None:
    parts = [node.start]
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            parts.append(part.value)
        elif isinstance(part, cst.FormattedStringExpression):
            parts.append("{" + source_of(part.expression) + "}")
    return "".join(parts) + node.end


def _print_elements(node: cst.Tuple | cst.List) -> str:
    inner = ", ".join(source_of(element.value) for element in node.elements[:6])
    return f"({inner})" if isinstance(node, cst.Tuple) else f"[{inner}]"


_PRINTERS: dict[type[cst.CSTNode], Callable[..., str | None]] = {
    cst.Name: _print_literal,
    cst.SimpleString: _print_literal,
    cst.Integer: _print_literal,
    cst.Float: _print_literal,
    cst.Attribute: _print_attribute,
    cst.Call: _print_call,
    cst.Subscript: _print_subscript,
    cst.Await: _print_await,
    cst.StarredElement: _print_starred,
    cst.BinaryOperation: _print_binary,
    cst.FormattedString: _print_formatted,
    cst.ConcatenatedString: _print_strings,
    cst.Tuple: _print_elements,
    cst.List: _print_elements,
}


class Program:
    """One module with everything that the walk over its definitions needs."""

    MOST_STATEMENTS = 60
    """Helpers with more statements are not followed into."""

    def __init__(self, source: Source, scope: Scope, concurrency: Concurrency) -> None:
        self.source, self.scope, self.concurrency = source, scope, concurrency
        self.models: Models = scope.models
        self._definitions: dict[str, Definition | None] = {}
        self.elsewhere = Elsewhere(scope)
        self._others: dict[str, list[str]] = {}
        self._suspends: dict[str, bool] = {}
        self._matters: dict[str, bool] = {}
        self.operands: dict[str, set[str]] = {}
        """What `computed_from` has found in functions."""

    @cached_property
    def lines(self) -> list[str]:
        return self.source.lines

    @cached_property
    def maps_rows(self) -> bool:
        """Whether the module works with an object-relational mapper, so that attributes of unknown objects may be columns."""
        return bool(self.scope.libraries & MAPPERS)

    def definition(self, qualname: str) -> Definition | None:
        """The parsed definition; None if libcst cannot read it."""
        if qualname not in self._definitions:
            facts = self.scope.functions.get(qualname)
            try:
                self._definitions[qualname] = Definition(facts, self.lines_of(facts)) if facts is not None else None
            except (cst.ParserSyntaxError, ValueError):
                self._definitions[qualname] = None
        return self._definitions[qualname]

    def lines_of(self, facts: FunctionFacts) -> list[str]:
        """The lines of the file that a definition stands in. Raises ValueError if it cannot be read any more."""
        return self.lines_at(self.scope.names_in(facts.qualname).facts.path)

    def lines_at(self, path: str) -> list[str]:
        """The lines of a file of the project. Raises ValueError if it cannot be read any more."""
        if path == self.scope.facts.path:
            return self.lines
        if path not in self._others:
            read = read_source(path, path)
            self._others[path] = read.lines if isinstance(read, Source) else []
        if not self._others[path]:
            raise ValueError(f"{path} cannot be read")
        return self._others[path]

    def matters(self, function: FunctionFacts, depth: int = 4) -> bool:
        """Whether walking into a helper can add anything: it touches changing state or a store, suspends, or calls such."""
        known = self._matters.get(function.qualname)
        if known is not None:
            return known
        self._matters[function.qualname] = False  # for recursion
        found = (
            touches_changing_state(function, self.scope)
            or changes_state(function, self.scope)
            or calls_store(function, self.scope)
            or reads_store(function, self.scope)
            or tests_a_path(function)
            or says_something(function, self.scope)
            or picks_one(function, self.scope)
            or takes_or_gives_lock(function)
            or (function.name in CONSTRUCTORS and bool(self.concurrency.spawning_calls(function)))
            or (self.maps_rows and any("." in call.callee for call in function.calls))
            or any(spawner in call.callee for call in function.calls for spawner in ("create_task", "ensure_future"))
            or (
                depth > 0
                and any(
                    self.matters(callee, depth - 1)
                    for call in function.calls
                    if len(callees := self.concurrency.target(call.callee, function)) == 1
                    for callee in callees
                )
            )
        )
        self._matters[function.qualname] = found
        return found

    def may_suspend(self, function: FunctionFacts, depth: int = 5) -> bool:
        """Whether awaiting the coroutine can let other tasks run: one that awaits only such as never do, does not."""
        if function.stub:
            return not self._at_once(function)
        if not function.is_async or not function.suspends:
            return False
        known = self._suspends.get(function.qualname)
        if known is not None:
            return known
        self._suspends[function.qualname] = True
        awaited = [call for call in function.calls if call.awaited]
        own = [self._called(call.callee, function) for call in awaited if not self.goes_on(call.callee, function)]
        quiet = (
            depth > 0
            and bool(awaited)
            and not function.yields
            and all(len(found) == 1 and not self.may_suspend(found[0], depth - 1) for found in own)
            and not self._other_suspension(function)
        )
        self._suspends[function.qualname] = not quiet
        return not quiet

    def yields_only(self, manager: FunctionFacts) -> bool:
        """Whether a context manager that is written as an asynchronous generator awaits nothing before or after what it yields."""
        if not (manager.is_async and manager.yields) or any(call.awaited for call in manager.calls):
            return False
        return not self._other_suspension(manager)

    def _at_once(self, step: FunctionFacts) -> bool:
        """Whether a method without a body is one that whoever fills it in does without letting other tasks run."""
        module = self.scope.names_in(step.qualname).facts
        written = self.scope.index.table(module).functions.get(shown_name(step.qualname))
        return written is not None and self.scope.index.quiet.at_once(module, written)

    def goes_on(self, path: str, caller: FunctionFacts) -> bool:
        """Whether nobody else runs while a call is awaited that leads out of the module: a queue has room, a step needs no waiting."""
        return self.has_room(path, caller) or self.elsewhere.at_once(path, caller)

    def has_room(self, path: str, caller: FunctionFacts) -> bool:
        """Whether a call puts something into a queue that has no limit, for which nobody ever waits."""
        queue, _, method = path.rpartition(".")
        return method == "put" and bool(queue) and unbounded(queue, caller, self.scope)

    def _called(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """What a call may run: functions of the module, or one of another module if it is certain which."""
        found = self.concurrency.target(path, caller)
        helper = self.elsewhere.helper(path, caller) if not found else None
        return found if helper is None else [helper]

    def _other_suspension(self, function: FunctionFacts) -> bool:
        definition = self.definition(function.qualname)
        if definition is None:
            return True
        return any(map(_suspends_otherwise, below(definition.node.body, cst.FunctionDef)))


def _suspends_otherwise(node: cst.CSTNode) -> bool:
    """Whether it is a suspension point that is no awaited call."""
    return isinstance(node, cst.Asynchronous) or (
        isinstance(node, cst.Await) and not isinstance(node.expression, cst.Call)
    )
