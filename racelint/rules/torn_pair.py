"""Two attributes that change together everywhere else are changed with a switch point between them.

Another task that runs at the switch sees one new and one old value, or takes both away between the two.

## Example
    async def open(self, clock: Clock) -> None:
        self.is_open = True
        self.opened_at = await clock.now()

    async def close(self) -> None:
        self.is_open = False
        self.opened_at = None

    async def age(self) -> float | None:
        return self.opened_at if self.is_open else None

## Use instead
    async def open(self, clock: Clock) -> None:
        now = await clock.now()
        self.is_open = True
        self.opened_at = now

    async def close(self) -> None:
        self.is_open = False
        self.opened_at = None

    async def age(self) -> float | None:
        return self.opened_at if self.is_open else None

A count of a collection, a sum over it and a second collection of the same entries belong to it, too: whoever reads both finds them
apart if one follows the other only after an await. So does the key of one of its entries, which may be taken out by then.

## Missed alarms
Other attributes that no other method changes together.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import CONSTRUCTORS, Access, Confidence, Evidence, Kind, Op, Resource, Sense, Shape
from racelint.pattern.beside import key_kept_late
from racelint.pattern.halves_late import kept_late
from racelint.pattern.module import Module
from racelint.pattern.pair import Pair
from racelint.pattern.split_holds import split_holds
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule

Neighbours = dict[tuple[str, str], dict[tuple[str, str], frozenset[str]]]
"""For each attribute, the attributes that are changed in the statement next to it, and the methods that do so."""


def find(module: Module) -> Iterable[Finding]:
    """Two writes with a switch between, of attributes that another method changes side by side and a third place reads together."""
    neighbours = changed_side_by_side(module)
    yield from late_halves(module)
    yield from late_keys(module)
    yield from apart_under_lock(module)
    for unit in module.units if neighbours else ():
        between_threads = False
        for pair, evidence in torn_pairs(unit, neighbours):
            one, other = pair.first.resource.shown, pair.second.resource.shown
            if pair.switch is None:
                if between_threads:
                    continue  # one lock over all that the unit sets mends them all
                between_threads = evidence.strength is not Confidence.LOW
                yield module.finding(
                    RULE,
                    unit,
                    pair.second,
                    ((Role.WRITE, pair.first), (Role.WRITE, pair.second)),
                    f"`{one}` (line {module.line(pair.first)}) and `{other}` (here) change together, and another thread changes both "
                    "too; without a lock one value of each may stay",
                    evidence,
                    World.THREADS,
                    other,
                    Fix("hold one lock wherever the two are changed or read together"),
                )
                continue
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.WRITE, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
                f"`{one}` (line {module.line(pair.first)}) and `{other}` (here) change together elsewhere, but here another task can "
                f"see one without the other at the await on line {module.line(pair.switch)}",
                evidence,
                World.TASKS,
                other,
                Fix("change both on one side of the await, or hold one lock wherever they are used"),
            )


def late_halves(module: Module) -> Iterable[Finding]:
    """A count, or a second collection of the same entries, that follows only after an await."""
    for unit in module.units:
        for pair, reader, evidence in kept_late(unit):
            one, other = pair.first.resource.name, pair.second.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.WRITE, pair.first), (Role.SWITCH, pair.switch or pair.first), (Role.WRITE, pair.second)),
                f"`{other}` follows here what line {module.line(pair.first)} changes in `{one}`, but `{reader}`, which uses both, can "
                f"see one without the other at the await on line {module.line(pair.switch or pair.first)}"
                if reader
                else f"`{other}` is set here to what was computed of `{one}` before the await on line "
                f"{module.line(pair.switch or pair.first)}; another run changes `{one}` meanwhile, and may be the first to set "
                f"`{other}`, so that the older result stays",
                evidence.weakened() if evidence.public else evidence,
                World.TASKS,
                other,
                Fix("change both on one side of the await, or hold one lock wherever they are used"),
            )


def late_keys(module: Module) -> Iterable[Finding]:
    """The key of an entry that is kept only after an await, in which the entry can be taken out."""
    for unit in module.units:
        for kept in key_kept_late(unit):
            one, other = kept.put.resource.name, kept.write.resource.name
            yield module.finding(
                RULE,
                unit,
                kept.write,
                ((Role.WRITE, kept.put), (Role.SWITCH, kept.switch), (Role.WRITE, kept.write)),
                f"`{other}` is set here to the key of what line {module.line(kept.put)} has put into `{one}`; `{kept.taker}` can take "
                f"that out at the await on line {module.line(kept.switch)}, and `{kept.reader}` then looks for what is gone",
                kept.evidence,
                World.TASKS,
                other,
                Fix("change both on one side of the await, or hold one lock wherever they are used"),
            )


def apart_under_lock(module: Module) -> Iterable[Finding]:
    """Two changes under two holds of one lock, where others use both under one."""
    for unit in module.units:
        for pair, lock, user, evidence in split_holds(unit):
            one, other = pair.first.resource.shown, pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.WRITE, pair.first), (Role.WRITE, pair.second)),
                f"`{one}` (line {module.line(pair.first)}) and `{other}` (here) are changed under two holds of `{lock}`, but `{user}` "
                "uses both under one; it can come in between and find one changed without the other",
                evidence,
                World.THREADS,
                other,
                Fix(f"hold `{lock}` over both changes"),
            )


def torn_pairs(unit: Unit, neighbours: Neighbours) -> Iterator[tuple[Pair, Evidence]]:
    """Changes of two attributes that belong together, with a switch between them and no guard over both."""
    if unit.is_constructor:
        return
    writes = [a for a in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.ATTRIBUTE,)) if a.resource.place in neighbours]
    positions: dict[tuple[str, str], list[int]] = {}
    for index, write in enumerate(writes):
        positions.setdefault(write.resource.place, []).append(index)
    for index, first in enumerate(writes):
        beside = neighbours[first.resource.place]
        later = sorted(at for place in beside for at in positions.get(place, ()) if at > index)
        for second in (writes[at] for at in later):
            elsewhere = beside[second.resource.place] - {unit.facts.qualname}
            if (
                not elsewhere
                or not one_fact(first, second)
                or not always_together(unit, first.resource, second.resource)
            ):
                continue
            if (
                first.statement != second.statement
                and not unit.guarded(first, second, World.THREADS)
                and not unit.locked_at(second)
            ):
                yield from torn_by_thread(unit, first, second, elsewhere)
            if first.id in second.fresh or unit.guarded(first, second):
                continue
            # what is written in the next round of a loop, after an await at its top, is another pair
            switch = next((s for s in unit.switches_between(first.id, second.id) if first.id < s.id < second.id), None)
            if switch is None or set_again(unit, first, second) or ended_one_by_one(unit, first, second):
                continue
            evidence = used_together(unit, first.resource, second.resource)
            if evidence is not None and (evidence.public or evidence.strength is Confidence.MEDIUM):
                evidence = evidence.weakened()  # whether they belong together is said by neighbouring statements only
            if evidence is not None and not side_by_side(first, second):
                evidence = evidence.weakened()  # with more between them, each may have a life of its own here
            if evidence is not None and switch.used is not None and same(switch.used, first.resource):
                evidence = evidence.weakened()  # the second half is what comes of the first one, when it is there
            if evidence is not None and (under_way(first) or under_way(second)):
                evidence = evidence.weakened()  # the other says what is under way: they are meant to differ meanwhile
            if evidence is not None:
                yield Pair(unit, first, second, switch), evidence


def ended_one_by_one(unit: Unit, first: Access, second: Access) -> bool:
    """Whether both are set to nothing, and the awaits in between end what the second one held: each has a life of its own."""
    if first.value.shape is not Shape.NONE or second.value.shape is not Shape.NONE:
        return False
    switches = unit.switches_between(first.id, second.id)
    return bool(switches) and all(
        (switch.used is not None and same(switch.used, second.resource))
        or any(
            (look := unit.access(number)) is not None and same(look.resource, second.resource)
            for number in switch.stems | switch.handed
        )
        for switch in switches
    )


def changed_side_by_side(module: Module) -> Neighbours:
    """Attributes of one class that methods change in neighbouring statements."""
    found: Neighbours = {}
    scope = module.scope
    for function in scope.facts.functions:
        places = [
            (write.statement, (scope.defining_class(function.owner, path), path))
            for write in function.writes
            if function.owner and function.params and not scope.in_construction(function, write)
            for root, _, path in (write.path.partition("."),)
            if root == function.params[0][0] and path and "." not in path
        ]
        by_place: dict[int, set[tuple[str, str]]] = {}
        for place, one in places:
            by_place.setdefault(place, set()).add(one)
        for place, one in places:
            for near in (place - 1, place, place + 1):
                for other in sorted(by_place.get(near, set()) - {one}):
                    mine = found.setdefault(one, {})
                    mine[other] = mine.get(other, frozenset()) | {function.qualname}
    return found


PLAIN = (Shape.TRUE, Shape.FALSE, Shape.NONE, Shape.CONSTANT)
"""Values of flags and states, which stand beside what they tell of rather than belong to it."""


FLAG = (Shape.TRUE, Shape.FALSE)


def side_by_side(first: Access, second: Access) -> bool:
    """Whether the two are set in neighbouring statements of one function, of which the second one awaits its value."""
    return first.place.unit == second.place.unit and second.statement - first.statement == 1


def under_way(half: Access) -> bool:
    """Whether half of a pair says that something is under way: a task, or a flag that is named so (`closing`, `_reconnecting`)."""
    named = half.value.shape in FLAG and half.resource.path.endswith("ing")
    return named or half.value.shape is Shape.SPAWNED


def torn_by_thread(
    unit: Unit, first: Access, second: Access, others: frozenset[str]
) -> Iterator[tuple[Pair, Evidence]]:
    """The same between threads that the module starts itself: another writer of both can run between the two assignments."""
    if first.value.shape in PLAIN or second.value.shape in PLAIN or made_because_missing(unit, first, second):
        return
    if first.place.unit != second.place.unit or not read_together(unit, first.resource, second.resource):
        return  # a helper that sets one of them has reasons of its own
    for name in sorted(others):
        evidence = unit.module.concurrency.overlap(unit.facts.qualname, name, "threads", first.resource)
        if (
            evidence is not None
            and not evidence.public
            and evidence.strength is Confidence.HIGH
            and first.how == second.how == "="
        ):
            # that the pair is torn takes two threads with one object, and calls from other modules do not say whose object it is
            yield Pair(unit, first, second), evidence.weakened() if evidence.called else evidence
            return


def made_because_missing(unit: Unit, *pair: Access) -> bool:
    """Whether both are made because one of them was not there, of nothing that changes: what two threads make is as good.

    So it is where one half is made of the other: `self.pool = Pool()`, `self.task = self.pool.submit(wait)`.
    """
    places = {half.resource.place for half in pair}
    stems = [unit.access(number) for half in pair for number in half.value.stems]
    return all(stem is not None and (stem.resource.place in places or _set_once(unit, stem)) for stem in stems) and all(
        any(
            sense is Sense.ABSENT and (check := unit.access(number)) is not None and check.resource.place in places
            for number, sense in half.control
        )
        for half in pair
    )


def _set_once(unit: Unit, read: Access) -> bool:
    """Whether only constructors set what is read."""
    writers = unit.module.concurrency.writers(read.resource)
    return read.resource.kind is Kind.ATTRIBUTE and all(function.name in CONSTRUCTORS for function, _ in writers)


def always_together(unit: Unit, one: Resource, other: Resource) -> bool:
    """Whether no function changes only one of the two; a status that goes through stages of its own is no half of a pair."""
    writers = unit.module.concurrency.writers
    return {f.qualname for f, _ in writers(one)} == {f.qualname for f, _ in writers(other)}


def one_fact(first: Access, second: Access) -> bool:
    """Two plain assignments, or two changes of collections for the same entry."""
    if first.how == second.how == "=":
        return not first.resource.key and not second.resource.key
    return bool(
        (first.related | {first.resource.key} | {first.value.text})
        & (second.related | {second.resource.key, second.value.text}) - {""}
    )


def set_again(unit: Unit, first: Access, second: Access) -> bool:
    """Whether either is also set on the other's side of the switch: a change of state in steps, not a torn pair."""
    return any(
        (a.resource.place == first.resource.place and a.id in second.fresh and a.id != first.id)
        or (
            a.resource.place == second.resource.place
            and a.id != second.id
            and (first.id in a.fresh or a.id in first.fresh)
        )
        for a in unit.accesses(Op.WRITE, Op.UPDATE, Op.DELETE, kinds=(Kind.ATTRIBUTE,))
    )


