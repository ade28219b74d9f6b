"""A value read from shared state is written back after a switch point.

Another unit can write the value in between; its write is then lost. The same happens to entries of a collection that is worked
off over an await and then emptied, and to a highest value that is compared before an await and replaced after it. Where each entry
of a list is computed from the last one, two may follow the same entry. What is emptied or filled anew after it was handed to a
task or put into a queue, and not copied, is read only then.

## Example
    async def deposit(self, amount: int) -> None:
        balance = self.balance
        await self.audit(amount)
        self.balance = balance + amount

## Use instead
    async def deposit(self, amount: int) -> None:
        await self.audit(amount)
        self.balance += amount

## Missed alarms
A value that reaches the write through a container, another object's method, or the result of another task. Between threads,
only functions that the module itself starts in several threads are looked at; what is read and written in one statement
(`self.n += 1`) is RL801.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import first_word
from racelint.pattern.dependence import (
    adds_up,
    chained_entries,
    claimed_first,
    entries_updated,
    extremes,
    stale_writes,
    thread_updates,
)
from racelint.pattern.drained import drained_by_threads
from racelint.pattern.emptied import emptied_after_await
from racelint.pattern.handed_over import changed_after
from racelint.pattern.module import Module
from racelint.pattern.numbered_late import counted_after_use, sized_before_await
from racelint.pattern.rivals import copied_to_processes, rival
from racelint.pattern.shown_only import only_shown
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Read, switch, write computed from what was read; between threads any step is a switch."""
    for unit in module.units:
        yield from _between_tasks(module, unit)
        yield from _kept_by_tasks(module, unit)
        yield from _numbered_by_tasks(module, unit)
        yield from _chained(module, unit)
        yield from _emptied_by_tasks(module, unit)
        yield from _handed_over(module, unit)
        yield from _between_threads(module, unit)


def _between_tasks(module: Module, unit: Unit) -> Iterable[Finding]:
    for pair in stale_writes(unit):
        evidence = rival(unit, pair.second.resource)
        if pair.in_one_statement or pair.restores or evidence is None or pair.switch is None:
            continue
        if claimed_first(pair):
            evidence = evidence.weakened()
        name = pair.second.resource.shown
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
            f"`{name}` is read on line {module.line(pair.first)} and written back here; "
            f"another task may write it at the await on line {module.line(pair.switch)}",
            evidence,
            World.TASKS,
            name,
            Fix(
                f"compute the new value from `{name}` as it is after the await, or hold one lock over the read and the write"
            ),
        )


def _kept_by_tasks(module: Module, unit: Unit) -> Iterable[Finding]:
    """The highest or lowest value, compared before an await and replaced after it."""
    for pair in extremes(unit) if unit.facts.is_async else ():
        evidence = rival(unit, pair.second.resource)
        if evidence is None or pair.switch is None:
            continue
        name = pair.first.resource.shown
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.CHECK, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
            f"`{name}` is compared on line {module.line(pair.first)} and replaced here, after the await on line "
            f"{module.line(pair.switch)}; what another task puts there meanwhile is overwritten, though it may be the better one",
            evidence,
            World.TASKS,
            name,
            Fix(f"compare again after the await, or hold one lock over the comparison and the change of `{name}`"),
        )


def _numbered_by_tasks(module: Module, unit: Unit) -> Iterable[Finding]:
    """Numbers that are taken before an await, and counted up or used up only after it."""
    for pair, evidence in (*sized_before_await(unit), *counted_after_use(unit)):
        if pair.switch is None:
            continue
        name, after = pair.second.resource.name, module.line(pair.switch)
        counted = pair.first.id not in pair.second.chosen | pair.second.value.stems
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
            f"`{name}` is read on line {module.line(pair.first)} to be used, and counted up here, after the await on line {after}; "
            "another task uses the same number meanwhile"
            if counted
            else f"what an entry of `{name}` gets here for its number or key comes from how many there were on line "
            f"{module.line(pair.first)}, before the await on line {after}; another task finds as many",
            evidence,
            World.TASKS,
            name,
            Fix(
                f"count `{name}` up before the await"
                if counted
                else "take the number after the await, or from `itertools.count`"
            ),
            "number given twice",
        )


