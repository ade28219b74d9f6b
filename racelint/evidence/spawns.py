"""Units that the module itself starts."""

from __future__ import annotations

from bisect import bisect_right
from itertools import combinations

from racelint.evidence.calls import WHEN_GONE, Calls, Waits
from racelint.evidence.collected import collected
from racelint.evidence.data import Root
from racelint.evidence.handing_on import POOLS, waits_in_turn
from racelint.evidence.not_started import only_run
from racelint.evidence.turns import joined_before, lone_worker, task_lock_around
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.words import POOL_MAPS

_CLASS = expression(r"(^|\.)_*[A-Z][A-Z]*[a-z]\w*$")
"""The dotted name of a class, as most are called."""

MOST_SITES = 20
"""Where more places start a unit, any two of them are taken to be like the first and another one."""


def find_spawns(calls: Calls) -> list[Root]:
    """The units that calls of the module start, and the bodies of its threads."""
    roots: list[Root] = []
    made: dict[str, bool] = {}
    sites: dict[tuple[str, str], list[tuple[FunctionFacts, CallSite, bool, str]]] = {}
    alone: dict[str, bool] = {}
    apart: dict[str, bool] = {}
    local: dict[str, set[str]] = {}
    for caller in (*calls.scope.facts.functions, calls.scope.facts.module_body):
        for call, spawner in calls.spawning_calls(caller):
            if spawner.once or _left_over(calls, caller):
                continue
            several: dict[str, int] = {}
            for argument in calls.handed(call, caller):
                units = calls.spawned_units(argument, caller, call.line)
                if spawner.world == "tasks" and any(unit.is_async for unit in units):
                    units = [unit for unit in units if unit.is_async]  # where the name alone tells, it is no other
                for unit in units:
                    several[unit.qualname] = several.get(unit.qualname, 0) + 1
                    several_runs = spawner.many and _bound(call, argument, caller)
                    new = not several_runs and _of_new_object(calls, call, argument, caller, unit)
                    shared = one_object(argument, caller) and not new
                    name = argument.rpartition("=")[2]
                    looped = call.looped and not (name in caller.loop_names and calls.chosen(name, caller, call.line))
                    # each one is over before the next begins
                    in_turn = looped and (call.awaited or waits_in_turn(call, caller))
                    many = (
                        argument.startswith("*")
                        or several[unit.qualname] > 1
                        or ((spawner.many or looped) and not in_turn)
                        or _several_inside(calls, call, caller)
                        or _looped_outside(calls, call, argument, caller)
                    )
                    apart[unit.qualname] = apart.get(unit.qualname, True) and not shared
                    alone[unit.qualname] = alone.get(unit.qualname, True) and not shared and _joined(call)
                    one = spawner.world == "threads" and call.awaited and not many
                    owner = caller.qualname if one and _of_local_object(calls, argument, caller) else ""
                    local.setdefault(unit.qualname, set()).add(owner)
                    world = "threads" if spawner.world == "processes" and _told_result(argument) else spawner.world
                    world = "tasks" if unit.is_async else "threads" if _by_threads(calls, call, caller) else world
                    sites.setdefault((unit.qualname, world), []).append((caller, call, many, world))
                    if unit.name == "__call__":
                        each = made.get(unit.qualname, True)
                        made[unit.qualname] = each and not _one_callable(calls, call, argument, caller)
        for call, site, unit, many in collected(calls, caller):
            if _left_over(calls, caller):
                break
            shared = one_object(site.callee, caller) and not _of_new_object(calls, site, site.callee, caller, unit)
            apart[unit.qualname] = apart.get(unit.qualname, True) and not shared
            alone[unit.qualname] = False
            local.setdefault(unit.qualname, set()).add("")
            sites.setdefault((unit.qualname, "tasks"), []).append((caller, call, many, "tasks"))
    for (name, world), found in sites.items():
        caller, call, many, _ = max(found, key=lambda site: site[2])
        pairs = [*(((caller, call), site[:2]) for site in found), *combinations([s[:2] for s in found[:MOST_SITES]], 2)]
        pairs = [
            (one, other) for one, other in pairs if _both_run(one[1], other[1], one[0] if one[0] is other[0] else None)
        ]
        again = bool(pairs)
        if calls.scope.canonical(call.callee) == WHEN_GONE:
            text = f"line {call.line} has it called when an object is gone, in whatever thread that is noticed"
        else:
            text = f"line {call.line} starts it with `{call.callee}`"
        text += " for many at once" if many else ", and other places start it too" if again else ""
        waited = all(
            is_waited_for(calls, other_call, other) or (other_call.awaited and world == "threads")
            for other, other_call, _, _ in found
        )
        roots.append(
            Root(
                name,
                text,
                world,
                many or again,
                Confidence.HIGH,
                own_object=alone[name],
                apart=apart[name],
                made=made.get(name, False),
                worker=_one_worker(calls, found),
                waited=waited,
                starters=tuple(sorted({other.qualname for other, *_ in found})) if waited else (),
                in_turn=min(local[name]) if len(local[name]) == 1 else "",
                elsewhere=not many and again and all(one[0] is not other[0] for one, other in pairs),
            )
        )
    for class_ in calls.scope.facts.classes:
        if class_.bases and calls.scope.is_thread(class_.qualname):
            bases = calls.scope.base_names(class_.qualname)
            own = any(base.rpartition(".")[2] == "Process" for base in bases)
            world = (
                "processes" if own else "greenlets" if any(base.endswith("Greenlet") for base in bases) else "threads"
            )
            run = calls.scope.methods.get(class_.qualname, {}).get("run")
            if run is not None and not _run_by_callers(calls, class_.qualname):
                many = world == "threads" and _built_often(calls, class_.qualname)
                text = f"it is the body of a thread{', of which there are several' if many else ''}"
                roots.append(Root(run.qualname, text, world, many, Confidence.HIGH, body=True))
    return roots


