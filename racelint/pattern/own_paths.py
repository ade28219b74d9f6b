"""Files that one run has for itself."""

from __future__ import annotations

from racelint.events import Access, Resource
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.paths import is_own, is_predictable
from racelint.pattern.unit import Unit


def is_own_file(unit: Unit, resource: Resource) -> bool:
    """Whether nobody else knows the path: it is a temporary one, or has the number of the process in it."""
    return is_own(resource.path) or is_own(resource.name) or _own_attribute(unit, resource)


def _own_attribute(unit: Unit, resource: Resource) -> bool:
    """Whether an attribute of the object names the path, and each value that it gets is made of what nobody else has."""
    root, _, name = resource.path.partition(".")
    if root != "self" or not name.isidentifier() or not unit.facts.owner:
        return False
    writes = [
        (function, write)
        for function, write in unit.module.scope.attribute_writes(unit.facts.owner, name)
        if write.shape != "none"
    ]
    return bool(writes) and all(
        is_own(write.built_from) or any(call.line == write.line and is_own(call.callee) for call in function.calls)
        for function, write in writes
    )


def has_process_number(path: str) -> bool:
    """Whether the path has the number of the own process in it: others may guess it, but no other run of the code writes there."""
    return _NUMBERED.search(path) is not None


_NUMBERED = expression(r"\bgetpid\(\)")

MOST_STEPS = 5
"""Assignments between a path and what it is made of."""


def made_for_one_call(unit: Unit, access: Access) -> bool:
    """Whether the path is put together, step by step in its function, of a name that no other call has: a number drawn, the time.

    Another call of the same second is rare, and who reads the file gets its name from this one.
    """
    helper = unit.module.scope.functions.get(access.place.unit, unit.facts)
    path = access.resource.path
    if helper is unit.facts and _handed_unique(unit, access):
        return True
    if helper is not unit.facts and _is_made_so(path, _assigned(unit, unit.facts, unit.facts.last), frozenset()):
        return True
    return _is_made_so(path, _assigned(unit, helper, unit.module.line(access)), frozenset())


def _handed_unique(unit: Unit, access: Access) -> bool:
    """Whether all that call the unit, as far as the module shows, hand it such a name for the argument of which the path is made."""
    facts, path = unit.facts, access.resource.path
    assigned = _assigned(unit, facts, unit.module.line(access))
    words = {*_NAMES.findall(path), *(name for one in assigned.get(path, ()) for name in _NAMES.findall(one))}
    own = bool(facts.owner) and "staticmethod" not in facts.decorators
    places = [n for n, (name, _) in enumerate(facts.params[own:]) if name in words]
    sites = unit.module.concurrency.callers.get(facts.qualname, ())
    if not places or not sites or not facts.name.startswith("_"):
        return False
    return all(
        "::" not in caller.qualname
        and any(
            _is_made_so(given, _assigned(unit, caller, call.line), frozenset())
            for place in places
            for given in call.arguments[place : place + 1]
        )
        for caller, call in sites
    )


def made_of(unit: Unit, function: FunctionFacts, words: set[str], own: set[str]) -> bool:
    """Whether any of some names of a function is one of its `own`, or is put together of them, step by step."""
    built = dict((*unit.facts.locals_built, *function.locals_built))
    assigned = _assigned(unit, function, function.last)
    todo, seen = list(words), set(words)
    while todo:
        name = todo.pop()
        if name in own or built.get(name, "").partition(".")[0] in own:
            return True
        more = {part for one in assigned.get(name, ()) for part in _NAMES.findall(one)} - seen
        seen |= more
        todo.extend(more)
    return False


def _is_made_so(text: str, assigned: dict[str, list[str]], seen: frozenset[str]) -> bool:
    """Whether an expression is unique, or any name in it is that each assignment gives such a value."""
    if is_unique(text):
        return True
    names = [name for name in _NAMES.findall(text) if name in assigned and name not in seen]
    return len(seen) < MOST_STEPS and any(
        all(_is_made_so(value, assigned, seen | {name}) for value in assigned[name]) for name in names
    )


def is_unique(text: str) -> bool:
    """Whether an expression draws a name that nobody else has, or takes the time for one."""
    return not is_predictable(text) and (_DRAWN.search(text) is not None or _STAMP.search(text) is not None)


_DRAWN = expression(
    r"mk[ds]temp|TemporaryDirectory|NamedTemporaryFile|\buuid[14]\b|getpid\(|token_(hex|urlsafe)\(|urandom\("
)
_STAMP = expression(r"\.strftime\(|\.isoformat\(|\.timestamp\(\)|\btime_ns\(\)|\bdatetime\.(utc)?now\(")


def _assigned(unit: Unit, function: FunctionFacts, end: int) -> dict[str, list[str]]:
    """By name: the expressions that a function assigns to it before a line, each as far as it stands on the line where it begins."""
    found: dict[str, list[str]] = {}
    for line in unit.module.program.lines[function.first - 1 : end]:
        match = _ASSIGNED.match(line) or _ENTERED.search(line)
        if match is not None and match["value"].strip() not in _NOTHING:
            for name in _NAMES.findall(match["name"]):
                found.setdefault(name, []).append(match["value"])
    return found


_ASSIGNED = expression(r"\s*(?P<name>(?:self\.)?\w+(?:, *\w+)*)\s*(?::[^=]+)?=(?!=)\s*(?P<value>.+)")
_NOTHING = ("None", '""', "''")
"""No path: what stands in its place until there is one."""
_ENTERED = expression(r"(?:with|,)\s+(?P<value>[^,]+(?:\([^()]*\))?)\s+as\s+(?P<name>\w+)")
_NAMES = expression(r"(?<![\w.\"'])(?:self\.)?[A-Za-z_]\w*")
