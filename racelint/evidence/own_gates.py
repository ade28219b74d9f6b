"""Context managers of a class that hold a lock of its own, or count who is inside so that others wait for them."""

from __future__ import annotations

from racelint.facts import FunctionFacts
from racelint.resolve import Scope, locks_of


def gate_of(scope: Scope, manager: FunctionFacts) -> str:
    """The lock of its class that a method written as a generator holds for whoever enters it, as the class writes it; "" for none.

    It yields under the lock; or it changes something under the lock before the `yield` and again after it, because of which one
    that yields, too, waits: so does the half of a read-write lock that is for readers.
    """
    if not (manager.owner and manager.yields and _is_manager(manager)):
        return ""
    locks = [f"self.{name}" for name in sorted(locks_of(scope, manager.owner))]
    held = next((lock for lock in locks if lock in manager.yields_within), "")
    return held or next((lock for lock in locks if _waited_for(scope, manager, lock)), "")


def names_gate(scope: Scope, name: str) -> bool:
    """Whether a method of this name of any class is such a context manager."""
    return any(function.name == name and gate_of(scope, function) for function in scope.every_function)


def lets_in_many(manager: FunctionFacts, gate: str) -> bool:
    """Whether others may be in the gate of a manager at once: it only counts them and waits for nobody."""
    return gate not in manager.yields_within and not _waits(manager, gate)


def _waited_for(scope: Scope, manager: FunctionFacts, lock: str) -> bool:
    changed = [write.path for write in manager.writes if lock in write.within]
    twice = {path for path in changed if changed.count(path) > 1}
    others = scope.methods.get(manager.owner, {}).values() if twice else ()
    return any(_is_manager(other) and twice & other.reads and _waits(other, lock) for other in others)


def _waits(method: FunctionFacts, lock: str) -> bool:
    return any(call.callee in (f"{lock}.wait", f"{lock}.wait_for") for call in method.calls)


def _is_manager(method: FunctionFacts) -> bool:
    return any("contextmanager" in decorator for decorator in method.decorators)