def _several_inside(calls: Calls, call: CallSite, caller: FunctionFacts) -> bool:
    """Whether the call is one of a helper that starts several runs at once of what it is handed."""
    helper = calls.starter(call.callee, caller)
    return helper is not None and helper.several


def _looped_outside(calls: Calls, call: CallSite, argument: str, caller: FunctionFacts) -> bool:
    """Whether another function of the module calls in a loop the one that starts the unit, for one object, and neither waits for it.

    Not one that starts it under a condition or keeps it in an attribute: there may be one at a time.
    """
    if caller.is_async or call.awaited or call.arms or caller.parent or caller.qualname not in calls.callers:
        return False
    root, dot, _ = argument.lstrip("*").rpartition("=")[2].partition(".")
    given = {name for name, *_ in caller.params[bool(caller.owner) :]}
    if dot and (root in given or root in caller.local_names - {"self", "cls"}):
        return False
    if any(write.line == call.line and "." in write.path for write in caller.writes):
        return False
    if any(site.callee.rpartition(".")[2] in _WAITS for site in caller.calls) or is_waited_for(calls, call, caller):
        return False
    return any(
        site.looped
        and not site.awaited
        and site.callee in (caller.name, f"self.{caller.name}", f"cls.{caller.name}")
        and not _waits_in_round(above, site)
        for above, site in calls.callers[caller.qualname]
        if above is not caller
    )


def _waits_in_round(caller: FunctionFacts, call: CallSite) -> bool:
    """Whether a loop that calls something waits for what that gives, or for time to pass, before it goes on."""
    made = {name for name, built in caller.locals_built if built == call.callee}
    for other in caller.calls:
        receiver, _, name = other.callee.rpartition(".")
        if other.looped and name in _WAITS and (receiver in made or name == "sleep" or other.line == call.line):
            return True
    return False


_WAITS = frozenset({"result", "join", "wait", "as_completed", "get", "communicate", "map", "sleep"})
"""Last names of calls that may wait for what was started, or for its time."""


