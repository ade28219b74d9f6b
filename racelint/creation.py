"""Lazy creation, what several rules share: something is found missing, made and stored, and others can do the same."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.expressions import expression
from racelint.finding import World
from racelint.frozen import replace
from racelint.pattern import Access, Confidence, Evidence, Kind, Op, Sense, Shape, first_word
from racelint.pattern.added import INSERTS
from racelint.pattern.dependence import decided
from racelint.pattern.ended import raised_to_end, tells_of_end
from racelint.pattern.kept import kept_under_lock
from racelint.pattern.locked_next import keeps_lock, locked_next
from racelint.pattern.made import (
    begins_because,
    begins_something,
    has_side_effects,
    has_threads,
    made_for_threads,
    makes_known_resource,
    makes_resource,
    only_found_faster,
    opened_between,
    opened_by,
    opened_for,
    works_first,
    works_under,
)
from racelint.pattern.makers import other_maker
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.published import checked_outside, finished_later, under_one_lock
from racelint.pattern.refused import is_taken
from racelint.pattern.rivals import made_sure_by_each, rival, stronger
from racelint.pattern.same_entry import named_anew, owner_made_anew, said_by_all
from racelint.pattern.unit import Unit, exactly, of_lifecycle, same
from racelint.resolve import for_each_thread
from racelint.words import ASKED, names_token

MADE = (Shape.AWAITED, Shape.NEW, Shape.CALL, Shape.SPAWNED)


def made_across_await(unit: Unit, keyed: bool) -> Iterator[tuple[Pair, Evidence]]:
    """Checked absent, switch, set (entries of a collection if `keyed`); unless what is made is a plain value that two tasks may well compute twice."""
    nearest: dict[int, tuple[Pair, Evidence]] = {}
    for pair, evidence in _made_across_await(unit, keyed):
        known = nearest.get(pair.second.id)
        if known is None or known[0].first.id < pair.first.id:
            nearest[pair.second.id] = (pair, evidence)  # of several checks the one nearest to the write
    yield from nearest.values()


def _made_across_await(unit: Unit, keyed: bool) -> Iterator[tuple[Pair, Evidence]]:
    for pair, sense in decided(unit):
        write = pair.second
        if (
            write.op is not Op.WRITE
            or bool(write.resource.key) is not keyed
            or write.how not in ("=", "[]")
            or not (
                write.value.shape in MADE
                or _part_under_lock(unit, write)
                or _part_of_answer(unit, pair.first, write)
                or picked_up(unit, pair.first, write)
                or (keyed and _enters(unit, pair, sense))
            )
        ):
            continue
        if write.resource.key and (named_anew(unit, pair.first, write) or said_by_all(unit, write)):
            continue
        if owner_made_anew(unit, pair.first, write) or _notes_who_runs(unit, write):
            continue
        if (
            not (
                sense is Sense.ABSENT
                or (sense is Sense.OTHERWISE and pair.first.id not in unit.flow.ordered | unit.flow.compared)
            )
            or unit.fresh(write, write.resource) is not None
            or pair.first.how in ("while", "assert")
            or unit.claimed(pair.first, write)
            or unit.guarded(pair.first, write)
        ):
            continue
        expected = waited_for_by_others(unit, pair)
        evidence = stronger(_others(unit, write, keyed, World.TASKS), expected)
        if not keyed and makes_resource(unit, write):
            evidence = stronger(evidence, made_sure_by_each(unit, write))
        if not keyed and (makes_resource(unit, write) or picked_up(unit, pair.first, write)):
            evidence = stronger(evidence, locked_next(unit, write))
        if evidence is None or not does_work(unit, pair):
            continue
        if evidence is not expected and not has_side_effects(unit, pair.first, write):
            evidence = replace(evidence, strength=how_sure(unit, pair, evidence))
        yield pair, evidence


def _notes_who_runs(unit: Unit, write: Access) -> bool:
    """Whether what is kept under a lock is the running task itself: that says who holds the lock, and makes nothing."""
    return bool(unit.locked_at(write)) and _RUNNING.search(unit.module.text(write.place)) is not None


_RUNNING = expression(r"=\s*(\w+\.)*(get_)?current_(task|thread)\(\)$")


def _part_under_lock(unit: Unit, write: Access) -> bool:
    """Whether part of an answer is kept under a lock: `self.token = reply["token"]`. Who takes one for it means to ask only once."""
    return write.value.shape is Shape.OTHER and not write.value.stems and bool(unit.locked_at(write))


def _part_of_answer(unit: Unit, check: Access, write: Access) -> bool:
    """Whether what is kept comes out of what an awaited beginning has answered: `reply = await http.post(…)`, `token = reply["token"]`.

    What is kept under a key is mostly a cache, in which an answer may well be asked for twice.
    """
    plain = write.value.shape is Shape.OTHER and not write.value.stems and not write.resource.key
    return plain and begins_something(unit, check, write)


def _enters(unit: Unit, pair: Pair, sense: Sense) -> bool:
    """Whether the entry says that something is under way, which is done first: `if room in games: return`, awaits, `games[room] = …`.

    So does one that notes for whom it is, if a lock was held while it was looked for, or something is begun for it before it is noted.
    """
    check, write = pair.first, pair.second
    if sense is not Sense.ABSENT or write.resource.key != check.resource.key or not works_first(unit, check, write):
        return False
    if is_taken(unit, check):
        return True
    given = {name for name, _ in unit.facts.params[bool(unit.facts.owner) :]}
    for_caller = write.value.shape is Shape.OTHER and write.value.text in given - {write.resource.key}
    decided_under_lock = any(lock.id not in write.held for lock in unit.locked_at(check))
    works = decided_under_lock and works_first(unit, check, write, called=True)
    return for_caller and (works or begins_something(unit, check, write))


def waited_for_by_others(unit: Unit, pair: Pair) -> Evidence | None:
    """The evidence that others come while the first one is at work: who finds the resource there waits for it to be completed."""
    check, write = pair.first, pair.second
    if write.value.shape in (Shape.AWAITED, Shape.NONE):
        return None
    for switch in unit.switches():
        if (check.id, Sense.PRESENT) not in switch.control or switch.callee not in ("", "wait", "shield", "wait_for"):
            continue
        looks = (unit.access(number) for number in switch.stems)
        if (switch.used is not None and exactly(switch.used, write.resource)) or any(
            look is not None and exactly(look.resource, write.resource) for look in looks
        ):
            text = f"who finds it there waits for it on line {unit.module.line(switch)}: several are expected at once"
            return Evidence(text, Confidence.MEDIUM)
    return None


def picked_up(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the write keeps what an awaited beginning has left elsewhere: `await self.pool.open()`, `self.c = self.pool.c`."""
    return (
        write.value.shape is Shape.OTHER
        and bool(write.value.stems)
        and write.value.stems <= write.fresh
        and begins_something(unit, check, write)
    )


