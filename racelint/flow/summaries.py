"""The definitions of one module, parsed when they are needed, and what a call of one of them does.

A definition is sliced out of its module by its exact lines; an indented one is put under `if 1:` so that its columns stay.
"""

from __future__ import annotations

from functools import cached_property

from racelint.elsewhere import Elsewhere
from racelint.evidence import Concurrency
from racelint.facts import FunctionFacts
from racelint.finding import Span
from racelint.flow import tree as cst
from racelint.flow.printing import Printer
from racelint.flow.tree.reading import read_function
from racelint.models.loader import Models
from racelint.resolve import MAPPERS, Scope
from racelint.source import Source, read_source
from racelint.touch import calls_store, changes_state, reads_store, touches_changing_state


class Definition:
    """One parsed function; events refer to its nodes by number."""

    def __init__(self, facts: FunctionFacts, lines: list[str]) -> None:
        self.facts = facts
        text = lines[facts.first - 1 : facts.last]
        self.offset = facts.first - 1
        if facts.column:
            text = ["if 1:\n", *text]
            self.offset -= 1
        found = read_function(text)
        if found is None:
            raise ValueError(f"no function in lines {facts.first} to {facts.last}")
        self.node = found
        self.nodes: list[cst.CSTNode] = []
        self._numbers: dict[int, int] = {}

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

    def span(self, number: int) -> Span:
        """Where a node stands in the file."""
        node = self.nodes[number]
        assert node.text is not None
        line, column, end_line, end_column = node.text.place(node.at)
        return Span(line + self.offset, column + 1, end_line + self.offset, end_column + 1)

    def text(self, number: int) -> str:
        """The source of a node, on one line."""
        return source_of(self.nodes[number])


def _written(node: cst.CSTNode) -> str:
    assert node.text is not None
    return node.text.written(node.at)


source_of = Printer(cst, _written)
"""The source of an expression with its white space folded."""


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

    @cached_property
    def lines(self) -> list[str]:
        return self.source.lines

    @cached_property
    def maps_rows(self) -> bool:
        """Whether the module works with an object-relational mapper, so that attributes of unknown objects may be columns."""
        return bool(self.scope.libraries & MAPPERS)

    def definition(self, qualname: str) -> Definition | None:
        """The parsed definition; None if it cannot be read."""
        if qualname not in self._definitions:
            facts = self.scope.functions.get(qualname)
            try:
                self._definitions[qualname] = Definition(facts, self.lines_of(facts)) if facts is not None else None
            except (SyntaxError, ValueError):
                self._definitions[qualname] = None
        return self._definitions[qualname]

    def lines_of(self, facts: FunctionFacts) -> list[str]:
        """The lines of the file that a definition stands in. Raises ValueError if it cannot be read any more."""
        home = self.scope.names_in(facts.qualname).facts
        if home.path == self.scope.facts.path:
            return self.lines
        if home.path not in self._others:
            read = read_source(home.path, home.path)
            self._others[home.path] = read.lines if isinstance(read, Source) else []
        if not self._others[home.path]:
            raise ValueError(f"{home.path} cannot be read")
        return self._others[home.path]

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
            return True
        if not function.is_async or not function.suspends:
            return False
        known = self._suspends.get(function.qualname)
        if known is not None:
            return known
        self._suspends[function.qualname] = True
        awaited = [call for call in function.calls if call.awaited]
        own = [self._called(call.callee, function) for call in awaited]
        quiet = (
            depth > 0
            and bool(awaited)
            and not function.yields
            and all(len(found) == 1 and not self.may_suspend(found[0], depth - 1) for found in own)
            and not self._other_suspension(function)
        )
        self._suspends[function.qualname] = not quiet
        return not quiet

    def _called(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """What a call may run: functions of the module, or one of another module if it is certain which."""
        found = self.concurrency.target(path, caller)
        helper = self.elsewhere.helper(path, caller) if not found else None
        return found if helper is None else [helper]

    def _other_suspension(self, function: FunctionFacts) -> bool:
        definition = self.definition(function.qualname)
        if definition is None:
            return True
        return _suspends_otherwise(definition.node.body)


def _suspends_otherwise(node: cst.CSTNode) -> bool:
    """Whether there are suspension points that are no awaited call."""
    todo: list[cst.CSTNode] = [node]
    while todo:
        found = todo.pop()
        if isinstance(found, cst.Await) and not isinstance(found.expression, cst.Call):
            return True
        if isinstance(found, (cst.For, cst.With, cst.CompFor)) and found.asynchronous is not None:
            return True
        if not isinstance(found, cst.FunctionDef):
            todo += found.children
    return False