def read_together(unit: Unit, one: Resource, other: Resource) -> bool:
    """Whether any function of the module reads both of one object, or none reads either: then others do."""
    lonely = True
    for reader in unit.module.scope.facts.functions:
        owners, others = (
            {read.removesuffix("." + half.path) for read in reader.reads if read.endswith("." + half.path)}
            for half in (one, other)
        )
        if owners & others:
            return True
        lonely = lonely and not owners and not others
    return lonely


def used_together(unit: Unit, one: Resource, other: Resource) -> Evidence | None:
    """A function that can run in between and reads both."""
    best: Evidence | None = None
    for reader in unit.module.scope.facts.functions:
        if {"self." + one.path, "self." + other.path} <= reader.reads and reader.qualname != unit.facts.qualname:
            found = unit.module.concurrency.overlap(unit.facts.qualname, reader.qualname, "tasks", one)
            if found is not None and (best is None or found.strength.rank > best.strength.rank):
                text = f"{found.text}; `{reader.qualname}` uses both"
                best = Evidence(text, found.strength, found.world, found.public)
    return best


RULE = Rule(
    "RL403",
    "torn-pair",
    (World.TASKS, World.THREADS),
    "torn pair",
    __doc__,
    find,
    needs=(Need.PAIR,),
    wants_more_in_view=True,
)