def begun_by_decorated(unit: Unit) -> bool:
    """Whether the unit keeps what functions give that it stands for, one of which begins something that is not to be begun twice."""
    concurrency, models = unit.module.concurrency, unit.module.models
    decorated = concurrency.decorating.get(unit.facts.qualname, ())
    functions = (unit.module.scope.functions.get(name) for name in decorated)
    return any(
        call.awaited
        and "." in call.callee
        and (first_word(call.callee) in models.beginnings or call.callee.endswith(".post"))
        for function in functions
        if function is not None
        for call in function.calls
    )


def how_sure(unit: Unit, pair: Pair, evidence: Evidence) -> Confidence:
    """How sure it is that a second creation does harm: something leaks, and the creator is not just called once to begin."""
    write = pair.second
    if picked_up(unit, pair.first, write):
        return evidence.strength
    if begun_by_decorated(unit):
        return min(evidence.strength, Confidence.MEDIUM, key=lambda strength: strength.rank)
    if write.resource.key and _enters(unit, pair, Sense.ABSENT):
        return Confidence.LOW if evidence.public or evidence.called else evidence.strength
    made = makes_resource(unit, write)
    if keeps_lock(unit, write) or (unit.locked_at(write) and not made and of_lifecycle(unit, write.place.unit)):
        return (
            Confidence.LOW
        )  # who comes next gets the lock when all is taken down again; or who sets it up does so once
    if unit.locked_at(write) and (made or not write.resource.key):
        # whoever takes a lock for it expects others, and means to do it once
        return max(evidence.strength, Confidence.MEDIUM, key=lambda s: s.rank)
    if not made:
        certain = (
            evidence.strength is Confidence.HIGH
            and (
                _trades_in(unit, pair)
                or (not names_token(write.resource.path) and begins_something(unit, pair.first, write))
            )
            and (write.value.shape is Shape.AWAITED or _part_of_answer(unit, pair.first, write))
            and (not write.resource.key or opened_between(unit, pair.first, write))
        )
        return Confidence.MEDIUM if certain else Confidence.LOW  # what is found out twice costs time and nothing else
    if not (makes_known_resource(unit, write) or begins_something(unit, pair.first, write)):
        return evidence.strength
    if unit.module.concurrency.lends_lock(unit.facts.owner):
        return Confidence.LOW
    function = unit.module.scope.functions.get(write.place.unit)
    if function is not None and unit.module.concurrency.called_only_under_lock(function):
        return Confidence.LOW  # which so seems to be a part of whatever is done under the lock
    sites = unit.module.concurrency.callers.get(function.qualname, ()) if function is not None else ()
    called = any(not of_lifecycle(unit, caller.qualname) for caller, _ in sites)
    if of_lifecycle(unit, write.place.unit) and not called:
        # whoever connects or starts an object does so once
        return Confidence.LOW if evidence.public else evidence.strength
    if evidence.strength is Confidence.LOW:
        return Confidence.LOW  # read closely, most public coroutines have one caller, which awaits them in turn
    return max(evidence.strength, Confidence.MEDIUM, key=lambda s: s.rank)


