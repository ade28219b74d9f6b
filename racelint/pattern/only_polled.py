"""Events of a loop that nobody waits for: they are set, and asked by `is_set()`, so to set one wakes nobody and needs nothing of the loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from racelint.facts import CallSite, FunctionFacts, ModuleFacts
from racelint.index import Index
from racelint.pattern.made import is_told
from racelint.pattern.unit import Unit

MOST_NAMES = 6
"""Names by which an event is known; one that goes by more may be waited for somewhere."""


def only_polled(unit: Unit, call: CallSite) -> bool:
    """Whether what is set was made here, and nobody in the project awaits it, or hands it to code that cannot be seen.

    All that goes by one of its names is looked at, in whatever module. What is a public attribute from the start may be there for
    others to wait for.
    """
    receiver, _, method = call.callee.rpartition(".")
    event = receiver.rpartition(".")[2]
    if method != "set" or not event or not (event.startswith("_") or _made_here(unit, receiver)):
        return False
    index, names, known = unit.module.scope.index, [event], {event}
    for name in names:  # which grows meanwhile
        for module in index.modules:
            if not _mentions(module, name):
                continue
            for uses in _uses(_text(unit, module.path), name):
                new = _names_for(uses, index)
                if new is None:
                    return False
                names += sorted(new - known)
                known |= new
        if len(names) > MOST_NAMES:
            return False
    return True


def _made_here(unit: Unit, name: str) -> bool:
    """Whether the unit or a function around it makes what has the local name."""
    scope, function = unit.module.scope, unit.facts
    while function is not None:
        if name in {parameter for parameter, _ in function.params}:
            return False
        if name in function.local_names:
            return name in dict(function.locals_built)
        parent = scope.functions.get(function.parent)
        if parent is None:
            return False
        function = parent
    return False


def _mentions(module: ModuleFacts, name: str) -> bool:
    return any(
        path.rpartition(".")[2] == name
        for function in (*module.functions, module.module_body)
        for path in (*function.reads, *function.references)
    )


def _text(unit: Unit, path: str) -> str:
    """The text of a module; nothing that can be parsed if it cannot be read."""
    try:
        return "".join(unit.module.program.lines_at(path))
    except ValueError:
        return "("


Step = str | tuple[str, int | str] | None
"""What becomes of the event: `name` keeps it, too; an argument is handed to a call, by place or name; None is what may wait for it."""


@lru_cache(maxsize=64)
def _uses(text: str, name: str) -> tuple[Step, ...]:
    """Where what has the name goes in a module, apart from being asked and set."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return (None,)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return tuple(step for node in above if _is_named(node, name) for step in _goes_to(node, above))


def _is_named(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Constant):  # `getattr(agent, "cancelled")`
        return bool(node.value == name)
    if isinstance(node, ast.Name):
        return node.id == name and isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)


def _goes_to(node: ast.AST, above: dict[ast.AST, ast.AST]) -> Iterator[Step]:
    """Where an expression that is the event, or may be, goes from its place."""
    holder = above[node]
    if isinstance(holder, ast.keyword):
        call = above[holder]
        assert isinstance(call, ast.Call)
        yield (ast.unparse(call.func), holder.arg) if holder.arg else None
    elif isinstance(holder, ast.Call):
        yield from _handed(node, holder, above)
    elif isinstance(holder, ast.Attribute):
        if holder.attr not in _HARMLESS:
            yield None
    elif isinstance(holder, (ast.BoolOp, ast.NamedExpr)) or (isinstance(holder, ast.IfExp) and holder.test is not node):
        if isinstance(holder, ast.NamedExpr):
            yield holder.target.id
        yield from _goes_to(holder, above)
    elif isinstance(holder, (ast.Assign, ast.AnnAssign)):
        for target in holder.targets if isinstance(holder, ast.Assign) else [holder.target]:
            if isinstance(target, ast.Name):
                yield target.id
            else:
                yield target.attr if isinstance(target, ast.Attribute) else None
    elif not isinstance(holder, (ast.Compare, ast.UnaryOp, ast.If, ast.While, ast.IfExp, ast.Expr, ast.Assert)):
        yield None


def _handed(node: ast.AST, call: ast.Call, above: dict[ast.AST, ast.AST]) -> Iterator[Step]:
    """Where an argument of a call goes."""
    callee = ast.unparse(call.func)
    if isinstance(node, ast.Constant):
        if callee == "getattr":
            yield from _goes_to(call, above)
        elif callee not in ("hasattr", "setattr") and not is_told(callee):
            yield None
    elif callee not in _ASKS and not is_told(callee):
        place = next((number for number, argument in enumerate(call.args) if argument is node), None)
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        yield None if place is None or starred else (callee, place)


_HARMLESS = frozenset({"is_set", "set", "clear"})
_ASKS = frozenset({"bool", "callable", "id", "isinstance", "print", "repr", "str", "type"})


def _names_for(step: Step, index: Index) -> set[str] | None:
    """The names that keep the event after a step; None if what it goes to is not seen."""
    if step is None:
        return None
    if isinstance(step, str):
        return {step}
    callee, place = step
    takers = _takers(index, callee.rpartition(".")[2], "." in callee)
    if isinstance(place, str):
        return {place} if any(place in parameters for parameters in takers) else None
    return {parameters[place] for parameters in takers if place < len(parameters)} or None


def _takers(index: Index, name: str, of_object: bool) -> Iterator[list[str]]:
    """The parameters, without that for the object, of all functions of the project that a call by the name may mean."""
    for module in index.modules:
        for function in module.functions:
            if function.name == name and (of_object or not function.owner):
                yield _parameters(function)
        for class_ in module.classes:
            if class_.qualname.rpartition(".")[2] == name:
                makers = [f for f in module.functions if f.owner == class_.qualname and f.name == "__init__"]
                yield _parameters(makers[0]) if makers else []


def _parameters(function: FunctionFacts) -> list[str]:
    names = [name for name, _ in function.params]
    return names[1:] if function.owner and "staticmethod" not in function.decorators else names
