"""Who can change a resource while a unit is under way, and the evidence that they overlap."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import islice

from racelint.events import Access, Kind, Resource
from racelint.evidence import Evidence
from racelint.evidence.beside_loop import meets_loop
from racelint.evidence.own_objects import BUILDERS
from racelint.evidence.starts import starts_one, thread_bodies
from racelint.expressions import expression
from racelint.facts import FunctionFacts, Write, is_property
from racelint.finding import Confidence, World
from racelint.frozen import replace
from racelint.grafts import shown_name
from racelint.pattern.doubts import Reason
from racelint.pattern.drivers import used_by_one
from racelint.pattern.on_loops import only_on_loops
from racelint.pattern.own_keys import has_own_key
from racelint.pattern.own_tasks import beside_own_task
from racelint.pattern.signalled import in_turn
from racelint.pattern.unit import Unit
from racelint.pattern.unused import unused_step
from racelint.resolve import CONSTRUCTORS, enclosing_self
from racelint.touch import comes_first
from racelint.words import OPERATIONS

MOST_RIVALS = 100
"""Who comes later is not asked for stronger evidence: where thousands change one thing, asking all for each takes the square."""


def rivals(
    unit: Unit, resource: Resource, world: World = World.TASKS, shapes: Iterable[str] = ()
) -> Iterator[tuple[Write, FunctionFacts, Evidence]]:
    """Who can change the resource while this unit is under way: the change, where, and why they overlap."""
    wanted = frozenset(shapes)
    for function, write in unit.module.concurrency.writers(resource):
        if wanted and write.shape not in wanted and write.how not in wanted:
            continue
        if (write.how in wanted and _deeper(unit, write, resource)) or _of_another_key(write, resource):
            continue
        if function.name in BUILDERS and resource.kind is Kind.ATTRIBUTE and write.path.startswith("self."):
            continue  # of a new object, which nobody else has yet
        if (
            _in_its_place(unit, function)
            or _never_run(unit, function)
            or _of_other_objects(unit, function, write, resource)
        ):
            continue
        if resource.key and _of_its_run(unit, function, resource) and has_own_key(unit, resource):
            continue
        if world is World.TASKS and unit.module.concurrency.cancels(function, unit.facts.qualname):
            continue  # what comes after the await does not happen any more
        if world is World.THREADS and (
            _before_its_thread(unit, function, write)
            or in_turn(unit, function, resource)
            or only_on_loops(unit, function, write, resource)
        ):
            continue
        evidence = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, world.value, resource)
        if (
            evidence is not None
            and world is World.TASKS
            and evidence.strength is Confidence.LOW
            and not evidence.called
        ):
            evidence = beside_own_task(unit, function) or evidence
        if evidence is not None:
            yield write, function, evidence


def _of_its_run(unit: Unit, function: FunctionFacts, resource: Resource) -> bool:
    """Whether the unit makes the change itself, or a function within it does, which has the key from the unit."""
    mine, key = unit.facts.qualname, resource.key
    within = function.parent == mine and key in function.reads and key not in function.local_names
    return function.qualname == mine or within


def beside_loop(
    unit: Unit, resource: Resource, shapes: Container[str]
) -> Iterator[tuple[Write, FunctionFacts, Evidence]]:
    """Who makes such a change on the loop while a thread runs the unit, or the other way round: the change, where, and why."""
    concurrency = unit.module.concurrency
    for function, write in concurrency.writers(resource):
        if write.how in shapes or write.shape in shapes:
            found = meets_loop(concurrency, unit.facts, function, resource)
            if found is not None:
                yield write, function, found


def _deeper(unit: Unit, write: Write, resource: Resource) -> bool:
    """Whether an entry of an entry is set or removed: `del self.seats[room][row]` takes no room away, and adds none.

    A dictionary that makes what it lacks may get a room by it.
    """
    if write.how == "[]" and unit.module.concurrency.makes_its_entries(resource):
        return False
    return write.how in ("[]", "del[]") and write.depth > resource.path.count("[]") + 1


def _of_another_key(write: Write, resource: Resource) -> bool:
    """Whether the entry that is changed has another name than that of the resource, both written out: `n["sent"]` and `n["lost"]`."""
    literal = resource.key[:1] in ("'", '"') and resource.key[1:-1].isidentifier()
    return literal and bool(write.key) and write.key != resource.key[1:-1] and "[]" not in resource.path


def _never_run(unit: Unit, function: FunctionFacts) -> bool:
    """Whether nothing in the project calls the function, where the project is in view."""
    scope = unit.module.scope
    return unit.module.path in scope.index.users and unused_step(scope, function, unit.module.program.lines)


def _in_its_place(unit: Unit, function: FunctionFacts) -> bool:
    """Whether objects have one of the two methods in the place of the other: no object runs both."""
    mine = unit.facts
    if mine.name != function.name or mine.owner == function.owner or not (mine.owner and function.owner):
        return False
    scope = unit.module.scope
    for one, other in ((mine, function), (function, mine)):
        above = {class_.qualname for class_ in scope.lineage(one.owner)}
        if other.owner in above:
            return all(call.callee != f"super.{one.name}" for call in one.calls)
    return False


def _of_other_objects(unit: Unit, function: FunctionFacts, write: Write, resource: Resource) -> bool:
    """Whether a class that only has a base in common with the unit's own changes the attribute: no object runs code of both.

    Mix-ins are made to be put together, also by who uses the package.
    """
    mine, others = unit.facts.owner, function.owner
    if resource.kind is not Kind.ATTRIBUTE or not resource.shown.startswith("self.") or not mine or not others:
        return False
    if not function.params or write.path.partition(".")[0] != function.params[0][0]:
        return False
    scope = unit.module.scope
    above, below = ([class_.qualname for class_ in scope.lineage(owner)] for owner in (mine, others))
    if mine in below or others in above or not {resource.owner} <= set(above) & set(below):
        return False
    if any("mixin" in owner.lower() for owner in (mine, others)):
        return False
    both = {(scope.names_in(owner).facts.path, shown_name(owner)) for owner in (mine, others)}
    return not any(both <= mixture for mixture in scope.index.mixtures)


def _before_its_thread(unit: Unit, function: FunctionFacts, write: Write) -> bool:
    """Whether who makes the change then starts the thread that alone runs the unit, and nothing but callers may make it again."""
    concurrency = unit.module.concurrency
    bodies = thread_bodies(concurrency, function) if function.qualname != unit.facts.qualname else frozenset()
    if not bodies:
        return False
    mine, others = (
        [root for number in concurrency.reached.get(name, ()) if not (root := concurrency.roots[number]).public]
        for name in (unit.facts.qualname, function.qualname)
    )
    if others or not mine or not all(root.unit in bodies for root in mine):
        return False
    return all(call.line > write.line for call in function.calls if starts_one(concurrency, call, function))


def rival(unit: Unit, resource: Resource, world: World = World.TASKS, shapes: Iterable[str] = ()) -> Evidence | None:
    """The strongest evidence that the resource is changed meanwhile."""
    best: Evidence | None = None
    for _, function, evidence in islice(rivals(unit, resource, world, shapes), MOST_RIVALS):
        if function.qualname != unit.facts.qualname:
            evidence = replace(evidence, text=f"{evidence.text}; `{shown_name(function.qualname)}` changes it too")
        if best is None or evidence.strength.rank > best.strength.rank:
            best = evidence
            if best.strength is Confidence.HIGH:
                break
    return best or _in_doubt(unit, resource, f"nothing that may run at the same time changes `{resource.shown}`")


def _in_doubt(unit: Unit, resource: Resource | None, reason: str) -> Evidence | None:
    """What stands for evidence that there is none of while near misses are looked for (`Doubts`), where the reason is noted."""
    doubts = unit.module.doubts
    if doubts is None:
        return None
    doubts.note(unit.facts.qualname, Reason(reason, place=resource.place if resource is not None else None))
    return Evidence(reason, Confidence.LOW)


def read_meanwhile(unit: Unit, resource: Resource, world: World = World.TASKS) -> Evidence | None:
    """The strongest evidence that another function of the module reads the resource while this unit is under way."""
    scope = unit.module.scope
    best: Evidence | None = None
    for function in scope.facts.functions:
        owner, name = enclosing_self(function, scope)
        owned = resource.kind is Kind.GLOBAL or (
            bool(owner) and scope.defining_class(owner, resource.path) == resource.owner
        )
        path = resource.path if resource.kind is Kind.GLOBAL else f"{name}.{resource.path}"
        if (
            function.qualname == unit.facts.qualname
            or not owned
            or path not in function.reads
            or function.name in CONSTRUCTORS
        ):
            continue
        if all(write.path != path for write in function.writes):
            found = unit.module.concurrency.overlap(unit.facts.qualname, function.qualname, world.value, resource)
            if found is not None and (best is None or found.strength.rank > best.strength.rank):
                text = f"{found.text}; `{function.qualname}` reads it"
                best = Evidence(text, found.strength, found.world, found.public, unseen=found.unseen)
    return best


def only_started(unit: Unit) -> Evidence | None:
    """The evidence that the unit runs only as a task or thread that the module starts; None if anybody may call it."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    if any(root.public or root.unit != unit.facts.qualname for root in roots):
        return None
    started = (root for root in roots if root.strength is Confidence.HIGH and not root.handler)
    return next((Evidence(root.text, Confidence.MEDIUM, root.world) for root in started), None)


