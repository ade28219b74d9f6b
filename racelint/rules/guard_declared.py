"""State that declares its lock is read or written without that lock.

The declaration is `Annotated[int, guarded_by("_lock")]`, or a comment `# racelint: guarded-by[self._lock]` where the state is first
assigned. Every access outside of the constructor must then hold the lock, itself or by all its callers.

## Example
    import threading
    from typing import Annotated

    from racelint.runtime import guarded_by

    class Account:
        balance: Annotated[int, guarded_by("_lock")]

        def __init__(self) -> None:
            self._lock = threading.Lock()
            self.balance = 0

        def deposit(self, amount: int) -> None:
            self.balance += amount

## Use instead
    import threading
    from typing import Annotated

    from racelint.runtime import guarded_by

    class Account:
        balance: Annotated[int, guarded_by("_lock")]

        def __init__(self) -> None:
            self._lock = threading.Lock()
            self.balance = 0

        def deposit(self, amount: int) -> None:
            with self._lock:
                self.balance += amount

## Missed alarms
Accesses through another object, and from other modules.
"""

from collections.abc import Iterable

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Evidence
from racelint.pattern.declared import unguarded_accesses
from racelint.pattern.module import Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """An access outside of the lock that the state declares."""
    for unit in module.units:
        for access, lock in unguarded_accesses(unit):
            name = access.resource.shown
            yield module.finding(
                RULE,
                unit,
                access,
                ((Role.WRITE if access.op.changes else Role.READ, access),),
                f"`{name}` is {'changed' if access.op.changes else 'read'} here without `{lock}`, which its declaration asks for",
                Evidence(f"the declaration says that `{lock}` guards it", Confidence.HIGH),
                World.TASKS if unit.facts.is_async else World.THREADS,
                name,
                Fix(f"hold `{lock}` here"),
            )


RULE = Rule(
    "RL603",
    "guard-declared",
    (World.THREADS, World.TASKS),
    "unguarded change",
    __doc__,
    find,
    needs=(Need.DECLARED_GUARD,),
)
