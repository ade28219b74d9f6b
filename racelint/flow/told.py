"""Tests in a helper that are decided by what its caller hands in: the other branch is not run in this call."""

from __future__ import annotations

import ast

import libcst as cst

from racelint.events import Kind, Resource
from racelint.expressions import expression
from racelint.flow.conditions import Conditions
from racelint.flow.summaries import source_of

Literal = str | int | bool | None


def told(walker: Conditions, test: cst.BaseExpression) -> bool | None:
    """What a test of a helper's arguments says in this call, as far as the caller passes constants; None if unknown.

    Of the unit itself it is known where each run is handed one object that all have: it is not None.
    """
    if len(walker.stack) < 2:
        return _handed_one(walker, test)
    return _told(walker, test)


def _handed_one(walker: Conditions, test: cst.BaseExpression) -> bool | None:
    """What `counts is None` says of an argument that is one collection for all threads which run the unit."""
    if type(test) is not cst.Comparison or len(test.comparisons) != 1 or type(test.left) is not cst.Name:
        return None
    value = walker.state.env.get(test.left.value)
    if value is None or value.ref != Resource(
        Kind.ARGUMENT, f"?{walker.function.qualname}", test.left.value, test.left.value
    ):
        return None
    part = test.comparisons[0]
    if type(part.comparator) is not cst.Name or part.comparator.value != "None":
        return None
    return {cst.Is: False, cst.IsNot: True, cst.Equal: False, cst.NotEqual: True}.get(type(part.operator))


def _told(walker: Conditions, test: cst.BaseExpression) -> bool | None:
    if type(test) is cst.UnaryOperation and type(test.operator) is cst.Not:
        found = _told(walker, test.expression)
        return None if found is None else not found
    if type(test) is cst.BooleanOperation:
        deciding = type(test.operator) is cst.Or
        sides = [_told(walker, test.left), _told(walker, test.right)]
        if deciding in sides:
            return deciding
        return None if None in sides else not deciding
    if type(test) is cst.Comparison and len(test.comparisons) == 1:
        return _compared(walker, test.left, test.comparisons[0])
    if type(test) is cst.Name:
        known = _literal(walker, test)
        return bool(known[0]) if known else None
    return None


def _compared(walker: Conditions, left: cst.BaseExpression, part: cst.ComparisonTarget) -> bool | None:
    """What a comparison of two constants says, one of which at least is an argument."""
    operator = type(part.operator)
    one = _literal(walker, left)
    if not one:
        return None
    if operator in (cst.In, cst.NotIn):
        listed = part.comparator
        if not isinstance(listed, (cst.Tuple, cst.List, cst.Set)):
            return None
        members = [_literal(walker, element.value) for element in listed.elements]
        found = any(bool(member) and member[0] == one[0] for member in members)
        if not found and not all(members):
            return None
        return found if operator is cst.In else not found
    other = _literal(walker, part.comparator)
    if not other:
        return None
    if operator in (cst.Equal, cst.Is):
        return one[0] == other[0]
    if operator in (cst.NotEqual, cst.IsNot):
        return one[0] != other[0]
    return None


def _literal(walker: Conditions, node: cst.BaseExpression) -> list[Literal]:
    """The constant that an expression is in this call; empty if that is not known."""
    if type(node) is cst.Name and node.value not in ("True", "False", "None"):
        value = walker.state.env.get(node.value)
        if value is None or all(node.value != name for name, _ in walker.function.params):
            return []
        text = value.origin or value.text
    elif isinstance(node, (cst.Name, cst.SimpleString, cst.Integer)):
        text = source_of(node)
    else:
        return []
    return _read(text)


def _read(text: str) -> list[Literal]:
    """The constant that is written so."""
    if text in _NAMED:
        return [_NAMED[text]]
    if not _PLAIN.fullmatch(text):
        return []
    try:
        found = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return []
    return [found] if isinstance(found, (str, int)) else []


_NAMED: dict[str, Literal] = {"True": True, "False": False, "None": None}
_PLAIN = expression(r"\d{1,9}|'[^'\\]*'|\"[^\"\\]*\"")


def defaults_of(function: cst.FunctionDef) -> dict[str, str]:
    """The parameters that are a constant unless the caller says otherwise, as it is written."""
    params = function.params
    return {
        param.name.value: source_of(param.default)
        for param in (*params.posonly_params, *params.params, *params.kwonly_params)
        if isinstance(param.default, (cst.Name, cst.SimpleString, cst.Integer)) and _read(source_of(param.default))
    }