def begun_twice(unit: Unit, resource: Resource) -> Evidence | None:
    """The evidence that the unit runs again before a task that it starts has run its first step.

    Two callers may do that, and one caller, such as a callback, that comes twice in a row.
    """
    found = with_itself(unit, World.TASKS, resource)
    if found is not None:
        return found
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    called = next((root for root in roots if not root.public and root.unit != unit.facts.qualname), None)
    if called is None:
        return None
    return Evidence(called.text, min(called.strength, Confidence.MEDIUM, key=lambda c: c.rank), called.world)


def made_sure_by_all(unit: Unit, act: Access) -> Evidence | None:
    """The evidence that several operations of an object, which callers may well start at once, begin with what the act belongs to.

    Why else should each of them make sure that it was done?
    """
    name = act.place.unit
    function = unit.module.scope.functions.get(name)
    if function is None or not function.owner or not function.is_async or of_one_user(unit, function.owner):
        return None
    callers = _operations(unit, function)
    if len(callers) < 2:
        return None
    one, other, *more = (caller.name for caller in callers)
    more = more or [caller.name for step in callers for caller in _operations(unit, step)]
    # of two, one mostly begins and the other goes on, or each is for one of two sides
    expected = more or unit.module.locks_of(function.owner)
    strength = Confidence.MEDIUM if expected else Confidence.LOW
    return Evidence(f"`{one}` and `{other}` both make sure of it first, and callers may run them at once", strength)


