"""State that is tested and then read again, or removed, while another thread may take it away in between."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import EMPTINESS, FILLING, Access, Kind, Op, Sense
from racelint.evidence import Evidence
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.frozen import dataclass, replace
from racelint.pattern.kept import kept_under_lock
from racelint.pattern.lone import of_what_many_use
from racelint.pattern.looked_up import changed_by_looking
from racelint.pattern.module import here
from racelint.pattern.named_entries import handed_the_same, named_to_both, own_of_each_run
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import beside_loop, rivals, with_itself
from racelint.pattern.same_entry import of_another_name
from racelint.pattern.unit import Unit, same
from racelint.resolve import CONSTRUCTORS as BUILDERS
from racelint.resolve import TAKES
from racelint.words import CLOSES, WORD


@dataclass(frozen=True, slots=True)
class Reread:
    """A test, the use that reads again, and who takes away what was found; "" if it goes by itself."""

    pair: Pair
    evidence: Evidence
    remover: str


def rereads(unit: Unit) -> Iterator[Reread]:
    """Uses and removals of what a test found there, read anew, with no lock over both."""
    seen: set[tuple[str, str, str]] = set()
    if unit.is_constructor or unit.facts.is_async:
        return
    for use in unit.accesses(Op.READ, Op.USE, Op.DELETE, Op.UPDATE, kinds=SHARED):
        if (*use.resource.place, "") in seen or (use.op is Op.UPDATE and not moves(use)) or unit.rechecked_locked(use):
            continue
        if not fails_when_gone(use) and not _part_is_used(unit, use):
            continue
        check = next((c for n, sense in use.control if (c := _found(unit, n, sense, use)) is not None), None)
        if check is None or _renewed(unit, check, use) or _made_if_missing(unit, use):
            continue
        # what a helper does alone is its own, beside which the unit may do more
        helper = use.place.unit if check.place.unit == use.place.unit != unit.facts.qualname else ""
        once = (*use.resource.place, helper)
        if once in seen:
            continue
        if takes_from_queue(use):
            found = _other_taker(unit, use) if check.how in (EMPTINESS, FILLING) else None
        else:
            lost = _goes_by_itself(unit, use)
            if lost is not None:
                if _raises_without(unit, check):
                    continue
                seen.add(once)
                yield Reread(Pair(unit, check, use), lost, "")
                continue
            found = remover(unit, use)
        if found is not None:
            seen.add(once)
            evidence, name = found
            unsaid = evidence.public or (
                evidence.called and use.op is Op.DELETE and use.resource.kind is Kind.ATTRIBUTE
            )
            if name == unit.facts.qualname and evidence.strength is not Confidence.HIGH and _named_by_caller(unit, use):
                evidence, name = remover(unit, use, by_others=True) or (evidence.weakened(), name)
            # who asks for a property is not seen, nor whether a lock is held there
            unseen = use.op is Op.READ and not use.resource.key and "property" in unit.facts.decorators
            of_many = of_what_many_use(unit, evidence, use.resource)
            shared = of_many is not evidence or _said_to_be_shared(unit, use)
            evidence = of_many
            if (unsaid and not shared) or _only_under_lock(unit) or unseen:
                evidence = evidence.weakened()
            half = evidence.half.rpartition(".")[2]
            if half.startswith("_") and not half.endswith("__"):
                evidence = evidence.weakened()  # a step that other modules take on their own object, in whatever thread
            if _ended_anyway(unit, use, name, evidence):
                evidence = _end_foreseen(unit, use, name, evidence) or evidence.weakened()
            if unsaid and evidence.strength is Confidence.LOW and not _only_under_lock(unit):
                removals = filter(fails_when_gone, unit.accesses(Op.DELETE))
                evidence = changed_by_looking(unit, use, removals) or evidence
            yield Reread(Pair(unit, check, use), evidence, name)


def _goes_by_itself(unit: Unit, use: Access) -> Evidence | None:
    """That the entry which is read may go without anybody taking it out."""
    made = unit.module.concurrency.loses_its_entries(use.resource) if use.op is Op.READ and use.resource.key else ""
    if not made:
        return None
    when = "as soon as nothing else holds its value" if made.startswith("weakref.") else "when its time is over"
    return Evidence(f"an entry of a `{made}` goes {when}", Confidence.MEDIUM, World.THREADS.value)


def _raises_without(unit: Unit, check: Access) -> bool:
    """Whether the test only gives a nicer error: where nothing is found the unit raises, as the read does if it goes in between."""
    return any(
        (check.id, Sense.ABSENT) in mark.control and unit.module.text(mark.place).startswith("raise")
        for mark in unit.marks("turned away")
    )


def _made_if_missing(unit: Unit, use: Access) -> bool:
    """Whether the entry that is read is one of a dictionary that makes what it lacks: a `defaultdict`."""
    entry = use.op is Op.READ and bool(use.resource.key)
    return entry and unit.module.concurrency.makes_its_entries(use.resource)


def _meant_by_one(unit: Unit, use: Access, taker: FunctionFacts) -> bool:
    """Whether one caller alone means the entry, as far as its key tells: two would have to name the same, or it is the run's own."""
    itself = taker.qualname == unit.facts.qualname
    if itself and handed_the_same(unit, use.resource.key):
        return False
    return named_to_both(unit, use, taker) or (itself and own_of_each_run(unit, use))


