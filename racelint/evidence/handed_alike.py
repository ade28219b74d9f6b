"""What whoever starts several threads hands to all of them, or to all objects that it makes for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from racelint.events import Kind, Resource
from racelint.evidence.reaching import Reaching
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property, dataclass
from racelint.words import POOL_MAPS

_COLLECTIONS = frozenset(
    "dict list set defaultdict collections.defaultdict Counter collections.Counter OrderedDict collections.OrderedDict "
    "dict.fromkeys bytearray array.array".split()
)
"""What a local name is built from that holds a collection."""

_ARRAYS = frozenset(
    f"multiprocessing.{name}" for name in ("Array", "RawArray", "sharedctypes.Array", "sharedctypes.RawArray")
)
"""What makes arrays in memory that processes share. Those that have a lock take it for each step alone."""

VALUES = frozenset(
    f"multiprocessing.{name}" for name in ("Value", "RawValue", "sharedctypes.Value", "sharedctypes.RawValue")
)
"""What makes values that processes share. Those that have a lock take it for each step alone."""


@dataclass(frozen=True, slots=True)
class Start:
    """A call that starts a unit in a thread or process."""

    caller: FunctionFacts
    call: CallSite
    world: str
    given: tuple[str, ...]
    """What the unit is handed, in the order of its parameters; of a pool that maps what it goes through."""
    named: tuple[tuple[str, str], ...] = ()
    """What it is handed by the names of its parameters."""

    def at(self, place: int, name: str) -> str:
        """What a parameter gets, by its place among those behind the own object and its name; "" if that is not seen."""
        given = dict(self.named).get(name, "") or (self.given[place] if place < len(self.given) else "")
        if self.call.callee.rpartition(".")[2] not in POOL_MAPS or name in dict(self.named):
            return given
        if place < len(bound(self.call)):
            return given
        return given.removeprefix("repeat(").removesuffix(")") if given.startswith("repeat(") else self._mapped(place)

    def of(self, name: str, place: tuple[int, int | None]) -> str:
        """What an argument of the unit gets, or what it takes out of one, by its place among `places_of` the unit."""
        whole, part = place
        return self.at(whole, name) if part is None else self.within(whole, part)

    def within(self, place: int, part: int) -> str:
        """What a parameter at a place gets as a part of the tuple that is handed over; "" if that is not seen.

        `pool.map(count, [(counts, page) for page in pages])`, `pool.submit(count, (counts, page))`.
        """
        method = self.call.callee.rpartition(".")[2]
        given = self.given[place] if place < len(self.given) else ""
        if method in POOL_MAPS and (method == "starmap" or not given.startswith("*") or place != len(bound(self.call))):
            return ""
        return _part(given.removeprefix("*"), part)

    def _mapped(self, place: int) -> str:
        """What a parameter gets of the tuples that `starmap` goes through."""
        first = len(bound(self.call))
        rows = self.given[first] if first < len(self.given) else ""
        starred = self.call.callee.endswith("starmap") and rows.startswith("*")
        return _part(rows[1:], place - first) if starred else ""


def places_of(function: FunctionFacts) -> dict[str, tuple[int, int | None]]:
    """The arguments of a function by their names, each with its place behind the own object; and what it takes out of one that is a
    tuple, with the place in that, too."""
    places = {name: number for number, (name, _) in enumerate(function.params[bool(function.owner) :])}
    known: dict[str, tuple[int, int | None]] = {
        name: (places[given], part)
        for name, given, part in function.unpacked
        if given in places and name not in places and not any(w.path == given and w.how == "=" for w in function.writes)
    }
    return known | {name: (place, None) for name, place in places.items()}


class HandedAlike(Reaching):
    """Arguments that are one object for all runs of a unit, or for all objects of a class."""

    def handed_to_each(self, function: FunctionFacts) -> frozenset[str]:
        """The arguments of a function that are one object for all threads or processes that run it: a collection, a shared value."""
        found = self.collections_of_all(function) | self.memory_of_all(function)
        if not self.shares_memory:
            return found
        values = (name for name, _ in function.params[bool(function.owner) :] if name not in found)
        return found.union(name for name in values if self.handed_value(function, name))

    def collections_of_all(self, function: FunctionFacts) -> frozenset[str]:
        """The arguments of a function of the module that are one collection for all threads or tasks which it is started in many times."""
        if not function.params or not (self.tasks_with if function.is_async else self.started_with):
            return frozenset()
        known = self._known_collections.get(function.qualname)
        if known is None:
            known = self._find_collections(function)
            if function.is_async:  # to what tasks only append to they look for a rough limit, which does no harm
                known &= {write.path for write in function.writes if write.how in ("[]", "[]+=", "add")}
            self._known_collections[function.qualname] = known
        return known

    @cached_property
    def _known_collections(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def started_with(self) -> dict[str, list[Start]]:
        """By function where threads or processes are started that run it."""
        found: dict[str, list[Start]] = {}
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            for call, spawner in self.spawning_calls(caller):
                if spawner.world not in ("threads", "processes") or spawner.once:
                    continue
                helper = self.starter(call.callee, caller)
                started = helper.handed(call) if helper is not None else call.arguments
                several = helper is not None and helper.several  # what it hands to each of them is not seen
                for number, argument in enumerate(call.arguments):
                    for unit in self.spawned_units(argument, caller, call.line) if argument in started else ():
                        given = () if several else _in_lambda(argument, call, caller) or handed(call, number)
                        start = Start(caller, call, spawner.world, given, _by_name(call))
                        found.setdefault(unit.qualname, []).append(start)
        return found

    @cached_property
    def tasks_with(self) -> dict[str, list[Start]]:
        """By coroutine where tasks are started that run it, with the call that makes each: `gather(*(count(page, counts) for page in pages))`."""
        found: dict[str, list[Start]] = {}
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body):
            seen: set[int] = set()
            for call, spawner in self.spawning_calls(caller):
                if spawner.world != "tasks" or spawner.once:
                    continue
                for place, argument in enumerate(call.arguments):
                    path = argument.lstrip("*").rpartition("=")[2]
                    for unit in self.spawned_units(path, caller, call.line):
                        starts = found.setdefault(unit.qualname, [])
                        if path in caller.references and not place:  # `start_soon(count, page, counts)`
                            starts.append(Start(caller, call, "tasks", handed(call), _by_name(call)))
                            continue
                        for number, made in enumerate(caller.calls):
                            near = call.line <= made.line <= call.line + _LINES and not made.awaited
                            if made.callee == path and near and number not in seen:
                                seen.add(number)
                                named = tuple(one for one in _pairs(made.arguments) if one[1].isidentifier())
                                given = tuple(one for one in made.arguments if "=" not in one)
                                starts.append(Start(caller, made, "tasks", given, named))
        return found

    def _find_collections(self, function: FunctionFacts) -> frozenset[str]:
        sites = (self.tasks_with if function.is_async else self.started_with).get(function.qualname, ())
        if not sites or any(site.world == "processes" for site in sites):
            return frozenset()
        return frozenset(
            name
            for name, place in places_of(function).items()
            if all(
                self._is_one(site.of(name, place), site.caller, collection=True)
                or _hands_on(site, site.of(name, place), function, name)
                for site in sites
            )
            and all(self._several(site, site.of(name, place), place, name, sites) for site in sites)
        )

    def has_own_element(self, unit: str, name: str) -> bool:
        """Whether each thread that runs a function gets another object for an argument: an element of what a pool maps, or of a loop.

        That the same one stands there twice, nothing says.
        """
        function = self.scope.functions.get(unit)
        names = [one for one, _ in function.params[bool(function.owner) :]] if function is not None else []
        sites = self.started_with.get(unit, ())
        if name not in names or not sites or self.callers.get(unit):
            return False
        return len(sites) == 1 and _is_element(sites[0], name, names.index(name))

    def _several(
        self, site: Start, given: str, place: tuple[int, int | None], name: str, sites: Sequence[Start]
    ) -> bool:
        """Whether what starts the unit hands the same to several runs: in a loop, or at another place of the same function, too."""
        if site.call.looped or site.call.callee.rpartition(".")[2] in POOL_MAPS:
            return True
        return any(
            other is not site and other.caller is site.caller and other.of(name, place) == given for other in sites
        )

    def memory_of_all(self, function: FunctionFacts) -> frozenset[str]:
        """The arguments of a function that are one array, dictionary or list, in memory that the processes share which run it."""
        if not function.params or not self.shares_memory or function.is_async:
            return frozenset()
        known = self._known_memory.get(function.qualname)
        if known is None:
            sites = self.started_with.get(function.qualname, ())
            apart = not sites or any(site.world != "processes" for site in sites)
            known = self._known_memory[function.qualname] = frozenset(
                name
                for name, place in places_of(function).items()
                if not apart and all(self._in_memory(site.of(name, place), site.caller) for site in sites)
            )
        return known

    @cached_property
    def _known_memory(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def shares_memory(self) -> bool:
        """Whether the module imports what makes memory that processes share."""
        return any(origin.partition(".")[0] == "multiprocessing" for origin in self.scope.imports.values())

    def _in_memory(self, path: str, caller: FunctionFacts) -> bool:
        """Whether a name means one array, dictionary or list that processes share, made before the loop that hands it over."""
        if not path.isidentifier() or path in caller.loop_names | caller.made_anew:
            return False
        names = self.scope.names_in(caller.qualname)
        local = path in caller.local_names and caller is not self.scope.facts.module_body
        made = (
            {built for name, built in caller.locals_built if name == path} if local else {names.assigned.get(path, "")}
        )
        return bool(made) and all(self.is_memory(built, caller) for built in made)

    def is_memory(self, built: str, caller: FunctionFacts) -> bool:
        """Whether a call in a function makes an array, dictionary or list that processes share: `Array("i", 4)`, `manager.dict()`."""
        if self.maker(built, caller) in _ARRAYS:
            return True
        return self._of_manager(built, caller, ("dict", "list"))

    def is_shared_value(self, built: str, caller: FunctionFacts) -> bool:
        """Whether a call in a function makes a value that processes share, or a manager's namespace of such."""
        if self.maker(built, caller) in VALUES:
            return True
        return self._of_manager(built, caller, ("Value", "Namespace"))

    def maker(self, built: str, caller: FunctionFacts) -> str:
        """What a call in a function is one of, be it called of a context: `ctx.Value` is `multiprocessing.Value`."""
        canonical = self.scope.names_in(caller.qualname).canonical
        holder, _, method = built.rpartition(".")
        made = {canonical(by) for name, by in (*caller.locals_built, *self.scope.facts.assigned) if name == holder}
        if holder.startswith("self.") and caller.owner:
            writes = self.scope.attribute_writes(caller.owner, holder.removeprefix("self."))
            made = {canonical(write.built_from) for _, write in writes}
        return f"multiprocessing.{method}" if "multiprocessing.get_context" in made else canonical(built)

    def _of_manager(self, built: str, caller: FunctionFacts, methods: tuple[str, ...]) -> bool:
        canonical = self.scope.names_in(caller.qualname).canonical
        holder, _, method = built.rpartition(".")
        made = {canonical(by) for name, by in (*caller.locals_built, *self.scope.facts.assigned) if name == holder}
        return method in methods and "multiprocessing.Manager" in {*made, canonical(holder)}

    def handed_value(self, function: FunctionFacts, name: str) -> bool | None:
        """Whether whoever starts the function in processes hands each of them one value that they share for an argument; None if
        it is not seen what they are handed."""
        places = [place for place, (given, _) in enumerate(function.params[bool(function.owner) :]) if given == name]
        sites = self.started_with.get(function.qualname, ())
        given = [(site, site.given[place]) for site in sites for place in places if place < len(site.given)]
        if len(given) != len(sites) or not all(path in site.caller.local_names for site, path in given):
            return None
        return bool(given) and all(
            site.world == "processes" and self._makes_value(path, site.caller) for site, path in given
        )

    def _makes_value(self, name: str, caller: FunctionFacts) -> bool:
        """Whether the caller has made a value that processes share, once, and holds it by the name."""
        made = {built for local, built in caller.locals_built if local == name}
        if name in caller.loop_names | caller.made_anew or not made:
            return False
        return all(self.is_shared_value(built, caller) for built in made)

    def initialised_with_value(self, name: str) -> bool:
        """Whether the initializer of a pool sets a global to a value that whoever makes the pool has made for all its processes."""
        setters = {
            function.name: [given for given, _ in function.params].index(write.built_from)
            for function in self.scope.facts.functions
            for write in function.writes
            if write.path == name and write.built_from in [given for given, _ in function.params]
        }
        for caller in (*self.scope.facts.functions, self.scope.facts.module_body) if setters else ():
            for call in caller.calls:
                given = dict(argument.split("=", 1) for argument in call.arguments if "=" in argument)
                place = setters.get(given.get("initializer", ""))
                handed = given.get("initargs", "").strip("()").rstrip(",").split(", ")
                if place is not None and place < len(handed) and self._makes_value(handed[place], caller):
                    return True
        return False

    def keeps_shared_value(self, owner: str, holder: str) -> bool:
        """Whether all processes that the class is were handed one value, which whoever makes them has made."""
        if not self.shares_memory or not any(b.rpartition(".")[2] == "Process" for b in self.scope.base_names(owner)):
            return False
        return self.handed_to_all(owner, holder) and any(
            call.callee == owner and any(self._makes_value(argument, caller) for argument in call.arguments)
            for caller in (*self.scope.facts.functions, self.scope.facts.module_body)
            for call in caller.calls
        )

    def _is_one(self, path: str, caller: FunctionFacts, collection: bool) -> bool:
        """Whether a name that stands in a loop means one object in all rounds: made before it, or kept by the module."""
        if not path.isidentifier() or path in caller.loop_names | caller.made_anew:
            return False
        if path not in caller.local_names:
            built = self.scope.assigned.get(path, "")
            return path in self.scope.assigned and (not collection or built in _COLLECTIONS or built == "empty")
        made = {built for name, built in caller.locals_built if name == path}
        empty = any(w.path == path and w.how == "=" and w.shape in ("empty", "display") for w in caller.writes)
        if collection and not (empty or (made and made <= _COLLECTIONS)):
            return False
        return bool(made or empty)

    def part_of_all(self, resource: Resource) -> bool:
        """Whether the resource is a part of what every object of its class was handed alike: `self.stats.ok` of each worker."""
        holder, dot, _ = resource.path.partition(".")
        if not dot or resource.kind is not Kind.ATTRIBUTE or resource.owner not in self.scope.classes:
            return False
        return self.handed_to_all(resource.owner, holder)

    def handed_to_all(self, owner: str, holder: str) -> bool:
        """Whether an attribute holds one object that all objects of the class were handed when they were made."""
        key = (owner, holder)
        known = self._known_parts_of_all.get(key)
        if known is None:
            known = self._known_parts_of_all[key] = self._find_part(*key)
        return known

    @cached_property
    def _known_parts_of_all(self) -> dict[tuple[str, str], bool]:
        return {}

    def of_own_thread(self, name: str, function: FunctionFacts, depth: int = 3) -> bool:
        """Whether a parameter always gets what the object of a class of threads has for itself: `self._answer(self.state)` in its `run`.

        Only its own methods call the function, and only the one thread that each object is runs them.
        """
        roots = [self.roots[number] for number in self.reached.get(function.qualname, ())]
        names = [parameter for parameter, _ in function.params]
        sites = self.callers.get(function.qualname, ())
        alone = function.owner and sites and any(root.body for root in roots)
        if not alone or depth == 0 or not all(root.body or root.public for root in roots) or name not in names[1:]:
            return False
        place = names.index(name) - 1
        for caller, call in sites:
            path = call.arguments[place] if place < len(call.arguments) else ""
            holder, dot, attribute = path.partition(".")
            if caller.owner != function.owner or "=" in path:
                return False
            if dot and holder == "self" and "." not in attribute:
                if self.handed_to_all(function.owner, attribute):
                    return False
            elif not (path.isidentifier() and self.of_own_thread(path, caller, depth - 1)):
                return False
        return True

    def _find_part(self, owner: str, holder: str) -> bool:
        name, names = self._taken_for(owner, holder)
        if name not in names:
            return False
        place = names.index(name)
        sites = [
            (caller, call)
            for caller in (*self.scope.facts.functions, self.scope.facts.module_body)
            for call in caller.calls
            if call.callee == owner
        ]
        several = any(call.looped for _, call in sites) or len(sites) > 1
        return several and all(self._is_same_for_all(call, name, place, caller) for caller, call in sites)

    def _taken_for(self, owner: str, holder: str) -> tuple[str, list[str]]:
        """The parameter that the constructor keeps in the attribute, and all that it has; those of a dataclass are its fields."""
        constructor = self.scope.method(owner, "__init__")
        if constructor is not None:
            writes = self.scope.attribute_writes(owner, holder)
            kept = len(writes) == 1 and writes[0][0] is constructor
            return writes[0][1].built_from if kept else "", [name for name, _ in constructor.params[1:]]
        if self.scope.attribute_writes(owner, holder) or len(self.scope.lineage(owner)) > 1:
            return "", []
        return holder, [name for name, _ in self.scope.classes[owner].attributes]

    def _is_same_for_all(self, call: CallSite, name: str, place: int, caller: FunctionFacts) -> bool:
        """Whether the call hands over one object each time that it is made: what the caller itself was handed, in a loop, too."""
        by_name = next((given[len(name) + 1 :] for given in call.arguments if given.startswith(f"{name}=")), "")
        path = by_name or (call.arguments[place] if place < len(call.arguments) else "")
        if "=" in path or not path:
            return False
        given = {parameter for parameter, _ in caller.params}
        if path in given and call.looped:
            return path not in caller.loop_names and all(write.path != path for write in caller.writes)
        return self._is_one(path, caller, collection=False)