def _trades_in(unit: Unit, pair: Pair) -> bool:
    """Whether what is awaited trades in a refresh token: a server that gives a new one with each takes the old one once.

    A function that is called `refresh_token` itself mostly asks for another token with a password, as often as it likes.
    """
    switches = unit.switches_between(pair.first.id, pair.second.id)
    return any(_REFRESH_TOKEN.search(unit.module.text(switch.place)) is not None for switch in switches)


_REFRESH_TOKEN = expression(r"(?i)(?<![a-z])refresh_?token\b(?!\()|\.(?!refresh)[a-z]+_refresh_?token\b")
"""The token as an argument, or as what is used, exchanged or redeemed."""


def does_work(unit: Unit, pair: Pair) -> bool:
    """Whether what lies between check and write is more than what tolerates being done twice."""
    idempotent = unit.module.models.idempotent
    return any(switch.callee not in idempotent for switch in unit.switches_between(pair.first.id, pair.second.id))


def made_without_lock(unit: Unit, keyed: bool) -> Iterator[tuple[Pair, str, Evidence]]:
    """Lazy creations (of entries of a collection if `keyed`), in which way they are wrong, and the threads that meet there."""
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if (
            write.value.shape in (Shape.NONE, Shape.FALSE)
            or bool(write.resource.key) is not keyed
            or write.how not in ("=", "[]")
        ):
            continue
        for number, sense in write.control:
            check = unit.access(number)
            if check is None or not same(check.resource, write.resource) or not _missing(unit, check, sense):
                continue
            if check.how == "in" and not keyed:
                continue  # who finds one entry missing and puts another whole in the place has not made that lazily
            way = "" if _of_a_loop(unit, write) else wrong_way(unit, check, write)
            evidence = _others(unit, write, keyed, World.THREADS) if way else None
            if evidence is not None:
                if way == "flag" and check.how == "while":
                    continue  # a loop that runs until the flag is up
                if way == "unchecked" and (not opened_for(unit, check, write) or _computed_again(unit, check, write)):
                    # what is far away may be made for other reasons
                    evidence = evidence.weakened()
                if way == "early" and (
                    evidence.strength is not Confidence.HIGH
                    or (write.value.shape is Shape.TRUE and raised_to_end(unit, write))
                ):
                    expected = (
                        unit.locked_at(write) and write.value.shape is not Shape.TRUE and not _of_one_object(write)
                    )
                    evidence = replace(evidence, strength=Confidence.MEDIUM if expected else Confidence.LOW)
                if way == "begun" and (
                    evidence.strength is not Confidence.HIGH
                    or evidence.public
                    or evidence.called
                    or write.resource.kind is Kind.CAPTURED  # by jobs of one function, which may wait for each in turn
                ):
                    continue  # what is begun may well be begun twice, and by one thread only
                once = of_lifecycle(unit, unit.facts.name)
                if way == "plain" and once and evidence.strength is not Confidence.HIGH:
                    evidence = evidence.weakened()
                if way in ("flag", "unchecked") and once:
                    evidence = evidence.weakened()  # whoever starts an object does so once, whatever it locks
                if way == "flag" and check.place.unit != write.place.unit and under_one_lock(unit, check, write):
                    evidence = evidence.weakened()  # each step has the lock: who raises the flag mostly looks again
                if way in ("plain", "early") and set_up_elsewhere(unit, write):
                    evidence = evidence.weakened()
                sure = evidence.strength is Confidence.HIGH and makes_known_resource(unit, write)
                if way == "plain" and _of_one_object(write) and not sure:
                    evidence = replace(evidence, strength=Confidence.LOW)
                if evidence.called and way == "plain":  # what leads there has mostly been set up before
                    evidence = evidence.weakened()
                if (way in ("plain", "unchecked") and _may_be_made_twice(unit, check, write)) or only_found_faster(
                    unit, write
                ):
                    evidence = evidence.weakened()
                unsaid = evidence.public or (evidence.called and write.resource.kind is Kind.ATTRIBUTE)
                if way == "flag" and (
                    (unsaid and not kept_under_lock(unit, write.resource)) or tells_of_end(check, write)
                ):
                    evidence = evidence.weakened()
                asked = way == "plain" and evidence.strength is Confidence.LOW and _asked_by_threads(unit, write)
                if asked and has_threads(unit, write):  # what only has a lock is mostly made before the threads are
                    evidence = Evidence(
                        f"what is made has threads of its own: `{unit.facts.name}` is there for any thread to ask",
                        Confidence.MEDIUM,
                        evidence.world,
                    )
                if evidence.strength is Confidence.LOW and _makes_lock(unit, write):
                    what = "what each thread has for itself" if write.value.type == "threading.local" else "a lock"
                    evidence = Evidence(
                        f"what is made is {what}: whoever asks for it expects other threads, which then hold another one",
                        Confidence.MEDIUM,
                        evidence.world,
                    )
                yield Pair(unit, check, write), way, evidence
                break