def _ended_anyway(unit: Unit, use: Access, name: str, evidence: Evidence) -> bool:
    """Whether who takes an attribute away ends what it stands for: `close`, `stop`, or the unit itself, which is such a method.

    What has more to its name, `stop_recording`, ends something else than the object.

    A use of what is being closed fails, whether the attribute is gone or only closed, and a second end finds nothing left to do. Where
    the program is seen to run both in threads they are not caller and owner, who would agree on the end.
    """
    if use.resource.key or use.op is Op.DELETE or takes_from_queue(use):
        return False
    if any(class_.thread_safe for class_ in unit.module.scope.lineage(use.resource.owner)):
        return False  # a promise that holds for the end, too
    words = [word.lower() for word in WORD.findall(name.rpartition(".")[2])]
    if name in (unit.facts.qualname, use.place.unit):
        return bool(_ENDING & set(words[:2]))
    return len(words) == 1 and words[0] in _ENDING and evidence.strength is not Confidence.HIGH


def _end_foreseen(unit: Unit, use: Access, name: str, evidence: Evidence) -> Evidence | None:
    """Why the end of what is used says nothing against the finding: the object's own thread handles the error of what was closed
    meanwhile, so that it is expected to be, and not that of an attribute that is gone, which ends the thread."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    own = bool(roots) and all(
        root.world == "threads"
        and root.strength is Confidence.HIGH
        and not (root.public or root.called or root.handler)
        for root in roots
    )
    if not own or not use.handled or evidence.half != name or use.resource.kind is not Kind.ATTRIBUTE:
        return None
    steps = (unit.module.scope.functions.get(step) for step in (name, *concurrency.runs(name)))
    if any(call.callee.endswith(".join") for step in steps if step is not None for call in step.calls):
        return None  # it waits until the thread is over, and what it takes away then nobody uses
    foreseen = ", ".join(f"`{error}`" for error in sorted(use.handled))
    text = f"{roots[0].text} and handles {foreseen} there, as callers may end it meanwhile, but no `AttributeError`"
    return replace(evidence, text=text, strength=Confidence.MEDIUM)


_ENDING = CLOSES | {"cleanup", "quit", "release", "teardown"}
"""Names of methods after which nobody is to use their object."""

SHARED = tuple(kind for kind in INTERNAL if kind is not Kind.ARGUMENT)


def _named_by_caller(unit: Unit, use: Access) -> bool:
    """Whether the entry that is removed is one that the unit was handed the key of: two callers would have to mean the same."""
    root = use.resource.key.partition(".")[0]
    return use.op is Op.DELETE and root in [name for name, _ in unit.facts.params if name not in ("self", "cls")]


def _only_under_lock(unit: Unit) -> bool:
    """Whether all callers that are known, of the module or in others, too, hold a lock: it is a part of what they do under it."""
    concurrency = unit.module.concurrency
    return concurrency.called_only_under_lock(unit.facts) or concurrency.called_under_lock(unit.facts)


def _said_to_be_shared(unit: Unit, use: Access) -> bool:
    """Whether anything says that threads share the state: its owner has a lock, and mostly changes the state under it."""
    return bool(unit.module.locks_of(use.resource.owner)) and kept_under_lock(unit, use.resource)


def takes_from_queue(use: Access) -> bool:
    """Whether the next entry of a queue is taken, which waits, for ever perhaps, where there is none."""
    return not use.resource.key and use.how in ("get", "get_nowait")


def takes_found(check: Access, sense: Sense, use: Access) -> bool:
    """Whether an entry of a queue that was found to hold some is taken without waiting, which fails where there is none."""
    asked = check.how in (EMPTINESS, FILLING) and sense in (Sense.PRESENT, Sense.OTHER)
    return asked and use.op is Op.USE and use.how == "get_nowait" and fails_when_gone(use)


def takes(use: Access) -> bool:
    """Whether the use takes out, or moves, what the test found, rather than looking at it once more."""
    return use.op is Op.DELETE or takes_from_queue(use) or moves(use)


def moves(use: Access) -> bool:
    """Whether an entry of an ordered dictionary gets another place in it, which fails where there is none."""
    return use.how == "move_to_end" and bool(use.resource.key)


def _other_taker(unit: Unit, use: Access) -> tuple[Evidence, str] | None:
    """Why the unit runs in several threads, which take from the same queue."""
    evidence = with_itself(unit, World.THREADS, use.resource)
    return (evidence, unit.facts.qualname) if evidence is not None and not evidence.public else None


def fails_when_gone(use: Access) -> bool:
    """Whether the use breaks when there is nothing any more, and nobody foresees it."""
    if takes_from_queue(use):
        return not use.handled & {"", "Empty", "QueueEmpty", "Exception"}
    if moves(use):
        return not use.handled & {"", "KeyError", "LookupError", "Exception"}
    if use.op is Op.DELETE:
        foreseen = use.handled & {"", "KeyError", "LookupError", "IndexError", "ValueError", "Exception"}
        ways = ("del", "pop", "remove") if use.resource.key else ("pop", "popleft", "popitem")
        return use.how in ways and not foreseen and use.value.part("default") is None
    if use.resource.key:
        return (
            use.op is Op.READ
            and use.how in ("", "del")
            and not use.handled & {"", "KeyError", "LookupError", "IndexError", "Exception"}
        )
    return use.op is Op.USE and use.value.via is not None and not use.handled & {"", "AttributeError", "Exception"}


def _part_is_used(unit: Unit, use: Access) -> bool:
    """Whether what is read is asked at once for an attribute or entry, or one is set, which fails where it is `None`."""
    if use.op is not Op.READ or use.resource.key or use.handled & {"", "AttributeError", "TypeError", "Exception"}:
        return False
    if any(other.value.via == use.id for other in unit.accesses(Op.USE, kinds=SHARED)):
        return False  # a method is called, which is an access of its own
    span = unit.module.span(here(use))
    return unit.module.program.lines[span.end_line - 1][span.end_column - 1 :][:1] in (".", "[")


def _found(unit: Unit, number: int, sense: Sense, use: Access) -> Access | None:
    """The check that saw the thing, if it is one of the same thing, read apart from the use, and no lock covers both."""
    check = unit.access(number)
    if check is None or not same(check.resource, use.resource):
        return None
    counted = sense is Sense.OTHER and use.resource.key in ENDS and not check.resource.key
    if sense is not Sense.PRESENT and not counted:
        return None
    if check.id in (use.id, use.value.via) or of_another_name(unit, check, use):
        return None
    if bool(check.resource.key) is not bool(use.resource.key) and (check.resource.key or use.resource.key not in ENDS):
        return None
    return None if unit.guarded(check, use, World.THREADS) else check


def _of_the_outer(unit: Unit, write: Write, use: Access) -> bool:
    """Whether what is taken out is the collection in which the entry stands, and the unit has that in a local name.

    `row = self.rows[y]`, `if x in row: row[x]`: `del self.rows[y]` leaves the row as it is for who has it.
    """
    if write.how != "del[]" or not 0 < write.depth <= use.resource.path.count("[]"):
        return False
    root = use.resource.name.partition(".")[0].partition("[")[0]
    return not unit.module.text(here(use)).removeprefix("del ").startswith((f"{root}.", f"{root}["))


TAKEN_ANYWHERE = ("pop", "popleft", "popitem", "remove", "clear")
"""Removals after which a collection may be empty."""
ENDS = ("0", "-1")
"""Keys of the entries that a collection which is not empty has."""


def _renewed(unit: Unit, check: Access, use: Access) -> bool:
    """Whether the unit itself sets the state between the two, and does not come to the check again before the use."""
    return any(
        isinstance(access, Access)
        and access.op.changes
        and access.resource.kind in SHARED
        and not moves(access)
        and same(access.resource, use.resource)
        for access in unit.between(check.id, use.id)
    )


def remover(unit: Unit, use: Access, by_others: bool = False) -> tuple[Evidence, str] | None:
    """The strongest evidence that another function takes away what is used; or another run of the unit, unless `by_others`."""
    gone = TAKES if use.resource.key or use.op is Op.DELETE else ("none", "del")
    best: tuple[Evidence, str] | None = None
    others = *rivals(unit, use.resource, World.THREADS, gone), *beside_loop(unit, use.resource, gone)
    for write, function, evidence in others:
        whole = write.how in ("=", "del") or write.shape == "none"
        if _of_the_outer(unit, write, use):
            continue
        if use.op is Op.READ and use.resource.key in ENDS and write.how not in TAKEN_ANYWHERE:
            continue
        itself = function.qualname == unit.facts.qualname
        anyone = bool(use.resource.key) and write.how == "popitem"  # whose entry goes does not depend on the key
        if (
            function.name in BUILDERS
            or (itself and (by_others or not (anyone or use.op is Op.DELETE)))
            or (use.resource.key and whole and write.shape != "empty")
        ):
            continue
        if use.resource.kind is Kind.GLOBAL and evidence.public and not unit.module.under_lock(function, write):
            evidence = evidence.weakened()  # who takes it away as the program ends does not think of threads
        if evidence.strength is not Confidence.LOW and _meant_by_one(unit, use, function):
            evidence = evidence.weakened()
        if best is None or evidence.strength.rank > best[0].strength.rank:
            best = evidence, function.qualname
    return best
