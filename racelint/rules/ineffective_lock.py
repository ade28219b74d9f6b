"""A lock is made in the call that takes it.

Every call has a lock of its own, so it excludes nobody.

## Example
    import threading

    hits = 0

    def count() -> None:
        global hits
        with threading.Lock():
            hits += 1

    def main() -> None:
        for _ in range(4):
            threading.Thread(target=count).start()

## Use instead
    import threading

    hits = 0
    lock = threading.Lock()

    def count() -> None:
        global hits
        with lock:
            hits += 1

    def main() -> None:
        for _ in range(4):
            threading.Thread(target=count).start()

## Missed alarms
A lock in a local variable that is handed to others is taken to be shared.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import INTERNAL, Acquire, Evidence, Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Shared state changed under a lock that nobody else can have."""
    for unit in module.units:
        for guard in unit.events:
            if not isinstance(guard, Acquire) or guard.shared or guard.what != "lock":
                continue
            change = next((a for a in unit.accesses(kinds=INTERNAL) if guard.id in a.held and a.op.changes), None)
            if change is None:
                continue
            name = change.resource.shown
            yield module.finding(
                RULE,
                unit,
                guard,
                ((Role.ACT, guard), (Role.WRITE, change)),
                f"`{guard.lock.name}` is made by each call, so it keeps nobody from changing `{name}` on line "
                f"{module.line(change)} at the same time",
                Evidence("a lock that one call makes for itself has no second user", Confidence.HIGH),
                World.TASKS if guard.world == "tasks" else World.THREADS,
                name,
                Fix("make one lock where the state is made, and take that one"),
            )


RULE = Rule(
    "RL602",
    "ineffective-lock",
    (World.THREADS, World.TASKS),
    "nothing is excluded",
    __doc__,
    find,
    needs=(Need.OWN_LOCK,),
)
