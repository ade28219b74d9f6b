"""Tables with a lock for each key that throw locks out when there are many, whether they are held or not."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op
from racelint.finding import Confidence
from racelint.frozen import replace
from racelint.pattern.anew import Useless, locks_taken
from racelint.pattern.unit import Unit

_TABLES = (Kind.ATTRIBUTE, Kind.GLOBAL, Kind.CLASS)


def evicted(unit: Unit) -> Iterator[Useless]:
    """The lock that the unit makes for a key, and others use, where the unit also throws out locks of other keys as there are too many.

    Not where it asks first whether the lock is free, counts who uses it, or takes the lock under the guard of the table, so that
    nobody has one who does not hold the guard.
    """
    if unit.is_constructor:
        return
    for made in unit.accesses(Op.WRITE, Op.UPDATE, kinds=_TABLES):
        if made.place.unit != unit.facts.qualname:
            continue  # told where it stands, and not also of whoever asks for the lock
        if not made.resource.key or not _is_lock(unit, made) or _held_inside(unit, made):
            continue
        table = _forgetful(unit, made)
        if table:
            yield Useless(
                made,
                made,
                made.resource.shown,
                f"goes by itself out of the `{table}`, whether it is held or not: those who hold it and those who make the next one do "
                "not keep each other",
                Confidence.MEDIUM,
                "keep the locks in a dictionary, or in a `weakref.WeakValueDictionary`",
            )
            return
        removal = next(
            (
                r
                for r in unit.accesses(Op.DELETE, kinds=_TABLES)
                if _makes_room(unit, r, made) and not asks_of_locks(unit, r)
            ),
            None,
        )
        if removal is not None:
            seen = replace(removal, site=removal.place)
            yield Useless(
                seen,
                seen,
                made.resource.shown,
                "is thrown away here once there are too many, whether it is held or not: those who hold it and those who make the "
                "next one do not keep each other",
                Confidence.MEDIUM,
                "throw out only locks that nobody holds or waits for, or keep them in a `weakref.WeakValueDictionary`",
            )
            return


def _forgetful(unit: Unit, made: Access) -> str:
    """The type of the table that the lock is put into, if it throws entries out when there are many or they are old."""
    scope, resource = unit.module.scope, made.resource
    if resource.owner in scope.classes:
        built = scope.attribute_type(resource.owner, resource.path)
    else:
        writes = scope.facts.module_body.writes
        built = next((scope.canonical(w.built_from) for w in writes if w.path == resource.path and w.how == "="), "")
    return built if built in _FORGETFUL else ""


_FORGETFUL = frozenset(
    f"cachetools.{name}" for name in ("FIFOCache", "LFUCache", "LRUCache", "RRCache", "TLRUCache", "TTLCache")
)


def _is_lock(unit: Unit, made: Access) -> bool:
    """Whether what is put into the table is a new lock."""
    given = made.value.part("default") if made.how == "setdefault" else made.value if made.how == "[]" else None
    function = unit.module.models.functions.get(given.type) if given is not None else None
    return function is not None and function.effect == "lock"


def _held_inside(unit: Unit, made: Access) -> bool:
    """Whether the lock is taken while the one is held under which it is made."""
    taken = {lock.id for lock in locks_taken(unit) if lock.lock.place == made.resource.place and lock.lock.key}
    return any(access.held & taken and access.held & made.held - taken for access in unit.accesses())


def _makes_room(unit: Unit, removal: Access, made: Access) -> bool:
    """Whether the entry of another key is taken out of the table only because of how many there are."""
    if removal.resource.place != made.resource.place or removal.resource.key == made.resource.key:
        return False
    checks = [check for number in removal.controlled_by if (check := unit.access(number)) is not None]
    own = [check for check in checks if check.resource.place == made.resource.place]
    sized = [check for check in own if not check.resource.key]
    missing = [check for check in own if check.resource.key == made.resource.key]
    others = [check for check in checks if check not in own]
    plain = all(check.resource.kind in _TABLES and not check.resource.key and not check.how for check in others)
    return bool(sized) and len(sized) + len(missing) == len(own) and plain


def asks_of_locks(unit: Unit, removal: Access) -> bool:
    """Whether the function asks anything of locks: whether one is held, how many have it or wait for it."""
    functions = (unit.facts, unit.module.scope.functions.get(removal.place.unit, unit.facts))
    called = {call.callee for function in functions for call in function.calls}
    read = {path for function in functions for path in function.reads}
    return any(path.rpartition(".")[2] in _QUESTIONS for path in called | read)


_QUESTIONS = frozenset({"locked", "acquire", "getrefcount", "statistics", "_waiters"})
