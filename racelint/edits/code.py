"""The code of one function, as repairs see it: nodes by their places, their exact source, and small edits of it.

An edit replaces a piece of text, so what is outside of it, comments and blank lines included, stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeVar

import libcst as cst

from racelint.facts import FunctionFacts
from racelint.finding import Edit, Span
from racelint.flow.summaries import Definition, Program, source_of
from racelint.frozen import cached_property
from racelint.resolve import enclosing_self

Node = TypeVar("Node", bound=cst.CSTNode)

Small = cst.BaseSmallStatement
Statement = cst.BaseSmallStatement | cst.BaseCompoundStatement
Block = cst.IndentedBlock | cst.SimpleStatementSuite


def joined(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits with what is inserted right before another edit made a part of that edit."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.span.line, one.span.column, one.span.end_line, one.span.end_column)):
        last = found[-1] if found else None
        if last is not None and _is_insertion(last) and _start(last) == _start(edit):
            found[-1] = Edit(edit.span, last.text + edit.text)
        else:
            found.append(edit)
    return tuple(found)


def _start(edit: Edit) -> tuple[int, int]:
    return edit.span.line, edit.span.column


def _is_insertion(edit: Edit) -> bool:
    return _start(edit) == (edit.span.end_line, edit.span.end_column)


class Surroundings:
    """What is looked up for every repair of one module, and found once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._naming: dict[str, list[FunctionFacts]] = {}

    @cached_property
    def tree(self) -> ast.Module:
        """The whole file."""
        return ast.parse(self.program.source.text)

    @cached_property
    def writers(self) -> dict[str, list[FunctionFacts]]:
        """The functions that write a path or something below it, by the path."""
        found: dict[str, dict[str, FunctionFacts]] = {}
        for function in self.program.scope.every_function:
            for path in {write.path for write in function.writes}:
                parts = path.split(".")
                for end in range(1, len(parts) + 1):
                    found.setdefault(".".join(parts[:end]), {})[function.qualname] = function
        return {path: list(functions.values()) for path, functions in found.items()}

    def naming(self, name: str) -> list[FunctionFacts]:
        """The functions, also those of other modules, whose source has a name; those whose source cannot be read are among them."""
        if name not in self._naming:
            every = self.program.scope.every_function
            self._naming[name] = [function for function in every if self.is_named_in(function, (name,))]
        return self._naming[name]

    def is_named_in(self, function: FunctionFacts, names: Collection[str]) -> bool:
        """Whether the source of any function, also of one of another module, has one of the names; True if it cannot be read."""
        try:
            lines = self.program.lines_of(function)
        except ValueError:
            return True
        text = "".join(lines[function.first - 1 : function.last])
        return any(name in text for name in names)


