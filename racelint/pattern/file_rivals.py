"""Who else works on a file meanwhile: far fewer than who else may run a unit, as each of them mostly has a file of its own."""

from __future__ import annotations

from racelint.events import Access, Kind, Op, Shape
from racelint.evidence import Evidence
from racelint.finding import World
from racelint.pattern.pair import Pair
from racelint.pattern.rivals import with_itself
from racelint.pattern.rounds import named_by_round, named_by_task
from racelint.pattern.unit import Unit, same

OWN = frozenset({"self", "cls"})
"""Names of the first parameter of a method, which nobody hands in."""


def awaits_between(unit: Unit, one: Access, other: Access) -> bool:
    """Whether anything is awaited from one access to the end of the other."""
    return unit.switch_between(one.id, other.id) is not None or unit.awaited_at(other) is not None


def between_steps(unit: Unit, pair: Pair, found: Evidence) -> Evidence | None:
    """The evidence as far as it speaks of what comes between two steps on what one process mostly has for itself.

    Tasks of one loop only meet where one awaits; so do the requests of a server that has one, and mostly there is one.
    """
    if awaits_between(unit, pair.first, pair.second) or found.world not in ("tasks", "processes"):
        return found
    if found.world == "tasks":
        others = (with_itself(unit, world) for world in (World.THREADS, World.PROCESSES))
        return next((one for one in others if one is not None), None)
    if _on_one_loop(unit):
        return with_itself(unit, World.THREADS)
    return found.weakened() if only_on_loops(unit) else found


def of_file(unit: Unit, pair: Pair, found: Evidence) -> Evidence | None:
    """The evidence as far as it speaks of a file: who begins it anew has its own, and so has who is started for the one name that
    the path has in it."""
    if (
        named_by_round(unit, pair.second.resource.path)
        or named_by_task(unit, f"{pair.second.resource.path} {unit.module.text(pair.second.site)}")
        or _of_path_handed_in(unit, pair)
        or _of_each_job(unit, pair.second)
    ):
        return found.weakened()
    begun = (
        write for write in unit.accesses(Op.WRITE, kinds=(Kind.FILE,)) if same(write.resource, pair.first.resource)
    )
    if any(
        not write.control
        and write.value.shape is Shape.CONSTANT
        and unit.before(write.id, pair.first.id)
        and not unit.before(pair.first.id, write.id)
        for write in begun
    ):
        return found.weakened()
    return found


def _of_path_handed_in(unit: Unit, pair: Pair) -> bool:
    """Whether others call the unit, or other modules start it, with the path of the file: as a rule each time with another one."""
    root = pair.second.resource.name.partition(".")[0]
    if root not in {name for name, _ in unit.facts.params if name not in OWN}:
        return False
    concurrency, name = unit.module.concurrency, unit.facts.qualname
    roots = (concurrency.roots[number] for number in concurrency.reached.get(name, ()))
    return not any(root.unit == name and not (root.public or root.called or root.run) for root in roots)


def only_on_loops(unit: Unit) -> bool:
    """Whether all that leads to the unit are handlers that run on the loop of their process, also by plain calls of other modules,
    and none is started twice. Handlers in two packages are taken for those of two programs, each with a process of its own."""
    concurrency, scope = unit.module.concurrency, unit.module.scope
    if scope.index.processes.names_workers:
        return False
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    told = [root for root in roots if not root.public]
    packages = {(root.origin or scope.facts.path).removeprefix("./").partition("/")[0] for root in told}
    return len(packages) == 1 and all(root.handler and root.world == "tasks" for root in told)


def _on_one_loop(unit: Unit) -> bool:
    """Whether the unit answers requests of a server that has one loop, and no other process that is known runs it."""
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ()))
    if not all(root.handler for root in roots if root.processes or root.world == "processes"):
        return False
    processes = unit.module.scope.index.processes
    return processes.answers_on_one_loop or (unit.facts.is_async and processes.serves_alone)


def _of_each_job(unit: Unit, write: Access) -> bool:
    """Whether the file is one that the unit is handed, by a job that is one of many, started for one thing after the other.

    Of a unit that is itself the job what it is handed tells more.
    """
    facts, concurrency = unit.facts, unit.module.concurrency
    if write.resource.path not in {name for name, _ in facts.params}:
        return False
    roots = (concurrency.roots[number] for number in concurrency.reached.get(facts.qualname, ()))
    jobs = [root for root in roots if not root.public]
    return bool(jobs) and all(
        root.many
        and not (root.handler or root.front)
        and root.world in ("threads", "processes")
        and (root.called or root.unit != facts.qualname)
        for root in jobs
    )
