"""Which units run at once, and how sure that is."""

from __future__ import annotations

from racelint.events import Kind, Resource
from racelint.evidence.data import Evidence, Root
from racelint.evidence.kept import closed_over
from racelint.evidence.own_objects import BUILDERS, OwnObjects
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import cached_property
from racelint.resolve import locks_of
from racelint.words import BRINGS_UP, first_word, of_application

_REMEMBERED = 100
"""For how many functions and resources it is remembered which roots come to them: the same few are asked about one after the other,
and each may have hundreds in a large module."""


def _constructs(root: Root, resource: Resource | None) -> bool:
    """Whether the root is a constructor and the resource an attribute of its new object, which nobody else has yet."""
    return (
        resource is not None
        and resource.name.startswith("self.")
        and root.unit.rpartition(".")[2] in ("__init__", "__post_init__")
    )


def _taken(call: CallSite) -> tuple[str, ...]:
    """What is held around a call, and what it takes itself if it is `lock.acquire()`."""
    receiver, _, method = call.callee.rpartition(".")
    return (*call.within, receiver) if method == "acquire" else call.within


def brings_up(unit: FunctionFacts) -> bool:
    """Whether a method is one by which its object comes into use, by its name and what it sets."""
    if not unit.owner or first_word(unit.name) not in BRINGS_UP:
        return False
    return any(write.path.startswith("self.") for write in unit.writes)


