"""Locks and transactions that decorators of the module hold around what they decorate."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.facts import CallSite, FunctionFacts
from racelint.resolve import Scope

OF_FUNCTION = "lock of "
"""What begins the name of a lock that a decorator makes once for each function that it decorates."""


def around(scope: Scope, function: FunctionFacts, decorator: str) -> frozenset[str] | None:
    """The locks that a decorator of the module holds whenever it calls the function; None if it is not seen to call it.

    A lock that each call makes for itself is none of them.
    """
    maker = scope.names_in(function.qualname).function_named(decorator) if "." not in decorator else None
    if maker is None or maker.owner:
        return None
    for deeper in (maker, *(inner for inner in scope.facts.functions if inner.parent == maker.qualname)):
        makers = (maker,) if deeper is maker else (deeper, maker)  # `@alone("prices")` calls what makes the decorator
        calls = calls_of_decorated(scope, deeper)
        held = [frozenset(_names(scope, makers, wrapper, call, function)) for wrapper, call in calls]
        if held:
            return frozenset.intersection(*held)
    return None


def wrappers_of(scope: Scope, function: FunctionFacts) -> Iterator[tuple[str, str]]:
    """The functions that run in the place of one which decorators of the module wrap, each with the function that has made it."""
    for decorator in function.decorators:
        maker = scope.names_in(function.qualname).function_named(decorator) if "." not in decorator else None
        if maker is not None and not maker.owner and "::" not in maker.qualname:
            for deeper in (maker, *(inner for inner in scope.facts.functions if inner.parent == maker.qualname)):
                yield from ((wrapper.qualname, deeper.qualname) for wrapper, _ in calls_of_decorated(scope, deeper))


def makes_lock_of_threads(scope: Scope, maker: FunctionFacts) -> bool:
    """Whether a function makes a lock for threads, which what it returns can take."""
    calls = (scope.models.functions.get(scope.canonical(built)) for _, built in maker.locals_built)
    return any(call is not None and call.effect == "lock" and call.world == "threads" for call in calls)


def calls_of_decorated(scope: Scope, maker: FunctionFacts) -> Iterator[tuple[FunctionFacts, CallSite]]:
    """The calls of what a decorator was handed, in the functions that stand in its body."""
    handed = maker.params[0][0] if maker.params else ""
    for wrapper in scope.facts.functions if handed else ():
        if wrapper.parent == maker.qualname and handed not in wrapper.local_names:
            for call in wrapper.calls:
                if call.callee == handed:
                    yield wrapper, call


def _names(
    scope: Scope, makers: tuple[FunctionFacts, ...], wrapper: FunctionFacts, call: CallSite, function: FunctionFacts
) -> Iterator[str]:
    """The locks that are held around one of the calls, as the decorated function would write them."""
    for guard in call.within:
        root, dot, rest = guard.partition(".")
        if makes_own_lock(scope, guard):
            continue
        if is_transaction(guard):
            yield guard
            continue
        if dot and function.owner and wrapper.params and root == wrapper.params[0][0]:
            yield f"self.{rest}"
        elif root in wrapper.local_names:
            made = dict(wrapper.locals_built).get(guard, "")
            named = is_lock_maker(scope, made) or scope.models.names_lock(guard)
            if named and not makes_own_lock(scope, made):
                yield OF_FUNCTION + function.qualname
        elif maker := next((one for one in makers if root in one.local_names), None):
            if is_lock_maker(scope, dict(maker.locals_built).get(guard, "")) or scope.models.names_lock(guard):
                yield OF_FUNCTION + function.qualname
        else:
            yield guard


def is_transaction(guard: str) -> bool:
    """Whether what is held around a call is a transaction, by its name: `conn.transaction()`, `db.atomic()`, `engine.begin()`."""
    return "atomic" in guard or "transaction" in guard or guard.endswith(".begin")


def is_lock_maker(scope: Scope, path: str) -> bool:
    """Whether a call of what the dotted path means makes a lock."""
    call = scope.models.functions.get(scope.canonical(path)) if path else None
    return call is not None and call.effect == "lock"


def makes_own_lock(scope: Scope, path: str) -> bool:
    """Whether what is made so excludes nobody but those who get it from there; a lock by name, as that of a file, is for all who know the name."""
    kind = scope.canonical(path)
    return is_lock_maker(scope, path) and is_own_lock(kind, scope.models.functions[kind].world)


def is_own_lock(kind: str, world: str) -> bool:
    """Whether a lock of the kind, which excludes in the world, is no lock by name."""
    return world in ("tasks", "threads") or kind.startswith("multiprocessing.")


def decorated_by(scope: Scope, maker: FunctionFacts) -> Iterator[FunctionFacts]:
    """The functions of the module that a function of it decorates."""
    return (function for function in scope.facts.functions if maker.qualname in function.decorators)