def _others(unit: Unit, write: Access, keyed: bool, world: World) -> Evidence | None:
    """The evidence that others change the entry meanwhile, or make what is missing."""
    if not keyed:
        return other_maker(unit, write, world)
    return rival(unit, write.resource, world, INSERTS if world is World.TASKS else ())


def _missing(unit: Unit, check: Access, sense: Sense) -> bool:
    """Whether the entry was not there; so it may be where `not renewed and key in entries` does not hold, if the entry is used where it does."""
    if sense is not Sense.OTHERWISE or check.how != "in":
        return sense is Sense.ABSENT
    return any(
        (check.id, Sense.PRESENT) in access.control and exactly(access.resource, check.resource)
        for access in unit.accesses(Op.READ, Op.USE, kinds=INTERNAL)
    )


def _makes_lock(unit: Unit, write: Access) -> bool:
    """Whether a lock for threads is made where no lock is held, and the module gives no thread an object of its own."""
    scope = unit.module.scope
    if unit.module.concurrency.called_under_lock(unit.facts) or _makes_class(unit):
        return False
    if unit.facts.name in SETS_UP and not unit.facts.owner:
        return False  # a hook that sets the module up: once, before there are threads
    if for_each_thread(write.value.type):
        methods = scope.methods.get(unit.facts.owner, {}).values()
        return not any(method.is_async for method in methods)  # there, a name that is also a lock of tasks is one
    call = unit.module.models.functions.get(write.value.type)
    if call is None or call.effect != "lock" or call.world != "threads":
        return False
    used = [built for _, built in scope.facts.assigned] + [base for c in scope.facts.classes for base in c.bases]
    apart = any(scope.canonical(name) == "threading.local" for name in used)
    return not apart


def _makes_class(unit: Unit) -> bool:
    """Whether it is a metaclass that makes a new class: nobody else has that yet."""
    return unit.facts.name in ("__new__", "__init__") and "type" in unit.module.scope.base_names(unit.facts.owner)


def _asked_by_threads(unit: Unit, write: Access) -> bool:
    """Whether a function gives whoever asks the one object of the module or class, which is made for several threads.

    Its class has a lock, or is a pool or thread: who holds another one holds another lock, and what is started twice runs twice.
    """
    shared = write.resource.kind in (Kind.GLOBAL, Kind.CLASS) or (
        write.resource.kind is Kind.ATTRIBUTE
        and write.resource.name.partition(".")[0] in ("cls", *unit.module.scope.classes)
    )
    if not shared or write.resource.key or write.place.unit != unit.facts.qualname or unit.facts.is_async:
        return False
    if first_word(unit.facts.name) not in ASKED or unit.module.concurrency.called_under_lock(unit.facts):
        return False
    return made_for_threads(unit, write)


def _of_one_object(write: Access) -> bool:
    """Whether what is made belongs to one object: a second one, made at once by another thread, is mostly just dropped."""
    return write.resource.kind is Kind.ATTRIBUTE and not write.resource.key and write.resource.name.startswith("self.")


