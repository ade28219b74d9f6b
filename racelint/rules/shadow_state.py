"""The same fact is kept in two places that are changed in separate steps.

Between the steps one place says one thing and the other another; a failure, a reload or a second writer makes it permanent. So does
who fills a copy with what it read before somebody else changed that and took the copy out.

## Example
    async def rename(self, name: str) -> None:
        self.names.append(name)
        await self.store.save("name", name)

    async def reset(self) -> None:
        self.names = []

## Use instead
    async def rename(self, name: str) -> None:
        async with self.lock:
            await self.store.save("name", name)
            self.names.append(name)

    async def reset(self) -> None:
        async with self.lock:
            self.names = []

## Missed alarms
Copies that are kept by another class.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable, Iterator

from racelint.expressions import expression
from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence, Kind, Op, Sense
from racelint.pattern.copies import counted_beside, forgotten_too_early, sizes_kept, taken_out_too_early
from racelint.pattern.module import Module
from racelint.pattern.pair import Pair
from racelint.pattern.rivals import rival, with_itself
from racelint.pattern.two_stores import written_to_both
from racelint.pattern.unit import Unit, exactly
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """One value written to memory and to a store, or to two stores, with a switch between and no guard over both."""
    for unit in module.units:
        yield from two_stores(module, unit)
        yield from copies(module, unit)
        for pair, evidence in shadow_writes(unit):
            one, other = pair.first.resource.shown, pair.second.resource.shown
            switch = ((Role.SWITCH, pair.switch),) if pair.switch is not None else ()
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.WRITE, pair.first), *switch, (Role.WRITE, pair.second)),
                f"`{one}` (line {module.line(pair.first)}) and `{other}` (here) keep the same fact and are changed in separate "
                "steps; in between, and after a failure, they disagree",
                evidence,
                World.TASKS,
                other,
                Fix("keep the fact in one place and derive the other from it, or write through under one guard"),
            )


def two_stores(module: Module, unit: Unit) -> Iterable[Finding]:
    """A row, and a copy of what is in it under a key of another store."""
    for first, second, evidence in written_to_both(unit):
        one, other = first.resource.shown, second.resource.shown
        who = evidence.world if evidence.world in ("tasks", "threads") else "processes"
        yield module.finding(
            RULE,
            unit,
            second,
            ((Role.WRITE, first), (Role.WRITE, second)),
            f"`{one}` (line {module.line(first)}) and `{other}` (here) keep the same fact and are written one after the other; of two "
            f"{who} that do so, one may be the last in one place and the other in the other",
            evidence,
            World.PROCESSES,
            other,
            Fix(_CURES.get(first.how) or _CURES.get(second.how) or _CURE),
        )


_CURE = "take the copy out of the store after the commit, and let who reads next fill it from the row"
_CURES = {
    "put_object": "put each object under a key of its own, and let the row say which one counts",
    "zadd": "lock the row before it is changed and until both are written, or order by the column itself",
}


def copies(module: Module, unit: Unit) -> Iterable[Finding]:
    """Copies that are taken out before the change, filled with what was before it, or counted in a step of their own."""
    for gone, change, filler, evidence in taken_out_too_early(unit):
        one, other = gone.resource.shown, change.resource.shown
        yield module.finding(
            RULE,
            unit,
            change,
            ((Role.WRITE, gone), (Role.WRITE, change)),
            f"`{one}` is taken out on line {module.line(gone)} before `{other}` is changed here; `{filler}` may fill it in between with "
            "what was before, and that stays",
            evidence,
            World.PROCESSES,
            other,
            Fix("take the copy out after the change, when it is committed"),
        )
    for read, fill, other, evidence in forgotten_too_early(unit):
        name = fill.resource.shown
        yield module.finding(
            RULE,
            unit,
            fill,
            ((Role.READ, read), (Role.WRITE, fill)),
            f"`{name}` is filled here with what line {module.line(read)} read before the await; if `{other}` changes that and takes "
            "the entry out in between, the old value is put in again and stays",
            evidence,
            World.TASKS,
            name,
            Fix("hold one lock in both, or fill the entry only if nothing was taken out since the read"),
        )
    for read, write, evidence in sizes_kept(unit):
        one, name = read.resource.shown, write.resource.shown
        yield module.finding(
            RULE,
            unit,
            write,
            ((Role.READ, read), (Role.WRITE, write)),
            f"the size of `{one}` is read on line {module.line(read)} and kept as `{name}` here in a separate step; what others add in "
            "between is not in it, and a later size of theirs is overwritten",
            evidence,
            World.PROCESSES,
            name,
            Fix("ask the collection for its size, or do both in one transaction (`MULTI`) or script"),
        )
    for added, step, other, evidence in counted_beside(unit):
        one, name = added.resource.shown, step.resource.shown
        yield module.finding(
            RULE,
            unit,
            step,
            ((Role.WRITE, added), (Role.WRITE, step)),
            f"`{one}` (line {module.line(added)}) and the number `{name}` (here) are changed in separate steps; if `{other}` takes away "
            "both in between, the number is wrong from then on",
            evidence,
            World.PROCESSES,
            name,
            Fix("ask the collection for its size, or do both in one transaction (`MULTI`) or script"),
        )


def shadow_writes(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """A change of memory and one of a store, or of two stores, that carry the same values."""
    stores = [
        a
        for a in unit.accesses(Op.WRITE, Op.CREATE, Op.UPDATE, kinds=(Kind.STORE, Kind.FILE, Kind.TABLE))
        if a.value.stems or a.related
    ]
    copies = [a for a in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.ATTRIBUTE, Kind.GLOBAL)) if a.related]
    for copy in copies:
        for stored in stores:
            first, second = (copy, stored) if unit.before(copy.id, stored.id) else (stored, copy)
            if not unit.before(first.id, second.id) or not roots(copy) & roots(stored) or unit.guarded(first, second):
                continue
            switch = unit.switch_between(first.id, second.id) or unit.awaited_at(second)
            if switch is None or entry_claimed(unit, copy, first):
                continue
            evidence = with_itself(unit) or rival(unit, copy.resource)
            if evidence is None:
                continue
            yield (
                Pair(unit, first, second, switch),
                evidence if loaded_elsewhere(unit, copy) else weaker(unit, evidence, copy, stored),
            )
            break


def entry_claimed(unit: Unit, copy: Access, first: Access) -> bool:
    """Whether the entry of the copy was found missing and filled before any other task could run: who comes later finds it there."""
    entries = (a for a in unit.accesses(Op.WRITE, kinds=(copy.resource.kind,)) if exactly(a.resource, copy.resource))
    claim = next((one for one in entries if one.resource.key and one.id <= first.id and _missed(unit, one)), None)
    return claim is not None and unit.safe(copy, because=lambda: f"line {unit.module.line(claim)} claims the entry")


def _missed(unit: Unit, claim: Access) -> bool:
    """Whether the entry was just found missing where it is filled."""
    checks = (unit.access(number) for number, sense in claim.control if sense is Sense.ABSENT and number in claim.fresh)
    return any(check is not None and check.resource.place == claim.resource.place for check in checks)


def roots(access: Access) -> frozenset[str]:
    """The names that the values of a change come from."""
    return frozenset(name.partition(".")[0] for name in access.related) - {"self", "cls"}


def weaker(unit: Unit, evidence: Evidence, copy: Access, stored: Access) -> Evidence:
    """A copy that is never filled from the store may well be no copy, the less so where the store is known by its name only.

    What another unit changes together, too, is kept alike: `join` adds to both, `leave` takes from both.
    """
    together = _together_elsewhere(unit, copy, stored) and not _only_changed(unit, stored)
    known = stored.resource.kind in (Kind.TABLE, Kind.FILE) or together
    strength = Confidence.MEDIUM if known and evidence.strength is Confidence.HIGH else Confidence.LOW
    return Evidence(evidence.text, strength, evidence.world)


def _together_elsewhere(unit: Unit, copy: Access, stored: Access) -> bool:
    """Whether another unit changes both places of a key, too."""
    places = {(one.resource.place, one.resource.name) for one in (copy, stored)}
    writers = {function.qualname for function, _ in unit.module.concurrency.writers(copy.resource)}
    others = (unit.module.unit(name) for name in sorted(writers - {unit.facts.qualname}) if stored.resource.key)
    return any(
        other is not None
        and places <= {(a.resource.place, a.resource.name) for a in other.flow.accesses if a.op.changes}
        for other in others
    )


def _only_changed(unit: Unit, stored: Access) -> bool:
    """Whether the module names keys like that of a store only where it changes them, so that nobody reads what disagrees.

    `redis.set(f"room:{name}", …)` and `redis.delete(f"room:{name}")`, and no other line has `room:` in it.
    """
    found = _PREFIX.search(stored.resource.key)
    lines = [line for line in unit.module.program.lines if found is not None and f"{found[1]}{found[2]}" in line]
    return bool(lines) and all(_CHANGES.search(line) for line in lines)


_PREFIX = expression(r"^f?([\"'])([^\"'{}]{3,})\{")
"""How a key begins that is made of a text and a name."""

_CHANGES = expression(r"\.(set|setex|hset|delete|hdel|unlink|expire|sadd|srem)\(")


def loaded_elsewhere(unit: Unit, copy: Access) -> bool:
    """Whether another coroutine sets the whole copy to something that it was given or awaited: then it is a copy."""
    return any(
        write.how == "="
        and write.shape in ("await", "other", "call")
        and function.suspends
        and function.qualname != unit.facts.qualname
        for function, write in unit.module.concurrency.writers(copy.resource)
    )


RULE = Rule(
    "RL401",
    "shadow-state",
    (World.TASKS, World.PROCESSES),
    "copies disagree",
    __doc__,
    find,
    needs=(Need.STATE_AND_STORE,),
    wants_more_in_view=True,
)
