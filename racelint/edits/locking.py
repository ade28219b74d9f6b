"""A lock that is held from the first step of a race to the last: the owner's own, or a new one made where the owner is built."""

from __future__ import annotations

import builtins
import re

import libcst as cst

from racelint.edits.code import Code, Statement
from racelint.edits.imports import imported
from racelint.edits.owners import made_in_class, made_in_module
from racelint.facts import FunctionFacts
from racelint.finding import Applicability, Edit, Finding, Fix, Span, World
from racelint.flow.summaries import source_of
from racelint.resolve import CONSTRUCTORS, locks_of


def hold_lock(code: Code, finding: Finding) -> Fix | None:
    """Puts the statements of the trace under one lock.

    Steps that stand in a helper belong to the statement that calls it; a trace that begins in one is left alone.
    """
    if not finding.trace or not _is_inside(code, finding.trace[0].span):
        return None
    statements = region(code, [*(step.span for step in finding.trace if _is_inside(code, step.span)), finding.span])
    if not statements or _is_long(code, statements) or _written_elsewhere(code, finding.resource, statements):
        return None
    return _locked(code, finding, statements)


def hold_lock_over_document(code: Code, finding: Finding) -> Fix | None:
    """A lock of this process over load, change and save; not for a server that other processes use, too."""
    if code.scope.libraries & SHARED or any(name.partition(".")[0] in SHARED for name in code.scope.imports.values()):
        return None
    return hold_lock(code, finding)


SHARED = frozenset(
    {
        "aiobotocore",
        "aiocache",
        "aioredis",
        "asyncpg",
        "boto3",
        "django",
        "motor",
        "psycopg",
        "psycopg2",
        "pymongo",
        "redis",
    }
    | {"aiomysql", "cachelib", "databases", "flask_caching", "google", "kazoo", "peewee", "sqlalchemy", "tortoise"}
)
"""Libraries whose documents are those of all workers."""


def take_lock(code: Code, finding: Finding) -> Fix | None:
    """Puts the statement of the finding, of a pair both, under the lock that guards what it changes; never under another one."""
    pair = [step.span for step in finding.trace if finding.harm == "torn pair" and _is_inside(code, step.span)]
    fix = _locked(code, finding, region(code, [*pair, finding.span]))
    known = locks_of(code.scope, code.owner[0]) | locks_of(code.scope, "")
    named = [name for name in known if re.search(rf"\b{re.escape(name)}`", finding.message)]
    return fix if fix is not None and any(f"{name}`" in fix.title for name in named) else None


def look_again(code: Code, finding: Finding) -> Fix | None:
    """`if x is None: with lock: x = make()` gets the test once more under the lock, where nobody else can change the answer."""
    held = code.around(finding.span, cst.With)
    block = code.block(held) if held is not None else None
    branch = code.parents[block] if block is not None else None
    if held is None or block is None or not isinstance(branch, cst.If) or len(code.statements(block)) != 1:
        return None  # what follows the lock may need what is made under it
    lock = source_of(held.items[0].item)
    holders = (code.owner[0], lock.partition(".")[0], "")
    if not any(lock.rpartition(".")[2] in locks_of(code.scope, holder) for holder in holders):
        return None
    if len(held.items) != 1 or not isinstance(held.body, cst.IndentedBlock):
        return None
    if list(code.walk(branch.test, cst.Call, cst.Await, cst.NamedExpr)) or "\n" in code.text(branch.test):
        return None
    edits = code.wrapped(code.statements(held.body), f"if {code.text(branch.test)}:")
    return Fix(f"test once more under `{lock}`", Applicability.SAFE, edits) if edits else None


def _written_elsewhere(code: Code, resource: str, statements: list[Statement]) -> bool:
    """Whether other functions, which would not hold the lock, write the resource, too."""
    name = resource.partition("[")[0]
    owner, self_name = code.owner
    return any(
        not _is_only_called_in(code, function, statements)
        for function in code.surroundings.writers.get(name, ())
        if function.qualname != code.facts.qualname and not (function.owner and function.name in CONSTRUCTORS)
        if not name.startswith(f"{self_name}.") or function.owner == owner
    )


def _is_only_called_in(code: Code, function: FunctionFacts, statements: list[Statement]) -> bool:
    """Whether a function is a helper of these statements alone, so that the lock which they hold is held in it, too."""
    if not function.name.startswith("_") or any(_refers(other, function) for other in code.scope.every_function):
        return False
    callers = {
        other.qualname
        for other in code.scope.every_function
        for call in other.calls
        if call.callee.rpartition(".")[2] == function.name
    }
    inside = sum(_last_name(call) == function.name for one in statements for call in code.walk(one, cst.Call))
    anywhere = sum(_last_name(call) == function.name for call in code.walk(code.function, cst.Call))
    return callers == {code.facts.qualname} and inside == anywhere


def _last_name(call: cst.Call) -> str:
    return source_of(call.func).rpartition(".")[2]


