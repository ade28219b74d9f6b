"""Answers of handlers that say that what was asked for is not done."""

from __future__ import annotations

import libcst as cst


def refuses(answer: cst.BaseExpression) -> bool:
    """Whether what a request is answered says that it is refused: `"taken", 409`, `{"reserved": False}`, `{"error": "taken"}`."""
    if isinstance(answer, cst.Tuple) and len(answer.elements) > 1:
        status = answer.elements[1].value
        return isinstance(status, cst.Integer) and status.value.isdigit() and int(status.value) >= 400
    if not isinstance(answer, cst.Dict):
        return False
    parts = [part for part in answer.elements if isinstance(part, cst.DictElement)]
    denied = any(isinstance(part.value, cst.Name) and part.value.value == "False" for part in parts)
    return denied or any(
        isinstance(p.key, cst.SimpleString) and p.key.value[1:-1] in ("error", "errors") for p in parts
    )
