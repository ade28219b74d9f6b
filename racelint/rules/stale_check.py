"""A decision on shared state is acted upon after a switch point, without looking again.

While the unit was suspended another task may have changed what was checked: work is done twice, a limit is exceeded, or
something is used that is gone. So may an entry be that a task has put into a collection itself and takes out when it ends
(`self.sockets.remove(ws)`): a broadcast that goes over all sockets, or the end of the object, may have taken it out.

## Example
    async def send(self, data: bytes) -> None:
        if self.peer is not None:
            await self.throttle()
            self.peer.write(data)

    async def close(self) -> None:
        self.peer = None

## Use instead
    async def send(self, data: bytes) -> None:
        await self.throttle()
        if self.peer is not None:
            self.peer.write(data)

    async def close(self) -> None:
        self.peer = None

## Missed alarms
A check and an act on different resources that belong together.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Kind, Op, Sense, Shape
from racelint.pattern.assumed import assumed_at_start, assumed_set
from racelint.pattern.claimed_late import is_busy, is_field, marked_late
from racelint.pattern.claiming import adds_entry, is_not_full
from racelint.pattern.deciding import COUNTING
from racelint.pattern.dependence import decided
from racelint.pattern.emptied_entries import emptied_then_removed
from racelint.pattern.ended import added_after_end, begun_after_end
from racelint.pattern.half_ready import taken_back
from racelint.pattern.locked_next import locked_next
from racelint.pattern.lone import believed
from racelint.pattern.made import (
    begins_something,
    claims_too_late,
    has_side_effects,
    paid_out,
    spent_between,
    works_first,
)
from racelint.pattern.module import Module
from racelint.pattern.own_entry_gone import own_entry_gone
from racelint.pattern.pair import Pair
from racelint.pattern.removed_late import removed_late
from racelint.pattern.rereading import fails_when_gone, takes_found
from racelint.pattern.rivals import made_sure_by_all, rival, stronger, with_itself
from racelint.pattern.rounds import named_by_task
from racelint.pattern.stamps import stamped_late
from racelint.pattern.started import started_before_claimed
from racelint.pattern.swept_late import swept_late
from racelint.pattern.turns import looked_before_turn
from racelint.pattern.unit import Unit, exactly, same
from racelint.pattern.waited_for import waited_for
from racelint.rule import Rule

HARMS = {
    "gone": ("use of something that is gone", "it may be gone by then"),
    "removed": ("removal of what is gone", "another task may have removed it by then"),
    "emptied": ("lost entries", "another task may have put something into it by then"),
    "twice": ("done twice", "another task can pass the same check meanwhile"),
    "limit": ("limit exceeded", "others can pass the same check meanwhile"),
}


def find(module: Module) -> Iterable[Finding]:
    """Check, switch, act that depends on the check."""
    for unit in module.units:
        yield from raised_too_late(module, unit)
        yield from taken_for_granted(module, unit)
        yield from begun_too_late(module, unit)
        yield from taken_out_late(module, unit)
        yield from added_too_late(module, unit)
        yield from own_entry_taken_out(module, unit)
        yield from swept_too_late(module, unit)
        yield from read_out_of_turn(module, unit)
        for pair, kind, evidence in stale_checks(unit):
            if pair.switch is None:
                continue
            if kind == "gone" and evidence.strength is Confidence.MEDIUM:
                evidence = evidence.weakened()  # mostly who ends it ends its users, too, or they foresee it
            name = pair.first.resource.shown
            if kind == "twice" and pair.second.place.unit == unit.facts.qualname:
                evidence = believed(unit, evidence, pair.second, _sets_flag(pair))
            harm, consequence = HARMS[kind]
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.SWITCH, pair.switch), (Role.ACT, pair.second)),
                f"`{name}` is checked on line {module.line(pair.first)} and acted upon here, after the await on line "
                f"{module.line(pair.switch)}; {consequence}",
                evidence,
                World.TASKS,
                name,
                Fix(f"check `{name}` again after the await, claim it before the await, or hold one lock over both"),
                harm,
            )


def raised_too_late(module: Module, unit: Unit) -> Iterable[Finding]:
    """A task started because of a flag that only the task itself sets: until it first runs, others start one too."""
    for check, spawn, setter, evidence in started_before_claimed(unit):
        name = check.resource.shown
        yield module.finding(
            RULE,
            unit,
            spawn,
            ((Role.CHECK, check), (Role.ACT, spawn)),
            f"`{name}` is checked on line {module.line(check)}, but set only by the task that is started here (`{setter}`); "
            "until that runs, the next caller passes the same check and starts another one",
            evidence,
            World.TASKS,
            name,
            Fix(f"set `{name}` before the task is started"),
            "done twice",
        )


def begun_too_late(module: Module, unit: Unit) -> Iterable[Finding]:
    """Something begun after an await, while somebody may have ended the object, who found nothing to end."""
    for check, switch, begin, ender, evidence in begun_after_end(unit):
        flag, name = check.resource.shown, begin.resource.shown
        yield module.finding(
            RULE,
            unit,
            begin,
            ((Role.CHECK, check), (Role.SWITCH, switch), (Role.ACT, begin)),
            f"`{flag}` is checked on line {module.line(check)}, before the await on line {module.line(switch)}; if `{ender}` runs "
            f"meanwhile, it finds no `{name}` to end, and what is made here lives on",
            Evidence(f"{evidence.text}; `{ender}` sets `{flag}`", evidence.strength, evidence.world),
            World.TASKS,
            flag,
            Fix(f"check `{flag}` again after the await, or hold one lock over both"),
            "leak",
        )


def added_too_late(module: Module, unit: Unit) -> Iterable[Finding]:
    """Something put into a collection after an await, while somebody may have taken all that is there for the last time."""
    for check, switch, add, ender, evidence in added_after_end(unit):
        flag, name = check.resource.shown, add.resource.name
        yield module.finding(
            RULE,
            unit,
            add,
            ((Role.CHECK, check), (Role.SWITCH, switch), (Role.ACT, add)),
            f"`{flag}` is checked on line {module.line(check)}, before the await on line {module.line(switch)}; if `{ender}` runs "
            f"meanwhile, it takes all that is in `{name}`, and what is added here is never looked at",
            evidence,
            World.TASKS,
            flag,
            Fix(f"check `{flag}` again after the await, or hold one lock over both"),
            "lost entries",
        )


def taken_out_late(module: Module, unit: Unit) -> Iterable[Finding]:
    """An entry that was read before an await and is taken out after it, though another task may have done so."""
    for pair, evidence in removed_late(unit):
        name = pair.second.resource.shown
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.SWITCH, pair.switch or pair.first), (Role.ACT, pair.second)),
            f"`{name}` is read on line {module.line(pair.first)} and taken out here, after the await on line "
            f"{module.line(pair.switch or pair.first)}; another task may have removed it by then",
            evidence,
            World.TASKS,
            name,
            Fix(f"take `{name}` out before the await, or say what is to be if it is gone (`pop` with a default)"),
            HARMS["removed"][0],
        )


def own_entry_taken_out(module: Module, unit: Unit) -> Iterable[Finding]:
    """An entry of the unit's own that is taken out after an await, while who ends the object may have emptied the collection."""
    for put, switch, act, ender, evidence in own_entry_gone(unit):
        name = act.resource.shown
        yield module.finding(
            RULE,
            unit,
            act,
            ((Role.WRITE, put), (Role.SWITCH, switch), (Role.ACT, act)),
            f"`{name}` is put there on line {module.line(put)} and taken out here, after the await on line {module.line(switch)}; if "
            f"`{ender}` runs meanwhile, it may be gone",
            evidence,
            World.TASKS,
            name,
            Fix(f"say what is to be if `{name}` is gone (`pop` with a default, `discard`)"),
            HARMS["removed"][0],
        )


