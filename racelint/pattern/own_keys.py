"""Entries of collections that each run of a unit has for itself: it is started once for each key."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Kind, Resource
from racelint.evidence.handed_alike import handed
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.pattern.one_for_each import of_one_task
from racelint.pattern.rounds import named_by_round
from racelint.pattern.unit import Unit


def has_own_key(unit: Unit, resource: Resource) -> bool:
    """Whether the entry is that of an argument which is another value in each run: `for n in range(9): group.create_task(ping(n))`.

    So it is if nothing else calls the unit, and what starts it does not run several times at once or has the collection for itself.
    """
    if resource.kind is Kind.ARGUMENT and (_of_own_range(unit, resource) or _of_own_tuple(unit, resource.key)):
        return True
    if _of_its_task(unit, resource):
        return True
    facts = _given_key(unit, resource.key)
    if facts is None:
        return False
    names = [name for name, _ in facts.params[bool(facts.owner) :]]
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    if any(root.public or root.called or root.handler or root.unit != facts.qualname for root in roots):
        return False
    sites = list(_starts(unit, facts, names.index(resource.key)))
    return bool(sites) and all(
        given in caller.distinct
        and (given not in caller.made_anew or _ended(call, caller))
        and call.looped
        and _once(unit, resource, caller)
        for caller, call, given in sites
    )


def _of_its_task(unit: Unit, resource: Resource) -> bool:
    """Whether one task alone leads to the unit, of which there is one for each key, and the entry is that of its key."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    names = {root.unit for root in roots}
    body = scope.functions.get(names.pop()) if len(names) == 1 else None
    if body is None or any(root.public or root.called or root.handler for root in roots):
        return False
    given = [name for name, _ in body.params[bool(body.owner) :]]
    if resource.key not in given or any(write.path == resource.key for write in body.writes):
        return False
    if body is not unit.facts and not _has_the_key(unit, resource.key):
        return False
    sites = list(_starts(unit, body, given.index(resource.key)))
    starters = {caller.qualname: caller for caller, _, key in sites if key}
    return len(starters) == len({c.qualname for c, _, _ in sites}) > 0 and of_one_task(
        unit, resource, body, list(starters.values())
    )


def _has_the_key(unit: Unit, key: str) -> bool:
    """Whether a local name of the unit is only ever what a part of an argument is called: `name = context.name`."""
    given = {name for name, _ in unit.facts.params}
    writes = [write for write in unit.facts.writes if write.path == key]
    return bool(writes) and all(
        write.how == "=" and write.built_from.partition(".")[0] in given and write.built_from.endswith(f".{key}")
        for write in writes
    )


def _given_key(unit: Unit, key: str) -> FunctionFacts | None:
    """The function that has the key as a parameter, and leaves it what it is: the unit, or one that it is nested in."""
    scope, facts = unit.module.scope, unit.facts
    while key not in (name for name, _ in facts.params[bool(facts.owner) :]):
        around = scope.functions.get(facts.parent)
        if around is None or key in facts.local_names:
            return None
        facts = around
    inside = (unit.facts, facts) if facts is not unit.facts else (facts,)
    return None if any(write.path == key for one in inside for write in one.writes) else facts


def _of_own_tuple(unit: Unit, key: str) -> bool:
    """Whether the key comes in the tuple that each run is handed, as what a loop has then: `pool.map(f, [(seen, n) for n in names])`."""
    facts, sites = unit.facts, unit.module.concurrency.started_with.get(unit.facts.qualname, ())
    in_tuples = all(site.call.callee.rpartition(".")[2] == "starmap" for site in sites)
    return (in_tuples or key in {name for name, _, _ in facts.unpacked}) and named_by_round(unit, key)


def _of_own_range(unit: Unit, resource: Resource) -> bool:
    """Whether each run has a part of what all were handed: `sums[low:high] += …`, `for n in range(low, high): sums[n] += …`.

    The bounds are arguments that are others for each run.
    """
    key = f"{resource.name.partition('[')[2]} {resource.key}"
    lines = unit.module.program.lines[unit.facts.line - 1 : unit.facts.last]
    unpacked = [found.groups() for line in lines if (found := _UNPACKED.fullmatch(line)) is not None]
    ranges = [found.groups() for line in lines if (found := _RANGE.search(line)) is not None]
    bounds = [_LENGTH.sub("", found) for name, found in ranges if name in _NAMES.findall(key)] + (
        [key] if ":" in key else []
    )
    return any(
        named_by_round(unit, one)
        or any(
            set(_NAMES.findall(one)) & set(names.split(", ")) and named_by_round(unit, whole)
            for names, whole in unpacked
        )
        for one in bounds
    )


_RANGE = expression(r"\bfor (\w+) in (?:range|prange)\((.*)\)")
_LENGTH = expression(r"\blen\([^()]*\)")  # how many there are may be the same for all
_UNPACKED = expression(r"\s+(\w+(?:, \w+)+) = (\w+)\s*")
_NAMES = expression(r"\w+")


def _starts(unit: Unit, facts: FunctionFacts, place: int) -> Iterator[tuple[FunctionFacts, CallSite, str]]:
    """Where a function is called, or handed to what starts it, with what it gets at a place among its arguments; "" if that is not known."""
    concurrency = unit.module.concurrency
    for caller, call in concurrency.callers.get(facts.qualname, ()):
        yield caller, call, _at(call.arguments, place)
    for caller in (*unit.module.scope.facts.functions, unit.module.scope.facts.module_body):
        for call, _ in concurrency.spawning_calls(caller):
            for number, argument in enumerate(call.arguments):
                if argument.startswith("*") or not any(
                    started.qualname == facts.qualname
                    for started in concurrency.spawned_units(argument, caller, call.line)
                ):
                    continue
                if not any(site.callee == argument and site.line >= call.line for site in caller.calls):
                    yield caller, call, _at(_behind(call, number), place)


def _ended(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether a loop joins what the call has started, so that a loop around both starts it for the same key when that has ended."""
    return any(
        other.callee.endswith(".join") and not other.arguments and other.looped and other.line > call.line
        for other in caller.calls
    )


def _behind(call: CallSite, number: int) -> tuple[str, ...]:
    """What a call hands to the unit that one of its arguments names: what stands behind it, or is packed into `args=(…)`."""
    packed = any(argument.startswith("args=(") for argument in call.arguments)
    return handed(call) if packed else call.arguments[number + 1 :]


def _at(arguments: tuple[str, ...], place: int) -> str:
    given = arguments[place] if place < len(arguments) else ""
    return given if given.isidentifier() and not any(a.startswith("*") for a in arguments[:place]) else ""


def _once(unit: Unit, resource: Resource, caller: FunctionFacts) -> bool:
    """Whether one run of the caller alone starts units that reach the collection: it is a variable of that run, or no other runs."""
    if resource.kind is Kind.CAPTURED and resource.owner == caller.qualname:
        return True
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(caller.qualname, ()))
    return not any(root.many and not (root.public and caller.owner == "") for root in roots)
