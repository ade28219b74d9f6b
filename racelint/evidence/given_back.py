"""What a function takes from a pool of objects, gives back and goes on to change."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.facts import CallSite, FunctionFacts
from racelint.facts.data import MUTATORS
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class GivenBack:
    """An object by its local name, the pool that it comes from, the call that gives it back, and the line where it is changed then."""

    name: str
    pool: str
    call: CallSite
    changed: int


def given_back(function: FunctionFacts) -> Iterator[GivenBack]:
    """`buffer = pool.get()`, then `pool.put(buffer)`, then `buffer.clear()`; each name once."""
    for name, built in function.locals_built:
        pool, _, taking = built.rpartition(".")
        gives = _GIVES.get(taking)
        if gives is None or not pool or pool in function.local_names - function.outer_names:
            continue
        calls = [
            call for call in function.calls if call.callee.rpartition(".")[0] == pool and call.arguments == (name,)
        ]
        calls = [call for call in calls if call.callee.rpartition(".")[2] in gives]
        if len(calls) != 1 or calls[0].arms or sum(other == name for other, _ in function.locals_built) > 1:
            continue
        line = calls[0].line
        locks = set(calls[0].within)
        changes = [w.line for w in function.writes if _changes(w.path, w.how, name) and not locks & set(w.within)]
        changes += [
            call.line
            for call in function.calls
            if call.callee.startswith(f"{name}.")
            and call.callee.rpartition(".")[2].partition("_")[0] in _RESETS
            and not locks & set(call.within)
        ]
        later = [changed for changed in changes if changed > line]
        if later:
            yield GivenBack(name, pool, calls[0], min(later))


def _changes(path: str, how: str, name: str) -> bool:
    """Whether a write changes the object that a name stands for."""
    return path.startswith(f"{name}.") or (path == name and (how in ("[]", "[]+=", "del[]") or how in MUTATORS))


_GIVES = {
    "get": ("put", "put_nowait"),
    "get_nowait": ("put", "put_nowait"),
    "pop": ("append", "appendleft", "add"),
    "popleft": ("append", "appendleft"),
}
"""How something is taken from a pool, and how it is given back."""

_RESETS = frozenset({"reset", "clear", "wipe", "rollback", "close", "seek", "truncate", "flush", "release", "write"})
"""First words of methods that change the object."""
