"""What a function computes from its arguments: two calls have different values for it."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from racelint.events import Place
from racelint.flow.making import parts_of
from racelint.flow.summaries import Definition, Program


def given(program: Program, write: Place) -> frozenset[str]:
    """The names in an assigned value that hold an argument of the function, or what was computed from one."""
    definition = program.definition(write.unit)
    if definition is None:
        return frozenset()
    value = getattr(definition.nodes[write.node], "value", None)
    if not isinstance(value, cst.BaseExpression):
        return frozenset()
    return _names(value) & _given_names(definition)


def behind(program: Program, place: Place) -> frozenset[str]:
    """The names that an expression reads, and those that any of them is put together of in the function."""
    definition = program.definition(place.unit)
    if definition is None:
        return frozenset()
    found = _names(definition.nodes[place.node])
    assignments = [(_names(value), _targets(targets)) for value, targets in _assignments(definition.node)]
    while True:
        more = {name for value, targets in assignments if targets & found for name in value} - found
        if not more:
            return found
        found |= more


def kept_in(program: Program, place: Place) -> frozenset[str]:
    """The names that are bound to what stands at a place, or to a display with it as an element: `batch = {"rows": self.rows}`."""
    definition = program.definition(place.unit)
    if definition is None:
        return frozenset()
    node = definition.nodes[place.node]
    found = (_targets(targets) for value, targets in _assignments(definition.node) if _shows(value, node))
    return frozenset().union(*found)


def _shows(value: cst.BaseExpression, node: cst.CSTNode) -> bool:
    """Whether a value is what a node says, or a display that has it as an element."""
    match value:
        case cst.Dict() | cst.List() | cst.Tuple():
            return any(_shows(element.value, node) for element in value.elements)
        case _:
            return value is node


def tested(program: Program, unit: str) -> frozenset[str]:
    """The names that stand in a test anywhere in a function, or that it binds anew: nothing says that they are what was handed in."""
    definition = program.definition(unit)
    found: set[str] = set()
    todo: list[cst.CSTNode] = [] if definition is None else [definition.node]
    while todo:
        node = todo.pop()
        todo.extend(parts_of(node))
        match node:
            case cst.If() | cst.While() | cst.IfExp() | cst.Assert():
                found |= _names(node.test)
            case cst.BooleanOperation():
                found |= _names(node)
    if definition is not None:
        found = found.union(*(_targets(targets) for _, targets in _assignments(definition.node)))
    return frozenset(found)


def handed(program: Program, unit: str) -> frozenset[str]:
    """The arguments of a function, and what it takes out of one: `folder, name = job`, `for name in names`; not the own object."""
    definition = program.definition(unit)
    if definition is None:
        return frozenset()
    found = {name for name, _ in definition.facts.params[bool(definition.facts.owner) :]}
    for value, targets in _assignments(definition.node):
        if isinstance(value, cst.Name) and value.value in found:
            found |= _targets(targets)
    return frozenset(found)


def _given_names(definition: Definition) -> frozenset[str]:
    """The arguments, and the local names that anything with one of them in it is assigned to; not the own object."""
    facts = definition.facts
    own = 1 if facts.owner and "staticmethod" not in facts.decorators else 0
    found = {name for name, _ in facts.params[own:]}
    stars = definition.node.params.star_arg, definition.node.params.star_kwarg
    found |= {star.name.value for star in stars if isinstance(star, cst.Param)}
    assignments = [(_names(value), _targets(targets)) for value, targets in _assignments(definition.node)]
    while True:
        more = {name for value, targets in assignments if value & found for name in targets} - found
        if not more:
            return frozenset(found)
        found |= more


def _assignments(node: cst.FunctionDef) -> Iterator[tuple[cst.BaseExpression, list[cst.CSTNode]]]:
    """The values that names are bound to in a function, with what they are assigned to."""
    todo: list[cst.CSTNode] = [node]
    while todo:
        found = todo.pop()
        todo.extend(parts_of(found))
        match found:
            case cst.Assign():
                yield found.value, [target.target for target in found.targets]
            case cst.AnnAssign() if found.value is not None:
                yield found.value, [found.target]
            case cst.NamedExpr():
                yield found.value, [found.target]
            case cst.For() | cst.CompFor():
                yield found.iter, [found.target]
            case cst.WithItem() if found.asname is not None:
                yield found.item, [found.asname.name]


def _targets(targets: list[cst.CSTNode]) -> frozenset[str]:
    """The names that are assigned to, also as parts of a tuple; an attribute of a name is none."""
    found: set[str] = set()
    for target in targets:
        if isinstance(target, cst.Name):
            found.add(target.value)
        elif isinstance(target, (cst.Tuple, cst.List)):
            found |= _targets([element.value for element in target.elements])
    return frozenset(found)


def _names(node: cst.CSTNode) -> frozenset[str]:
    """The names that an expression reads: those before a dot, none of attributes and keywords."""
    found: set[str] = set()
    todo: list[cst.CSTNode] = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, cst.Name):
            found.add(part.value)
        elif isinstance(part, (cst.Attribute, cst.Arg)):
            todo.append(part.value)
        else:
            todo.extend(parts_of(part))
    return frozenset(found)
