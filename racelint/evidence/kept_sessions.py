"""Sessions that objects keep whose methods a function starts at once: `gather(users.count(), users.page(1))`."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.calls import Calls
from racelint.evidence.foreign import foreign
from racelint.evidence.sessions import REFUSING, in_turn, session_names, session_type, started_at_once
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import dataclass
from racelint.resolve import Scope, enclosing_self


@dataclass(frozen=True, slots=True)
class Kept:
    """The session that a method uses: how the function calls it that starts the method, and the object whose method it is."""

    name: str
    holder: str


def sessions_of_objects(calls: Calls, facts: FunctionFacts) -> Iterator[tuple[CallSite, str, str]]:
    """Calls that start methods at once which all send statements on one session: the call, the session, what is started.

    Methods of one object which keeps it, or of several that the function has made with the same one.
    """
    if not facts.is_async:
        return
    kept = [
        (call, path, found)
        for call, _ in calls.spawning_calls(facts)
        for path in calls.handed(call, facts)
        if "." in path and (found := _kept_by(calls, facts, path.lstrip("*"))) is not None
    ]
    for name in sorted({found.name for _, _, found in kept}):
        using = [(call, path, found.holder) for call, path, found in kept if found.name == name]
        started = started_at_once(calls, facts, using)
        if started is not None:
            yield started[0], name, started[1]


def _kept_by(calls: Calls, facts: FunctionFacts, started: str) -> Kept | None:
    """The session of an object that one of its methods, which the function starts, sends statements on without a lock."""
    holder, _, method = started.rpartition("=")[2].rpartition(".")
    _, self_name = enclosing_self(facts, calls.scope)
    if not holder or holder == self_name:
        return None
    home, function = _method(calls, facts, holder, method)
    if function is None or not function.is_async:
        return None
    for path in session_names(home, function):
        attribute = path.partition(".")[2]
        kind = home.scope.attribute_type(function.owner, attribute) if attribute else ""
        if home.scope.models.aliases.get(kind, kind) not in REFUSING:
            continue
        sends = any(call.callee.startswith(f"{path}.") and call.awaited for call in function.calls)
        if any(write.path == path for write in function.writes):
            continue  # each run may have made one of its own, which is told elsewhere
        if sends and not in_turn(home, [function], path):
            return Kept(_made_with(calls, facts, holder) or f"{holder}.{attribute}", holder)
    return None


def _method(calls: Calls, facts: FunctionFacts, holder: str, name: str) -> tuple[Calls, FunctionFacts | None]:
    """The method that the function calls of an object, if its class is known; with what its module knows."""
    kind = calls.receiver_type(holder, facts)
    if kind.startswith(":"):
        return calls, calls.scope.method(kind[1:], name)
    target = foreign(f"{holder}.{name}", facts, calls.scope)
    if target is None or not target.function.owner:
        return calls, None
    return Calls(Scope(target.module, calls.scope.index, calls.scope.models)), target.function


def _made_with(calls: Calls, facts: FunctionFacts, holder: str) -> str:
    """The session of the function that it has made the object with."""
    built = [made for name, made in facts.locals_built if name == holder]
    if len(built) != 1:
        return ""
    makers = [call for call in facts.calls if call.callee == built[0]]
    given = {argument.rpartition("=")[2] for call in makers for argument in call.arguments}
    aliases = calls.scope.models.aliases
    sessions = [
        name
        for name in sorted(given)
        if name.isidentifier() and (kind := session_type(calls, name, facts)) and aliases.get(kind, kind) in REFUSING
    ]
    return sessions[0] if len(makers) == 1 and len(sessions) == 1 else ""
