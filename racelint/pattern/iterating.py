"""Collections that are iterated while another thread, or a request, changes their size."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Acquire, Mark, Op
from racelint.evidence import Evidence
from racelint.evidence.starter import filled_by_started, goes_on
from racelint.expressions import expression
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence, World
from racelint.pattern.kept import kept_under_lock
from racelint.pattern.known_keys import keeps_size
from racelint.pattern.pair import INTERNAL
from racelint.pattern.programs import of_one_program
from racelint.pattern.rivals import beside_loop, rivals
from racelint.pattern.unit import Unit, same
from racelint.resolve import CONSTRUCTORS
from racelint.touch import ends_entry, in_full, runs_entries, takes_entry_on
from racelint.words import BRINGS_UP, first_word

VIEWS = ("iterate", "items", "keys", "values")
"""How a collection is read by whoever iterates it."""
SIZES = ("add", "[]", "del[]", "pop", "popitem", "remove", "discard", "clear", "update", "setdefault")
"""Changes of size that stop an iteration over a dictionary or a set."""
MOVES = ("del[]", "pop", "remove", "clear", "insert")
"""Changes of a list that make an iteration over it miss an entry."""
KEYED = ("dict", "set", "defaultdict", "collections.defaultdict", "OrderedDict", "collections.OrderedDict", "Counter",
         "collections.Counter", "weakref.WeakSet", "weakref.WeakValueDictionary", "weakref.WeakKeyDictionary")  # fmt: skip

DEQUES = ("deque", "collections.deque")
"""What fails, too, when anything is put in or taken out during an iteration."""


def iterated_by_threads(unit: Unit) -> Iterator[tuple[Access, int, Evidence]]:
    """Loops over shared collections without a lock, and the line where a thread changes their size."""
    if unit.facts.is_async or unit.is_constructor:
        return
    seen: set[int] = set()
    for loop in unit.marks("loop"):
        for read in (a for number in sorted(loop.stems) if (a := unit.access(number)) is not None):
            if read.how not in VIEWS or read.id in seen or unit.locked_at(read) or read.handled & {"", "RuntimeError"}:
                continue
            if read.resource.kind not in INTERNAL or replaced_before(unit, read) or _is_entry(read):
                continue
            seen.add(read.id)
            if fails_anyway(unit, read, loop):
                continue
            found = _changed_meanwhile(unit, read) or _changed_by_entries(unit, read, loop)
            if found is not None:
                yield read, *found


def fails_anyway(unit: Unit, read: Access, loop: Mark) -> bool:
    """Whether the loop itself takes out of the dictionary or set that it goes over, and comes to its next round: that fails without
    any other thread."""
    if read.how == "iterate" and not fails_when_resized(unit, read):
        return False
    todo = [
        a.id
        for a in unit.accesses()
        if a.how in _TAKES and a.id > loop.id and same(a.resource, read.resource) and (a.resource.key or a.how != "del")
    ]
    seen = {read.id}  # who looks anew goes over what is left
    while todo:
        for number in unit.flow.after[todo.pop()]:
            if number == loop.id:
                return True
            if number not in seen:
                seen.add(number)
                todo.append(number)
    return False


_TAKES = ("del", "pop", "popitem", "remove", "discard", "clear")


def process_wide(unit: Unit) -> Iterator[tuple[Mark, str, Evidence]]:
    """Loops over collections of the interpreter, such as `sys.modules`, which any import resizes, where threads are about."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    if unit.facts.is_async:
        return
    for loop in unit.marks("loop"):
        if loop.place.unit != unit.facts.qualname:
            continue
        text = unit.module.text(loop.place)
        name = scope.canonical(_VIEW.sub("", in_full(unit.facts, text)))
        if name not in scope.models.process_wide:
            continue
        threaded = concurrency.surely_in_threads(unit.facts)
        unseen = not threaded and unit.module.alone and not of_one_program(unit)
        enough, told = threaded or unseen, "callers out of view may" if unseen else "nothing tells that others"
        reason = "threads run this" if threaded else f"{told} run beside this"
        yield (
            loop,
            text if "." in text else name,
            Evidence(f"any thread may change `{name}`; {reason}", Confidence.MEDIUM if enough else Confidence.LOW),
        )


def iterated_by_starter(unit: Unit) -> Iterator[tuple[Mark, str, int, Evidence]]:
    """Loops over what threads resize that the unit itself has started and has not waited for, with the line of the change."""
    if unit.facts.is_async or unit.is_constructor:
        return
    concurrency = unit.module.concurrency
    filled = list(filled_by_started(concurrency, unit.facts))
    for loop in unit.marks("loop") if filled else ():
        if loop.place.unit != unit.facts.qualname or _under_lock(unit, loop):
            continue
        text = unit.module.text(loop.place)
        name, line = _VIEWED.sub("", text), unit.module.span(loop.place).line
        if not _fails(unit, name):
            continue
        for one in filled:
            if one.name == name and goes_on(concurrency, unit.facts, one, line):
                told = f"line {one.begun} starts `{one.by.qualname}` in a thread, and nothing waits for it before"
                yield loop, name, one.change.line, Evidence(told, Confidence.HIGH, "threads")
                break