class Code:
    """One definition of a module that is to be repaired."""

    def __init__(self, surroundings: Surroundings, definition: Definition, runtime: str) -> None:
        self.surroundings, self.definition, self.runtime = surroundings, definition, runtime
        self.program = program = surroundings.program
        self.source, self.scope, self.concurrency = program.source, program.scope, program.concurrency
        self.lines = program.lines

    @property
    def facts(self) -> FunctionFacts:
        """What is known of the definition."""
        return self.definition.facts

    @property
    def function(self) -> cst.FunctionDef:
        """The definition itself."""
        return self.definition.node

    @property
    def owner(self) -> tuple[str, str]:
        """The class whose method this is, or is a part of, and its name for the object; "" for none."""
        return enclosing_self(self.facts, self.scope)

    @property
    def is_class_level(self) -> bool:
        """Whether the first argument is the class itself, not an object of it."""
        return self.facts.name in ("__new__", "__init_subclass__") or "classmethod" in self.facts.decorators

    def called(self, path: str) -> list[FunctionFacts]:
        """The functions of this module that a dotted path in this function may mean."""
        return self.concurrency.target(path, self.facts)

    def may_touch(self, statements: Sequence[Statement], names: Collection[str]) -> bool:
        """Whether functions that the statements call use one of the names, as far as this module tells.

        A method of the own object that is not seen here may.
        """
        own = f"{self.owner[1]}."
        called = self.calls_in(statements)
        if any(name.startswith(own) and name.count(".") == 1 and not self.called(name) for name in called):
            return True
        return any(
            (function.stub and function.owner) or self.surroundings.is_named_in(function, names)
            for function in self.reached(called)
        )

    def calls_in(self, statements: Sequence[Statement]) -> set[str]:
        """What the statements call, as it is written."""
        return {source_of(call.func) for one in statements for call in self.walk(one, cst.Call)}

    def reached(self, paths: Iterable[str], caller: FunctionFacts | None = None) -> Iterator[FunctionFacts]:
        """The functions that calls in a function, ours if none is given, may run, and those that these call."""
        seen: set[str] = set()
        todo = [found for path in paths for found in self.concurrency.target(path, caller or self.facts)]
        while todo:
            function = todo.pop()
            if function.qualname not in seen:
                seen.add(function.qualname)
                yield function
                todo += [other for call in function.calls for other in self.concurrency.target(call.callee, function)]

    # where things are

    @cached_property
    def parents(self) -> dict[cst.CSTNode, cst.CSTNode]:
        """The node that holds each node."""
        return {child: node for node in self._nodes for child in self._children[node]}

    @cached_property
    def _children(self) -> dict[cst.CSTNode, Sequence[cst.CSTNode]]:
        """What stands right below each node: libcst visits a node anew whenever it is asked for its children."""
        found: dict[cst.CSTNode, Sequence[cst.CSTNode]] = {}
        todo: list[cst.CSTNode] = [self.function]
        while todo:
            node = todo.pop()
            found[node] = node.children
            todo.extend(reversed(found[node]))
        return found

    @cached_property
    def _nodes(self) -> list[cst.CSTNode]:
        """All nodes of the function, in the order of the text."""
        return list(self._children)

    @cached_property
    def _extents(self) -> dict[cst.CSTNode, tuple[int, int]]:
        """For each node where it and what is below it stand in `_nodes`."""
        found: dict[cst.CSTNode, tuple[int, int]] = {}
        for number in reversed(range(len(self._nodes))):
            children = self._children[self._nodes[number]]
            found[self._nodes[number]] = number, found[children[-1]][1] if children else number + 1
        return found

    @cached_property
    def _by_place(self) -> dict[tuple[int, int, int, int], list[cst.CSTNode]]:
        found: dict[tuple[int, int, int, int], list[cst.CSTNode]] = {}
        for node in (self.function, *self.parents):
            if isinstance(node, (cst.BaseExpression, cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.With)):
                span = self.span(node)
                found.setdefault((span.line, span.column, span.end_line, span.end_column), []).append(node)
        return found

    def span(self, node: cst.CSTNode) -> Span:
        """Where a node stands in the file, without parentheses around it."""
        return self.definition.span(self.definition.number(node))

    def at(self, span: Span) -> cst.CSTNode | None:
        """The node that stands exactly there; of several the outermost."""
        found = self._by_place.get((span.line, span.column, span.end_line, span.end_column))
        return found[0] if found else None

    def around(self, span: Span, kind: type[Node]) -> Node | None:
        """The smallest node of a kind that stands there or holds what does."""
        found = self._by_place.get((span.line, span.column, span.end_line, span.end_column), [])
        exact = next((node for node in found if isinstance(node, kind)), None)
        return exact or (self.enclosing(found[0], kind) if found else None)

    def enclosing(self, node: cst.CSTNode, kind: type[Node]) -> Node | None:
        """The node itself or the nearest one around it that is of a kind, within the function."""
        found: cst.CSTNode | None = node
        while found is not None and not isinstance(found, kind):
            found = self.parents.get(found)
        return found

    def statement(self, node: cst.CSTNode | None) -> Statement | None:
        """The statement that a node is, or is a part of."""
        while node is not None and not isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            node = self.parents.get(node)
        return node

    def statement_at(self, span: Span) -> Statement | None:
        """The statement that stands there, or that what stands there is a part of."""
        return self.statement(self.at(span))

    def block(self, statement: cst.CSTNode) -> Block | None:
        """The block that a statement stands in."""
        parent = self.parents.get(statement)
        if isinstance(parent, cst.SimpleStatementLine):
            parent = self.parents.get(parent)
        return parent if isinstance(parent, (cst.IndentedBlock, cst.SimpleStatementSuite)) else None

    def statements(self, block: Block) -> list[Statement]:
        """The statements of a block, in order."""
        found: list[Statement] = []
        for part in block.body:
            if isinstance(part, cst.SimpleStatementLine):
                found.extend(part.body)
            elif isinstance(part, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
                found.append(part)
        return found

    def following(self, statement: Statement) -> list[Statement]:
        """The statements behind one in its block."""
        block = self.block(statement)
        if block is None:
            return []
        siblings = self.statements(block)
        return siblings[siblings.index(statement) + 1 :]

    def walk(self, node: cst.CSTNode, *kinds: type[Node]) -> Iterator[Node]:
        """The nodes of these kinds below one, in the order of the text."""
        extent = self._extents.get(node)
        if extent is None:  # one that was made, or stands outside of the function
            todo = [node]
            while todo:
                found = todo.pop()
                if isinstance(found, kinds):
                    yield found
                todo.extend(reversed(found.children))
            return
        for number in range(*extent):
            found = self._nodes[number]
            if isinstance(found, kinds):
                yield found

    def written(self, node: cst.CSTNode) -> Iterator[cst.BaseExpression]:
        """What is assigned, updated or deleted below a node."""
        for one in self.walk(node, cst.AssignTarget):
            yield one.target
        for augmented in self.walk(node, cst.AugAssign):
            yield augmented.target
        for annotated in self.walk(node, cst.AnnAssign):
            yield annotated.target
        for named in self.walk(node, cst.NamedExpr):
            yield named.target
        for deleted in self.walk(node, cst.Del):
            yield deleted.target

    # what it says

    def text(self, node: cst.CSTNode) -> str:
        """The source of a node, exactly as it stands in the file."""
        return self.between(self.span(node))

    def between(self, span: Span) -> str:
        """The text of a place."""
        rows = self.lines[span.line - 1 : span.end_line]
        if len(rows) == 1:
            return rows[0][span.column - 1 : span.end_column - 1]
        return "".join([rows[0][span.column - 1 :], *rows[1:-1], rows[-1][: span.end_column - 1]])

    def mentions(self, node: cst.CSTNode, text: str) -> list[cst.BaseExpression]:
        """The expressions below a node that are written like that, such as `self._task`."""
        kinds = (cst.Name, cst.Attribute, cst.Subscript)
        return [found for found in self.walk(node, *kinds) if source_of(found) == text]

    @cached_property
    def names(self) -> frozenset[str]:
        """All names of the function and of the module, none of which a new variable may have."""
        attributes = {id(node.attr) for node in self.walk(self.function, cst.Attribute)}
        own = {name.value for name in self.walk(self.function, cst.Name) if id(name) not in attributes}
        return frozenset(own | set(self.scope.imports) | set(self.scope.assigned) | set(self.scope.functions))

    def new_name(self, *wanted: str) -> str:
        """The first of the names that is free; else the last one with a number."""
        for name in wanted:
            if name not in self.names:
                return name
        return next(name for number in range(2, 1000) if (name := f"{wanted[-1]}_{number}") not in self.names)

    @property
    def step(self) -> str:
        """One level of indentation: by how much the body of the function is deeper than its head."""
        body = self.function.body
        if isinstance(body, cst.IndentedBlock) and body.body:
            line = self.lines[self.span(body.body[0]).line - 1]
            step = line[self.facts.column : len(line) - len(line.lstrip())]
            if step:
                return step
        module = self.definition.exact.module
        return module.default_indent if module is not None else "    "

    def indentation(self, statement: Statement) -> str | None:
        """What stands before a statement in its line; None if that is not blank."""
        span = self.span(statement)
        before = self.lines[span.line - 1][: span.column - 1]
        return before if not before.strip() else None

    def stands_alone(self, branch: cst.If) -> bool:
        """Whether an `if` has no `else`, and is none: what takes the place of an `elif` would run in the other branches, too."""
        return branch.orelse is None and self.block(branch) is not None

    # edits

    def replace(self, node: cst.CSTNode, text: str) -> Edit:
        """Writes something else where a node stands."""
        return Edit(self.span(node), text)

    def before(self, statement: Statement, text: str) -> Edit | None:
        """A small statement ahead of one; None where there is no place for it, such as before `elif`."""
        span, indentation = self.span(statement), self.indentation(statement)
        here = Span(span.line, span.column, span.line, span.column)
        if isinstance(statement, cst.BaseSmallStatement):
            block = self.block(statement)
            if block is None:
                return None
            if indentation is None:
                return Edit(here, f"{text}; ")
        elif indentation is None or self.block(statement) is None:
            return None
        return Edit(here, f"{text}\n{indentation}")

    def behind(self, statement: Statement, text: str) -> Edit | None:
        """A statement on the line below one, at its indentation; None if something else stands behind it."""
        indentation = self.indentation(statement)
        parent = self.parents.get(statement)
        if indentation is None or (isinstance(parent, cst.SimpleStatementLine) and len(parent.body) > 1):
            return None
        line = self.span(statement).end_line
        column = len(self.lines[line - 1].rstrip("\r\n")) + 1
        return Edit(Span(line, column, line, column), f"\n{indentation}{text}")

    def without(self, statement: Statement) -> Edit | None:
        """Takes a statement away with its line, if it is not alone in its block; a comment behind it stays on a line of its own."""
        block, indentation = self.block(statement), self.indentation(statement)
        if block is None or indentation is None or len(self.statements(block)) < 2:
            return None
        span = self.span(statement)
        rest = self.lines[span.end_line - 1][span.end_column - 1 :]
        if rest.lstrip().startswith("#"):
            return Edit(
                Span(span.line, span.column, span.end_line, span.end_column + len(rest) - len(rest.lstrip())), ""
            )
        if rest.strip() or span.end_line >= len(self.lines):
            return None
        return Edit(Span(span.line, 1, span.end_line + 1, 1), "")

    def wrapped(self, statements: Sequence[Statement], header: str) -> tuple[Edit, ...]:
        """Neighbouring statements put under a header such as `with lock:`; nothing if their lines are not theirs alone."""
        indentation = self.indentation(statements[0])
        if indentation is None or any(self.block(one) is None for one in statements):
            return ()
        first, last = self.span(statements[0]), self.span(statements[-1])
        parent = self.parents.get(statements[-1])
        if isinstance(parent, cst.SimpleStatementLine) and parent.body[-1] is not statements[-1]:
            return ()
        inside = self.inside_strings(statements)
        edits = [Edit(Span(first.line, 1, first.line, 1), f"{indentation}{header}\n{self.step}")]
        for number in range(first.line + 1, last.end_line + 1):
            if self.lines[number - 1].strip() and number not in inside:
                edits.append(Edit(Span(number, 1, number, 1), self.step))
        return tuple(edits)

    def inside_strings(self, statements: Sequence[Statement]) -> set[int]:
        """The lines that begin inside a string, whose text must stay."""
        found: set[int] = set()
        for statement in statements:
            for string in self.walk(statement, cst.SimpleString, cst.FormattedString):
                span = self.span(string)
                found.update(range(span.line + 1, span.end_line + 1))
        return found
