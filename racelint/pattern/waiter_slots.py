"""One place of an object for the future by which a call waits: the next call puts its own there, and the first waits on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Switch
from racelint.evidence import Evidence
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence, World
from racelint.pattern.rivals import used_by_many, with_itself
from racelint.pattern.unit import Unit, same
from racelint.touch import COMPLETIONS, made_future
from racelint.words import CLOSES, FLUSHES, first_word


def overwritten_waiters(unit: Unit) -> Iterator[tuple[Access, Switch, bool, str, Evidence]]:
    """The future that is put into an attribute, the await for it, whether an assertion expects the place to be free, who completes
    what stands there, and why another call comes meanwhile."""
    if not unit.facts.is_async or unit.is_constructor or not unit.facts.owner:
        return
    if unit.module.concurrency.called_under_lock(unit.facts):
        return
    for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
        name = write.resource.name
        if write.how != "=" or write.resource.key or name.count(".") != 1 or write.place.unit != unit.facts.qualname:
            continue
        names = _future(unit, write)
        if not names or unit.locked_at(write):
            continue
        wait = _awaited(unit, write, names)
        if wait is None or _kept_out(unit, write, wait):
            continue
        completer = _completer(unit, write)
        evidence = _two_calls(unit, write) if completer else None
        if evidence is not None:
            yield write, wait, _asserted(unit, write), completer, evidence


def _future(unit: Unit, write: Access) -> frozenset[str]:
    """The names of the new future that is put there: the attribute's, and that of a local; none if it is no future."""
    line = unit.module.line(write)
    built = dict(unit.facts.locals_built)
    for fact in unit.facts.writes:
        if fact.path == write.resource.name and fact.line == line and fact.how == "=":
            if made_future(fact.built_from):
                return frozenset({fact.path})
            if made_future(built.get(fact.built_from, "")):
                return frozenset({fact.path, fact.built_from})
    return frozenset()


def _awaited(unit: Unit, write: Access, names: frozenset[str]) -> Switch | None:
    """Where the unit waits for the future, itself or with a limit."""
    lines = {line for path, line, _ in unit.facts.waits if path in names}
    lines |= {call.line for call in unit.facts.calls if call.awaited and not names.isdisjoint(_handed(call))}
    own = unit.facts.qualname
    waits = (wait for wait in unit.switches() if wait.place.unit == own and unit.before(write.id, wait.id))
    return next((wait for wait in waits if unit.module.line(wait) in lines and wait.id > write.id), None)


def _handed(call: CallSite) -> frozenset[str]:
    """The futures that a call waits for."""
    waits = call.callee.rpartition(".")[2] in _WAITS
    return (
        frozenset(given.removeprefix("asyncio.shield(").rstrip(")") for given in call.arguments)
        if waits
        else frozenset()
    )


_WAITS = frozenset({"wait_for", "shield", "wait"})


def _kept_out(unit: Unit, write: Access, wait: Switch) -> bool:
    """Whether the unit looks at the place before, ends the future that stands there, or has a flag of its own for it.

    Who only asserts that the place is free does not expect a second caller.
    """
    looks = (a for a in unit.flow.accesses if a.id < write.id and a.statement != write.statement)
    if any(same(look.resource, write.resource) for look in looks) and not _asserted(unit, write):
        return True
    checks = [check for number in write.controlled_by if (check := unit.access(number)) is not None]
    return any(
        change.op.changes and same(change.resource, check.resource) and change.id < wait.id
        for check in checks
        if not same(check.resource, write.resource)
        for change in unit.flow.accesses
    )


def _asserted(unit: Unit, write: Access) -> bool:
    """Whether an assertion says that nothing stands there yet: of the attribute, or of a local name for it.

    One with a message tells callers that they may not do so. Facts keep no assertions, so that the few functions that come here are parsed
    again.
    """
    path, first = write.resource.name, unit.facts.first
    text = "".join(unit.module.program.lines[first - 1 : unit.facts.last])
    tree = ast.parse(f"if 1:\n{text}" if text[:1].isspace() else f"\n{text}")
    before = [node for node in ast.walk(tree) if getattr(node, "lineno", 0) + first - 2 < unit.module.line(write)]
    names = {
        target.id
        for node in before
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == path
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(
        ast.unparse(part) in (path, *names)
        for node in before
        if isinstance(node, ast.Assert) and node.msg is None
        for part in ast.walk(node.test)
        if isinstance(part, (ast.Name, ast.Attribute))
    )


def _completer(unit: Unit, write: Access) -> str:
    """Who completes what stands there: another function of the class, through the attribute or a local name for it."""
    scope, path = unit.module.scope, write.resource.name
    family = scope.family(unit.facts.owner)
    for function in scope.facts.functions:
        if function.owner not in family or function.qualname == unit.facts.qualname or path not in function.reads:
            continue
        if any(_completes(function, call.callee, path) for call in function.calls):
            return function.name
    return ""


def _completes(function: FunctionFacts, callee: str, path: str) -> bool:
    """Whether a call completes what stands in the attribute."""
    holder, _, method = callee.rpartition(".")
    if method not in COMPLETIONS:
        return False
    return holder == path or ("." not in holder and holder in function.local_names)


def _two_calls(unit: Unit, write: Access) -> Evidence | None:
    """Why another call of the unit comes while one waits."""
    if first_word(unit.facts.name) in unit.module.models.lifecycle | CLOSES:
        return None
    found = with_itself(unit, World.TASKS, write.resource)
    if found is not None and found.strength is not Confidence.LOW and not found.public:
        return found
    return _of_writers(unit) or used_by_many(unit) or found


def _of_writers(unit: Unit) -> Evidence | None:
    """That whoever writes to a connection waits by the unit until what was written is on its way: the stream of asyncio calls it so."""
    words = set(unit.facts.name.lower().split("_"))
    bases = {base.rpartition(".")[2] for class_ in unit.module.scope.lineage(unit.facts.owner) for base in class_.bases}
    if words.isdisjoint(FLUSHES) or not any(base.endswith("Protocol") for base in bases):
        return None
    return Evidence("several tasks may write to the connection, each of which then waits here", Confidence.MEDIUM)
