"""Which arguments the result of a coroutine is computed from, as far as what it returns says so itself."""

from __future__ import annotations

import libcst as cst

from racelint.events import NO_IDS, Ids
from racelint.facts import FunctionFacts
from racelint.flow.arguments import Arguments
from racelint.flow.making import parts_of
from racelint.flow.summaries import Program


def computed_from(program: Program, facts: FunctionFacts, arguments: Arguments) -> Ids:
    """The accesses that the arguments stem from which are operands, or parts, of what the coroutine returns.

    `return total + await self.price(x)` is computed from `total`; of `return await self.price(x)` nobody knows. Of a method without
    a body it is what the only derived class of the module has in its place.
    """
    if facts.stub and facts.owner:
        steps = program.concurrency.overriding(facts)
        if len(steps) != 1:
            return NO_IDS
        facts = steps[0]
    definition = program.definition(facts.qualname)
    if definition is None or arguments.starred:
        return NO_IDS
    operands = program.operands.get(facts.qualname)
    if operands is None:
        operands = program.operands[facts.qualname] = _operands(definition.node)
    names = [name for name, _ in facts.params[bool(facts.owner) :]]
    given = dict(zip(names, arguments.positional, strict=False)) | arguments.keywords
    return NO_IDS.union(*(value.stems - value.opaque for name, value in given.items() if name in operands))


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
    elif isinstance(node, (cst.Await, cst.UnaryOperation)):
        _collect(node.expression, found, alone=alone)