def _operations(unit: Unit, function: FunctionFacts) -> list[FunctionFacts]:
    """The public coroutine methods that await a function, or a property, before all else, and that are not only called under a lock.

    Not those of the class, which make an object that nobody else has before it is begun: `client = cls(url)`, `await client.open()`.
    """
    concurrency = unit.module.concurrency
    sites = [caller for caller, call in concurrency.callers.get(function.qualname, ()) if comes_first(call, caller)]
    if is_property(function):
        sites += _readers_first(unit, function)
    found = {
        caller.qualname: caller
        for caller in sites
        if caller.is_async
        and caller.owner
        and not caller.name.startswith("_")
        and (_OF_CLASSES.isdisjoint(caller.decorators) or not _OF_CLASSES.isdisjoint(function.decorators))
        and not concurrency.called_only_under_lock(caller)
    }
    return list(found.values())


_OF_CLASSES = frozenset({"classmethod", "staticmethod"})


def _readers_first(unit: Unit, function: FunctionFacts) -> Iterator[FunctionFacts]:
    """The methods that await a property of their object (`redis = await self.redis`) before all else that they await."""
    family = unit.module.scope.family(function.owner)
    for reader in unit.module.scope.facts.functions:
        lines = [line for path, line, _ in reader.waits if path == f"self.{function.name}"]
        if lines and reader.owner in family and all(c.line >= lines[0] for c in reader.calls if c.awaited):
            yield reader


