"""Threads that are many at once because whoever starts them comes several times at once."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.calls import Calls
from racelint.evidence.data import Root
from racelint.evidence.handing_on import waits_for_result, waits_for_this
from racelint.evidence.handlers import RUNS_ONCE
from racelint.evidence.kept import closed_over
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import replace
from racelint.grafts import shown_name
from racelint.words import MAIN_LOOPS, first_word


def started_by_many(calls: Calls, told: list[Root]) -> list[Root]:
    """The roots, where a thread that a unit starts is one of many if that unit runs several times at once itself.

    A handler that hands its work to `asyncio.to_thread` has as many threads at work as requests are under way.
    """
    lone = {root.unit for root in told if root.world == "threads" and not (root.many or root.handler or root.body)}
    busy = [root for root in told if root.many and root.world in ("tasks", "threads")]
    if not lone:
        return told
    starters: dict[str, set[str]] = {}
    fronts: dict[str, dict[str, str]] = {}
    pooled: dict[str, str] = {}
    several = _pools_of_several(calls)
    for caller in calls.scope.facts.functions:
        for call, spawner in calls.spawning_calls(caller):
            pool = call.callee.endswith(".submit")
            if spawner.once or spawner.world != "threads" or (call.arms and not (call.awaited or pool)):
                continue  # who starts it only if it does not run yet has one
            for argument in calls.handed(call, caller):
                for unit in calls.spawned_units(argument, caller, call.line):
                    if unit.qualname in lone and _kept_object(argument, caller):
                        starters.setdefault(unit.qualname, set()).add(caller.qualname)
                        if call.awaited and unit.owner and unit.owner == caller.owner and caller.name[0] != "_":
                            fronts.setdefault(unit.owner, {})[unit.qualname] = caller.qualname
                        if several and pool and _called_often(calls, caller) and not waits_for_this(call, caller):
                            pooled[unit.qualname] = caller.qualname
    told = [_of_pool(_of_front(root, fronts), pooled) for root in told]
    below: dict[str, set[str]] = {}
    for callee, sites in calls.callers.items() if starters else ():
        for caller, _ in sites:
            below.setdefault(caller.qualname, set()).add(callee)
    many: dict[str, Root] = {}
    for root in sorted(busy, key=lambda one: one.strength.rank):
        todo, seen = [root.unit], {root.unit}
        while todo:
            name = todo.pop()
            many[name] = root
            more = below.get(name, set()) - seen
            seen |= more
            todo.extend(more)
    return [_one_of_many(calls, root, starters.get(root.unit, set()), many) for root in told]


def started_by_each_call(calls: Calls, told: list[Root]) -> Iterator[Root]:
    """The tasks of which there are several because a method or handler that does not wait for them starts one each time it is called.

    Not one that is kept in an attribute, or started under a condition: there may be one at a time. Where they are put into a collection,
    the object whose method runs may be one that the function was given.
    """
    known = {root.unit: root for root in told if root.world == "tasks"}
    callbacks = {root.unit for root in told if root.world == "tasks" and root.strength is Confidence.MEDIUM}
    handlers = {root.unit: root for root in told if root.handler and root.many}
    found: set[str] = set()
    for caller in calls.scope.facts.functions:
        handler = handlers.get(caller.qualname)
        collected = _collects(calls, caller)
        often = _called_often(calls, caller) or caller.qualname in callbacks or handler is not None or collected
        often = often and caller.name not in _ONE_CALL and not RUNS_ONCE.search(caller.name)
        often = often and not waits_for_result(caller)
        for call, spawner in calls.spawning_calls(caller) if often else ():
            if spawner.once or spawner.world != "tasks" or call.awaited or call.arms or _is_kept(call, caller):
                continue
            for argument in calls.handed(call, caller):
                kept = _kept_object(argument, caller) or (collected and _handed_in(argument, caller))
                for unit in calls.spawned_units(argument, caller, call.line) if kept else ():
                    root = known.get(unit.qualname)
                    if root is None or root.many or not unit.is_async or unit.qualname in found:
                        continue
                    found.add(unit.qualname)
                    text = f"{root.text}, as often as `{shown_name(caller.qualname)}` is called"
                    strength = handler.strength if handler is not None else Confidence.MEDIUM
                    apart = handler is not None and handler.own_object and unit.owner == caller.owner
                    own = root.own_object or apart
                    yield replace(
                        root, text=text, many=True, strength=strength, own_object=own, handler=handler is not None
                    )


_ONE_CALL = frozenset({"connection_made", "connection_lost", "eof_received", "on_ready", "setup_hook"})
"""Methods of protocols that are called once for each object, and what bots call when they are connected."""


def _is_kept(call: CallSite, caller: FunctionFacts) -> bool:
    """Whether an attribute is set to the task: the next one takes its place."""
    return any(write.line == call.line and write.how == "=" and "." in write.path for write in caller.writes)


def _pools_of_several(calls: Calls) -> bool:
    """Whether the module makes pools of threads, and none of them has one thread only."""
    made = [
        call
        for function in (*calls.scope.facts.functions, calls.scope.facts.module_body)
        for call in function.calls
        if call.callee.endswith("ThreadPoolExecutor")
    ]
    return bool(made) and not any("max_workers=1" in call.arguments for call in made)


def _called_often(calls: Calls, caller: FunctionFacts) -> bool:
    """Whether the caller is a public method that is there to be called again and again, and not one that sets up or ends."""
    word = first_word(caller.name)
    public = bool(caller.owner) and bool(word) and not caller.name.startswith("_")
    return public and word not in calls.scope.models.lifecycle and word not in MAIN_LOOPS


def _collects(calls: Calls, caller: FunctionFacts) -> bool:
    """Whether a public function of the module puts the tasks that it starts into a collection of the module, to let them run on.

    Who keeps them so expects several at once.
    """
    word = first_word(caller.name)
    if caller.owner or caller.parent or caller.is_async or caller.name.startswith("_"):
        return False
    if word in calls.scope.models.lifecycle or word in MAIN_LOOPS:
        return False
    return any(write.how == "add" and write.path.partition(".")[0] not in caller.local_names for write in caller.writes)


def _handed_in(argument: str, caller: FunctionFacts) -> bool:
    """Whether what is started is a method of an object that the caller was given."""
    root, dot, _ = argument.lstrip("*").rpartition("=")[2].partition(".")
    return bool(dot) and root in {name for name, _ in caller.params}


def _of_pool(root: Root, pooled: dict[str, str]) -> Root:
    """The root of a thread, as one of many if a public method hands it to a pool each time that it is called."""
    by = pooled.get(root.unit, "")
    if not by or root.many or root.world != "threads":
        return root
    also = f", as often as `{shown_name(by)}` is called"
    return replace(root, text=root.text + also, many=True, strength=Confidence.MEDIUM, waited=False)


def _of_front(root: Root, fronts: dict[str, dict[str, str]]) -> Root:
    """The root of a thread, as one of many if its object is there for coroutines that hand its work to threads.

    An object with several such methods (`aget`, `aput`) serves many tasks, whoever they are.
    """
    own = next((units for units in fronts.values() if root.unit in units), {})
    if len(own) < 2 or root.many or root.world != "threads":
        return root
    one, other = sorted(own.values())[:2]
    also = (
        f"; `{shown_name(one)}` and `{shown_name(other)}` hand such work to threads, and callers may run them at once"
    )
    return replace(root, text=root.text + also, many=True, strength=Confidence.MEDIUM, waited=False, front=True)


def _kept_object(argument: str, caller: FunctionFacts) -> bool:
    """Whether what is started belongs to no object that the caller may have made or got for itself: `self.run`, `run`, `APP.run`."""
    root, dot, _ = argument.lstrip("*").rpartition("=")[2].partition(".")
    own = caller.params[0][0] if caller.owner and caller.params else ""
    return not dot or root == own or root not in caller.local_names


def _one_of_many(calls: Calls, root: Root, starters: set[str], many: dict[str, Root]) -> Root:
    """The root of a thread, as one of many if one of those who start it is."""
    by = max((many[name] for name in starters if name in many), key=lambda one: one.strength.rank, default=None)
    if by is None or root.many or root.world != "threads":
        return root
    unit, starter = calls.scope.functions.get(root.unit), calls.scope.functions.get(by.unit)
    apart = by.own_object and unit is not None and starter is not None and unit.owner == starter.owner
    anew = by.handler and unit is not None and starter is not None and _made_for_each(calls, unit, starter)
    return replace(
        root,
        text=f"{root.text}, and `{shown_name(by.unit)}`, which comes to that, runs several times at once",
        many=True,
        strength=min(root.strength, by.strength, key=lambda one: one.rank),
        own_object=root.own_object or apart,
        apart=root.apart or anew,
        waited=False,
    )


def _made_for_each(calls: Calls, unit: FunctionFacts, handler: FunctionFacts) -> bool:
    """Whether a handler, which is a method of nothing, gets the object on which the unit is called for each request."""
    if not unit.owner or handler.owner or calls.keeps(unit.owner):
        return False
    return not closed_over(handler, calls.scope, calls.scope.family(unit.owner))
