"""Locks of the class that an object happens to be of, where a subclass has one of its own."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Acquire, Kind, Op
from racelint.facts import FunctionFacts
from racelint.finding import Confidence
from racelint.pattern.anew import Useless, locks_taken
from racelint.pattern.unit import Unit
from racelint.resolve import made_of_nothing

_OF_OBJECT = ("type(self).", "self.__class__.", "self.", "cls.")
"""How a lock is written which is that of the object's own class, whatever that is."""


def replaced_by_subclass(unit: Unit) -> Iterator[Useless]:
    """A lock that a class makes in its body, as a subclass does once more, around what is written by the name of the one class."""
    module = unit.module
    for guard in locks_taken(unit):
        if guard.world != "threads" or guard.lock.owner not in module.scope.classes:
            continue
        if not module.text(guard.place).startswith(_OF_OBJECT):
            continue
        other = _with_own_lock(unit, guard)
        if not other or not made_of_nothing(module.scope, guard.lock.owner, guard.lock.path):
            continue
        for change in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.ATTRIBUTE, Kind.CLASS)):
            if (
                guard.id in change.held
                and unit.locked_at(change) == [guard]
                and change.value.stems
                and change.resource.owner == guard.lock.owner
                and module.text(change.place).startswith(f"{change.resource.owner.rpartition('.')[2]}.")
            ):
                sure = module.concurrency.surely_in_threads(unit.facts)
                yield Useless(
                    guard,
                    change,
                    guard.lock.path,
                    f"is another one for each {other}, so it does not keep those",
                    Confidence.MEDIUM if sure else Confidence.LOW,
                    f"name the class that has the state: `{guard.lock.owner}.{guard.lock.path}`",
                )
                break


def _with_own_lock(unit: Unit, guard: Acquire) -> str:
    """The subclass that makes a lock by the same name in its body, or all of them where the base makes one for each; "" if none does."""
    scope, lock = unit.module.scope, guard.lock
    for class_ in scope.facts.classes:
        above = {base.qualname for base in scope.lineage(class_.qualname)} - {class_.qualname}
        own = lock.owner in above and lock.path in dict(class_.attributes)
        if own and made_of_nothing(scope, class_.qualname, lock.path):
            return f"`{class_.qualname}`"
    for base in scope.lineage(lock.owner):
        maker = scope.functions.get(f"{base.qualname}.__init_subclass__")
        if maker is not None and maker.params and _makes(maker, f"{maker.params[0][0]}.{lock.path}"):
            return "subclass"
    return ""


def _makes(maker: FunctionFacts, path: str) -> bool:
    """Whether all that the function puts there is new."""
    writes = [write for write in maker.writes if write.path == path]
    return bool(writes) and all(write.shape == "call" and write.how == "=" for write in writes)
