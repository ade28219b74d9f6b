"""A lock does not exclude those it should: each call or each object has its own, or it is replaced.

Every call, every object or every process has a lock of its own (`FileLock(f"{path}.{os.getpid()}")`), so it excludes nobody. Also
reported: the lock of one object around a change of another, a lock for threads around what processes share, the lock of readers around a
change, a lock that is thrown away while others may hold it or wait for it (also to make room in a table of locks), `acquire` that does
not wait, or not for ever, whose answer is not looked at before a change or before the lock is given back, a `finally` that gives
back a lock which the `try` may not have got, and locks that an `and` joins, of which only the last one is taken.

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

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Acquire, Event, Evidence
from racelint.pattern.locking import useless_locks
from racelint.pattern.module import Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """State changed under a lock that does not exclude those who change it, too."""
    for unit in module.units:
        for found in useless_locks(unit):
            change = found.change
            steps: list[tuple[Role, Event]] = [(Role.ACT, found.at)]
            rest = ""
            if change is not None and change is not found.at:
                steps.append((Role.WRITE, change))
                rest = f" from changing `{change.resource.shown}` on line {module.line(change)} at the same time"
            yield module.finding(
                RULE,
                unit,
                found.at,
                steps,
                f"`{found.lock}` {found.reason}{rest}",
                Evidence(f"`{found.lock}` {found.reason.partition(',')[0].partition(':')[0]}", found.strength),
                World.TASKS if isinstance(found.at, Acquire) and found.at.world == "tasks" else World.THREADS,
                change.resource.shown if change is not None else found.lock,
                Fix(found.advice),
            )


RULE = Rule(
    "RL602",
    "ineffective-lock",
    (World.THREADS, World.TASKS),
    "nothing is excluded",
    __doc__,
    find,
    needs=(Need.OWN_LOCK, Need.UNDER_LOCK, Need.GIVEN_BACK, Need.JOINED_LOCKS),
)