def _hands_on(site: Start, given: str, function: FunctionFacts, name: str) -> bool:
    """Whether a coroutine starts itself with the set that it was handed, and to which it adds: `start_soon(crawl, link, seen)`."""
    if site.caller is not function or given != name or not function.is_async:
        return False
    changes = {write.how for write in function.writes if write.path == name}
    return "add" in changes and "=" not in changes


def handed(call: CallSite, number: int = 0) -> tuple[str, ...]:
    """What a call that starts a unit hands it: behind the unit, which is the argument of that number, or packed into `args=(…)`.

    What a `partial` has bound comes first.
    """
    first = bound(call)
    if any(given.startswith("args=(") for given in call.arguments):
        return *first, *_packed(call, "args")
    behind = tuple(given for given in call.arguments[number + 1 :] if "=" not in given)
    if behind and behind[0].startswith("(") and call.callee.rpartition(".")[2] in _PACKED_BEHIND:
        return *first, *_parts(behind[0])
    return *first, *behind


def _is_element(site: Start, name: str, place: int) -> bool:
    """Whether the parameter at a place gets another element of a collection in each run that one call starts."""
    given = site.given[place] if place < len(site.given) else ""
    if dict(site.named).get(name) or place < len(bound(site.call)):
        return False
    if site.call.callee.rpartition(".")[2] not in POOL_MAPS:
        return given in site.caller.loop_names - site.caller.made_anew and site.call.looped
    return given.isidentifier() and site.call.callee.rpartition(".")[2] != "starmap"