def swept_too_late(module: Module, unit: Unit) -> Iterable[Finding]:
    """An entry that a loop comes to and takes out after an await, though another task may have done so."""
    for pair, evidence in swept_late(unit):
        name, switch = pair.second.resource.shown, pair.switch or pair.first
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.SWITCH, switch), (Role.ACT, pair.second)),
            f"`{pair.first.resource.shown}` is gone over on line {module.line(pair.first)}, and `{name}` is taken out here, after the "
            f"await on line {module.line(switch)}; another task may have removed it by then",
            evidence,
            World.TASKS,
            name,
            Fix(f"say what is to be if `{name}` is gone (`pop` with a default, `discard`)"),
            HARMS["removed"][0],
        )


def read_out_of_turn(module: Module, unit: Unit) -> Iterable[Finding]:
    """A look at what has come, then the wait for one's turn to read, and the read, though it may have come by then."""
    for check, lock, wait, evidence in looked_before_turn(unit):
        name = check.resource.shown
        yield module.finding(
            RULE,
            unit,
            wait,
            ((Role.CHECK, check), (Role.SWITCH, lock), (Role.ACT, wait)),
            f"`{name}` is found empty on line {module.line(check)}, before the turn to read comes on line {module.line(lock)}; what "
            "another task has put there by then is not looked at before this await, which may wait for what never comes",
            evidence,
            World.TASKS,
            name,
            Fix(f"look at `{name}` again under `{lock.lock.shown}`, before anything is read"),
            "decision on old state",
        )


