"""Engines whose transactions are serializable: of two that rest on the same rows the database lets one through."""

from __future__ import annotations

import ast

WORD = "SERIALIZABLE"
"""What stands in a module that asks for this isolation."""


def serializable_names(tree: ast.Module) -> frozenset[str]:
    """Names of the module that are told `isolation_level="SERIALIZABLE"`, and those of what is made of them: `sessionmaker(engine)`."""
    found: set[str] = set()
    for statement in tree.body:
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not isinstance(statement.value, ast.Call):
            continue
        call = statement.value
        given = (*call.args, *(keyword.value for keyword in call.keywords), call.func)
        made_of = {node.id for value in given for node in ast.walk(value) if isinstance(node, ast.Name)}
        if _asks(call) or made_of & found:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found.update(target.id for target in targets if isinstance(target, ast.Name))
    return frozenset(found)


def _asks(call: ast.Call) -> bool:
    return any(
        keyword.arg == "isolation_level" and isinstance(keyword.value, ast.Constant) and keyword.value.value == WORD
        for node in ast.walk(call)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    )