def made_sure_by_each(unit: Unit, act: Access) -> Evidence | None:
    """The same for one operation that is called with other arguments each time: `execute`, `request`."""
    found = made_sure_by_all(unit, act)
    function = unit.module.scope.functions.get(act.place.unit)
    if found is not None or function is None or not function.owner or not function.is_async:
        return found
    if of_one_user(unit, function.owner):
        return None
    for caller, call in unit.module.concurrency.callers.get(function.qualname, ()):
        if (
            caller.is_async
            and caller.owner
            and not caller.name.startswith("_")
            and caller.name in OPERATIONS
            and comes_first(call, caller)
            and not unit.module.concurrency.locked_around(caller, call)
        ):
            return Evidence(
                f"`{caller.name}` makes sure of it first, each time, and callers may run it several times at once",
                Confidence.MEDIUM,
            )
    return None


def used_by_many(unit: Unit) -> Evidence | None:
    """The evidence that several public coroutines of the object, which callers may start at once, lead to the unit."""
    concurrency = unit.module.concurrency
    if concurrency.called_under_lock(unit.facts):
        return None  # one after the other
    roots = [concurrency.roots[number] for number in sorted(concurrency.reached.get(unit.facts.qualname, ()))]
    users = [root.unit for root in roots if root.public and root.world == "tasks" and root.unit != unit.facts.qualname]
    if len(set(users)) < 2 or of_one_user(unit, unit.facts.owner):
        return None
    return Evidence(
        f"`{users[0]}` and `{users[1]}` both lead to it, and callers may run them at once", Confidence.MEDIUM
    )


def of_one_user(unit: Unit, owner: str) -> bool:
    """Whether objects of the class are iterated over themselves, as streams are: one task reads them to their end.

    Or they belong to a driver that says that connections are not shared.
    """
    return bool(owner) and (unit.module.scope.method(owner, "__anext__") is not None or used_by_one(unit, owner))


def stronger(one: Evidence | None, other: Evidence | None) -> Evidence | None:
    """The stronger of two pieces of evidence, if there are any."""
    if one is None or other is None:
        return one or other
    return other if other.strength.rank > one.strength.rank else one


def called_by_timer(unit: Unit) -> bool:
    """Whether the module asks an event loop to call the unit when time has passed."""
    concurrency = unit.module.concurrency
    return any(
        target.qualname == unit.facts.qualname
        for function in unit.module.scope.facts.functions
        for call in function.calls
        if call.callee.endswith((".call_later", ".call_at"))
        for argument in call.arguments
        for target in concurrency.target(argument, function)
    )


def with_itself(unit: Unit, world: World = World.TASKS, resource: Resource | None = None) -> Evidence | None:
    """The evidence that the unit runs several times at once, on the same resource if one is given."""
    name = unit.facts.qualname
    found = unit.module.concurrency.overlap(name, name, world.value, resource)
    if found is not None and resource is not None and resource.key and has_own_key(unit, resource):
        found = None
    if found is not None and world is World.TASKS and found.strength is not Confidence.LOW and _waits_its_turn(unit):
        found = found.weakened()
    elif found is not None and world is World.TASKS and found.strength is Confidence.LOW and not found.called:
        found = beside_own_task(unit, unit.facts) or found
    return found or _in_doubt(unit, resource, f"nothing says that `{shown_name(name)}` runs several times at once")


