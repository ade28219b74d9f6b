"""What a unit sets only after it has started a thread that reads it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Shape
from racelint.evidence import Evidence
from racelint.evidence.calls import WHEN_GONE
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import dataclass
from racelint.pattern.needing import TALKS, WAITS, first_none, needs_at_once
from racelint.pattern.unit import Unit
from racelint.resolve import THREADS, enclosing_self


@dataclass(frozen=True, slots=True)
class Late:
    """A write that comes too late: `reader` already runs, and reads what is written."""

    start: Mark
    write: Access
    reader: str
    evidence: Evidence


def late_writes(unit: Unit) -> Iterator[Late]:
    """Attributes that are set after the start of a thread that reads them, and that had no value to speak of before."""
    seen: set[tuple[str, str]] = set()
    for start, started in starts(unit):
        bodies = started - {unit.facts.qualname}  # what runs the unit itself comes to the write in turn
        for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
            place = write.resource.place
            if place in seen or not _comes_after(unit, start, write) or unit.guards(start, write, "lock"):
                continue
            if all(unit.module.concurrency.in_greenlet(body) for body in bodies) and not _may_block(unit, start, write):
                continue
            if not unit.is_constructor and not (_was_nothing(unit, write) or _was_needed(unit, bodies, write)):
                continue
            inherited = start.place.unit != unit.facts.qualname  # who writes the base knows not what is set when
            readers = (_reader(unit, body, write, inherited) for body in sorted(bodies))
            found = next((reader for reader in readers if reader is not None), None)
            if found is not None:
                seen.add(place)
                yield Late(start, write, found[0], found[1])


@dataclass(frozen=True, slots=True)
class Shown:
    """A write that comes too late: the object is in a collection of the module already, where a thread finds it and reads that."""

    show: Access
    write: Access
    reader: str
    evidence: Evidence


def shown_too_early(unit: Unit) -> Iterator[Shown]:
    """Attributes that a constructor sets after it has put the object where a thread finds it that reads them."""
    facts = unit.facts
    if not unit.is_constructor or not facts.params:
        return
    name = facts.params[0][0]
    shows = [
        a
        for a in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.GLOBAL,))
        if a.how in ("[]", "append", "appendleft", "add") and name in a.related and not a.resource.owner
    ]
    for show in shows:
        for write in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
            place, resource = write.resource.place, write.resource
            if resource.key or resource.name != f"{name}.{resource.path}" or "." in resource.path:
                continue
            if not unit.before(show.id, write.id) or unit.locked_at(show):
                continue
            if any(a.resource.place == place and unit.before(a.id, show.id) for a in unit.accesses(Op.WRITE)):
                continue
            found = _finder(unit, show, write)
            if found is not None:
                yield Shown(show, write, *found)
                return


def _finder(unit: Unit, show: Access, write: Access) -> tuple[str, Evidence] | None:
    """The function in a thread that goes through the collection and reads the attribute, and how it is known to be in a thread."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    for function in scope.facts.functions:
        if function is unit.facts or show.resource.path not in function.reads:
            continue
        if not concurrency.surely_in_threads(function) or any(call.within for call in function.calls):
            continue
        runs = (scope.functions.get(name) for name in concurrency.runs(function.qualname))
        if any(f is not None and f is not unit.facts and _uses(unit, f, write) for f in runs):
            text = f"`{function.qualname}` runs in a thread and goes through `{show.resource.path}`"
            return function.qualname, Evidence(text, Confidence.MEDIUM, "threads")
    return None


def _uses(unit: Unit, function: FunctionFacts, write: Access) -> bool:
    """Whether the function reads an attribute of this name of its own object or of what a loop or a look-up gives it."""
    attribute = "." + write.resource.path
    reads = {path for path in function.reads if path.endswith(attribute)}
    own = {path for path in reads if path.partition(".")[0] in ("self", "cls")}
    return bool(reads - own) or (bool(own) and function.owner in unit.module.scope.family(unit.facts.owner))


