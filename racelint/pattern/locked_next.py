"""Methods that make sure of something before they take the lock under which they work."""

from __future__ import annotations

from racelint.events import Access
from racelint.evidence import Evidence
from racelint.finding import Confidence
from racelint.pattern.unit import Unit
from racelint.touch import locks_next


def locked_next(unit: Unit, act: Access) -> Evidence | None:
    """The evidence that several tasks come at once: methods take a lock of their object after they have had a helper make sure.

    `await self.ensure_connected()`, `async with self.lock: …`: the lock says that others come, and the helper runs without it.
    """
    concurrency = unit.module.concurrency
    function = unit.module.scope.functions.get(act.place.unit)
    if function is None or not function.is_async or not function.owner or concurrency.called_under_lock(function):
        return None
    for caller, call in concurrency.callers.get(function.qualname, ()):
        lock = locks_next(caller, call, unit.module.scope)
        if lock:
            text = f"`{caller.name}` takes `{lock}` after it, which says that several come at once"
            return Evidence(text, Confidence.MEDIUM)
    return None


def keeps_lock(unit: Unit, write: Access) -> bool:
    """Whether the lock of the write is taken by hand and not let go of where it was taken: `await self._gate.acquire()`."""
    for lock in unit.locked_at(write):
        function = unit.module.scope.functions.get(lock.place.unit)
        callees = {call.callee for call in function.calls} if function is not None else set()
        holders = {callee.removesuffix(".acquire") for callee in callees if callee.endswith(".acquire")}
        if lock.lock.name in holders and f"{lock.lock.name}.release" not in callees:
            return True
    return False