def taken_for_granted(module: Module, unit: Unit) -> Iterable[Finding]:
    """Something used without a look, that a callback or another task may have taken away since it was set."""
    for write, switch, act, evidence in assumed_set(unit):
        name = act.resource.shown
        yield module.finding(
            RULE,
            unit,
            act,
            ((Role.WRITE, write), (Role.SWITCH, switch), (Role.ACT, act)),
            f"`{name}` is set on line {module.line(write)} and used here, after the await on line {module.line(switch)}, "
            "without a look; it may be gone by then",
            evidence,
            World.TASKS,
            name,
            Fix(f"keep it in a local variable, or look again whether `{name}` is there"),
            HARMS["gone"][0],
        )
    for act, evidence in assumed_at_start(unit):
        name = act.resource.shown
        yield module.finding(
            RULE,
            unit,
            act,
            ((Role.ACT, act),),
            f"`{name}` is used in the first step of a task, without a look; it may be gone since the task was started",
            evidence,
            World.TASKS,
            name,
            Fix(f"hand what `{name}` holds to the coroutine as an argument"),
            HARMS["gone"][0],
        )


def stale_checks(unit: Unit) -> Iterator[tuple[Pair, str, Evidence]]:
    """Decided pairs whose act does harm, with the kind of harm and who else changes the resource."""
    last: dict[int, tuple[Pair, str, Evidence]] = {}
    for pair, sense in decided(unit):
        found = harmful(unit, pair, sense)
        known = last.get(pair.second.id)
        if (
            found is not None and pair.first.how == "assert"
        ):  # says what holds, and decides nothing: mostly for a type checker
            found = (found[0], found[1].weakened())
        if found is not None and (known is None or known[0].first.id < pair.first.id):
            last[pair.second.id] = (pair, *found)  # of several checks the one nearest to the act
    yield from last.values()


