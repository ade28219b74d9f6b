"""Values as symbols: what a unit reads, what it makes of it, and what two units together should have made of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a lost update."""

    old: str
    """What both read."""
    a: str
    """What A writes, from the old value."""
    b: str
    """What B writes, from the old value."""
    both: str
    """What there should be after both."""


UNKNOWN = Values("v", "v + a", "v + b", "v + a + b")
"""Of values of which nothing is known: `a` and `b` are the changes of the two."""
NUMBERS = Values("100", "130", "150", "180")
TAKEN = Values("100", "70", "50", "20")


def values(statements: Iterable[str], name: str, lines: Sequence[str] | None) -> Values:
    """The values of an update, by the first of its statements that shows how the new value is made of the old one.

    Numbers stand only where the code says that it is about numbers: by a literal, by an operator that only numbers have, or
    by a number that the state begins with.
    """
    for statement in statements:
        found = _change(statement)
        if found is None:
            continue
        operator, operand = found
        match operand:
            case ast.Constant(value=bool() | str() | bytes()) | ast.JoinedStr():
                return UNKNOWN
            case ast.Constant(value=int() | float() as step) if isinstance(operator, (ast.Add, ast.Sub)):
                return _counted(step if isinstance(operator, ast.Add) else -step)
            case ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.ListComp() | ast.SetComp():
                return UNKNOWN
        if isinstance(operator, ast.Sub) and (isinstance(operand, ast.Constant) or _is_number(name, lines)):
            return TAKEN
        if isinstance(operator, ast.Add) and _is_number(name, lines):
            return NUMBERS
        return UNKNOWN
    return UNKNOWN


def _counted(step: int | float) -> Values:
    """Counted up or down by a step that the code says."""
    old: int | float = 7 if isinstance(step, int) and abs(step) < 5 else 100
    return Values(f"{old}", f"{old + step:g}", f"{old + step:g}", f"{old + 2 * step:g}")


def _change(statement: str) -> tuple[ast.operator, ast.expr] | None:
    """The operator of `x += y` or `x = z + y`, and `y`; the sides change places where only `z` is a literal."""
    try:
        body = ast.parse(statement.strip()).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [ast.AugAssign(op=operator, value=operand)]:
            return operator, operand
        case [ast.Assign(value=ast.BinOp(left=left, op=operator, right=right))]:
            swapped = isinstance(left, ast.Constant) and isinstance(operator, ast.Add)
            return operator, left if swapped else right
    return None


def _is_number(name: str, lines: Sequence[str] | None) -> bool:
    """Whether the file gives the state a number somewhere: `self.total = 0`, `balance: int`."""
    last = re.split(r"[.\[]", name)[-1] if "[" not in name else re.split(r"[.]", name.partition("[")[0])[-1]
    if not lines or not last.isidentifier():
        return False
    number = re.compile(rf"\b{re.escape(last)}\b\s*(?::\s*(?:int|float|Decimal)\b|(?::[^=]*)?=\s*-?\d)")
    return any(number.search(line) for line in lines)