def _refers(other: FunctionFacts, function: FunctionFacts) -> bool:
    return any(path.rpartition(".")[2] == function.name for path in other.references)


LONGEST = 200
"""Lines that are put under a lock by a program; who holds one over more should see it."""


def _is_long(code: Code, statements: list[Statement]) -> bool:
    return code.span(statements[-1]).end_line - code.span(statements[0]).line >= LONGEST


def _is_inside(code: Code, span: Span) -> bool:
    return code.facts.first <= span.line <= code.facts.last


def _locked(code: Code, finding: Finding, statements: list[Statement]) -> Fix | None:
    """The statements under one lock; not where they yield or call what takes it itself."""
    if not statements or any(list(code.walk(one, cst.Yield, cst.FunctionDef)) for one in statements):
        return None
    asynchronous = code.facts.is_async
    if finding.world is World.PROCESSES or asynchronous is not (finding.world is World.TASKS):
        return None
    lock = _lock(code, finding, asynchronous, statements)
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


def _lock(
    code: Code, finding: Finding, asynchronous: bool, statements: list[Statement]
) -> tuple[str, tuple[Edit, ...]] | None:
    """The lock to hold, and the edits that make it: the only one of the owner, or a new one."""
    owner, self_name = code.owner
    root = finding.resource.partition("[")[0].partition(".")[0]
    of_object = root == self_name and bool(owner)
    if of_object and code.facts.name in CONSTRUCTORS and not code.is_class_level:
        return None  # the object's own lock keeps nobody out of another object
    if not of_object and root not in code.scope.assigned and root not in code.scope.classes:
        return None
    prefix = f"{root}." if of_object or root in code.scope.classes else ""
    holder = owner if of_object else root if prefix else ""
    known = _reachable(code, holder) if code.is_class_level or not of_object else locks_of(code.scope, holder)
    if not known and (code.is_class_level or not of_object):
        prefix, known = "", locks_of(code.scope, "")
    if known:
        wanted = "tasks" if asynchronous else "threads"
        right = [name for name, world in known.items() if world in (wanted, "any")]
        if len(known) > 1 or not right:
            return None
        if not _is_reentrant(code, holder if prefix else "", right[0]) and _may_be_held(code, right[0]):
            return None
        if any(source_of(target) == f"{prefix}{right[0]}" for target in code.written(code.function)):
            return None  # it is made here, so nobody else can hold it yet
        return f"{prefix}{right[0]}", ()
    library = imported(code, "asyncio" if asynchronous else "threading")
    if library is None:
        return None
    built = f"{library.name}.{'Lock' if asynchronous or _calls_nothing(code, statements) else 'RLock'}"
    attribute = finding.resource.rpartition(".")[2].partition("[")[0]
    if of_object and not code.is_class_level:
        made = made_in_class(code, holder, built, attribute)
    else:
        prefix, made = "", made_in_module(code, built, attribute)
    if made is None:
        return None
    return f"{prefix}{made.name}", (*library.edits, *made.edits)


def _reachable(code: Code, holder: str) -> dict[str, str]:
    """The locks of a class that can be had without an object of it, or those of the module for ""."""
    known = locks_of(code.scope, holder)
    if not holder:
        return known
    return {name: world for name, world in known.items() if name in dict(code.scope.classes[holder].attributes)}


def _is_reentrant(code: Code, holder: str, name: str) -> bool:
    """Whether who holds the lock may take it once more."""
    kind = code.scope.attribute_type(holder, name) if holder else code.scope.assigned.get(name, "")
    return kind.rpartition(".")[2] == "RLock"


def _calls_nothing(code: Code, statements: list[Statement]) -> bool:
    """Whether no code of others runs in the statements, which might come back here: an `RLock` would let it in, as before."""
    return all(path in dir(builtins) for path in code.calls_in(statements))


def _may_be_held(code: Code, lock: str) -> bool:
    """Whether a function that uses the lock may call this one: it would wait for itself.

    A function within another is called by whoever gets it, so whoever reaches the other, or calls anything of that name, may;
    and a function that calls what it was given may call anything.
    """
    users = [one for one in code.surroundings.naming(lock) if one.qualname != code.facts.qualname]
    return any(_may_call(code, one) for one in users)


def _may_call(code: Code, one: FunctionFacts) -> bool:
    ours, called = {code.facts.qualname, code.facts.parent} - {""}, [call.callee for call in one.calls]
    given = one.local_names | {name for name, _ in one.params}
    if any(path in given or path.rpartition(".")[2] == code.facts.name for path in called):
        return True
    return any(found.qualname in ours for found in code.reached(called, one))


def _takes(code: Code, statements: list[Statement], lock: str) -> bool:
    """Whether the statements use the lock, or call a function that may, or this one again: it would wait for itself."""
    if any(code.mentions(one, lock) for one in statements):
        return True
    if any(found.qualname == code.facts.qualname for found in code.reached(code.calls_in(statements))):
        return True
    return code.may_touch(statements, [lock.rpartition(".")[2]])
