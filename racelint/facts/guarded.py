"""State that says which lock guards it: `Annotated[int, guarded_by("_lock")]`, or a comment `# racelint: guarded-by[self._lock]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from racelint.expressions import expression
from racelint.facts.source_text import dotted
from racelint.source import split_lines

COMMENT = expression(r"#\s*racelint:\s*guarded-by\[\s*(?:self\.|cls\.)?(?P<lock>[\w.]+)\s*\]")

Declared = tuple[str, str, str]
"""The class ("" for the module), the name of the state in it, and the name of the lock, without `self.`."""


def declared_guards(tree: ast.Module, text: str) -> tuple[Declared, ...]:
    """Every declaration of the module; looks at the tree only if the text may hold one."""
    if "guarded" not in text or not ("guarded_by" in text or "guarded-by" in text):
        return ()
    comments = {
        number: match["lock"]
        for number, line in enumerate(split_lines(text), 1)
        if (match := COMMENT.search(line)) is not None
    }
    return tuple(_declarations(tree.body, "", "", comments))


def _declarations(body: list[ast.stmt], owner: str, self_name: str, comments: dict[int, str]) -> Iterator[Declared]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _declarations(
                statement.body, f"{owner}.{statement.name}" if owner else statement.name, "", comments
            )
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and owner and not self_name:
            first = statement.args.args[0].arg if statement.args.args else ""
            yield from _declarations(statement.body, owner, first, comments)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            yield from _declaration(statement, owner, self_name, comments)
        elif isinstance(statement, (ast.If, ast.With, ast.Try)):
            yield from _declarations(statement.body, owner, self_name, comments)


def _declaration(
    statement: ast.Assign | ast.AnnAssign, owner: str, self_name: str, comments: dict[int, str]
) -> Iterator[Declared]:
    lock = _annotated(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
    lock = lock or comments.get(statement.end_lineno or statement.lineno) or comments.get(statement.lineno) or ""
    for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
        root, dot, name = dotted(target).partition(".")
        if lock and self_name and root == self_name and name:
            yield owner, name, lock
        elif lock and not self_name and not dot and root:
            yield owner, root, lock


def _annotated(annotation: ast.expr) -> str:
    """The lock that `guarded_by` names in an annotation, or ""."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "guarded_by" and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                return argument.value.removeprefix("self.").removeprefix("cls.")
    return ""
