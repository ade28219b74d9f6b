"""Items that are put into a queue before what belongs to them is noted, where whoever takes them looks that up."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import replace
from racelint.pattern.handed import QUEUES
from racelint.pattern.lone import believed
from racelint.pattern.module import here
from racelint.pattern.unit import Unit, held_at, same
from racelint.words import DEQUEUES, ENQUEUES


def queued_before_noted(unit: Unit) -> Iterator[tuple[Mark, Access, str, Evidence]]:
    """The put, the entry that belongs to what was put, the function that takes it and looks the entry up, and why meanwhile."""
    facts = unit.facts
    if facts.is_async or not facts.owner or unit.is_constructor:
        return
    for note in unit.accesses(Op.WRITE, kinds=(Kind.ATTRIBUTE,)):
        key = note.resource.key
        if note.how != "[]" or not key.isidentifier() or note.place.unit != facts.qualname:
            continue
        put = next((mark for mark in unit.marks("call") if _puts(unit, mark, note)), None)
        if put is None or _noted_before(unit, put, note):
            continue
        found = _looked_up(unit, _holder(unit, put), note)
        if found is not None:
            yield put, note, *found


def _puts(unit: Unit, mark: Mark, note: Access) -> bool:
    """Whether a call puts something into a queue of the object that was made with the key of the note, surely before the note."""
    holder = _holder(unit, mark)
    if not holder or not ENQUEUES.match(mark.subject.rpartition(".")[2]) or not _is_queue(unit, holder):
        return False
    if (
        mark.place != mark.site
        or mark.id > note.id
        or not unit.before(mark.id, note.id)
        or held_at(mark) & held_at(note)
    ):
        return False
    text = unit.module.text(mark.place).partition("(")[2]
    told = unit.module.behind(here(mark)) | set(_NAMES.findall(text))
    return note.resource.key in told and not unit.only_after_error(mark, note)


def _holder(unit: Unit, mark: Mark) -> str:
    """The attribute of the own object, as written, whose method is called: `self.jobs` of `self.jobs.put(job)`."""
    found = _CALLED.match(unit.module.text(mark.place))
    return found[1] if found is not None else ""


_CALLED = expression(r"(self\.\w+)\.\w+\(")
_NAMES = expression(r"[A-Za-z_]\w*")


def _is_queue(unit: Unit, holder: str) -> bool:
    """Whether a queue is there: one for threads by its type, or a class of the project that is called so."""
    attribute = holder.removeprefix("self.")
    made = unit.module.scope.attribute_type(unit.facts.owner, attribute)
    if made in QUEUES:
        return True
    return made.rpartition(".")[2].lstrip(":").endswith("Queue") and not made.startswith(
        ("asyncio.", "multiprocessing.")
    )


def _noted_before(unit: Unit, put: Mark, note: Access) -> bool:
    """Whether the unit changed the same collection before the put: what comes later is another step."""
    whole = replace(note.resource, key="")
    return any(
        access.op.changes and access.id < put.id and same(access.resource, whole) for access in unit.accesses()
    ) or unit.before(note.id, put.id)


def _looked_up(unit: Unit, queue: str, note: Access) -> tuple[str, Evidence] | None:
    """The method that takes from the queue and needs the entry, itself or by its helpers, and the evidence that it runs beside the unit."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    best: tuple[str, Evidence] | None = None
    family = scope.family(unit.facts.owner)
    for function in scope.facts.functions:
        if function.owner not in family or function is unit.facts or function.is_async:
            continue
        steps = [function, *(scope.functions[step] for step in concurrency.runs(function.qualname))]
        if unit.facts in steps or not any(_takes(step, queue) for step in steps):
            continue
        if not any(_needs_entry(unit, step, note) for step in steps):
            continue
        found = concurrency.overlap(unit.facts.qualname, function.qualname, "threads", note.resource)
        surely = concurrency.surely_in_threads(function) and not concurrency.surely_in_threads(unit.facts)
        if found is None and not surely:
            continue
        text = "the module itself starts a thread that takes from the queue" if found is None or surely else found.text
        strength = Confidence.HIGH if surely else _strength(unit, note, found)
        told = Evidence(f"{text}; `{function.qualname}` looks the entry up", strength, "threads")
        if best is None or told.strength.rank > best[1].strength.rank:
            best = function.qualname, told
    return best


def _strength(unit: Unit, note: Access, found: Evidence | None) -> Confidence:
    """How sure it is that the two run at once, where no thread of the module surely takes from the queue."""
    if found is None:
        return Confidence.LOW
    if not found.public:
        return found.strength
    return Confidence.LOW if believed(unit, found, note) is found else Confidence.MEDIUM


def _takes(function: FunctionFacts, queue: str) -> bool:
    """Whether the function takes something out of the queue."""
    parts = (call.callee.rpartition(".") for call in function.calls)
    return any(holder == queue and DEQUEUES.match(method) is not None for holder, _, method in parts)


def _needs_entry(unit: Unit, function: FunctionFacts, note: Access) -> bool:
    """Whether the function fails where the entry is missing: it looks it up without a test, and catches nothing."""
    if note.resource.name not in function.reads:
        return False
    other = unit.module.unit(function.qualname)
    looks = other.accesses(Op.READ, Op.CHECK) if other is not None else ()
    return other is not None and any(
        look.resource.place == note.resource.place
        and look.resource.key
        and look.place.unit == function.qualname
        and not look.handled & {"", "KeyError", "LookupError", "Exception"}
        and other.module.text(look.place).startswith(f"{look.resource.name}[")
        and not any(
            (check := other.access(n)) is not None and check.resource.place == note.resource.place
            for n, _ in look.control
        )
        for look in looks
    )