def _waits_its_turn(unit: Unit) -> bool:
    """Whether all that calls the unit does so under a lock, and nothing starts it otherwise."""
    concurrency, name = unit.module.concurrency, unit.facts.qualname
    roots = (concurrency.roots[number] for number in concurrency.reached.get(name, ()))
    if any(root.unit == name and not root.public for root in roots):
        return False
    return concurrency.called_only_under_lock(unit.facts, one_at_a_time=True)


def copied_to_processes(unit: Unit, resource: Resource) -> bool:
    """Whether each process has a copy of the resource, and no thread of a process meets another there.

    What requests change that threads of one process answer is lost between those as well.
    """
    concurrency = unit.module.concurrency
    if resource.kind is not Kind.GLOBAL or concurrency.handled_in_processes(unit.facts.qualname) is None:
        return False
    return not concurrency.surely_in_threads(unit.facts)


def copied_to_each(unit: Unit) -> Evidence | None:
    """The evidence that several processes run the unit, each with globals of its own.

    Worker processes and jobs of a queue surely do. One process may answer all requests of a web application: that is weak.
    """
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in sorted(concurrency.reached.get(unit.facts.qualname, ()))]
    started = next((root for root in roots if root.world == "processes" and root.many and not root.called), None)
    if started is not None:
        return None if _one_run_each(unit) else Evidence(started.text, started.strength, "processes")
    found = concurrency.handled_in_processes(unit.facts.qualname)
    return found.weakened() if found is not None else None


def only_in_own_process(unit: Unit) -> bool:
    """Whether the unit runs only in processes that the module starts for one run each, whose globals nobody else sees."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    sites = [concurrency.started_with.get(root.unit, ()) for root in roots]
    return bool(roots) and all(
        bool(starts) and all(start.call.callee.rpartition(".")[2] == "Process" for start in starts) for starts in sites
    )


def _one_run_each(unit: Unit) -> bool:
    """Whether each process of the pools that run the unit is there for one run, whose own its globals then are.

    What is mapped over is handed out in pieces of several, unless it is said that each is of one; executors do so by themselves.
    """
    concurrency, facts = unit.module.concurrency, unit.module.scope.facts
    functions = [
        function
        for function in (*facts.functions, facts.module_body)
        for call, _ in concurrency.spawning_calls(function)
        for argument in call.arguments
        if any(s.qualname == unit.facts.qualname for s in concurrency.spawned_units(argument, function, call.line))
    ]
    calls = [call for function in functions for call in function.calls]
    pools = [call for call in calls if call.callee.rpartition(".")[2] in ("Pool", "ProcessPoolExecutor", "Process")]
    maps = [call for call in calls if call.callee.rpartition(".")[2] in _IN_PIECES]
    executors = all(call.callee.endswith("Executor") for call in pools)
    return (
        bool(pools)
        and all({"maxtasksperchild=1", "max_tasks_per_child=1"} & set(call.arguments) for call in pools)
        and (executors or all("chunksize=1" in call.arguments for call in maps))
        and not any(_CHUNKS.search(argument) for call in calls for argument in call.arguments)
    )


_IN_PIECES = frozenset({"map", "map_async", "starmap", "starmap_async"})
_CHUNKS = expression(r"^chunksize=(?!1$)")


def in_processes(unit: Unit) -> Evidence | None:
    """The evidence that the unit runs in several processes, or several times at once in one."""
    found = unit.module.concurrency.handled_in_processes(unit.facts.qualname, far=True)
    if found is not None:
        return found
    for world in (World.TASKS, World.THREADS, World.PROCESSES):
        found = with_itself(unit, world)
        if found is not None:
            return found
    return None
