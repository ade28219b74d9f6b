"""Shallow copies of objects that get a lock of their own, while they share what the lock guards."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.finding import Confidence
from racelint.pattern.anew import Useless
from racelint.pattern.unit import Unit


def copied_with_lock(unit: Unit) -> Iterator[Useless]:
    """A shallow copy of the object gets a lock of its own, while both go on to share the collections."""
    scope, owner = unit.module.scope, unit.facts.owner
    copies = {name for name, built in unit.facts.locals_built if scope.canonical(built) == "copy.copy"}
    given = {write.path: write for write in unit.facts.writes if write.path.partition(".")[0] in copies}
    for path, write in given.items():
        call = unit.module.models.functions.get(scope.canonical(write.built_from))
        lock = path.partition(".")[2]
        if call is None or call.effect != "lock" or (owner, lock) not in unit.module.locks_of(owner):
            continue
        root = path.partition(".")[0]
        shared = next((name for name in _guarded_collections(unit, lock) if f"{root}.{name}" not in given), None)
        mark = next((m for m in unit.marks("call") if m.subject == "copy.copy"), None)
        if shared is not None and mark is not None:
            yield Useless(
                mark,
                None,
                lock,
                f"guards `self.{shared}`, which the copy shares: with a lock of its own the copy does not exclude this object",
                Confidence.MEDIUM,
                f"copy `self.{shared}`, too, or let both have one lock",
            )


def _guarded_collections(unit: Unit, lock: str) -> Iterator[str]:
    """Collections of the object that are changed in place under the lock."""
    scope, owner = unit.module.scope, unit.facts.owner
    for method in scope.methods.get(owner, {}).values():
        for write in method.writes:
            root, _, name = write.path.partition(".")
            under = any(guard.rpartition(".")[2] == lock for guard in write.within)
            if under and method.params and root == method.params[0][0] and write.how not in ("=", "+=", "del"):
                yield name