def _left_over(calls: Calls, caller: FunctionFacts, steps: int = 3) -> bool:
    """Whether nothing in the project leads to what starts the unit, though it stands in a package that is private to the project."""
    index, path = calls.scope.index, calls.scope.facts.path
    private = any(part.startswith("_") and not part.startswith("__") for part in path.replace("\\", "/").split("/"))
    if not private or steps == 0 or caller.parent or caller.decorators or caller.name.startswith(("__", "<")):
        return False
    if caller.name.strip("_") == "test":  # of the module itself, run by hand
        return True
    mentions = index.mentions.get(caller.name, set())
    if path not in index.users or not mentions <= {path}:
        return False
    above = [site for site, _ in calls.callers.get(caller.qualname, ()) if site is not caller]
    return bool(above) == bool(mentions) and all(_left_over(calls, one, steps - 1) for one in above)


def _run_by_callers(calls: Calls, class_name: str) -> bool:
    """Whether objects of the class are run by whoever makes them, by a call of their `run`, and nothing starts them.

    So it is where the project starts nothing at all, and where all that make one do nothing else with it.
    """
    index, last = calls.scope.index, class_name.rpartition(".")[2]
    found = index.calls
    if "start" not in found:
        return any(
            class_name in (holder, dict(caller.locals_built).get(holder))
            for module, caller, call in found.get("run", ())
            if module is calls.scope.facts
            for holder in (call.callee.rpartition(".")[0],)
        )
    made = found.get(last, ())
    if not made or not all(only_run(call, caller) for _, caller, call in made):
        return False
    starts_itself = any(call.callee == "self.start" for _, caller, call in found["start"] if caller.owner == class_name)
    derived = any(
        base.rpartition(".")[2] == last for module in index.modules for one in module.classes for base in one.bases
    )
    return not (starts_itself or derived or last in index.renamed)


def _built_often(calls: Calls, class_name: str) -> bool:
    """Whether the module builds several objects of the class: in a loop, or at two places."""
    functions = (*calls.scope.facts.functions, calls.scope.facts.module_body)
    built = [call for function in functions for call in function.calls if call.callee == class_name]
    return any(call.looped for call in built) or any(call.may_follow(built[0]) for call in built[1:])


def _one_worker(calls: Calls, sites: list[tuple[FunctionFacts, CallSite, bool, str]]) -> str:
    """The pool of one worker that every site hands the unit to, if it is one, or the lock under which all wait for its end."""
    locks = {task_lock_around(calls, call, caller) for caller, call, _, world in sites if world == "threads"}
    if len(locks) == 1 and "" not in locks and all(world == "threads" for *_, world in sites):
        return locks.pop()
    inner = [calls.innermost(call, caller) for caller, call, _, world in sites if world == "threads"]
    workers = {lone_worker(calls, call, starter) for call, starter in inner}
    return workers.pop() if len(workers) == 1 and all(world == "threads" for *_, world in sites) else ""


def _by_threads(calls: Calls, call: CallSite, caller: FunctionFacts) -> bool:
    """Whether a task is started that has a thread do it: `group.start_soon(anyio.to_thread.run_sync, self.hash)`."""
    names, spawners = calls.scope.names_in(caller.qualname), calls.scope.models.spawners
    starters = (spawners.get(names.canonical(argument)) for argument in call.arguments[:1])
    return any(one is not None and one.world == "threads" for one in starters)


def _told_result(argument: str) -> bool:
    """Whether a pool calls the argument with a result: in a thread of the process that has the pool, not in a worker."""
    return argument.startswith(("callback=", "error_callback="))


def one_object(argument: str, caller: FunctionFacts) -> bool:
    """Whether all units that a loop starts work on one object: not if the receiver is the loop's own variable."""
    path = argument.lstrip("*").rpartition("=")[2]
    root, dot, _ = path.partition(".")
    return not (dot and root in caller.loop_names)


def _of_local_object(calls: Calls, argument: str, caller: FunctionFacts) -> bool:
    """Whether what is started is a method of an object that the function has built for itself."""
    root, dot, method = argument.lstrip("*").rpartition("=")[2].partition(".")
    made = [built for name, built in caller.locals_built if name == root]
    known = calls.scope.names_in(caller.qualname)
    return bool(
        dot
        and made
        and "." not in method
        and all(built in calls.scope.classes or _CLASS.search(known.canonical(built)) for built in made)
    )


def _bound(call: CallSite, argument: str, caller: FunctionFacts) -> bool:
    """Whether what is handed over is a method of one object, to be called for many: `start_server(Clock().tell)`, in no loop."""
    path = argument.rpartition("=")[2]
    called = any(site.callee == path for site in caller.calls)
    return not (call.looped or called or argument.startswith("*"))