def starts(unit: Unit) -> Iterator[tuple[Mark, frozenset[str]]]:
    """Where threads begin to run, and the functions that they run."""
    for mark in unit.marks("start", "spawn"):
        if mark.subject == "Timer" and not _AT_ONCE.search(unit.module.text(mark.place)):
            continue  # by then the constructor has long come to its end
        if mark.subject.rpartition(".")[2] in LOOP_CALLBACKS:
            continue  # a callback of the loop is no thread
        # a mark has no more than the last name of what is called, which the module may have for something of its own
        called = unit.module.text(mark.place).partition("(")[0]
        if WHEN_GONE in (unit.module.scope.canonical(mark.subject), unit.module.scope.canonical(called)):
            continue  # who is watched is there as long as the unit has it
        if mark.what == "start":
            if mark.related:
                yield mark, mark.related
        elif mark.subject not in THREADS:
            yield mark, frozenset(b for b in mark.related if not unit.module.scope.functions[b].is_async)
        elif mark.related:
            begun = next((m for m in unit.marks("start") if not m.related and unit.before(mark.id, m.id)), None)
            if begun is not None:
                yield begun, mark.related


LOOP_CALLBACKS = frozenset({"call_later", "call_at", "call_soon", "call_soon_threadsafe"})
"""What a loop is asked by to call a plain function."""

_AT_ONCE = expression(r"Timer\(\s*(?:interval\s*=\s*)?0(?:\.0*)?\s*,")
"""A timer that does not wait."""


def _comes_after(unit: Unit, start: Mark, write: Access) -> bool:
    """Whether the write always comes after the start, and nothing set the attribute before it."""
    if "." in write.resource.path or write.resource.key or not unit.before(start.id, write.id):
        return False
    return not any(
        other.resource.place == write.resource.place and unit.before(other.id, start.id)
        for other in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,))
    )


def _was_nothing(unit: Unit, write: Access) -> bool:
    """Whether the attribute was a flag that was down before, and is raised here."""
    if write.value.shape not in (Shape.TRUE, Shape.CONSTANT) or write.place.unit != unit.facts.qualname:
        return False
    scope = unit.module.scope
    first = [
        w for f, w in scope.attribute_writes(write.resource.owner, write.resource.path) if scope.in_construction(f, w)
    ]
    return bool(first) and all(w.shape in ("none", "false") for w in first)


def _was_needed(unit: Unit, bodies: frozenset[str], write: Access) -> bool:
    """Whether the attribute was None before, and a thread uses what it holds whatever happens: `self.worker = thread`."""
    owner, attribute = write.resource.place
    own = write.place.unit == unit.facts.qualname and not write.value.shape.absent and not write.control
    return (
        own
        and first_none(unit, owner, attribute)
        and any(needs_at_once(unit, body, owner, attribute) for body in bodies)
    )


def _may_block(unit: Unit, start: Mark, write: Access) -> bool:
    """Whether anything between the start and the write may wait, which lets a greenlet run: what only computes does not."""
    begin, end = unit.module.line(start), unit.module.line(write)
    names = (call.callee.rpartition(".")[2] for call in unit.facts.calls if begin < call.line <= end)
    return any(name in WAITS or name in TALKS for name in names)


def _reader(unit: Unit, body: str, write: Access, inherited: bool) -> tuple[str, Evidence] | None:
    """The function in the thread that reads what is written, and how sure that is; `inherited` if a base starts the thread."""
    scope = unit.module.scope
    ends = unit.module.models.idempotent  # what closes an object runs when it has long been ready
    functions = [
        f
        for name in unit.module.concurrency.runs(body)
        if (f := scope.functions.get(name)) is not None and f.name.strip("_") not in ends
    ]
    instead = (
        scope.method(unit.facts.owner, functions[0].name) if functions and inherited and unit.facts.owner else None
    )
    if instead is not None and instead is not functions[0]:  # what the base starts is what the class has in its place
        functions, body = [instead], instead.qualname
    functions += [f for f in _filled_in(unit, functions) if f.name.strip("_") not in ends]
    if not functions or _waits_first(functions[0], write, inherited) or _waits_for_item(unit, functions[0], write):
        return None
    for function in functions if unit.is_constructor else functions[:1]:
        if reads_attribute(unit, function, write) and not _waits_for_item(unit, function, write):
            near = function.qualname == body
            text = f"`{body}` runs in a thread of its own and " + (
                "reads it" if near else f"calls `{function.qualname}`, which reads it"
            )
            strength = Confidence.HIGH if near and unit.is_constructor else Confidence.MEDIUM
            return function.qualname, Evidence(text, strength, "threads")
    return None


def _filled_in(unit: Unit, functions: list[FunctionFacts]) -> list[FunctionFacts]:
    """The methods of the class itself that a thread which its base starts calls as steps that the base does not have."""
    scope, owner = unit.module.scope, unit.facts.owner
    above = {class_.qualname for class_ in scope.lineage(owner)} - {owner} if owner else set()
    steps = {call.callee.removeprefix("self.") for f in functions if f.owner in above for call in f.calls}
    return [
        method for name, method in scope.methods.get(owner, {}).items() if name in steps and method not in functions
    ]


