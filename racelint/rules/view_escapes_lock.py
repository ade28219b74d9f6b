"""A collection that a lock guards, a live view or a generator of it, is returned out of the lock.

The caller does not hold the lock: it iterates while another thread changes the collection under the lock, and the
iteration fails or skips.

## Example
    import threading

    class Registry:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._names: dict[str, int] = {}

        def add(self, name: str) -> None:
            with self._lock:
                self._names[name] = len(self._names)

        def names(self):
            with self._lock:
                return self._names.keys()

## Use instead
    import threading

    class Registry:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._names: dict[str, int] = {}

        def add(self, name: str) -> None:
            with self._lock:
                self._names[name] = len(self._names)

        def names(self):
            with self._lock:
                return list(self._names)

## Missed alarms
Views that are stored or passed on instead of returned.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Evidence
from racelint.pattern.escaping import escapes
from racelint.pattern.module import Module
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A return of something that follows the changes others make under a lock."""
    for unit in module.units:
        for found in escapes(unit):
            name = found.read.resource.shown
            yield module.finding(
                RULE,
                unit,
                found.at,
                ((Role.READ, found.read), (Role.ACT, found.at)),
                f"what is returned follows the changes of `{name}`, which others make under `{found.lock}`; the caller does "
                "not hold it",
                Evidence(f"`{found.lock}` says that threads share `{name}`", found.strength),
                World.THREADS,
                name,
                Fix("return a copy made under the lock: `list(…)`, `dict(…)`"),
            )


RULE = Rule(
    "RL608", "view-escapes-lock", (World.THREADS,), "changed while iterated", __doc__, find, needs=(Need.HANDS_OUT,)
)