def harmful(unit: Unit, pair: Pair, sense: Sense) -> tuple[str, Evidence] | None:
    """What the act breaks if the check no longer holds, and the evidence; None if nothing."""
    check, act = pair.first, pair.second
    if unit.claimed(check, act) or _is_lock(unit):
        return None
    if act.op in (Op.USE, Op.READ, Op.DELETE) and act.handled & {"", "Exception", "BaseException"}:
        return None
    filled = emptied_then_removed(unit, check, sense, act)
    if filled is not None:
        return "emptied", filled
    foreseen = act.op is Op.DELETE and bool(act.handled & FORESEEN)
    if takes_found(check, sense, act) and not foreseen:
        evidence = with_itself(unit, World.TASKS, act.resource)
        return ("removed", evidence) if evidence is not None else None
    if act.op is Op.USE and sense is Sense.PRESENT and not act.resource.key:
        via = act.value.via
        if via is None or via not in act.fresh or via == check.id or act.how in unit.module.models.idempotent:
            return None
        if any(same(look.resource, act.resource) for look in unit.accesses(Op.CHECK) if look.id in act.fresh):
            return None  # whatever came of that look, such as making it anew
        evidence = rival(unit, act.resource, World.TASKS, ("none", "del"))
        return ("gone", evidence) if evidence is not None else None
    if paid_out(unit, check, sense, act):
        evidence = with_itself(unit, World.TASKS, act.resource)
        return ("twice", evidence) if evidence is not None else None
    if act.resource.key and act.resource.key == check.resource.key and sense is Sense.PRESENT:
        # not what is at an end of the entry: `queue.pop(0)`
        of_key = f"({act.resource.key}" in unit.module.text(act.place)
        fails = act.how in ("del", "remove") or (
            act.how == "pop" and check.how in ("in", "get") and of_key and fails_when_gone(act)
        )
        missed = act.op is Op.READ and act.how == "" and not unit.module.concurrency.makes_its_entries(act.resource)
        if (act.op is Op.DELETE and fails and not foreseen) or missed:
            evidence = rival(unit, act.resource, World.TASKS, ("del[]", "pop", "popitem", "clear", "remove"))
            return ("removed" if act.op is Op.DELETE else "gone", evidence) if evidence is not None else None
        spent = act.op is Op.DELETE and act.how in ("discard", "pop") and spent_between(unit, check, act)
        if spent or _given_away(unit, check, act):
            evidence = with_itself(unit, World.TASKS, act.resource)
            sure = evidence is not None and (spent or evidence.strength is Confidence.HIGH)
            return ("twice", evidence) if evidence is not None and sure else None
        return None
    if (
        act.op is Op.DELETE
        and sense is Sense.PRESENT
        and act.how in ("pop", "popleft", "popitem", "remove", "get_nowait")
        and act.value.part("default") is None
    ):
        evidence = rival(
            unit, act.resource, World.TASKS, ("del[]", "pop", "popleft", "popitem", "clear", "remove", "get_nowait")
        )
        return ("removed", evidence) if evidence is not None else None
    if check.how == "assert":
        return None
    grows = (
        (act.op is Op.WRITE and act.how in COUNTING and sense.vague and not _counted(unit, check, act))
        or (act.op is Op.UPDATE and act.how in GROWING and sense is not Sense.PRESENT)
        or adds_entry(unit, check, sense, act)
    )
    drawn = _drawn(unit, check, sense, act)
    grows = grows or drawn
    advances = (
        act.op is Op.WRITE
        and (act.how == "=" or is_field(check, act))
        and (
            ((act.value.shape is Shape.CONSTANT or _asked_for(check, act)) and sense.vague)
            or (act.value.shape in (Shape.TRUE, Shape.CONSTANT) and sense is Sense.ABSENT)
            or (act.value.text.isidentifier() and sense is Sense.ABSENT and act.value.shape is Shape.OTHER)
        )
    )
    if grows and all(s.callee in WAITS for s in unit.switches_between(check.id, act.id)):
        return None  # woken up by whoever made room for it
    claims = marked_late(unit, check, sense, act)
    limit = grows and sense.vague
    vague = sense.vague or drawn
    # one at a time is meant
    busy = advances and ((sense is Sense.ABSENT and taken_back(unit, act)) or is_busy(unit, check, sense, act))
    if check.how == "while" and not (limit and sense is Sense.OTHERWISE) and not busy:
        return None
    if limit and check.id not in unit.flow.ordered and not is_not_full(unit, check, sense, act):
        return None
    stamps = stamped_late(unit, check, sense, act)
    if not (grows or advances or claims or stamps) or not (
        grows
        or claims
        or stamps
        or busy
        or has_side_effects(unit, check, act)
        or begins_something(unit, check, act)
        or claims_too_late(unit, check, act)
    ):
        return None
    evidence = with_itself(unit, World.TASKS, act.resource)
    of_one_run = check.resource.kind is Kind.CAPTURED and check.resource.place == act.resource.place
    if evidence is not None and act.how == "add" and of_one_run and named_by_task(unit, check.resource.key):
        return "twice", evidence.weakened()  # one task for each of a list, which adds itself to a set of this one run
    if advances:
        evidence = stronger(stronger(evidence, made_sure_by_all(unit, act)), locked_next(unit, act))
        evidence = stronger(evidence, waited_for(unit, check, sense, act))
    if stamps and evidence is not None and {lock.id for lock in unit.locked_at(act)} - check.held:
        text = "the lock that is taken for it, after the look, says that several come at once"
        evidence = stronger(evidence, Evidence(text, Confidence.MEDIUM))
    return ("limit" if grows and vague else "twice", evidence) if evidence is not None else None