def reads_attribute(unit: Unit, function: FunctionFacts, write: Access) -> bool:
    """Whether the function reads the attribute of an object of the same class."""
    scope, resource = unit.module.scope, write.resource
    family = scope.family(resource.owner)
    owner, self_name = enclosing_self(function, scope)
    if owner in family and f"{self_name}.{resource.path}" in function.reads:
        return True
    concurrency = unit.module.concurrency
    return any(
        path.endswith("." + resource.path)
        and concurrency.receiver_type(path.rpartition(".")[0], function).removeprefix(":") in family
        for path in function.references
    )


_SAYS_NOTHING = expression(r"(Error|Exception)$|\.is_set$")
"""Calls that make an error, which nobody raises as a rule, or ask whether it is time to end: a thread has done nothing by them."""


def _waits_first(body: FunctionFacts, write: Access, inherited: bool) -> bool:
    """Whether the thread begins by waiting for something other than what is written, which it has not used until then.

    How long a thread sleeps that a base starts has nothing to do with how long the constructors below it take.
    """
    first = [call for call in body.calls[:5] if not _SAYS_NOTHING.search(call.callee)]
    for call in first[:2]:
        if inherited and call.callee.rpartition(".")[2] == "sleep":
            continue
        if any(given.rpartition("=")[2].startswith(write.resource.name) for given in call.arguments):
            return False
        if call.callee.rpartition(".")[2] in WAITS and not call.callee.startswith(f"{write.resource.name}."):
            return True
    return False


def _waits_for_item(unit: Unit, body: FunctionFacts, write: Access) -> bool:
    """Whether the thread begins by taking from a queue of the object that the same constructor has just made, into which nobody puts
    anything before the constructor is done: until then it has not read what is written."""
    if not unit.is_constructor or not body.owner or body.owner != unit.facts.owner:
        return False
    owner, self_name = enclosing_self(body, unit.module.scope)
    taken = next(((c, queue) for c in body.calls if (queue := _taken_from(c)).startswith(f"{self_name}.")), None)
    if not owner or taken is None:
        return False
    call, queue = taken
    made = [w for w in unit.facts.writes if w.path == queue]
    if len(made) != 1 or not _QUEUE.search(made[0].built_from) or len(list(starts(unit))) > 1:
        return False
    helpers = (unit.module.scope.method(body.owner, c.callee.rpartition(".")[2]) for c in unit.facts.calls)
    if any(_filled_or_handed(function, queue) for function in (unit.facts, *helpers) if function is not None):
        return False
    read = unit.module.unit(body.qualname)
    first = min(
        (
            read.module.line(one)
            for one in read.accesses(Op.READ, Op.CHECK, Op.USE)
            if one.resource.place == write.resource.place and one.place.unit == body.qualname
        )
        if read is not None
        else (),
        default=call.line + 1,
    )
    return first > call.line and not any(_leads_to_read(unit, body, c, write) for c in body.calls if c.line < call.line)


def _leads_to_read(unit: Unit, body: FunctionFacts, call: CallSite, write: Access) -> bool:
    """Whether a call in a thread leads to a function that reads what is written."""
    functions = unit.module.scope.functions
    return any(
        reads_attribute(unit, functions[name], write)
        for target in unit.module.concurrency.target(call.callee, body)
        for name in unit.module.concurrency.runs(target.qualname)
        if name in functions
    )


def _taken_from(call: CallSite) -> str:
    """The queue that a call takes from, for which it waits; "" for all other calls."""
    if call.callee == "iter" and call.arguments and call.arguments[0].endswith(".get"):
        return call.arguments[0].removesuffix(".get")
    queue, _, last = call.callee.rpartition(".")
    waits = all("=" in given and not given.startswith("block=") for given in call.arguments)
    return queue if last == "get" and waits else ""


def _filled_or_handed(function: FunctionFacts, queue: str) -> bool:
    """Whether the function puts something into the queue, or gives it away."""
    return any(
        call.callee.startswith(f"{queue}.put")
        or any(given.rpartition("=")[2].startswith(queue) for given in call.arguments)
        for call in function.calls
    )


_QUEUE = expression(r"(^|\.)\w*Queue$")
"""What makes a queue whose `get` waits for an item."""