def _of_new_object(calls: Calls, call: CallSite, argument: str, caller: FunctionFacts, unit: FunctionFacts) -> bool:
    """Whether what is started has an object that is made for it: `gather(*(Job(row).run() for row in rows))`, or `job = Job(row)`
    in the loop that starts `job.run`."""
    root, dot, _ = argument.lstrip("*").rpartition("=")[2].partition(".")
    if not dot or not unit.owner or _of_class(unit):
        return False
    if root in calls.scope.classes:  # a plain function of the class may be handed its object
        return unit.is_async or any(made.callee == root and made.line == call.line for made in caller.calls)
    made = {built for name, built in caller.locals_built if name == root}
    sites = [site for site in caller.calls if site.callee in made]
    return call.looped and len(made) == 1 and bool(sites) and all(site.looped for site in sites)


def _one_callable(calls: Calls, call: CallSite, argument: str, caller: FunctionFacts) -> bool:
    """Whether one object that can be called is started for many: made before the loop that starts it or the pool that maps it,
    or held by the module or by an object that does so."""
    path = argument.lstrip("*").rpartition("=")[2]
    root, dot, _ = path.partition(".")
    if path in calls.scope.classes or root in caller.loop_names:
        return False
    built = {made for name, made in caller.locals_built if name == path}
    if not dot and not built:
        return path in calls.scope.names_in(caller.qualname).assigned and path not in caller.local_names
    several = call.looped or argument.startswith("*") or call.callee.rpartition(".")[2] in POOL_MAPS
    return several and not any(site.callee in built and site.looped for site in caller.calls)


def _of_class(unit: FunctionFacts) -> bool:
    return not {"classmethod", "staticmethod"}.isdisjoint(unit.decorators)


def _joined(call: CallSite) -> bool:
    """Whether the unit is handed to a pool that is waited for before the block that made it ends: nobody goes on meanwhile."""
    return any(manager.rpartition(".")[2] in POOLS for manager in call.within)


def is_waited_for(calls: Calls, call: CallSite, starter: FunctionFacts) -> bool:
    """Whether the function that starts a unit stays until it ends and runs nothing else of the module: it ends the pool, or joins threads."""
    helper = calls.starter(call.callee, starter)
    if helper is not None and helper.waits:
        return True
    joins, own, within = _known_waits(calls, starter)
    if _joined(call):
        return all(other is call for pool in call.within for other in within.get(pool, ()))
    join = bisect_right(joins, call.line)
    if join == len(joins):
        return False
    following = bisect_right(own, call.line)
    return following == len(own) or own[following] >= joins[join]


def _known_waits(calls: Calls, starter: FunctionFacts) -> Waits:
    known = calls.waits.get(starter.qualname)
    if known is None:
        known = calls.waits[starter.qualname] = _waits(calls, starter)
    return known


def _waits(calls: Calls, starter: FunctionFacts) -> Waits:
    """The lines where a function joins threads, those where it calls functions of the module, and such calls by the pool around them."""
    own = [call for call in starter.calls if calls.target(call.callee, starter)]
    within: dict[str, list[CallSite]] = {}
    for call in own:
        for pool in call.within:
            if pool.rpartition(".")[2] in POOLS:
                within.setdefault(pool, []).append(call)
    return sorted(call.line for call in starter.calls if _joins(call)), sorted(call.line for call in own), within


def _joins(call: CallSite) -> bool:
    """Whether the call waits until a thread or a queue is through; a text that is joined is handed something."""
    return call.callee.endswith(".join") and not call.arguments


def _both_run(one: CallSite, other: CallSite, caller: FunctionFacts | None) -> bool:
    """Whether two spawns of one unit, by the same `caller` if it is given, can both be under way: not if they are the two arms of one
    `if`, or the first is waited for before the second."""
    if one is other:
        return False
    if caller is None:
        return True
    if one.awaited and other.awaited:
        return False
    first, second = sorted((one, other), key=lambda call: call.line)
    if joined_before(first, second.line, caller):
        return False
    return one.may_follow(other)
