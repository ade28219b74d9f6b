"""What must be there before the calls begin: files, and the object in the state in which the race bites."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from racelint.expressions import expression
from racelint.finding import Finding
from racelint.repro.guess import Guesser
from racelint.repro.subject import Kind, Unit, calls, changes, own_nodes, units_of

_LISTED = expression(r"\b(?:listdir|iterdir|scandir|glob|walk)\b")
_FOLDERS = expression(r"\b(?:rmtree|rmdir)\b")
_TAKES = expression(
    r"\b(?:unlink|remove|rename|replace|read_text|read_bytes|stat|getsize|getmtime)\b|\bopen\([^,()]*\)"
)


def files(finding: Finding, paths: Mapping[str, str]) -> list[str]:
    """Statements that make the files which the calls find, by what the finding says is done with them."""
    steps = " ".join(step.text for step in finding.trace)
    act = finding.trace[-1].text if finding.trace else ""
    made = []
    for shared in dict.fromkeys(paths.values()):
        path = f"({shared})"
        if finding.code == "RL104":
            made.append(f'{path}.write_text("[]")')
        elif finding.code in ("RL103", "RL107", "RL401"):
            made.append(f'{path}.write_text("{{}}")')
        elif finding.code == "RL702":
            made.append(f'{path}.write_text("old")')
        elif finding.code == "RL701" and _LISTED.search(steps):
            made += [f"{path}.mkdir()", f'({shared} / "entry").touch()']
        elif finding.code == "RL701" and (_FOLDERS.search(steps)):
            made.append(f"{path}.mkdir()")
        elif finding.code == "RL701" and _TAKES.search(act):
            made.append(f"{path}.touch()")
    return made


def opener(tree: ast.Module, unit: Unit, finding: Finding, guesser: Guesser, name: str) -> tuple[str, bool] | None:
    """A call that gives the attribute of the finding a value, for races that bite only if it has one; and if it is async."""
    attribute = finding.resource.partition(".")[2]
    if finding.code not in ("RL305", "RL111") or unit.kind is not Kind.METHOD or not attribute.isidentifier():
        return None
    if not any(_sets(other, attribute, none=True) for other in units_of(tree) if other.owner is unit.owner):
        return None
    fitting = [
        other
        for other in units_of(tree)
        if other.owner is unit.owner and other.kind is Kind.METHOD and other.name != unit.name
        if _sets(other, attribute, none=False) and not calls(other, unit)
    ]
    if not fitting:
        return None
    chosen = min(fitting, key=lambda other: (len(other.given()), other.is_async))
    return f"{name}.{chosen.node.name}({guesser.arguments(chosen)})", chosen.is_async


def _sets(unit: Unit, attribute: str, *, none: bool) -> bool:
    """Whether a method assigns None, or something else, to an attribute."""
    if not changes(unit, attribute):
        return False
    for node in own_nodes(unit.node):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        is_none = isinstance(value, ast.Constant) and value.value is None
        if value is not None and is_none == none and any(_is_own(target, attribute) for target in targets):
            return True
    return False


def _is_own(target: ast.expr, attribute: str) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == attribute
