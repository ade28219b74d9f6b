"""What a test found is taken out in another step, while another thread or process may have taken it.

Two threads both find the entry, the last one of a list, or a queue not empty. One takes it; the other one fails (`KeyError`, `IndexError`,
`queue.Empty`), or waits in `get()` for what may never come. The same goes for an entry that is moved within an ordered dictionary, and for
entries that are listed first and removed one by one, and for a lock in a store that is deleted after its holder was compared, or after
work during which it may have expired: by then it may be another's. So may an entry that is removed because it was the thread's own.

## Example
    import threading

    waiting = ["ann", "bob"]

    def serve() -> None:
        if waiting:
            print(waiting.pop())

    def open_desks() -> None:
        for _ in range(4):
            threading.Thread(target=serve).start()

## Use instead
    import threading

    waiting = ["ann", "bob"]

    def serve() -> None:
        try:
            guest = waiting.pop()
        except IndexError:
            return
        print(guest)

    def open_desks() -> None:
        for _ in range(4):
            threading.Thread(target=serve).start()

## Missed alarms
Collections that only callers outside of the module share between threads, unless the class has a lock for them, or a method that is
there to look something up takes entries out, as callers do not see that. An entry that one caller asks for by its name and another
takes out by its name.
Where several modules are there and one of them uses this one, only what is sure is shown by default: the rest has low confidence.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access
from racelint.pattern.compared_entries import removed_if_mine
from racelint.pattern.handed import emptied_by_each
from racelint.pattern.module import Module
from racelint.pattern.pruned import pruned
from racelint.pattern.rereading import moves, rereads, takes, takes_from_queue
from racelint.pattern.rows import row_evidence
from racelint.pattern.spent import spent_twice
from racelint.pattern.states import released_unseen
from racelint.pattern.unit import Unit
from racelint.rule import Rule

FROM_QUEUE = "take with `get_nowait()` and catch `queue.Empty`, or let an entry that says so end the loop"


def find(module: Module) -> Iterable[Finding]:
    """A test, and a removal that needs what the test saw; an entry that was listed, and its removal."""
    for unit in module.units:
        yield from listed_then_removed(module, unit)
    for unit in module.units:
        yield from queues_of_callers(module, unit)
        yield from locks_of_others(module, unit)
        yield from entries_of_others(module, unit)
        spent = {removal.id for _, _, removal, _ in spent_twice(unit)}  # who finds it gone has used it before: RL501
        for found in rereads(unit):
            check, use = found.pair.first, found.pair.second
            if not takes(use) or use.id in spent:
                continue
            name = use.resource.shown
            whom = "another thread" if found.remover == unit.facts.qualname else f"`{found.remover}`"
            seen, how, advice = _words(use)
            yield module.finding(
                RULE,
                unit,
                use,
                ((Role.CHECK, check), (Role.ACT, use)),
                f"`{name}` is {seen} on line {module.line(check)} and {how} here; {whom} can take it away in between",
                found.evidence,
                World.THREADS,
                name,
                Fix(advice),
            )


def listed_then_removed(module: Module, unit: Unit) -> Iterable[Finding]:
    """Entries that a loop or a comprehension found, and that are removed afterwards."""
    for found in pruned(unit):
        listed, removal = found.pair.first, found.pair.second
        name = removal.resource.shown
        whom = "another thread" if found.remover == unit.facts.qualname else f"`{found.remover}`"
        yield module.finding(
            RULE,
            unit,
            removal,
            ((Role.CHECK, listed), (Role.ACT, removal)),
            f"`{name}` is found on line {module.line(listed)} and removed here; {whom} can take it away in between",
            found.evidence,
            World.THREADS,
            name,
            Fix("remove it in one step that tolerates its absence (`pop(key, None)`), or hold one lock over both"),
        )


def queues_of_callers(module: Module, unit: Unit) -> Iterable[Finding]:
    """A queue that is handed to several threads, of which each asks whether it is empty before it takes."""
    for asked, take, name, evidence in emptied_by_each(unit):
        yield module.finding(
            RULE,
            unit,
            take,
            ((Role.CHECK, asked), (Role.ACT, take)),
            f"`{name}` is found to hold an entry on line {module.line(asked)} and it is waited for here; another thread can take "
            "it away in between",
            evidence,
            World.THREADS,
            name,
            Fix(FROM_QUEUE),
        )


def locks_of_others(module: Module, unit: Unit) -> Iterable[Finding]:
    """Locks in a store that are deleted, whoever holds them by now."""
    for take, removal, compared in released_unseen(unit):
        name = removal.resource.name
        if compared:
            message = f"`{name}` is compared on line {module.line(take)} and deleted here in a separate step; by then it may be another's"
        else:
            message = (
                f"the lock that line {module.line(take)} takes is deleted here, whoever holds it by now: it may have expired "
                "during the work, and another process may have taken it"
            )
        yield module.finding(
            RULE,
            unit,
            removal,
            ((Role.CHECK, take), (Role.ACT, removal)),
            message,
            row_evidence(unit, removal),
            World.PROCESSES,
            name,
            Fix("compare and delete in one step: a script on the server, or the lock of the client's library"),
            "done twice",
        )


def entries_of_others(module: Module, unit: Unit) -> Iterable[Finding]:
    """Entries that are removed because they were the unit's own when it looked."""
    for test, removal, setter, evidence in removed_if_mine(unit):
        name = removal.resource.shown
        yield module.finding(
            RULE,
            unit,
            removal,
            ((Role.CHECK, test), (Role.ACT, removal)),
            f"`{name}` is compared on line {module.line(test)} and removed here; `{setter}` can put another in its place in between, "
            "which is then taken out",
            evidence,
            World.THREADS,
            name,
            Fix("hold one lock over comparison and removal, and wherever the entry is set"),
            "removal of what is gone",
        )


def _words(use: Access) -> tuple[str, str, str]:
    """What the test says, what the use does, and what to write instead."""
    if takes_from_queue(use):
        return "found to hold an entry", "it is waited for" if use.how == "get" else "it is taken", FROM_QUEUE
    if moves(use):
        return "tested", "moved", "hold one lock over the test and all that is done with the entry"
    return (
        "tested",
        "removed",
        "remove it in one step that tolerates its absence, or hold one lock over test and removal",
    )


RULE = Rule(
    "RL506",
    "check-then-take",
    (World.THREADS, World.PROCESSES),
    "use of something that is gone",
    __doc__,
    find,
    needs=(Need.TAKEN_BY_THREADS, Need.STATE_OF_THREADS, Need.QUEUE),
    believes_callers=False,
    wants_more_in_view=True,
)