def _under_lock(unit: Unit, loop: Mark) -> bool:
    """Whether any lock is held at a loop, one of the function, too."""
    return any(isinstance(event := unit.events[number], Acquire) and event.what == "lock" for number in loop.held)


def _fails(unit: Unit, name: str) -> bool:
    """Whether a name or attribute of the own object holds a collection that fails when its size changes during an iteration."""
    scope, facts = unit.module.scope, unit.facts
    root, dot, rest = name.partition(".")
    if dot:
        return root == "self" and scope.attribute_type(facts.owner, rest) in (*KEYED, *DEQUES)
    made = {built for local, built in facts.locals_built if local == name}
    if name not in facts.local_names:
        made = {write.built_from for write in scope.facts.module_body.writes if write.path == name}
    given = {write.shape for write in facts.writes if write.path == name and write.how == "="}
    return bool(made) and made <= {*KEYED, *DEQUES} and given <= {"empty", "display"}


_NAMES = expression(r"[A-Za-z_]\w*")
_VIEWED = expression(r"\.(items|keys|values)\(\)$")
_VIEW = expression(r"\.(items|keys|values)(\(\))?$")


def _changed_meanwhile(unit: Unit, read: Access) -> tuple[int, Evidence] | None:
    """The line of the change that a thread may make meanwhile, and the strongest evidence that it does."""
    fails = read.how != "iterate" or fails_when_resized(unit, read)
    best: tuple[int, Evidence] | None = None
    shapes = (*SIZES, *_also(unit, read)) if fails else MOVES
    for write, function, found in (
        *rivals(unit, read.resource, World.THREADS, shapes),
        *(_makers(unit, read) if fails else ()),
        *beside_loop(unit, read.resource, shapes),
    ):
        if function.qualname == unit.facts.qualname or _into_a_new_one(function, write):
            continue
        if keeps_size(unit, read.resource, function, write):
            continue
        strength = _strength(unit, read, write, function, found, fails)
        if strength is not None and (best is None or strength.rank > best[1].strength.rank):
            best = write.line, Evidence(f"{found.text}; `{function.qualname}` changes it", strength)
    return best


def _changed_by_entries(unit: Unit, read: Access, loop: Mark) -> tuple[int, Evidence] | None:
    """Where a listener comes or goes, if the loop of a file that is alone runs listeners, which are told of neither.

    They may do so themselves, as whoever listens only once does, or another thread may.
    """
    function = unit.module.scope.functions.get(loop.place.unit)
    if not unit.module.alone or function is None or function.decorators or not fails_when_resized(unit, read):
        return None  # a decorator may take a lock
    names = frozenset(_NAMES.findall(unit.module.text(loop.place))) & function.loop_names
    if not runs_entries(function, function.loop_names - names):
        return None
    for other, write in unit.module.concurrency.writers(read.resource):
        if ends_entry(other, write) or takes_entry_on(other, write):
            text = f"the loop runs code of the entries; `{other.qualname}` changes it for whoever asks"
            return write.line, Evidence(text, Confidence.MEDIUM, World.THREADS.value)
    return None


def _into_a_new_one(function: FunctionFacts, write: Write) -> bool:
    """Whether the statement right before the change makes a new collection there: who iterates goes over the old one.

    What a loop puts in comes one entry after the other, so that others may go over a part.
    """
    return any(
        made.path == write.path and made.how == "=" and made.shape == "empty" and write.statement == made.statement + 1
        for made in function.writes
    )


def _makers(unit: Unit, read: Access) -> Iterator[tuple[Write, FunctionFacts, Evidence]]:
    """Who may make an entry meanwhile that is not there yet: the change, where, and why they overlap."""
    concurrency = unit.module.concurrency
    for function, write in concurrency.entries_made(read.resource):
        found = concurrency.overlap(unit.facts.qualname, function.qualname, "threads", read.resource)
        if found is not None and function.name not in CONSTRUCTORS:
            yield write, function, found


def _strength(
    unit: Unit, read: Access, write: Write, function: FunctionFacts, found: Evidence, fails: bool
) -> Confidence | None:
    """How sure it is that the change comes during the iteration; None if nothing but two public names says so."""
    if function.qualname in unit.module.concurrency.runs(unit.facts.qualname):
        # the loop fills it first and finds nothing left to add
        return None if found.public or not fails else Confidence.LOW
    guarded = unit.module.under_lock(function, write) and kept_under_lock(
        unit, read.resource, (*SIZES, *MOVES, "append")
    )
    if not (guarded and found.strength is not Confidence.LOW) and (found.public or not fails):
        return None
    if found.strength is not Confidence.HIGH and first_word(unit.facts.name) in ENDS:
        return Confidence.LOW
    if unit.module.concurrency.called_only_under_lock(unit.facts) or _set_up_before(unit, function, write):
        return Confidence.LOW
    if _only_after_joins(unit) or (not fails and _of_the_set_up(unit, function, write)):
        return Confidence.LOW
    return found.strength