def bound(call: CallSite) -> tuple[str, ...]:
    """What a `partial` that is started hands to its function first."""
    return _packed(call, "partial")


_PACKED_BEHIND = frozenset({"apply_async", "start_new_thread", "Timer"})
"""Last names of calls that are handed the arguments of the unit as one tuple, which stands behind it."""


def _in_lambda(argument: str, call: CallSite, caller: FunctionFacts) -> tuple[str, ...]:
    """What the unit is handed where a lambda calls it, which is what is started: `pool.submit(lambda: count(page, counts))`."""
    path, first = argument.rpartition("=")[2], call.line
    sites = [c for c in caller.calls if c.callee == path and first <= c.line <= first + _LINES and c is not call]
    return min(sites, key=lambda site: site.line).arguments if sites else ()


def _packed(call: CallSite, keyword: str) -> tuple[str, ...]:
    """What is packed into a tuple that is handed over by name: `args=(page, counts)`."""
    begin = f"{keyword}=("
    return next((_parts(given.removeprefix(f"{keyword}=")) for given in call.arguments if given.startswith(begin)), ())


def _parts(text: str) -> tuple[str, ...]:
    """The parts of a tuple that is written so: `(page, counts)`. Of a tuple in a tuple it is not told where it ends."""
    return tuple(text[1:-1].split(", "))


