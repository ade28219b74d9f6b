"""What a condition waits for is tested without its lock, only once, or not at all.

A notification that comes between the test and the wait reaches nobody, and the thread sleeps although there is work. A wait
without a loop returns although another thread has taken what was announced.

## Example
    import threading

    class Box:
        def __init__(self) -> None:
            self._filled = threading.Condition()
            self._items: list[str] = []

        def put(self, item: str) -> None:
            with self._filled:
                self._items.append(item)
                self._filled.notify()

        def get(self) -> str:
            with self._filled:
                if not self._items:
                    self._filled.wait()
                return self._items.pop()

    box = Box()
    for _ in range(2):
        threading.Thread(target=box.get).start()
    threading.Thread(target=box.put, args=("a",)).start()

## Use instead
    import threading

    class Box:
        def __init__(self) -> None:
            self._filled = threading.Condition()
            self._items: list[str] = []

        def put(self, item: str) -> None:
            with self._filled:
                self._items.append(item)
                self._filled.notify()

        def get(self) -> str:
            with self._filled:
                self._filled.wait_for(lambda: self._items)
                return self._items.pop()

    box = Box()
    for _ in range(2):
        threading.Thread(target=box.get).start()
    threading.Thread(target=box.put, args=("a",)).start()

## Missed alarms
Conditions that are handed in and named otherwise than `cond`, `condition` or `cv`; waits with a time limit whose predicate is tested
without the lock.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Event, Evidence
from racelint.pattern.module import Module
from racelint.pattern.rivals import rival, with_itself
from racelint.pattern.unit import Unit
from racelint.pattern.waiting import Mistake, Wait, wrong_waits
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A wait for a condition that can miss its notification, or go on without what it waited for."""
    for unit in module.units:
        for wait in wrong_waits(unit):
            name, condition = wait.at.resource.shown, wait.wait.subject
            steps: list[tuple[Role, Event]] = [(Role.CHECK, wait.at), (Role.ACT, wait.wait)]
            if wait.mistake is Mistake.UNTESTED:
                steps = [(Role.ACT, wait.wait), (Role.ACT, wait.at)]
            yield module.finding(
                RULE,
                unit,
                wait.wait,
                steps,
                SAYS[wait.mistake].format(name=name, condition=condition, line=module.line(wait.at)),
                evidence_for(unit, wait),
                wait.world,
                name,
                Fix(f"wait in a loop that tests `{name}` under the lock: `{condition}.wait_for(lambda: …)`"),
                HARMS[wait.mistake],
            )


SAYS = {
    Mistake.OUTSIDE: "`{name}` is tested on line {line} without the lock of `{condition}`; a notification before this wait is lost",
    Mistake.ONCE: "`{name}` is tested once on line {line}; after this wait it may not hold, because others were woken too",
    Mistake.UNTESTED: "nothing is tested before this wait for what line {line} uses; if `{condition}` was notified before, it waits for ever",
}
HARMS = {
    Mistake.OUTSIDE: "lost wake-up",
    Mistake.ONCE: "decision on old state",
    Mistake.UNTESTED: "lost wake-up",
}


def evidence_for(unit: Unit, wait: Wait) -> Evidence:
    """A condition has two sides: who waits does so because somebody else notifies."""
    found = rival(unit, wait.at.resource, wait.world)
    writes = [write for _, write in unit.module.concurrency.writers(wait.at.resource)]
    if wait.mistake is Mistake.ONCE and writes and all(write.shape == "true" for write in writes):
        return Evidence("the flag is raised only, so it holds for all who are woken", Confidence.LOW)
    if found is not None and found.strength is Confidence.HIGH:
        return found
    if wait.mistake is Mistake.ONCE:
        several = with_itself(unit, wait.world, wait.at.resource)
        if several is None or several.strength is Confidence.LOW:
            return Evidence(f"nothing says that several wait for `{wait.wait.subject}` at once", Confidence.LOW)
    return Evidence(f"units that wait for `{wait.wait.subject}` run beside those that notify it", Confidence.MEDIUM)


RULE = Rule(
    "RL609",
    "waited-outside-condition",
    (World.THREADS, World.TASKS),
    "lost wake-up",
    __doc__,
    find,
    needs=(Need.CONDITION,),
)