class Concurrency(OwnObjects):
    """The units of one module and what can run while they do."""

    def overlap(self, one: str, other: str, world: str, resource: Resource | None = None) -> Evidence | None:
        """The strongest evidence that a run of `one` and a run of `other` (possibly the same function) overlap.

        With a resource: that they overlap on the same one; runs that have an object of their own do not share its attributes.
        A unit that the module starts itself beside its public methods is stronger evidence than two public methods.
        """
        key = (one, other, world, resource)
        if key not in self._overlaps:
            if len(self._overlaps) > _REMEMBERED:
                self._overlaps.clear()
            self._overlaps[key] = self._find_overlap(one, other, world, resource)
        return self._overlaps[key]

    @cached_property
    def _overlaps(self) -> dict[tuple[str, str, str, Resource | None], Evidence | None]:
        return {}

    def _find_overlap(self, one: str, other: str, world: str, resource: Resource | None) -> Evidence | None:
        if resource is not None and (self._builds(one, resource) or self._builds(other, resource)):
            return None
        if world == "threads" and all(self._on_loop_by_its_word(name) for name in (one, other)):
            return None
        own = resource is not None and resource.kind is Kind.ATTRIBUTE and not self.of_class(resource)
        own = own and resource is not None and not self.part_of_all(resource)
        captured = self._of_call(one, other, resource)
        given = resource is not None and resource.kind is Kind.ARGUMENT and not of_application(resource.path)
        if given and resource is not None and (self._of_one_run(one, resource) or self._of_one_run(other, resource)):
            return None
        many = world, resource, own, given, captured
        lefts, rights = self._sharing(one, *many), self._sharing(other, *many)
        best: Root | None = None
        weakest, public, elsewhere, met, half, unseen = Confidence.HIGH, False, False, False, "", ""
        for first, left, left_strength, left_at_lock in lefts:
            for second, right, right_strength, right_at_lock in rights:
                strength = right_strength if right_strength.rank < left_strength.rank else left_strength
                at_lock = left_at_lock and right_at_lock
                told = public and not (left.public and right.public and not at_lock)  # by more than public names
                if best is not None:  # in modules with hundreds of public functions most pairs tell nothing new
                    most = 1 if strength.rank == 0 and left.public != right.public else strength.rank
                    if most < weakest.rank or (most == weakest.rank and not told):
                        continue
                if (
                    (
                        not left.many
                        and (
                            first == second
                            or (left.public and right.public and not right.many and self._one_in_other(first, second))
                            or (own and left.waited and right.waited and left.run and left.run == right.run)
                        )
                    )
                    or (left.worker and left.worker == right.worker and (own or not left.worker.startswith("self.")))
                    or (first != second and (self._waits_for(second, left) or self._waits_for(first, right)))
                    or (first == second and (left.body or left.apart) and own)
                    or (first == second and given and resource is not None and self._of_element(left, one, resource))
                ):
                    continue
                in_turn = own and left.in_turn and left.in_turn == right.in_turn
                if in_turn and resource is not None and resource.owner in self.scope.family(self._owner(left)):
                    continue
                called = left.called or right.called or left.documented or right.documented
                lowered = (
                    (left.guarded and right.guarded)
                    or (first != second and self._apart(left, right, resource))
                    or (first == second and left.elsewhere)
                    or (left.public and right.public and world == "tasks" and not self._owner(left))
                    or (first != second and self.of_alternatives(first, second, one, other))
                    or (own and (self._left_to_worker(left) or self._left_to_worker(right)))
                    or in_turn  # of what the one object has, though others might have it, too
                )
                if lowered:
                    strength = Confidence.LOW
                elif strength is Confidence.LOW and left.public != right.public and not called and not self.unlikely:
                    weak, strong = (left, right) if left.public else (right, left)
                    of_threads = world == "threads" and (
                        # nothing speaks of threads
                        (
                            weak.strength is Confidence.LOW
                            and not (strong.told or strong.many or self._beside_own_thread(strong, weak, resource))
                        )
                        or strong.waited  # by whoever called the object's method
                        or self._step_of(first, second)
                        or self.starts_first(strong, first if left.public else second)
                        or (strong.body and self._own_step(weak))
                        or self._of_another_class(left, right, resource)
                    )
                    inner = of_threads or (world == "tasks" and self._is_coroutine(weak))
                    strength = strength if inner else Confidence.MEDIUM
                if best is None or strength.rank > weakest.rank or (told and strength is weakest):
                    best, weakest = (left if left.many else right), strength
                    public = left.public and right.public and not at_lock
                    unseen = left.unit if left.unseen and right.unseen and not lowered else ""
                    met = left.public and right.public and at_lock
                    elsewhere = left.called or right.called
                    half = (left if left.public else right).unit if left.public != right.public else ""
        if best is None:
            return None
        return Evidence(best.text, weakest, world, public, elsewhere, at_lock=met, half=half, unseen=unseen)

    def _sharing(
        self, at: str, world: str, resource: Resource | None, own: bool, given: bool, captured: str
    ) -> list[tuple[int, Root, Confidence, bool]]:
        """The roots of a world whose runs may share the resource with others at the function `at`.

        Each with its number, how much it says of the resource, and whether threads meet in `at` itself. `own` is whether the resource
        is an attribute that each object has, `given` whether it comes with the call, `captured` how the names of all functions begin
        that have the captured variable.
        """
        key = (at, world, resource, captured)
        known = self._known_sharing.get(key)
        if known is None:
            numbers = self.reached_sharing(at, resource)
            known = [
                (number, root, self._strength(root, resource, at), self.meets_at_lock(root, at))
                for number, root in ((number, self.roots[number]) for number in numbers)
                if not (
                    root.world != world
                    or (own and (self._has_own(root, resource) or self._makes_anew(root)))
                    or (own and world == "tasks" and _constructs(root, resource))
                    or (world == "threads" and resource is not None and self._builds(root.unit, resource))
                    or (given and (root.handler or root.called))
                    or (captured and not self._has_captured(number, captured))
                )
            ]
            if len(self._known_sharing) > _REMEMBERED:
                self._known_sharing.clear()
            self._known_sharing[key] = known
        return known

    @cached_property
    def _known_sharing(
        self,
    ) -> dict[tuple[str, str, Resource | None, str], list[tuple[int, Root, Confidence, bool]]]:
        return {}

    def _of_element(self, root: Root, unit: str, resource: Resource) -> bool:
        """Whether the argument whose attribute the resource is holds another object in each thread that runs the unit."""
        return root.unit == unit and self.has_own_element(unit, resource.name.partition(".")[0])

    def _left_to_worker(self, root: Root) -> bool:
        """Whether it is only a public method of which the project shows that a pool of one worker runs it."""
        return root.public and any(
            one.worker and one.unit == root.unit and one.world == root.world for one in self.roots
        )

    def _makes_anew(self, root: Root) -> bool:
        """Whether the unit is a public method that runs the constructor of its object once more: nobody uses that meanwhile."""
        unit = self.scope.functions.get(root.unit) if root.public else None
        return unit is not None and any(call.callee == "self.__init__" for call in unit.calls)

    def _on_loop_by_its_word(self, name: str) -> bool:
        """Whether the documentation of a function says that the one thread of an event loop runs it."""
        unit = self.scope.functions.get(name)
        return unit is not None and unit.run_by == "loop"

    def _of_call(self, one: str, other: str, resource: Resource | None) -> str:
        """How the names of all functions begin that have the same captured variable, which is one of a call of the function around
        them; "" if it is none. Of a part of what a variable holds only its class is known: then it is that of the one that has it."""
        if resource is None or resource.kind is not Kind.CAPTURED:
            return ""
        if resource.owner not in self.scope.classes:
            return f"{resource.owner}."
        parents = (unit.parent for name in (one, other) if (unit := self.scope.functions.get(name)) is not None)
        parent = next((name for name in parents if name), "")
        return f"{parent}." if parent else ""

    def _has_captured(self, number: int, prefix: str) -> bool:
        """Whether runs from the root share variables of one call of a function: they start in it, or come to what it once decorated."""
        return self.roots[number].unit.startswith(prefix) or any(
            number in self.reached.get(name, ())
            for wrapper, decorated in self.decorating.items()
            if wrapper.startswith(prefix)
            for name in decorated
        )

    def _of_one_run(self, unit: str, resource: Resource) -> bool:
        """Whether the argument whose attribute the resource is belongs to a single run, which has made it."""
        function = self.scope.functions.get(resource.owner[1:] if resource.owner.startswith("?") else unit)
        if function is None:
            return False
        name, typed = resource.name.partition(".")[0], self.scope.names_in(function.qualname).annotated_type
        meant = [p for p, _ in function.params if p == name]
        if not meant and name == "self":  # of a method that is called on one
            meant = [p for p, annotation in function.params if typed(annotation) == f":{resource.owner}"]
        return bool(meant) and all(self.confined(p, function) or self.of_own_thread(p, function) for p in meant)

    def of_class(self, resource: Resource) -> bool:
        """Whether the attribute is written as one of a class, which all its objects share, or is a collection that the class has."""
        root = resource.name.partition(".")[0]
        if root == "cls" or root in self.scope.classes:
            return True
        attribute = resource.path.partition(".")[0].partition("[")[0]
        return root == "self" and self.scope.is_held_by_all(resource.owner, attribute)

    def _has_own(self, root: Root, resource: Resource | None) -> bool:
        """Whether each run from the root may have an object of its own.

        A function without `self` that another module or a framework calls gets its object here: it may build one each time, unless
        the module holds one.
        """
        unit = self.scope.functions.get(root.unit)
        if root.made and unit is not None and resource is not None:
            return "." not in resource.path and resource.owner in self.scope.family(unit.owner)
        if root.own_object and resource is not None and self.of_another_object(root, resource.owner):
            return False
        if root.own_object and resource is not None and resource.path.startswith("server.") and self._serves(root):
            return False
        if root.own_object or not (root.called or root.handler) or resource is None:
            return root.own_object
        of_object = unit is not None and unit.owner and not {"classmethod", "staticmethod"} & set(unit.decorators)
        if of_object or self._kept(resource.owner):
            return False
        return unit is None or not closed_over(unit, self.scope, self.scope.family(resource.owner))

    def _serves(self, root: Root) -> bool:
        """Whether the unit is a method of an object that a server of the standard library makes for a request, and hands itself."""
        unit = self.scope.functions.get(root.unit)
        bases = self.scope.base_names(unit.owner) if unit is not None and unit.owner else frozenset()
        return any(base.endswith("RequestHandler") for base in bases)

    def of_another_object(self, root: Root, owner: str) -> bool:
        """Whether objects of the class `owner` are none that runs from the root have for themselves: the module keeps one."""
        unit = self.scope.functions.get(root.unit)
        if unit is None or owner not in self.scope.classes or owner in self.scope.family(unit.owner):
            return False
        return self._kept(owner)

    def _beside_own_thread(self, root: Root, public: Root, resource: Resource | None) -> bool:
        """Whether the root is a thread that works on the object's own attributes: whoever calls its methods is another one.

        Who starts, ends or sets up the object does so before or after; what the thread itself calls by that name is its step. What
        another module starts may have an object that nobody else uses meanwhile.
        """
        unit, other = self.scope.functions.get(root.unit), self.scope.functions.get(public.unit)
        return (
            resource is not None
            and resource.kind is Kind.ATTRIBUTE
            and root.strength is Confidence.HIGH
            and not (root.handler or root.called or root.run)
            and unit is not None
            and other is not None
            and bool(unit.owner)
            and resource.owner in self.scope.family(unit.owner)
            and other.name.lstrip("_").partition("_")[0] not in self.scope.models.lifecycle
            and other.name not in {name.rpartition(".")[2] for name in self.runs(root.unit)}
        )

    def _is_coroutine(self, root: Root) -> bool:
        """Whether who calls the public method has to await it: read closely, most have one caller, which awaits them in turn."""
        unit = self.scope.functions.get(root.unit)
        return unit is not None and unit.is_async

    def _one_in_other(self, one: int, other: int) -> bool:
        """Whether one of two main loops of an object comes to the other: `run` sets up and calls `serve`."""
        return any(
            number in self.reached.get(self.roots[inner].unit, frozenset())
            for number, inner in ((one, other), (other, one))
        )

    def _step_of(self, one: int, other: int) -> bool:
        """Whether the public one of two roots is a step of what the other one runs: nobody else needs to call it."""
        weak, strong = (one, other) if self.roots[one].public else (other, one)
        return strong in self.reached.get(self.roots[weak].unit, frozenset())

    def _own_step(self, root: Root) -> bool:
        """Whether other methods of its object call the method: it is one of what a thread, which the object is, does in turn."""
        unit = self.scope.functions.get(root.unit)
        return unit is not None and any(
            caller.owner in self.scope.family(unit.owner) and call.callee == f"self.{unit.name}"
            for caller, call in self.callers.get(unit.qualname, ())
        )

    def _waits_for(self, number: int, root: Root) -> bool:
        """Whether a root that runs alone is what starts all runs of another one and waits for their end."""
        starts = bool(root.starters) and all(number in self.reached.get(name, ()) for name in root.starters)
        return starts and not self.roots[number].many

    def _apart(self, left: Root, right: Root, resource: Resource | None) -> bool:
        """Whether each of two units may have its own object of the resource's class.

        So may two classes of threads, methods of two classes that are started, and units of two other modules.
        """
        if left.body and right.body:
            return True
        if self._one_of_many(left, right, resource) or self._one_of_many(right, left, resource):
            return True
        if resource is None or resource.kind is not Kind.ATTRIBUTE or left.public or right.public:
            return False
        if left.called and right.called:
            return left.origin != right.origin and not self._kept(resource.owner)
        one, other = (self._owner(root) for root in (left, right))
        if not one or not other or resource.owner in self.scope.family(one) | self.scope.family(other):
            return False
        bases = {one: self.scope.lineage(one), other: self.scope.lineage(other)}
        return not any(c.qualname == one for c in bases[other]) and not any(c.qualname == other for c in bases[one])

    def _one_of_many(self, left: Root, right: Root, resource: Resource | None) -> bool:
        """Whether a loop starts the one for each of several objects, and the other comes from an object that has such: any of them."""
        if not left.apart or right.public or resource is None or resource.kind is not Kind.ATTRIBUTE:
            return False
        owner = self._owner(right)
        return bool(owner) and resource.owner not in self.scope.family(owner) and not self._kept(resource.owner)

    def _owner(self, root: Root) -> str:
        """The class whose method the root is; "" if it is none."""
        unit = self.scope.functions.get(root.unit)
        return unit.owner if unit is not None else ""

    def _of_another_class(self, left: Root, right: Root, resource: Resource | None) -> bool:
        """Whether the thread is a method of another class than the one that has the resource: each may have its own object.

        A function of the module tells nothing of whose object it uses; but then the public one has to be a method of that class.
        """
        strong, weak = (self.scope.functions.get(r.unit) for r in ((right, left) if left.public else (left, right)))
        if resource is None or resource.kind is not Kind.ATTRIBUTE or strong is None:
            return False
        if weak is not None and weak.owner and self._of_other_objects(weak, resource):
            return True
        family = self.scope.family(resource.owner)
        if not strong.owner:
            return weak is not None and bool(weak.owner) and weak.owner not in family and not self._kept(resource.owner)
        return strong.owner not in family and not self._made_for(strong.owner, family)

    def _made_for(self, qualname: str, family: frozenset[str]) -> bool:
        """Whether objects of one of the classes hand themselves to the objects of the class that they make."""
        constructor = self.scope.method(qualname, "__init__")
        return constructor is not None and any(
            self.scope.handed_by_maker(constructor, name) in family for name, _ in constructor.params[1:]
        )

    def _builds(self, name: str, resource: Resource) -> bool:
        """Whether a function is the constructor of the object whose attribute the resource is."""
        if resource.kind is not Kind.ATTRIBUTE or not resource.name.startswith("self."):
            return False
        unit = self.scope.functions.get(name)
        return unit is not None and unit.name in BUILDERS and resource.owner in self.scope.family(unit.owner)

    def _strength(self, root: Root, resource: Resource | None, at: str) -> Confidence:
        """How much a root says of one resource that is accessed in the function `at`.

        A class's lock says that tasks share the object only where it guards what is looked at; that a function of the module
        is public says something of the module's own state only.
        """
        unit = self.scope.functions.get(root.unit)
        if not root.public:
            inner = root.documented and unit is not None and unit.name.startswith("_")
            own = resource is None or unit is None or resource.owner in self.scope.family(unit.owner)
            return Confidence.LOW if inner and not own else root.strength
        if root.world == "threads" and unit is not None and brings_up(unit):
            return Confidence.LOW  # whoever sets the object up does so before others use it
        if root.strength is Confidence.LOW:
            shared = resource is not None and resource.kind is Kind.GLOBAL and unit is not None and not unit.owner
            guarded = shared and resource is not None and root.world == "threads" and self._lock_guards(resource, True)
            return Confidence.MEDIUM if guarded and not self.unlikely else Confidence.LOW
        if unit is not None and unit.owner and self._of_other_objects(unit, resource):
            return Confidence.LOW
        if root.locked and resource is not None and resource.kind is Kind.CAPTURED:
            return root.strength if self._lock_guards(resource, True) else Confidence.LOW
        if unit is not None and not unit.owner:
            return root.strength if resource is not None and resource.kind is Kind.GLOBAL else Confidence.LOW
        if root.locked and resource is not None and not self._lock_guards(resource, root.world == "threads"):
            return Confidence.MEDIUM if self.meets_at_lock(root, at) else Confidence.LOW
        return root.strength

    def meets_at_lock(self, root: Root, at: str) -> bool:
        """Whether threads meet in the very method `at`: it takes the lock of its object, but not for all that it does.

        A method that it calls may be one that others call, too, or for which they hold a lock. Who brings the object up or takes
        it down does that once, whatever it locks.
        """
        unit = self.scope.functions.get(root.unit)
        if (
            root.unit != at
            or not root.locked
            or root.world != "threads"
            or unit is None
            or unit.name.lstrip("_").partition("_")[0] in self.scope.models.lifecycle
        ):
            return False
        known = self._meeting.get(unit.qualname)
        if known is None:
            own = {
                f"self.{name}"
                for class_ in self.scope.lineage(unit.owner)
                for name in locks_of(self.scope, class_.qualname)
            }
            known = self._meeting[unit.qualname] = any(
                not own.isdisjoint(write.within) for write in unit.writes if write.path.startswith("self.")
            )
        return known

    @cached_property
    def _meeting(self) -> dict[str, bool]:
        return {}

    def _of_other_objects(self, unit: FunctionFacts, resource: Resource | None) -> bool:
        """Whether what a class has for its tasks or threads says nothing of the resource.

        It belongs to objects of another class, which the first does not keep: a call may well make one for itself. So does what
        a constructor does with no state of its class: it is called once for each object.
        """
        if resource is None:
            return unit.name in BUILDERS
        if resource.kind is not Kind.ATTRIBUTE or resource.owner not in self.scope.classes:
            return False
        family = self.scope.family(resource.owner)
        if unit.owner in family or self._kept(resource.owner):
            return False
        return not family & self._made_attributes(unit.owner) or self._called_under_lock_by(unit.owner, family)

    def _called_under_lock_by(self, owner: str, family: frozenset[str]) -> bool:
        """Whether the methods of a class call those of a part that it keeps only under a lock of theirs."""
        known = self._known_parts.get((owner, family))
        if known is None:
            sites = [
                self.held_around(caller, call) | self.held_on_entry(caller)
                for caller in self.scope.every_function
                if caller.owner == owner and caller.name not in BUILDERS
                for call in caller.calls
                if any(target.owner in family for target in self.target(call.callee, caller))
            ]
            known = bool(sites) and all(any(map(self.scope.is_lock, site)) for site in sites)
            self._known_parts[owner, family] = known
        return known

    @cached_property
    def _known_parts(self) -> dict[tuple[str, frozenset[str]], bool]:
        return {}

    def _lock_guards(self, resource: Resource, changes_only: bool) -> bool:
        """Whether any function of the owner uses the resource inside a `with` of something that may be a lock."""
        key = (resource.kind, resource.owner, resource.path, changes_only)
        if key not in self._known_guards:
            self._known_guards[key] = self._looked_for_guards(resource, changes_only)
        return self._known_guards[key]

    @cached_property
    def _known_guards(self) -> dict[tuple[Kind, str, str, bool], bool]:
        return {}

    def _looked_for_guards(self, resource: Resource, changes_only: bool) -> bool:
        is_lock = self.scope.is_lock
        if any(is_lock(guard) for _, write in self.writers(resource) for guard in write.within):
            return True
        if changes_only:
            return False
        family = self.scope.family(resource.owner) if resource.owner in self.scope.classes else frozenset()
        return any(
            f"self.{resource.path}" in function.reads
            and any(is_lock(guard) for call in function.calls for guard in _taken(call))
            for function in self.scope.every_function
            if function.owner in family
        )