def _part(text: str, place: int) -> str:
    """A part of a tuple that is written so, by its place; "" if `text` is none, or has another one in it."""
    parts = _parts(text) if text.startswith("(") and text.count("(") == 1 and text.endswith(")") else ()
    return parts[place] if 0 <= place < len(parts) else ""


_LINES = 4
"""How many lines behind the begin of a call that starts threads or tasks one of them may be made, or be called by a lambda."""


def _pairs(given: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What is handed over by name, as names and paths."""
    for one in given:
        name, equals, path = one.partition("=")
        if equals and "(" not in one:
            yield name, path


def _by_name(call: CallSite) -> tuple[tuple[str, str], ...]:
    """What a call hands to the unit that it starts by the names of its parameters: `kwargs={"counts": counts}`, `counts=counts`."""
    packed = next((given[len("kwargs={") : -1] for given in call.arguments if given.startswith("kwargs={")), None)
    written = packed.split(", ") if packed is not None else call.arguments
    return tuple((name, path) for name, path in _pairs(written) if path.isidentifier())


PUTS_IN = frozenset({"put", "put_nowait"})
"""Methods that put an entry into a queue."""


def put_into(function: FunctionFacts) -> set[str]:
    """The queues of its own object that a method puts something into, as written: `self._queue`."""
    calls = (call.callee.rpartition(".") for call in function.calls)
    return {holder for holder, _, method in calls if method in PUTS_IN and holder.startswith("self.")}