def _chained(module: Module, unit: Unit) -> Iterable[Finding]:
    """An entry that is computed from the last one, and added behind another one that was added in between."""
    world = World.TASKS if unit.facts.is_async else World.THREADS
    for pair in chained_entries(unit):
        evidence = rival(unit, pair.second.resource, world, ("append", "appendleft"))
        if evidence is None or evidence.public:
            continue
        name = pair.second.resource.name
        steps = ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second))
        yield module.finding(
            RULE,
            unit,
            pair.second,
            tuple((role, event) for role, event in steps if event is not None),
            f"the last entry of `{name}` is read on line {module.line(pair.first)} and the next one, computed from it, added here; "
            f"another {'task' if unit.facts.is_async else 'thread'} may add one in between, and both follow the same entry",
            evidence,
            world,
            name,
            Fix(f"hold one lock over the read and the addition to `{name}`"),
            "last entry followed twice",
        )


def _emptied_by_tasks(module: Module, unit: Unit) -> Iterable[Finding]:
    """Entries of a collection that are dealt with over an await and then all thrown away, new ones too."""
    for pair, evidence in emptied_after_await(unit):
        if pair.switch is None:
            continue
        if first_word(unit.facts.name) in module.models.lifecycle:  # what comes then is mostly to be thrown away, too
            evidence = evidence.weakened()
        name = pair.second.resource.shown
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.SWITCH, pair.switch), (Role.WRITE, pair.second)),
            f"the entries of `{name}` are dealt with at the await on line {module.line(pair.switch)} and thrown away here; "
            "what another task adds meanwhile is lost",
            evidence,
            World.TASKS,
            name,
            Fix(f"take them out first (`old, {name} = {name}, …`), then deal with the old ones"),
            "lost entries",
        )


def _handed_over(module: Module, unit: Unit) -> Iterable[Finding]:
    """A collection that is changed after it was handed over, before whoever has it comes to it."""
    for found in changed_after(unit):
        name, given, world = found.name, found.given, World.TASKS
        steps = ((Role.ACT, given),) if found.again else ((Role.ACT, given), (Role.WRITE, found.change))
        yield module.finding(
            RULE,
            unit,
            found.change,
            steps,
            f"`{name}` itself is handed over here in each round, and changed in the next one; who has not taken it by then finds "
            "what came later"
            if found.again
            else f"`{name}` itself is handed over on line {module.line(given)} and emptied here, before anybody can have looked at it",
            found.evidence,
            world,
            name,
            Fix(f"hand over a copy of `{name}`, or make a new one after it was handed over"),
            "lost entries",
        )


def _between_threads(module: Module, unit: Unit) -> Iterable[Finding]:
    for pair, found in drained_by_threads(unit):
        name = pair.second.resource.shown
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.WRITE, pair.second)),
            f"`{name}` is read on line {module.line(pair.first)} and emptied here without a lock; what another thread adds in "
            "between is lost",
            found,
            World.THREADS,
            name,
            Fix(
                f"hold one lock over the reading and the emptying of `{name}`, and where it is added to; or swap it first"
            ),
        )
    for pair in (*thread_updates(unit), *entries_updated(unit)):
        evidence = rival(unit, pair.second.resource, World.THREADS)
        locks = unit.locked_at(pair.second) if unit.locked_at(pair.first) else []  # let go in between
        if (
            evidence is None
            or pair.restores
            or (not locks and (evidence.public or unit.module.concurrency.called_only_under_lock(unit.facts)))
            or pair.in_one_step
            or copied_to_processes(unit, pair.second.resource)
        ):
            continue
        if evidence.half and not locks:  # of five such findings that were read one was right
            evidence = evidence.weakened()
        renewed = pair.second.how == "[]" and not locks and not adds_up(pair)
        if renewed or (evidence.strength is not Confidence.LOW and only_shown(unit, pair.second)):
            evidence = evidence.weakened()  # mostly an entry that is as good from another thread
        name = pair.second.resource.shown
        yield module.finding(
            RULE,
            unit,
            pair.second,
            ((Role.READ, pair.first), (Role.WRITE, pair.second)),
            f"`{name}` is read on line {module.line(pair.first)} and written back here "
            + (f"under `{locks[0].lock.name}`, which is let go in between; " if locks else "without a lock; ")
            + "another thread may write it in between",
            evidence,
            World.THREADS,
            name,
            Fix(f"hold one lock over the read and the write of `{name}`"),
        )


RULE = Rule(
    "RL102",
    "stale-write",
    (World.TASKS, World.THREADS),
    "lost update",
    __doc__,
    find,
    needs=(
        Need.STATE_OF_TASKS,
        Need.STATE_OF_THREADS,
        Need.EMPTIED_BY_THREADS,
        Need.HANDED_OVER,
    ),
    believes_callers=False,
    wants_more_in_view=True,
)
