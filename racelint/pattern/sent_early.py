"""Requests that are sent before it is noted who waits for the answer."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Event, Kind, Mark, Op, Sense, Switch
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.pattern.module import here
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import rivals
from racelint.pattern.unit import Unit, held_at, same
from racelint.touch import COMPLETIONS
from racelint.words import FLUSHES, NOTES, REQUESTS, SENDS, TAKES_ENTRY, first_word

_ANSWERS = frozenset("handle on receive recv process dispatch reply respond answer ack acknowledge".split())
"""First words of functions that send because something came: nobody answers that."""

_TAKES_ADDED = frozenset({"remove", "discard"})
"""How whoever gets the answer takes the entry out (`TAKES_ENTRY`) where the collection has no keys: `pop` takes any entry, as who shortens a list of what was sent does."""


def sent_before_noted(unit: Unit) -> Iterator[tuple[Event, Access, str, Evidence]]:
    """The request, the entry that says who waits for its answer, and the function that gets the answer in another thread or task.

    An answer that comes before the entry is there finds nobody and is lost; the entry stays, until who waits gives up.
    """
    if unit.is_constructor or first_word(unit.facts.name) in _ANSWERS:
        return
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for note in unit.accesses(Op.WRITE, Op.UPDATE, kinds=INTERNAL):
        if note.how not in NOTES or note.resource.kind not in (Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CLASS):
            continue
        if note.place.unit != unit.facts.qualname or not _is_keyed(note):
            continue
        sent = next((event for event in unit.events if _asks(unit, event, note, world)), None)
        if sent is None or _noted_before(unit, sent, note) or not _tells_key(unit, sent, note):
            continue
        found = _answered(unit, sent, note, world)
        if found is not None:
            yield sent, note, *found


def _is_keyed(note: Access) -> bool:
    """Whether the entry is told apart by a key that is made for the request: not by a fixed one."""
    return note.how != "[]" or (bool(note.resource.key) and note.resource.key[:1] not in ("'", '"'))


def _tells_key(unit: Unit, sent: Event, note: Access) -> bool:
    """Whether the answer can name what the entry is told apart by: a number of the unit's own, or what was put into the request."""
    added = _added(unit, note)
    if added:
        put_in = _names_in(added) | unit.module.behind(here(note))
        return not put_in.isdisjoint(_asked_about(unit, sent) - {"self", "cls"})
    if (note.resource.key or note.value.text).isidentifier():
        return True
    asked = {name for part in _NAMES.findall(unit.module.text(here(sent))) for name in part.split(".")[:1]}
    told = unit.module.behind(here(sent)) | asked
    return not _in_key(note).isdisjoint(told)


def _added(unit: Unit, note: Access) -> str:
    """The source of what is added to a collection without keys: `ident` of `self.pending.add(ident)`; "" where there is a key."""
    found = None if note.resource.key else _ADDED.search(unit.module.text(here(note)))
    return found[1] if found is not None else ""


_ADDED = expression(r"\.(?:add|append|update)\((.+)\)$")


def _asked_about(unit: Unit, sent: Event) -> frozenset[str]:
    """The names that were put into a request; who it is sent by is none, and another object than the unit's own is mostly a peer."""
    call, _, given = unit.module.text(here(sent)).partition("(")
    owner = call.removeprefix("await ").partition(".")[0]
    names = _names_in(given)
    return names | (unit.module.behind(here(sent)) - {owner}) if owner in ("self", "cls") else names


def _names_in(text: str) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in _NAMES.findall(text))


def _in_key(note: Access) -> frozenset[str]:
    """The names in the key of an entry, or in what is added to a collection without keys; what a string says is none."""
    text = note.resource.key or note.value.text
    if text[:2] in ("f'", 'f"'):
        text = " ".join(_FIELDS.findall(text))
    return _names_in(text)


_FIELDS = expression(r"\{([^{}]*)\}")
_NAMES = expression(r"[A-Za-z_][\w.]*(?![\w.]*[\"'])")


def _asks(unit: Unit, event: Event, note: Access, world: World) -> bool:
    """Whether the event sends something, comes before the note and never after it, and others run in between."""
    match event:
        case Switch():
            sends = world is World.TASKS and (first_word(event.callee) in SENDS or _flushes(unit, event))
        case Mark():
            own = event.what == "request" and _reaches_out(unit, event.subject)
            called = event.what in ("call", "slow") and first_word(event.subject) in SENDS
            # a function is not known to send by the first word of its name: `request_id(data)`
            sends = own or (called and ("." in event.subject or event.subject in SENDS))
            sends = sends and world is World.THREADS
        case _:
            sends = False
    return (
        sends
        and event.place == event.site  # what a helper sends may be anything
        and event.id < note.id
        and unit.before(event.id, note.id)
        and not unit.before(note.id, event.id)
        and not held_at(event) & held_at(note)
        and not unit.only_after_error(event, note)
    )


