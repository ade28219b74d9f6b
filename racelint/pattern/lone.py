"""A file that is alone: nothing of its project is there that would show who calls its functions, so callers are taken to come at once.

In a project that is in view most of what rests on this alone was wrong when it was read; of a single file nothing else can be told.
"""

from __future__ import annotations

from racelint.events import Access, Kind, Resource, Shape
from racelint.evidence import Evidence
from racelint.evidence.calls import LOOPS
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import replace
from racelint.paths import is_built, is_of_one_row, is_of_one_run
from racelint.pattern.programs import by_the_first, of_one_program
from racelint.pattern.several import beside_others
from racelint.pattern.sharing import NAMES, made_by_constructor
from racelint.pattern.unit import Unit, of_lifecycle
from racelint.words import BRINGS_UP, FOR_MANY, MAIN_LOOPS, WORD, first_word

_OF_THREADS = frozenset({"threading", "_thread", "concurrent", "multiprocessing", "queue"})
_MOVED = expression(r"(six|future)\.moves\.(queue|_thread)\b")
_SETS_UP = frozenset({"as_view"})
"""Called while routes are registered."""
_ENTERED = frozenset({"__aenter__", "__aexit__", "__call__", "__anext__"})
"""Whoever enters an object, or iterates over it, has mostly made it for himself; frameworks call one that they have made."""


def believed(unit: Unit, evidence: Evidence, act: Access, asked: bool = False) -> Evidence:
    """The same, taken for enough where the file is alone and the evidence rests on nothing but callers out of view.

    Threads must be something that the file knows of, or what they share must belong to all objects: the class or the module. Of
    coroutines the file must neither say who calls the method nor that a lock is held around its work; what brings an object up or
    down is called once, unless it is `asked` there first whether that has been done.
    """
    if not _left_open(unit, evidence):
        return evidence
    root = unit.module.scope.functions.get(evidence.unseen)
    if root is None or (act.op.changes and unit.locked_at(act)):  # another test may come under the lock
        return evidence
    meets = _threads_meet(unit, root, act) if evidence.world == "threads" else _tasks_meet(unit, root, asked)
    return replace(evidence, strength=Confidence.MEDIUM) if meets else evidence


def _left_open(unit: Unit, evidence: Evidence) -> bool:
    """Whether the file is alone, and the evidence is weak for no other reason than that it rests on callers out of view."""
    return unit.module.alone and bool(evidence.unseen) and evidence.strength is Confidence.LOW


def of_what_many_use(unit: Unit, evidence: Evidence, resource: Resource) -> Evidence:
    """The same, taken for enough where the file is alone and the state is that of a cache or a pool: these are there for many."""
    if not _left_open(unit, evidence) or unit.module.concurrency.for_tasks:
        return evidence
    words = WORD.findall(resource.owner.rpartition(".")[2])
    many = bool(words) and resource.kind is Kind.ATTRIBUTE and words[-1].lower() in FOR_MANY
    return replace(evidence, strength=Confidence.MEDIUM) if many else evidence


def shown_half_made(unit: Unit, made: Access) -> bool:
    """Whether something is made and put where others find it, and not by what brings its own object up."""
    new = made.value.shape in (Shape.EMPTY, Shape.NEW, Shape.CALL) and made.resource.kind is Kind.ATTRIBUTE
    return new and first_word(unit.facts.name) not in BRINGS_UP


def made_by_unseen(unit: Unit, act: Access) -> bool:
    """Whether the file is alone, and nothing in it says that a path which it makes is that of one run, or is made once."""
    facts, path = unit.facts, act.resource.path
    return unit.module.alone and not (
        of_one_program(unit)
        or by_the_first(unit)
        or is_of_one_run(facts.qualname)
        or is_of_one_row(path)
        or is_built(path)
        or made_by_constructor(unit, path)
        or unit.module.concurrency.on_own_machine(facts.qualname)
        or beside_others(unit, facts)  # of whose paths is known that each has its own
    )


def written_by_unseen(unit: Unit, evidence: Evidence, write: Access) -> Evidence:
    """The same, taken for enough where the file is alone and other callers of a function, out of view, would write the same file.

    Not each of the files that a loop comes to: those are of whoever asks for them.
    """
    if not _left_open(unit, evidence) or write.resource.kind is not Kind.FILE:
        return evidence
    one_of_many = not unit.facts.loop_names.isdisjoint(NAMES.findall(write.resource.path))
    if one_of_many or not made_by_unseen(unit, write):
        return evidence
    return replace(evidence, strength=Confidence.MEDIUM)


def _threads_meet(unit: Unit, root: FunctionFacts, act: Access) -> bool:
    concurrency, resource = unit.module.concurrency, act.resource
    if concurrency.for_tasks or act.value.type.partition(".")[0] in LOOPS or root.name in _SETS_UP:
        return False
    if resource.kind in (Kind.GLOBAL, Kind.CLASS) or concurrency.of_class(resource):
        return True
    methods = unit.module.scope.methods.get(root.owner, {}).values()
    return knows_threads(unit) and not (any(method.is_async for method in methods) or _called_here(unit, root))


def knows_threads(unit: Unit) -> bool:
    """Whether the file uses anything that threads are made or kept apart with."""
    scope = unit.module.scope
    return not scope.libraries.isdisjoint(_OF_THREADS) or any(map(_MOVED.match, scope.imports.values()))


def _tasks_meet(unit: Unit, root: FunctionFacts, asked: bool) -> bool:
    concurrency = unit.module.concurrency
    once = root.name in _ENTERED or of_lifecycle(unit, root.name)
    if once and not (asked and (root.name == "__aenter__" or first_word(root.name) in BRINGS_UP)):
        return False
    if any(concurrency.called_under_lock(function) for function in (root, unit.facts)):
        return False
    return not _called_here(unit, root)


def _called_here(unit: Unit, root: FunctionFacts) -> bool:
    """Whether the file itself shows who calls a method: something in it does so on another object than its own."""
    named, scope = f".{root.name}", unit.module.scope
    return any(
        call.callee.endswith(named)
        and call.callee.count(".") == 1
        and not call.callee.startswith(("self.", "cls.", "super."))
        for caller in (*scope.every_function, scope.facts.module_body)
        if not _called_by_unseen(unit, caller)
        for call in caller.calls
    )


def _called_by_unseen(unit: Unit, caller: FunctionFacts) -> bool:
    """Whether callers out of view may run a method that calls another one, too: it comes as often as they do."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(caller.qualname, ())]
    up = caller.name in _ENTERED or of_lifecycle(unit, caller.name) or first_word(caller.name) in MAIN_LOOPS
    return bool(caller.owner) and caller.is_async and not up and bool(roots) and all(root.unseen for root in roots)