def _of_the_set_up(unit: Unit, function: FunctionFacts, write: Write) -> bool:
    """Whether a method of a class changes what its objects have in common, and nothing but public names leads there.

    `Message.register(field)` is told to who uses the library before the first message is made.
    """
    if "classmethod" not in function.decorators or write.path.partition(".")[0] != function.params[0][0]:
        return False
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ())]
    return all(root.public for root in roots)


def _only_after_joins(unit: Unit) -> bool:
    """Whether all that is seen to call the unit has waited for threads before, and nothing else is known to run it."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    callers = concurrency.callers.get(unit.facts.qualname, ())
    if not callers or any(not root.public for root in roots):
        return False
    return all(
        any(other.callee.endswith(".join") and not other.arguments and other.line < call.line for other in caller.calls)
        for caller, call in callers
    )


def _set_up_before(unit: Unit, function: FunctionFacts, write: Write) -> bool:
    """Whether requests iterate, and of who changes it is only known that anybody may call it: what requests go by is set up before."""
    concurrency = unit.module.concurrency
    mine, others = (
        [concurrency.roots[number] for number in concurrency.reached.get(name, ())]
        for name in (unit.facts.qualname, function.qualname)
    )
    telling = [root for root in mine if not root.public]
    return (
        bool(telling)
        and all(root.handler for root in telling)
        and all(root.public and not root.called for root in others)
        and not unit.module.under_lock(function, write)
    )


ENDS = frozenset({"close", "stop", "shutdown", "terminate", "join", "exit", "del", "repr", "str"})
"""First words of functions that run when the others are done, or that only show something."""


def _is_entry(read: Access) -> bool:
    """Whether an entry of a collection is iterated: changes of the size of the collection itself do it no harm."""
    return bool(read.resource.key)


def replaced_before(unit: Unit, read: Access) -> bool:
    """Whether the unit put another collection in the place of this one before, or took the entry out: it has the old one alone.

    What is read anew from its place is none that was taken out.
    """
    source = unit.access(read.value.via) if read.value.via is not None else None
    held = source is not None and source.statement != read.statement  # by a local name
    return any(
        write.how in ("=", "del", "pop")
        and (
            (same(write.resource, read.resource) and not write.resource.key)
            or (held and bool(write.resource.key) and write.resource.place == read.resource.place)
        )
        and unit.before(write.id, read.id)
        for write in unit.accesses(Op.WRITE, Op.DELETE)
    )


def fails_when_resized(unit: Unit, read: Access) -> bool:
    """Whether the collection fails when its size changes during an iteration: a dictionary, a set or a deque."""
    return not _types(unit, read).isdisjoint((*KEYED, *DEQUES))


def _also(unit: Unit, read: Access) -> tuple[str, ...]:
    """What else changes the size of the collection: counting up under a key that is not there yet, or the methods of a deque."""
    types = _types(unit, read)
    counts = () if types.isdisjoint(_MAKING) else ("[]+=",)
    return (
        counts
        if types.isdisjoint(DEQUES)
        else (*counts, "append", "appendleft", "popleft", "extend", "extendleft", "insert")
    )


def _types(unit: Unit, read: Access) -> set[str]:
    """What the collection may be built from."""
    scope, resource = unit.module.scope, read.resource
    if resource.owner in scope.classes:
        return {scope.attribute_type(resource.owner, resource.path)}
    built = {write.built_from for write in scope.facts.module_body.writes if write.path == resource.path}
    return {*built, scope.built_type(scope.assigned.get(resource.path, ""))}


_MAKING = ("defaultdict", "collections.defaultdict", "Counter", "collections.Counter")
"""Dictionaries that make the entries which they lack."""


def changed_by_requests(unit: Unit, function: FunctionFacts, found: Evidence) -> Evidence | None:
    """That requests or connections which a method of the object answers come and go while a public method iterates.

    One caller of that is enough: whoever it is runs beside them. Only what brings the object up comes before.
    """
    concurrency, scope = unit.module.concurrency, unit.module.scope
    public = scope.functions.get(found.half)
    if public is None or not public.owner or first_word(public.name) in BRINGS_UP:
        return None
    if function.qualname in concurrency.runs(public.qualname):
        return None
    family = scope.family(public.owner)
    for root in (concurrency.roots[number] for number in sorted(concurrency.reached.get(function.qualname, ()))):
        handler = scope.functions.get(root.unit)
        if handler is None or handler.owner not in family or not root.handler or root.own_object or not root.many:
            continue
        if root.world == found.world and root.strength is Confidence.HIGH and root.unit != found.half:
            return Evidence(root.text, Confidence.MEDIUM, root.world)
    return None
