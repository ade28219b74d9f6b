"""Locks that a function makes anew for whoever calls it: by whose name they are taken, and where they are made."""

from __future__ import annotations

import libcst as cst

from racelint.events import Place
from racelint.facts import FunctionFacts
from racelint.flow.expressions import Evaluator
from racelint.flow.making import below
from racelint.flow.summaries import source_of
from racelint.frozen import dataclass
from racelint.grafts import is_grafted


@dataclass(frozen=True, slots=True)
class NewLock:
    """A lock that each call of a function of the project makes."""

    type: str
    made: Place | None = None
    """Where it is made, if that is the place to tell of: nothing shows it where it is taken."""


def new_lock_of(ev: Evaluator, name: str) -> NewLock | None:
    """The lock that a local name stands for, if a function has just made it, or a framework has for each call of this one.

    None for one that others may get from here.
    """
    function = ev.function
    if name in function.outer_names or _goes_on(ev, name):
        return None
    if name in {parameter for parameter, _ in function.params}:
        return _handed_in(ev, name) if not any(write.path == name for write in function.writes) else None
    built = [made for local, made in function.locals_built if local == name]
    if len(built) != 1 or sum(write.path == name for write in function.writes) > 1:
        return None
    makers = ev.program.concurrency.target(built[0], function)
    if len(makers) != 1 or makers[0].is_async:
        return None
    made = made_by(ev, makers[0])
    return NewLock(made[0]) if made is not None else None


def made_by(ev: Evaluator, maker: FunctionFacts) -> tuple[str, cst.CSTNode] | None:
    """The type of the lock that each call of a function makes, and what it returns: that is all it does."""
    if maker.yields or maker.statements > MOST_STATEMENTS or cached(maker):
        return None
    definition = ev.program.definition(maker.qualname)
    returns = [n for n in below(definition.node) if isinstance(n, cst.Return)] if definition is not None else []
    value = returns[0].value if len(returns) == 1 else None
    if isinstance(value, cst.Call):
        made = source_of(value.func) if not value.args and not maker.writes else ""
    elif isinstance(value, cst.Name) and [write.path for write in maker.writes] == [value.value]:
        handed = {argument.rpartition("=")[2] for call in maker.calls for argument in call.arguments}
        made = dict(maker.locals_built).get(value.value, "") if value.value not in handed else ""
        bare = any(call.callee == made and not call.arguments for call in maker.calls)
        made = made if bare and value.value not in maker.outer_names else ""
    else:
        return None
    kind = ev.scope.names_in(maker.qualname).canonical(made) if made else ""
    known = ev.models.functions.get(kind)
    return (kind, value) if known is not None and known.effect == "lock" else None


MOST_STATEMENTS = 5
"""What is longer does more than to give a lock."""


def cached(function: FunctionFacts) -> bool:
    """Whether what the function gives may be kept by what decorates it."""
    return any(decorator.rpartition(".")[2] not in ("property", *_SAME) for decorator in function.decorators)


_SAME = ("staticmethod", "classmethod")


def _goes_on(ev: Evaluator, name: str) -> bool:
    """Whether the function hands what has the name to a call, returns or keeps it, or has a function in itself that sees it."""
    function, inner = ev.function, ev.function.qualname + "."
    handed = {argument.rpartition("=")[2].lstrip("*") for call in function.calls for argument in call.arguments}
    if name in handed or name in function.returned or any(write.built_from == name for write in function.writes):
        return True
    return any(f.qualname.startswith(inner) and name in f.reads for f in ev.scope.facts.functions)


def _handed_in(ev: Evaluator, name: str) -> NewLock | None:
    """The lock that a framework has made for this call alone: `lock: Lock = Depends(make_lock)`, `Annotated[Lock, Depends(make_lock)]`."""
    definition = ev.program.definition(ev.function.qualname)
    node = definition.node if definition is not None else None
    if not isinstance(node, cst.FunctionDef):
        return None
    own = node.params
    found = next((p for p in (*own.posonly_params, *own.params, *own.kwonly_params) if p.name.value == name), None)
    places = [found.default, found.annotation] if found is not None else []
    calls = [n for place in places if place is not None for n in below(place) if isinstance(n, cst.Call)]
    asked = [call for call in calls if ev.scope.canonical(source_of(call.func)) in ev.models.hands_in]
    if len(asked) != 1 or len(asked[0].args) != 1:  # or it says that one is for all that ask: `use_cache`
        return None
    path = source_of(asked[0].args[0].value)
    known = ev.models.functions.get(ev.scope.canonical(path))
    if known is not None and known.effect == "lock":
        return NewLock(ev.scope.canonical(path))
    makers = ev.program.concurrency.target(path, ev.function) if path.isidentifier() else []
    made = made_by(ev, makers[0]) if len(makers) == 1 else None
    if made is None or is_grafted(makers[0].qualname):
        return NewLock(made[0]) if made is not None else None
    home = ev.program.definition(makers[0].qualname)
    place = Place(makers[0].qualname, home.number(made[1])) if home is not None else None
    return NewLock(made[0], place)