def _sets_flag(pair: Pair) -> bool:
    """Whether what was asked is set to be true in the end: who asks expects to be called again."""
    return pair.second.value.shape is Shape.TRUE and exactly(pair.first.resource, pair.second.resource)


def _drawn(unit: Unit, check: Access, sense: Sense, act: Access) -> bool:
    """Whether a number is counted down because it was found not to be nought: `if self.free == 0: return`, awaits, `self.free -= 1`."""
    return (
        sense is Sense.PRESENT
        and act.op is Op.WRITE
        and act.how in COUNTING
        and exactly(check.resource, act.resource)
        and check.how != "while"
        and "-=" in unit.module.text(act.place)
        and not _counted(unit, check, act)
    )


def _given_away(unit: Unit, check: Access, act: Access) -> bool:
    """Whether one of several things is given to somebody and taken out of those that are left only afterwards.

    `if seat not in self.free: return`, awaits, `self.free.discard(seat)`: nobody else may have it, and nothing fails if somebody does.
    """
    return (
        act.how == "discard"
        and check.how == "in"
        and works_first(unit, check, act)
        and not unit.fresh(act, act.resource)
        and any(
            access.how == "[]"
            and access.resource.key == act.resource.key
            and (check.id, Sense.PRESENT) in access.control
            for access in unit.accesses(Op.WRITE)
            if not exactly(access.resource, act.resource)
        )
    )


def _is_lock(unit: Unit) -> bool:
    """Whether objects of the unit's class are locks themselves, whose methods know who holds them."""
    owner, scope = unit.facts.owner, unit.module.scope
    return unit.module.models.names_lock(owner.rpartition(".")[2]) and any(
        scope.method(owner, name) is not None for name in ("acquire", "__aenter__")
    )


def _counted(unit: Unit, check: Access, act: Access) -> bool:
    """Whether the unit has counted itself between the two already: what comes later counts it out again."""
    return any(
        other.how in COUNTING
        and same(other.resource, act.resource)
        and unit.before(check.id, other.id)
        and unit.before(other.id, act.id)
        and not unit.before(act.id, other.id)
        for other in unit.accesses(Op.WRITE)
        if other.id != act.id
    )


def _asked_for(check: Access, act: Access) -> bool:
    """Whether the act sets what the check, in the same function, compared with."""
    return check.place.unit == act.place.unit and act.value.text in check.related


FORESEEN = frozenset({"KeyError", "LookupError", "IndexError"})
"""Errors of a removal that finds nothing any more."""

WAITS = ("", "wait", "acquire")
"""Names of calls that wait for a sign of another unit; "" for an awaited future."""

GROWING = ("append", "add", "appendleft")


RULE = Rule(
    "RL108",
    "stale-check",
    (World.TASKS,),
    "decision on old state",
    __doc__,
    find,
    needs=(Need.STATE_OF_TASKS, Need.TASK_START, Need.FIRST_STEP, Need.ENDED, Need.TURN),
)
