"""What needs ask of values of one call that are kept where all calls of the object see them."""

from __future__ import annotations

from racelint.candidate import Candidate
from racelint.evidence.hooks import stands_for_decorated
from racelint.facts import Write
from racelint.finding import World
from racelint.nominate.state import FIXED
from racelint.resolve import CONSTRUCTORS, enclosing_self
from racelint.touch import made_future


def per_call_state(c: Candidate) -> bool:
    """Whether state is set and looked at, and another run of the same unit may do so, too."""
    world = World.TASKS if c.facts.is_async else World.THREADS
    if c.facts.name in CONSTRUCTORS or (c.facts.is_async and not c.suspends):
        return False
    return any(
        key in c.reads
        and any(write.how == "=" and write.shape not in FIXED and _in_own_object(c, write) for write in writes)
        and (world is World.THREADS or c.switches_between(key))
        and (c.meets_itself(key, world) >= c.module.least or stands_for_decorated(c.facts))
        and not _stays(c, key)
        for key, writes in c.changes.items()
    )


def _in_own_object(c: Candidate, write: Write) -> bool:
    """Whether something of the module is set, or of an object or a class by the name that its methods have for it."""
    holder = write.path.rpartition(".")[0]
    return (
        not holder or holder in c.own_names or holder in ("cls", "self.__class__") or holder in c.module.scope.classes
    )


def _stays(c: Candidate, key: str) -> bool:
    """Whether a function looks at the key that is no step of any call which sets it: then it is state of the object."""
    module, own = c.module, frozenset(c.module.concurrency.runs(c.facts.qualname))
    owners = {owner for name, owner in module.outsiders(key) if name not in own}
    if not key.startswith("."):
        return bool(owners)
    setters = (f for f in c.functions if key in module.keys.changes(f, f is not c.facts))
    return owners.issuperset(enclosing_self(f, module.scope)[0] for f in setters)


def waiter_slot(c: Candidate) -> bool:
    """Whether a coroutine makes a future and puts one into an attribute."""
    if not c.suspends or not c.facts.owner:
        return False
    made = {name for name, built in c.facts.locals_built if made_future(built)}
    return any(
        write.how == "=" and "." in write.path and (write.built_from in made or made_future(write.built_from))
        for write in c.facts.writes
    )