def _may_be_made_twice(unit: Unit, check: Access, write: Access) -> bool:
    """Whether nothing says that a second one does harm: a value of the class, or what a cache computes with its lock let go of."""
    if makes_known_resource(unit, write):
        return False
    if write.resource.key:
        return under_one_lock(unit, check, write)
    if unit.locked_at(write) or unit.facts.name == "__new__" or write.value.type.startswith(":"):
        return False  # one object of the class was meant
    return not makes_resource(unit, write) and not has_side_effects(unit, check, write)


def _of_a_loop(unit: Unit, write: Access) -> bool:
    """Whether what is made is for tasks, as a lock of `asyncio` is: it is used in the one thread of their loop."""
    call = unit.module.models.functions.get(write.value.type)
    return call is not None and call.effect == "lock" and call.world == "tasks"


def set_up_elsewhere(unit: Unit, write: Access) -> bool:
    """Whether what makes a global is a function to set the module up, which other modules call, too: before there are threads."""
    concurrency = unit.module.concurrency
    function = unit.module.scope.functions.get(write.place.unit)
    return (
        function is not None
        and write.resource.kind is Kind.GLOBAL
        and first_word(function.name) in SETS_UP
        and not function.params
        and bool(concurrency.held_outside(function))
    )


SETS_UP = frozenset({"setup", "init", "initialize", "initialise", "configure"})
"""First words of functions that set a module up."""


def _computed_again(unit: Unit, check: Access, write: Access) -> bool:
    """Whether a list or the like is put together, which is the same for who does it a second time."""
    built = write.value.type in ("list", "tuple", "dict", "set", "frozenset", "sorted") or _PUT_TOGETHER.match(
        write.value.text or write.value.origin
    )
    return bool(built) and not makes_resource(unit, write) and not has_side_effects(unit, check, write)


_PUT_TOGETHER = expression(r"[\[{]|(list|tuple|dict|set|frozenset|sorted)\(")


def _handed_in(unit: Unit, write: Access) -> bool:
    """Whether the value is an argument of the function that keeps it: it was made before, and is kept all the same."""
    function = unit.module.scope.functions.get(write.place.unit)
    return (
        write.value.shape is Shape.OTHER
        and function is not None
        and write.value.text in [name for name, *_ in function.params]
    )


def wrong_way(unit: Unit, check: Access, write: Access) -> str:
    """How the creation can go wrong; "" if it cannot."""
    if finished_later(unit, write) and checked_outside(unit, write):
        return "early"
    if unit.guarded(check, write, World.THREADS):
        return ""
    if unit.rechecked_locked(write) or write.value.shape in (Shape.CONSTANT, Shape.EMPTY):
        return "plain" if write.value.shape is Shape.EMPTY and filled_at_once(unit, write) else ""
    if write.value.shape is Shape.NEW and write.value.type in _COLLECTIONS and filled_at_once(unit, write):
        return "plain"
    if write.value.shape is Shape.TRUE:
        if write.resource.key:
            return ""
        if has_side_effects(unit, check, write):
            return "flag"
        if begins_because(unit, check, write):
            return "begun"
        return "unchecked" if works_under(unit, check, write) and not tells_of_end(check, write) else ""
    if unit.locked_at(write):
        made = write.value.shape in MADE or write.value.type == "file" or _asked_for_under(unit, check, write)
        return "unchecked" if made else ""  # else what is kept was there before
    if (makes_resource(unit, write) and not _handed_in(unit, write)) or (
        write.resource.name.startswith("cls.") and write.value.shape is not Shape.NEW
    ):
        return "plain"
    if _asked_by_threads(unit, write):
        return "plain"
    return "begun" if write.value.shape is Shape.CALL and opened_by(unit, write) else ""


def _asked_for_under(unit: Unit, check: Access, write: Access) -> bool:
    """Whether something outside of the process is asked under the lock of the write, because of the check: `requests.post(…)`."""
    locks = {lock.id for lock in unit.locked_at(write)}
    return write.value.shape is Shape.OTHER and any(
        mark.id < write.id
        and not locks.isdisjoint(mark.held)
        and not locks & check.held
        and any(number == check.id for number, _ in mark.control)
        for mark in unit.marks("slow")
    )


def filled_at_once(unit: Unit, write: Access) -> bool:
    """Whether the collection that is put under a key gets an entry, there or where one was found: another one that is put there
    meanwhile loses it."""
    return bool(write.resource.key) and any(
        exactly(access.resource, write.resource)
        and access.how in ("append", "add", "extend", "update", "insert", "appendleft")
        and (unit.before(write.id, access.id) or write.value.shape is Shape.NEW)
        for access in unit.accesses(Op.UPDATE)
    )


_COLLECTIONS = frozenset({"list", "dict", "set"})
"""Types of displays that are changed in place."""