def _flushes(unit: Unit, wait: Switch) -> bool:
    """Whether the await is for what the unit has just written to a stream: `writer.write(line)`, `await writer.drain()`."""
    if wait.callee not in FLUSHES:
        return False
    stream = unit.module.text(here(wait)).removeprefix("await ").partition(f".{wait.callee}(")[0]
    written = (mark for mark in unit.marks("call") if mark.id < wait.id and unit.before(mark.id, wait.id))
    return any(mark.subject == f"{stream}.write" for mark in written)


def _reaches_out(unit: Unit, name: str) -> bool:
    """Whether a method of the project that is called as those are that send does more, as far as it is seen, than to call functions
    that it is given, one after the other: those have run, and with them all that they lead to, when it returns."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    called = [scope.functions[callee] for callee in concurrency.callees.get(unit.facts.qualname, ())]
    seen = [function for function in called if function.name == name]
    runs = [scope.functions[step] for function in seen for step in concurrency.runs(function.qualname)]
    return not runs or any(function.stub or any(map(_leads_out, function.calls)) for function in runs)


def _leads_out(call: CallSite) -> bool:
    """Whether a call may lead to another side: one of an object that is waited for, or whose method is named so."""
    return call.awaited or ("." in call.callee and first_word(call.callee.rpartition(".")[2]) in _LEADS_OUT)


_LEADS_OUT = REQUESTS | frozenset(
    "write put emit notify call query post push submit enqueue dispatch run start communicate".split()
)
"""First words of methods of what another side is reached by: connections, queues, clients, brokers."""


def _noted_before(unit: Unit, sent: Event, note: Access) -> bool:
    """Whether the unit changed the same collection, or took from it, before it sent: what comes later is another step."""
    return any(
        access.id != note.id
        and access.id < sent.id
        and access.op.changes
        and same(access.resource, replace(note.resource, key=""))
        for access in unit.accesses(kinds=INTERNAL)
    )


def _answered(unit: Unit, sent: Event, note: Access, world: World) -> tuple[str, Evidence] | None:
    """The function that takes the entry out when the answer comes, and the evidence that it runs beside the unit."""
    whole = replace(note.resource, key="")
    best: tuple[str, Evidence] | None = None
    for write, function, evidence in rivals(unit, whole, world, TAKES_ENTRY):
        if function.qualname == unit.facts.qualname or evidence.public:
            continue
        if evidence.strength is Confidence.LOW:
            if world is World.TASKS or write.how not in _TAKES_ADDED or not _in_thread_of_its_own(unit, function):
                continue
            evidence = Evidence(
                "the module itself starts a thread that takes answers", Confidence.MEDIUM, World.THREADS.value
            )
        if (
            write.how not in (_TAKES_ADDED if note.how in ("add", "append") else TAKES_ENTRY)
            or first_word(function.name) in unit.module.models.lifecycle
        ):
            continue
        if _is_step_of(unit, function):
            continue
        if best is None or evidence.strength.rank > best[1].strength.rank:
            best = (function.qualname, replace(evidence, text=f"{evidence.text}; `{function.qualname}` takes it out"))
    return best or _completed(unit, note, world)


def _completed(unit: Unit, note: Access, world: World) -> tuple[str, Evidence] | None:
    """The function that looks the entry up when the answer comes, and leaves it to the unit to take it out, and the evidence."""
    concurrency, place = unit.module.concurrency, note.resource.place
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or not any(
            call.callee.rpartition(".")[2] in COMPLETIONS for call in function.calls
        ):
            continue
        evidence = concurrency.overlap(unit.facts.qualname, function.qualname, world.value, note.resource)
        if evidence is None or evidence.public or evidence.strength is Confidence.LOW or _is_step_of(unit, function):
            continue
        other = unit.module.unit(function.qualname)
        if other is not None and _completes_found(other, place):
            return function.qualname, replace(evidence, text=f"{evidence.text}; `{function.qualname}` completes it")
    return None


def _completes_found(other: Unit, place: tuple[str, str]) -> bool:
    """Whether a function completes a future because it found an entry of the collection."""
    looks = {
        look.id
        for look in other.accesses(Op.CHECK, kinds=INTERNAL)
        if look.resource.place == place and look.how in _LOOKS
    }
    return any(
        not looks.isdisjoint(number for number, sense in done.control if sense is Sense.PRESENT)
        for done in other.accesses(Op.USE, Op.UPDATE)
        if done.how in COMPLETIONS
    )


_LOOKS = frozenset({"get", "in"})
"""Looks for one entry."""


def _in_thread_of_its_own(unit: Unit, function: FunctionFacts) -> bool:
    """Whether a thread of the module runs the function, which takes answers, and not the unit, which anybody may ask to send."""
    concurrency = unit.module.concurrency
    sends = not unit.facts.name.startswith("_") and first_word(unit.facts.name) not in unit.module.models.lifecycle
    return sends and concurrency.surely_in_threads(function) and not concurrency.surely_in_threads(unit.facts)


def _is_step_of(unit: Unit, function: FunctionFacts) -> bool:
    """Whether the one function is called by the other: it is no answer."""
    concurrency = unit.module.concurrency
    return function.qualname in concurrency.runs(unit.facts.qualname) or unit.facts.qualname in concurrency.runs(
        function.qualname
    )
