"""Which arguments the result of a function is computed from, as far as what it returns says so itself."""

from __future__ import annotations

import libcst as cst

from racelint.events import NO_IDS, Ids, Value
from racelint.facts import FunctionFacts
from racelint.flow.arguments import Arguments
from racelint.flow.making import parts_of
from racelint.flow.summaries import Program


def computed_from(program: Program, facts: FunctionFacts, arguments: Arguments) -> Ids:
    """The accesses that the arguments stem from which are operands, or parts, of what the function returns.

    `return total + await self.price(x)` is computed from `total`; of `return await self.price(x)` nobody knows. Of a method without
    a body it is what the only derived class of the module has in its place.
    """
    if facts.stub and facts.owner:
        steps = program.concurrency.overriding(facts)
        if len(steps) != 1:
            return NO_IDS
        facts = steps[0]
    if arguments.starred:
        return NO_IDS
    names = [name for name, _ in facts.params[bool(facts.owner) :]]
    given = dict(zip(names, arguments.positional, strict=False)) | arguments.keywords
    return NO_IDS.union(*(value.stems - value.opaque for value in _operands_among(program, facts, given)))


def only_computed(program: Program, facts: FunctionFacts, positional: list[Value], keywords: dict[str, Value]) -> bool:
    """Whether all that the arguments stem from, the own object among them, goes into what the function returns as an operand or part."""
    stems = NO_IDS.union(*(value.stems for value in (*positional, *keywords.values())))
    if not stems or facts.stub or "staticmethod" in facts.decorators:
        return False
    given = dict(zip((name for name, _ in facts.params), positional, strict=False)) | keywords
    return stems <= NO_IDS.union(*(value.stems for value in _operands_among(program, facts, given)))


def _operands_among(program: Program, facts: FunctionFacts, given: dict[str, Value]) -> list[Value]:
    """The arguments that are operands of what the function returns."""
    definition = program.definition(facts.qualname)
    if definition is None:
        return []
    operands = program.operands.get(facts.qualname)
    if operands is None:
        operands = program.operands[facts.qualname] = _operands(definition.node)
    return [value for name, value in given.items() if name in operands]


def _operands(function: cst.FunctionDef) -> set[str]:
    """The names that stand in what is returned as operands of an operator or as parts of a display."""
    found: set[str] = set()
    todo: list[cst.CSTNode] = [function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, cst.Return) and node.value is not None:
            _collect(node.value, found, alone=True)
        elif not isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.BaseExpression)):
            todo.extend(parts_of(node))
    return found


def _collect(node: cst.BaseExpression, found: set[str], *, alone: bool) -> None:
    """Adds the operands in an expression; a name that stands `alone` is what was handed in, and nothing is computed."""
    if isinstance(node, cst.Name) and not alone:
        found.add(node.value)
    elif isinstance(node, cst.BinaryOperation):
        _collect(node.left, found, alone=False)
        _collect(node.right, found, alone=False)
    elif isinstance(node, (cst.Tuple, cst.List, cst.Set)):
        for element in node.elements:
            _collect(element.value, found, alone=False)
    elif isinstance(node, cst.Dict):
        for part in node.elements:
            _collect(part.value, found, alone=False)
    elif isinstance(node, cst.BooleanOperation):
        _collect(node.left, found, alone=alone)
        _collect(node.right, found, alone=alone)
    elif isinstance(node, cst.IfExp):
        _collect(node.body, found, alone=alone)
        _collect(node.orelse, found, alone=alone)
    elif isinstance(node, (cst.Await, cst.UnaryOperation)):
        _collect(node.expression, found, alone=alone)
