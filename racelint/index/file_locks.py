"""What a project has that keeps processes apart: functions, context managers, decorators and classes of its own, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts, ModuleFacts
from racelint.paths import FILE_LOCK

MOST_LEVELS = 4
"""From what is entered down to the call of the system: a decorator, its class, `acquire`, a helper."""

_SYSTEM = frozenset({"flock", "lockf", "locking"})
"""Last names of calls that lock a file for the process, or let go of it."""

_LETS_GO = frozenset({"release", "unlock", "free", "drop", "close"})
_TAKES = frozenset({"lock", "acquire", "obtain", "take", "upgrade", "shared", "exclusive"})
_NO_STEP = frozenset({"path", "name", "key", "id", "dir", "status", "timeout", "error", "owner"})
"""Words of names that speak of a lock and take none: `lock_path`."""

_ENTERS = frozenset({"__enter__", "acquire", "lock", "__init__"})
"""Methods by which an object takes its lock; a constructor does so in classes that hold it from birth to death."""


def takes_file_lock(call: CallSite, known: frozenset[str]) -> bool | None:
    """Whether a call takes a lock between processes and goes on with it, or lets go of one (False); None if it does neither.

    `known`: the names of what the project has for it. Besides, `lockfile.acquire()` is known by what its object is called.
    """
    receiver, _, last = call.callee.rpartition(".")
    if last in _SYSTEM:
        return not any(argument.rpartition(".")[2] in ("LOCK_UN", "LK_UNLCK") for argument in call.arguments)
    words = last.strip("_").lower().split("_")
    if words[0] in _LETS_GO or "unlock" in words:
        return False if words[0] != "close" and ("lock" in last or _of_lock(receiver, known)) else None
    if words[0] not in _TAKES or last[:1].isupper() or not _NO_STEP.isdisjoint(words):
        return None
    if last in ("acquire", "lock"):
        return True if _of_lock(receiver, known) else None
    return True if last in known else None


def _of_lock(receiver: str, known: frozenset[str]) -> bool:
    """Whether what a method is called on is named like a lock between processes."""
    return FILE_LOCK.search(f"{receiver}.") is not None or receiver.rpartition(".")[2] in known


def file_locks(modules: Iterable[ModuleFacts]) -> frozenset[str]:
    """Last names of what locks between processes where it is called, entered or put above a function."""
    functions: list[tuple[FunctionFacts, tuple[str, tuple[CallSite, ...]]]] = []
    for module in modules:
        by_name = {function.qualname: function for function in module.functions}
        functions += ((function, _decorator_around(function, by_name)) for function in module.functions)
    known: frozenset[str] = frozenset()
    for _ in range(MOST_LEVELS):
        new = {name for function, around in functions for name in _named(function, around, known)} - known
        if not new:
            break
        known |= new
    return known


def _decorator_around(
    function: FunctionFacts, by_name: Mapping[str, FunctionFacts]
) -> tuple[str, tuple[CallSite, ...]]:
    """The outermost function that a function stands in, and the calls of what that one was handed: "" if it is no inside of a decorator.

    `by_name`: the functions of the module.
    """
    if not function.parent:
        return "", ()
    handed: set[str] = set()
    outer = by_name.get(function.parent)
    while outer is not None:
        handed.update(name for name, _ in outer.params)
        if outer.parent not in by_name:
            break
        outer = by_name[outer.parent]
    calls = tuple(call for call in function.calls if call.callee in handed and call.callee not in function.local_names)
    return (outer.name, calls) if outer is not None and calls else ("", ())


def _named(function: FunctionFacts, around: tuple[str, tuple[CallSite, ...]], known: frozenset[str]) -> Iterator[str]:
    """The name under which a function, its class, or the decorator that it is the inside of, locks."""
    outer, calls = around
    if any(is_file_lock(guard, known) for call in calls for guard in call.within):
        yield outer
    if not (_within(function, known) or any(_takes(call, known) for call in function.calls)):
        return
    name, owner = function.name, function.owner.rpartition(".")[2]
    if any("contextmanager" in decorator for decorator in function.decorators):
        yield name
    elif owner and name in _ENTERS:
        yield owner
    elif _NAMES_LOCK.search(name):
        yield name


_NAMES_LOCK = expression(
    r"(?i)^_*(with_|try_)?((un)?interruptible_)?(lock|acquire|obtain|take|upgrade|shared|exclusive)"
)
"""Names of functions that say what they do to a lock; not `lock_path`, which is no step."""


def _takes(call: CallSite, known: frozenset[str]) -> bool:
    """Whether a call takes such a lock; of an object's own methods any that is named like one."""
    last = call.callee.rpartition(".")[2]
    if last in ("enter_context", "enter_async_context"):
        return any(is_file_lock(argument, known) for argument in call.arguments if argument)
    return takes_file_lock(call, known) is True or (last in known and not last[:1].isupper())


def _within(function: FunctionFacts, known: frozenset[str]) -> bool:
    """Whether the function enters one of them, or a lock file by its name, around anything that it calls or yields."""
    guards = {guard for call in function.calls for guard in call.within} | set(function.yields_within)
    return any(is_file_lock(guard, known) for guard in guards)


def is_file_lock(guard: str, known: frozenset[str]) -> bool:
    """Whether what is entered or put above a function keeps processes apart, by its name."""
    path = guard.partition("(")[0]
    return path.rpartition(".")[2] in known or FILE_LOCK.search(path) is not None
