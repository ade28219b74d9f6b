"""Sources of expressions on one line, put together of those of their parts: for trees of our own nodes and of libcst's alike."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class Printer:
    """Prints the nodes whose classes a module has; `written` gives the source of those that nothing here prints."""

    def __init__(self, kinds: ModuleType, written: Callable[[Any], str]) -> None:
        self._written = written
        self._printers = {getattr(kinds, name): printer for name, printer in _PRINTERS.items()}

    def __call__(self, node: Any) -> str:
        """The source of a node with its white space folded."""
        printer = self._printers.get(type(node))
        if printer is not None:
            text = printer(node, self)
            if text is not None:
                return text
        return " ".join(self._written(node).split())


Print = Callable[[Any], str]


def _attribute(node: Any, printed: Print) -> str:
    return f"{printed(node.value)}.{node.attr.value}"


def _literal(node: Any, printed: Print) -> str:
    value: str = node.value
    return value


def _call(node: Any, printed: Print) -> str:
    parts = []
    for argument in node.args:
        keyword = f"{argument.keyword.value}=" if argument.keyword is not None else ""
        parts.append(f"{argument.star}{keyword}{printed(argument.value)}")
    return f"{printed(node.func)}({', '.join(parts)})"


def _subscript(node: Any, printed: Print) -> str | None:
    parts = []
    for element in node.slice:
        if type(element.slice).__name__ != "Index":
            return None
        parts.append(printed(element.slice.value))
    return f"{printed(node.value)}[{', '.join(parts)}]"


def _await(node: Any, printed: Print) -> str:
    return f"await {printed(node.expression)}"


_OPERATORS = {
    "Add": "+",
    "Subtract": "-",
    "Multiply": "*",
    "Divide": "/",
    "Modulo": "%",
    "BitOr": "|",
    "BitAnd": "&",
    "BitXor": "^",
    "FloorDivide": "//",
    "LeftShift": "<<",
    "MatrixMultiply": "@",
    "Power": "**",
    "RightShift": ">>",
}


def _binary(node: Any, printed: Print) -> str | None:
    operator = _OPERATORS.get(type(node.operator).__name__)
    return f"{printed(node.left)} {operator} {printed(node.right)}" if operator else None


def _formatted(node: Any, printed: Print) -> str | None:
    parts = [node.start]
    for part in node.parts:
        if type(part).__name__ == "FormattedStringText":
            parts.append(part.value)
        else:
            parts.append("{" + printed(part.expression) + "}")
    return "".join(parts) + str(node.end)


def _elements(node: Any, printed: Print) -> str:
    inner = ", ".join(printed(element.value) for element in node.elements[:6])
    return f"({inner})" if type(node).__name__ == "Tuple" else f"[{inner}]"


_PRINTERS: dict[str, Callable[[Any, Print], str | None]] = {
    "Name": _literal,
    "SimpleString": _literal,
    "Integer": _literal,
    "Float": _literal,
    "Attribute": _attribute,
    "Call": _call,
    "Subscript": _subscript,
    "Await": _await,
    "BinaryOperation": _binary,
    "FormattedString": _formatted,
    "Tuple": _elements,
    "List": _elements,
}
