"""A constructor tests a flag, does its one-time work and sets the flag afterwards.

Two objects made at the same time both find the flag down and both do the work. A flag on the object itself does not even
guard objects that are made one after the other.

## Example
    import threading

    registry = {}
    _ready = False

    class Service:
        def __init__(self) -> None:
            global _ready
            if not _ready:
                registry["tool"] = threading.Thread(target=print)
                _ready = True

## Use instead
    import threading

    registry = {}
    _ready = False
    _lock = threading.Lock()

    class Service:
        def __init__(self) -> None:
            global _ready
            with _lock:
                if not _ready:
                    registry["tool"] = threading.Thread(target=print)
                    _ready = True

## Missed alarms
Flags that a constructor of a base class in another module keeps.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence, Mark, Op, Sense, Shape, Switch
from racelint.pattern.lone import believed
from racelint.pattern.module import Module
from racelint.pattern.pair import INTERNAL, Pair
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """In a constructor: a flag checked, work that others see, the flag set; no lock over all of it."""
    for unit in module.units:
        for pair, evidence in init_flags(unit):
            name = pair.second.resource.shown
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"the flag `{name}` is tested on line {module.line(pair.first)} and set here after the work; "
                "two constructors can both find it down and do the work twice",
                believed(unit, evidence, pair.second),
                World.THREADS,
                name,
                Fix(
                    "move the one-time work to module level, run once (`init_once`), or hold a module-level lock over test and set"
                ),
            )


def init_flags(unit: Unit) -> Iterator[tuple[Pair, Evidence]]:
    """Flags of the class, the module, or an instance whose class has the default, with the evidence."""
    if not unit.is_constructor:
        return
    for write in unit.accesses(Op.WRITE, kinds=INTERNAL):
        if write.value.shape not in (Shape.TRUE, Shape.CONSTANT) or (
            write.resource.key and write.resource.key[0] not in "'\""
        ):
            continue
        for number, sense in write.control:
            check = unit.access(number)
            if check is None or sense is not Sense.ABSENT or not same(check.resource, write.resource):
                continue
            if unit.rechecked_locked(write) or not works_between(unit, check, write):
                continue
            evidence = evidence_for(unit, write)
            if evidence is not None:
                yield Pair(unit, check, write), evidence
                break


def default_of(unit: Unit, write: Access) -> bool:
    """Whether the class holds a default of the flag: otherwise the flag belongs to the new object alone."""
    return unit.owner is not None and any(name == write.resource.path for name, _ in unit.owner.attributes)


def evidence_for(unit: Unit, write: Access) -> Evidence | None:
    """Threads that construct at once; or a flag that each object sets for itself while the class only holds the default.

    Another value than True is a default that each object works out for itself.
    """
    own = write.resource.name.startswith("self.")
    if own and (not default_of(unit, write) or write.value.shape is not Shape.TRUE):
        return None
    found = with_itself(unit, World.THREADS) or with_itself(unit, World.TASKS)
    if (own and unit.owner is not None and "__new__" not in unit.owner.methods) and (
        found is None or found.strength is Confidence.LOW
    ):
        return Evidence(
            "each object sets the flag for itself only: the class's default stays, so every constructor does the work",
            Confidence.LOW,  # mostly what is meant: a default, and what each object works out
        )
    return found


def works_between(unit: Unit, check: Access, write: Access) -> bool:
    """Whether the unit does something under the check, before or after it sets the flag."""
    return any(
        check.id in {number for number, _ in event.control} and event.id != write.id
        for event in unit.events
        if isinstance(event, (Access, Mark, Switch))
        and (not isinstance(event, Mark) or event.what in ("call", "spawn", "enqueue"))
    )


RULE = Rule(
    "RL301",
    "init-flag-in-constructor",
    (World.THREADS, World.TASKS),
    "double initialisation",
    __doc__,
    find,
    needs=(Need.FLAG_IN_CONSTRUCTOR,),
)
