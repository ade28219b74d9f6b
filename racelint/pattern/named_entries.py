"""Entries of collections that callers name: who looks one up, and who takes it out, were told which one."""

from __future__ import annotations

from itertools import combinations

from racelint.events import Access, Op
from racelint.facts import FunctionFacts
from racelint.pattern.unit import Unit


def named_to_both(unit: Unit, use: Access, remover: FunctionFacts) -> bool:
    """Whether callers name the entry to the unit, and to who takes it out: `get_user(name)` and `delete_user(name)`.

    Two callers would have to mean the same at once, and who asks for what another deletes is told that it is not there, whichever comes
    first. What a helper takes out of its own accord is not meant, nor what its remover has put there itself: that it goes is a matter
    of time.
    """
    if not use.resource.key or not _from_caller(unit, use) or not _asked_to(unit, remover):
        return False
    other = unit if remover.qualname == unit.facts.qualname else unit.module.unit(remover.qualname)
    if other is None:
        return False
    changes = [a for a in other.accesses(Op.WRITE, Op.DELETE) if a.resource.place == use.resource.place]
    removals = [a for a in changes if a.op is Op.DELETE]
    keys = {removal.resource.key for removal in removals}
    return (
        bool(removals)
        and all(removal.resource.key and _from_caller(other, removal) for removal in removals)
        and not any(change.how == "[]" and change.resource.key in keys for change in changes)
    )


def _asked_to(unit: Unit, remover: FunctionFacts) -> bool:
    """Whether a function is called from outside, or hands on what its callers were handed there."""
    if not remover.name.startswith("_"):
        return True
    sites = unit.module.concurrency.callers.get(remover.qualname, ())
    return bool(sites) and all(
        not caller.name.startswith("_")
        and not {argument.partition(".")[0] for argument in call.arguments}.isdisjoint(
            name for name, _ in caller.params[1:]
        )
        for caller, call in sites
    )


def handed_the_same(unit: Unit, key: str) -> bool:
    """Whether one function starts the unit several times in threads with one thing for the argument that is the key.

    `Timer(30, end, args=(number,)).start()`, `Thread(target=end, args=(number,)).start()`: both mean one entry.
    """
    names = [name for name, _ in unit.facts.params[bool(unit.facts.owner) :]]
    if key not in names or any(write.path == key for write in unit.facts.writes):
        return False
    place = names.index(key)
    starts = unit.module.concurrency.started_with.get(unit.facts.qualname, ())
    sites = [(start, start.at(place, key)) for start in starts if start.world == "threads"]
    named = [(start, given) for start, given in sites if given.isidentifier()]
    return any(
        start.call.looped and given not in start.caller.loop_names and given not in start.caller.made_anew
        for start, given in named
    ) or any(
        one.caller is other.caller and given == same and sum(w.path == given for w in one.caller.writes) < 2
        for (one, given), (other, same) in combinations(named, 2)
    )


def own_of_each_run(unit: Unit, removal: Access) -> bool:
    """Whether each run takes out an entry of its own: that of the object itself, or of what its thread was started for.

    `Thread(target=self.serve, args=(sock,))`, and `del self.names[id(sock)]` in `serve`.
    """
    if removal.op is not Op.DELETE or not removal.resource.key:
        return False
    if removal.resource.key == "self":
        return True
    concurrency, name = unit.module.concurrency, unit.facts.qualname
    roots = [concurrency.roots[number] for number in concurrency.reached.get(name, ())]
    started = [root for root in roots if not root.public]
    alone = all(root.unit == name and not (root.handler or root.called) for root in started)
    return bool(started) and alone and _from_caller(unit, removal)


def _from_caller(unit: Unit, access: Access) -> bool:
    """Whether an argument of the function in which the access stands, or what was made of one, stands in the key."""
    function = unit.module.scope.functions.get(access.place.unit)
    if function is None:
        return False
    own = 1 if function.owner and "staticmethod" not in function.decorators else 0
    given = {name for name, _ in function.params[own:]}
    return not given.isdisjoint(unit.module.behind(access.place))
