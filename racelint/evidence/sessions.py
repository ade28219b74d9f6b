"""Sessions and connections that several tasks get which a function starts at once, as far as facts tell."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.calls import Calls
from racelint.facts import CallSite, FunctionFacts
from racelint.resolve import Scope, enclosing_self, locks_of
from racelint.resolve.scope import SHAPES
from racelint.words import SESSION_MAKERS, TASK_GROUPS


def shared_sessions(calls: Calls, facts: FunctionFacts) -> Iterator[tuple[CallSite, str, str]]:
    """Calls that start several tasks which use one session of the function or its object: the call, the session, what is started."""
    spawning = [call for call, _ in calls.spawning_calls(facts)]
    names = session_names(calls, facts) if spawning else []
    if not facts.is_async:  # connections of most drivers let threads take turns
        names = [n for n in names if "." not in n and session_type(calls, n, facts) == "sqlalchemy.Session"]
    for name in names:
        using = [
            (call, path, name)
            for call in spawning
            for path in calls.handed(call, facts)
            if _uses(calls, facts, path.lstrip("*"), name) or _handed_with(calls, facts, call, path, name)
        ]
        found = started_at_once(calls, facts, using)
        if found is not None:
            yield found[0], name, found[1]


def started_at_once(
    calls: Calls, facts: FunctionFacts, using: list[tuple[CallSite, str, str]]
) -> tuple[CallSite, str] | None:
    """The first call by which several are under way, and what it starts; of calls that start something, each with what, and the name
    on which all of it works."""
    started: list[CallSite] = []
    for call in dict.fromkeys(call for call, _, _ in using):
        own = [(path, name) for other, path, name in using if other is call]
        many = [
            path
            for path, name in own
            if name.partition(".")[0] not in facts.loop_names
            and (path.startswith("*") or (call.looped and not _made_anew(calls, facts, call, name)))
        ]
        paths = [path for path, _ in own]
        if not facts.is_async and call.callee.rpartition(".")[2] == "map":
            many = paths  # one function, for each of many
        if not many and len(paths) < 2 and _goes_on(facts, call) and _meets(started, call):
            many = paths
        if many or len(paths) > 1:
            return call, (many or paths)[0].lstrip("*")
        if _goes_on(facts, call):
            started.append(call)
    return None


def session_names(calls: Calls, facts: FunctionFacts) -> list[str]:
    """The names in a function, and the attributes of its object, that stand for one session or connection."""
    exclusive = calls.scope.models.exclusive_types
    found = [n for n in sorted(facts.local_names - facts.loop_names) if session_type(calls, n, facts) in exclusive]
    owner, self_name = enclosing_self(facts, calls.scope)
    if owner and "property" not in facts.decorators:
        paths = {attribute for f in calls.scope.methods.get(owner, {}).values() for attribute in _attributes(f)}
        for attribute in sorted(paths):
            kind = calls.scope.attribute_type(owner, attribute)
            if kind in exclusive and not kind.endswith("scoped_session"):
                found.append(f"{self_name}.{attribute}")
    return found


def _attributes(function: FunctionFacts) -> Iterator[str]:
    for call in function.calls:
        root, _, rest = call.callee.partition(".")
        attribute, dot, _ = rest.partition(".")
        if root == "self" and dot and call.awaited:
            yield attribute


def session_type(calls: Calls, name: str, facts: FunctionFacts) -> str:
    """The type of a local name, also where a method of something known gives it: `pool.acquire()`, `make_session()`."""
    known = calls.local_type(name, facts)
    built = dict(facts.locals_built).get(name, "")
    models, (receiver, dot, method) = calls.scope.models, built.rpartition(".")
    maker = _maker(calls, receiver or built) if built and known not in models.exclusive_types else ""
    if maker:
        made = models.method(maker, method) if dot else models.functions.get(maker)
        return made.returns if made is not None else ""
    if known or not built:
        return known
    if dot and method in _LENDING and not calls.receiver_type(receiver, facts):
        return _said(calls, name, facts)
    if not dot:
        factory = models.functions.get(calls.local_type(built, facts))
        return factory.returns if factory is not None else ""
    made = models.method(calls.receiver_type(receiver, facts), method)
    return made.returns if made is not None else ""


def _maker(calls: Calls, name: str) -> str:
    """The type of a name of the module that stands for what makes sessions, or is imported and by its name does; "" for all else.

    All else is also the library's own `sessionmaker`, which makes what makes them.
    """
    scope = calls.scope
    if scope.canonical(name) in scope.models.functions:
        return ""
    kind = scope.built_type(scope.assigned.get(name, "")) if name not in scope.rebound_globals else ""
    if not kind and SESSION_MAKERS.search(scope.imports.get(name, "")):
        kind = scope.models.guess(name, scope.libraries)
    return kind if kind.endswith("sessionmaker") else ""


_LENDING = frozenset({"acquire", "connection", "getconn"})
"""Methods of pools, whatever they are called on, that lend a connection."""


def _said(calls: Calls, name: str, facts: FunctionFacts) -> str:
    """The type of a connection for one command at a time that a name stands for by itself; "" if methods are called that it has not."""
    models = calls.scope.models
    methods = {call.callee.rpartition(".")[2] for call in facts.calls if call.callee.startswith(name + ".")}
    kinds = (kind for kind, needed in models.receivers.get(name, ()) if calls.scope.libraries & set(needed))
    fitting = (kind for kind in kinds if all(models.method(kind, method) for method in methods))
    return next((kind for kind in fitting if methods and kind in models.exclusive_types), "")


def _uses(calls: Calls, facts: FunctionFacts, started: str, name: str) -> bool:
    """Whether what is started is a method of the session, gets it as an argument, captures it or is a method of the same object."""
    started = started.rpartition("=")[2]
    if started.startswith(name + "."):
        return True
    targets = calls.target(started, facts)
    if "." not in name and any(call.callee == started and name in call.arguments for call in facts.calls):
        return not in_turn(calls, targets, name)
    own = [t for t in targets if "." in name or (t.parent == facts.qualname and not _has_own(t, name))]
    waits = facts.is_async
    uses = any(call.callee.startswith(name + ".") and (call.awaited or not waits) for t in own for call in t.calls)
    return uses and not in_turn(calls, own, name)


def _has_own(started: FunctionFacts, name: str) -> bool:
    """Whether a function has a session of its own under the name, which hides that of the function around it."""
    return name in started.local_names or name in {param for param, _ in started.params}


def _handed_with(calls: Calls, facts: FunctionFacts, call: CallSite, started: str, name: str) -> bool:
    """Whether a call starts a function of the module in a thread and hands it the session, which it then uses: `submit(load, session)`."""
    packed = next((given[len("args=") :] for given in call.arguments if given.startswith("args=(")), None)
    given = packed.strip("()").split(", ") if packed is not None else list(call.arguments[1:])
    if name not in given or facts.is_async:
        return False
    place = given.index(name)
    targets = [t for t in calls.target(started.rpartition("=")[2], facts) if not t.owner and place < len(t.params)]
    own = [(t, t.params[place][0]) for t in targets]
    used = any(c.callee.startswith(f"{param}.") for target, param in own for c in target.calls)
    return used and not any(in_turn(calls, [target], param) for target, param in own)


def used_by_all(calls: Calls, facts: FunctionFacts) -> Iterator[tuple[str, CallSite, bool]]:
    """The sessions and connections of the module, or of the object of a method, which a function uses without a lock.

    Each with the first use, and whether the function commits. A coroutine that does not is told only where the session refuses a
    statement while another is under way; a plain function that does not where nothing else commits either, which would tell of it.
    """
    names_lock = calls.scope.models.names_lock
    own, others = calls.scope.assigned, calls.scope.from_project
    names = [
        n for n in facts.reads if (n in own or n in others) and n not in facts.local_names
    ]  # else none `_of_module`
    receivers = {call.callee.rpartition(".")[0] for call in facts.calls} if facts.owner else set()
    for name in sorted({*names, *(receiver for receiver in receivers if "." in receiver)}):
        uses = [call for call in facts.calls if call.callee.startswith(name + ".")]
        works = [call for call in uses if call.callee.rpartition(".")[2] not in _ENDS]
        committed = any(call.callee == f"{name}.commit" or name in call.within for call in uses)
        if not committed and facts.is_async:
            works = [call for call in works if call.awaited]
        if not committed and not facts.is_async and "." in name:
            continue
        kind = _of_module(calls, name) or _of_object(calls, facts, name) if works else ""
        if not kind or not (committed or kind in (REFUSING if facts.is_async else _OF_ONE_THREAD)):
            continue
        if not committed and not facts.is_async and _committed_elsewhere(calls, name):
            continue
        if kind in _QUEUEING and not any(call.callee == f"{name}.rollback" for call in uses):
            continue  # one statement follows the other, and each commits what is done
        if not any(names_lock(guard) or is_lock(calls, guard, facts) for call in uses for guard in call.within):
            yield name, works[0], committed


REFUSING = frozenset({"sqlalchemy.Session", "asyncpg.Connection"})
"""Sessions and connections that fail when a coroutine sends a statement while that of another is under way."""

_OF_ONE_THREAD = frozenset({"sqlalchemy.Session"})
"""Sessions that keep rows and a state for one thread, also where nothing is committed. Most drivers let threads take turns."""

_QUEUEING = frozenset({"aiosqlite.Connection"})
"""Connections that tasks may share: only a rollback takes back what another task has done."""

_ENDS = frozenset({"commit", "rollback", "close"})


def _committed_elsewhere(calls: Calls, name: str) -> bool:
    """Whether any function of the module commits the session that it keeps under the name."""
    return any(
        call.callee == f"{name}.commit" or name in call.within
        for function in calls.scope.facts.functions
        for call in function.calls
    )


def keeps_session(calls: Calls) -> bool:
    """Whether the module keeps anything that `committed_by_all` looks for."""
    used = {call.callee.partition(".")[0] for function in calls.scope.facts.functions for call in function.calls}
    return any(_of_module(calls, name) for name in {*calls.scope.assigned, *(calls.scope.from_project & used)})


def _of_module(calls: Calls, name: str) -> str:
    """The type of the one session that the module makes under the name, or of one connection that it lets all use; "" for none."""
    scope = calls.scope
    built = scope.assigned.get(name, "")
    if name in scope.rebound_globals:
        return _made_later(calls, name)
    if not built:
        return _of_other_module(calls, name)
    kind, maker = scope.built_type(built), scope.canonical(scope.assigned.get(built, built))
    if (
        kind in ("", built)
        and (factory := scope.models.functions.get(scope.built_type(scope.assigned.get(built, "")))) is not None
    ):
        kind = factory.returns
    if kind in scope.models.exclusive_types:
        return "" if maker.endswith("scoped_session") else kind
    made = [call for call in scope.facts.module_body.calls if call.callee == built]
    return kind if kind == _SQLITE and any(_FOR_ALL in call.arguments for call in made) else ""


def _of_other_module(calls: Calls, name: str) -> str:
    """The same of a name that is imported from a module of the project, which makes the session when it is imported itself."""
    scope = calls.scope
    found = scope.index.meaning(name, scope.facts) if name in scope.from_project else None
    if found is None or found.module.path == scope.facts.path:
        return ""
    if scope.index.table(found.module).assigned.get(found.name, "") in ("", *SHAPES):
        return ""
    libraries = {name.partition(".")[0] for name in (*scope.models.exclusive_types, _SQLITE)}
    if libraries.isdisjoint(origin.partition(".")[0] for _, origin in found.module.imports):
        return ""
    home = Calls(Scope(found.module, scope.index, scope.models))
    return _of_module(home, found.name) if found.name not in home.scope.rebound_globals else ""


def _made_later(calls: Calls, name: str) -> str:
    """The type of the connection that coroutines make and keep under a name of the module."""
    scope = calls.scope
    makers = [
        (function, write)
        for function in scope.facts.functions
        for write in function.writes
        if write.path == name and name in function.global_names and write.how == "=" and write.shape != "none"
    ]
    kinds = {scope.built_type(write.built_from) if function.is_async else "" for function, write in makers}
    kind = kinds.pop() if len(kinds) == 1 else ""
    scoped = any(scope.canonical(write.built_from).endswith("scoped_session") for _, write in makers)
    return kind if (kind in scope.models.exclusive_types or kind in _QUEUEING) and not scoped else ""


_FOR_ALL = "check_same_thread="
_SQLITE = "sqlite3.Connection"


def _of_object(calls: Calls, facts: FunctionFacts, name: str) -> str:
    """The same of an attribute that the constructor sets, of the object whose method the function is."""
    scope, (owner, self_name) = calls.scope, enclosing_self(facts, calls.scope)
    root, _, attribute = name.partition(".")
    writes = scope.attribute_writes(owner, attribute) if owner and root == self_name else []
    if not attribute.isidentifier() or not writes or any(f.name != "__init__" or w.how != "=" for f, w in writes):
        return ""
    later = ((c for c in f.calls if c.line >= w.line and c.callee == w.built_from) for f, w in writes)
    made = [first for found in later if (first := next(found, None)) is not None]  # it may begin on the next line
    kind = scope.attribute_type(owner, attribute)
    if kind in scope.models.exclusive_types:
        scoped = any(scope.canonical(c.callee).endswith("scoped_session") for c in made)
        return kind if made and not scoped else ""
    return kind if kind == _SQLITE and any(_FOR_ALL in call.arguments for call in made) else ""


def in_turn(calls: Calls, targets: list[FunctionFacts], name: str) -> bool:
    """Whether what is started uses the session inside a `with` of a lock only."""
    uses = [(target, call) for target in targets for call in target.calls if call.callee.startswith(name + ".")]
    return bool(uses) and all(any(is_lock(calls, guard, target) for guard in call.within) for target, call in uses)


def is_lock(calls: Calls, name: str, facts: FunctionFacts) -> bool:
    """Whether what a function holds under a name keeps others out."""
    owner, self_name = enclosing_self(facts, calls.scope)
    root, _, attribute = name.partition(".")
    if attribute and root == self_name and attribute in locks_of(calls.scope, owner):
        return True
    call = calls.scope.models.functions.get(calls.local_type(name, facts))
    return calls.scope.models.names_lock(name) or (call is not None and call.effect == "lock")


def _made_anew(calls: Calls, facts: FunctionFacts, call: CallSite, name: str) -> bool:
    """Whether the loop around a call makes the session in each round, by an await that stands in the same loop."""
    built = dict(facts.locals_built).get(name, "")
    makers = [c for c in facts.calls if built and c.callee == built and c.looped]
    return bool(makers) and any(
        first <= maker.switches < last and first <= call.switches <= last
        for maker in makers
        for first, last in facts.loops
    )


def _goes_on(facts: FunctionFacts, call: CallSite) -> bool:
    """Whether what the call starts runs on while the function does, until the group around both ends."""
    built = dict(facts.locals_built).get(call.callee.rpartition(".")[0], "")
    return not call.awaited and built.rpartition(".")[2] in TASK_GROUPS


def _meets(started: list[CallSite], call: CallSite) -> bool:
    """Whether a task that was started before is under way where the call stands: of one group, and not in another arm."""
    return any(
        other.callee == call.callee and other.within == call.within and call.may_follow(other) for other in started
    )
