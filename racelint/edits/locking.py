"""A lock that is held from the first step of a race to the last: the owner's own, or a new one made where the owner is built."""

from __future__ import annotations

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.imports import imported
from racelint.edits.owners import made_in_class, made_in_module
from racelint.finding import Applicability, Edit, Finding, Fix, Span, World
from racelint.resolve import CONSTRUCTORS, locks_of


def hold_lock(code: Code, finding: Finding) -> Fix | None:
    """Puts the statements of the trace under one lock.

    Steps that stand in a helper belong to the statement that calls it; a trace that begins in one is left alone.
    """
    if not finding.trace or not _is_inside(code, finding.trace[0].span) or _written_elsewhere(code, finding.resource):
        return None
    return _locked(code, finding, [step.span for step in finding.trace if _is_inside(code, step.span)])


def take_lock(code: Code, finding: Finding) -> Fix | None:
    """Puts the statement of the finding under the lock that its class or module has."""
    return _locked(code, finding, [])


def _written_elsewhere(code: Code, resource: str) -> bool:
    """Whether other functions, which would not hold the lock, write the resource, too."""
    name = resource.partition("[")[0]
    owner, self_name = code.owner
    return any(
        write.path == name or write.path.startswith(f"{name}.")
        for function in code.scope.facts.functions
        if function.qualname != code.facts.qualname and not (function.owner and function.name in CONSTRUCTORS)
        if not name.startswith(f"{self_name}.") or function.owner == owner
        for write in function.writes
    )


def _is_inside(code: Code, span: Span) -> bool:
    return code.facts.first <= span.line <= code.facts.last


def _locked(code: Code, finding: Finding, steps: list[Span]) -> Fix | None:
    """The statements of these places and of the finding under one lock; not where they yield or call what takes it itself."""
    statements = region(code, [*steps, finding.span])
    if not statements or any(list(code.walk(one, cst.Yield, cst.FunctionDef)) for one in statements):
        return None
    asynchronous = code.facts.is_async
    if finding.world is World.PROCESSES or asynchronous is not (finding.world is World.TASKS):
        return None
    lock = _lock(code, finding, asynchronous)
    if lock is None:
        return None
    name, made = lock
    if _takes(code, statements, name):
        return None
    edits = code.wrapped(statements, f"{'async ' if asynchronous else ''}with {name}:")
    if not edits:
        return None
    title = f"hold `{name}` from the first step to the last" if not made else f"make a lock `{name}` and hold it"
    return Fix(title, Applicability.UNSAFE, (*made, *edits))


def region(code: Code, spans: list[Span]) -> list[Statement]:
    """The neighbouring statements of one block that hold all places."""
    paths = []
    for span in spans:
        statement = code.statement_at(span)
        if statement is None:
            return []
        paths.append(_path(code, statement))
    shared = [block for block, _ in paths[0] if all(block in [other for other, _ in path] for path in paths)]
    if not shared:
        return []
    block = shared[0]
    siblings = code.statements(block)
    places = [siblings.index(one) for path in paths for held, one in path if held is block]
    return siblings[min(places) : max(places) + 1]


def _path(code: Code, statement: Statement) -> list[tuple[cst.IndentedBlock, Statement]]:
    """The blocks around a statement, innermost first, each with its own statement on the way."""
    found: list[tuple[cst.IndentedBlock, Statement]] = []
    current: cst.CSTNode | None = statement
    while current is not None and current is not code.function:
        block = code.block(current)
        if isinstance(block, cst.IndentedBlock) and isinstance(
            current, (cst.BaseSmallStatement, cst.BaseCompoundStatement)
        ):
            found.append((block, current))
        current = code.parents.get(current)
    return found


def _lock(code: Code, finding: Finding, asynchronous: bool) -> tuple[str, tuple[Edit, ...]] | None:
    """The lock to hold, and the edits that make it: the only one of the owner, or a new one."""
    wanted = "tasks" if asynchronous else "threads"
    owner, self_name = code.owner
    of_object = finding.resource.startswith(f"{self_name}.") and bool(owner)
    if not of_object and finding.resource.partition("[")[0].partition(".")[0] not in code.scope.assigned:
        return None
    holder = owner if of_object else ""
    known = locks_of(code.scope, holder)
    if known:
        right = [name for name, world in known.items() if world in (wanted, "any")]
        if len(known) > 1 or not right:
            return None
        return (f"{self_name}.{right[0]}" if of_object else right[0]), ()
    library = imported(code, "asyncio" if asynchronous else "threading")
    if library is None:
        return None
    built = f"{library.name}.Lock"
    attribute = finding.resource.rpartition(".")[2].partition("[")[0]
    made = made_in_class(code, holder, built, attribute) if of_object else made_in_module(code, built)
    if made is None:
        return None
    return (f"{self_name}.{made.name}" if of_object else made.name), (*library.edits, *made.edits)


def _takes(code: Code, statements: list[Statement], lock: str) -> bool:
    """Whether the statements use the lock, or call a function that may: it would wait for itself."""
    return any(code.mentions(one, lock) for one in statements) or code.may_touch(statements, [lock.rpartition(".")[2]])
