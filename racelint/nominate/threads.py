"""What needs ask of state that threads share, for the rarer shapes."""

from __future__ import annotations

from racelint.candidate import Candidate
from racelint.candidates import ALIKE
from racelint.evidence.given_back import given_back
from racelint.evidence.hooks import kept_for_later
from racelint.facts import FunctionFacts, Write
from racelint.finding import World
from racelint.resolve import Scope
from racelint.touch import in_full
from racelint.words import LOOP_CALLS, OF_LOOP


def process_wide_iteration(c: Candidate) -> bool:
    """Whether a collection of the interpreter, which any thread may resize, is looked at in a function with a loop."""
    scope = c.module.scope
    return bool(c.facts.loop_names) and any(
        known == name or known.startswith(name + ".")
        for name in {scope.canonical(in_full(c.facts, path)) for path in c.facts.reads if "." in path}
        for known in scope.models.process_wide
    )


def emptied_by_threads(c: Candidate) -> bool:
    """Whether something is looked at and emptied, or set to nothing, that a thread adds to."""
    if c.facts.is_async:
        return False
    return any(
        key in c.reads
        and any(write.how == "clear" or write.shape in ("empty", "constant") for write in writes)
        and c.meets(key, c.module.changing, World.THREADS) >= c.module.least
        for key, writes in c.changes.items()
    )


def kept_by_hook(c: Candidate) -> bool:
    """Whether a hook reads what an earlier hook of the same object sets for each job."""
    return any(
        evidence.strength.rank >= c.module.least for *_, evidence in kept_for_later(c.module.concurrency, c.facts)
    )


def process_setting(c: Candidate) -> bool:
    """Whether it, or a helper, calls what sets something of the whole process, and runs in threads."""
    if c.facts.is_async or c.called.isdisjoint(c.module.process_settings):
        return False
    settings = c.module.scope.models.process_settings
    sets = any(
        c.module.scope.names_in(function.qualname).canonical(call.callee) in settings
        for function in c.functions
        for call in function.calls
    )
    return sets and c.rank(World.THREADS) >= c.module.least


def shown(c: Candidate) -> bool:
    """Whether a new object of a class of the module, which a local name holds, is put into something that is no local name.

    Of a coroutine also one that no local name holds, and an argument that is put there and given an attribute.
    """
    facts, scope = c.facts, c.module.scope
    built = {built for _, built in facts.locals_built}
    built |= {write.built_from for write in facts.writes if "." in write.path or write.path in facts.outer_names}
    if (
        not facts.is_async
        and (_shows_before_filling(facts) or next(given_back(facts), None) is not None)
        and c.module.concurrency.threaded  # asked last, as other modules are asked for it
    ):
        return True
    given = facts.is_async and any(
        f"{write.built_from}." in {f"{other.path.partition('.')[0]}." for other in facts.writes if "." in other.path}
        for write in facts.writes
        if write.how == "[]" and write.built_from in dict(facts.params)
    )
    if not given and not any(_lacks_something(scope, one) for one in built if one in scope.classes):
        return False
    if not any(
        write.how in SHOWS and (write.path not in facts.local_names or "." in write.path) for write in facts.writes
    ):
        return False
    if not (c.suspends if facts.is_async else c.module.concurrency.threaded):
        return False
    return c.rank(World.TASKS if facts.is_async else World.THREADS) >= 0


def _shows_before_filling(facts: FunctionFacts) -> bool:
    """Whether a local name is put into what is no local name, and an entry of it is set on a later line."""
    return any(
        fill.how == "[]" and fill.key and fill.path == show.built_from and fill.line > show.line
        for show in facts.writes
        if show.how == "=" and show.built_from.isidentifier() and ("." in show.path or show.path in facts.outer_names)
        for fill in facts.writes
    )


def _lacks_something(scope: Scope, class_name: str) -> bool:
    """Whether the constructor of a class leaves anything to be set later."""
    init = scope.method(class_name, "__init__")
    return init is not None and any(write.shape in ("none", "empty") for write in init.writes)


SHOWS = frozenset({"[]", "=", "append", "appendleft", "add"})
"""How an object gets to where others find it."""


def early_flag(c: Candidate) -> bool:
    """Whether a flag is raised, and something is set that another function of the module looks at together with the flag."""
    flags = {key for key, writes in c.changes.items() if any(w.how == "=" and w.shape == "true" for w in writes)}
    if not flags or (c.facts.is_async and not c.suspends):
        return False
    others = [key for key, writes in c.changes.items() if any(map(_gives, writes))]
    pairs = [(flag, other) for flag in flags for other in others if flag != other]
    if c.facts.is_async:  # between threads anything may happen anywhere
        pairs = [pair for pair in pairs if c.switches_between(*pair)]
    return any(
        f is not c.facts and any(flag in keys and other in keys for flag, other in pairs) and _surely_meets(c, f)
        for f, keys in (c.module.looking if pairs else ())
    )


def _gives(write: Write) -> bool:
    """Whether a change gives a value to what may have had none."""
    if write.how == "=":
        return write.shape not in ALIKE
    return write.how in _FILLS


_FILLS = frozenset({"[]", "append", "add", "update", "extend", "setdefault"})
"""How a collection gets what it lacks."""


def _surely_meets(c: Candidate, function: FunctionFacts) -> bool:
    """Whether anything but their being public says that a function runs at the same time."""
    world, meetings = World.TASKS if c.facts.is_async else World.THREADS, c.module.meetings
    return meetings.meeting(c.facts, [meetings.runs(function, world)], world) > 0


def told_by_thread(c: Candidate) -> bool:
    """Whether a plain function calls what only the thread of an event loop may call, and runs in threads."""
    if c.facts.is_async or "asyncio" not in c.module.scope.libraries:
        return False
    names = {call.callee.rpartition(".")[2] for call in c.facts.calls}
    return not names.isdisjoint((*OF_LOOP, *LOOP_CALLS, "ensure_future")) and c.rank(World.THREADS) >= c.module.least
