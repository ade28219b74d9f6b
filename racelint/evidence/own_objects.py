"""Calls of methods on an object that nobody else has yet, or ever, or any longer."""

from __future__ import annotations

from racelint.events import Kind, Resource
from racelint.evidence.confined import Confined
from racelint.evidence.data import Root
from racelint.evidence.own_tasks import find_own_tasks
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property
from racelint.resolve import enclosing_self
from racelint.words import BRINGS_UP, first_word

BUILDERS = frozenset({"__init__", "__post_init__"})


class OwnObjects(Confined):
    """Which units come to a function with an object that other units have, too."""

    def reached_sharing(self, function: str, resource: Resource | None) -> frozenset[int]:
        """The roots that reach the function, less those that do so only with a new object, where the resource is an attribute of that.

        Only of that: paths, globals and whatever else the object was handed are what they are for other objects.
        """
        if resource is None or resource.kind is not Kind.ATTRIBUTE or not self._calls_on_new:
            return self.reached.get(function, frozenset())
        root, _, path = resource.name.partition(".")
        if root != "self" or not path or "." in resource.path or resource.owner not in self.scope.classes:
            return self.reached.get(function, frozenset())
        if not self._of_each(resource):
            return self.reached.get(function, frozenset())
        known = self._reached_sharing.get(resource.owner)
        if known is None:
            known = self._reached_sharing[resource.owner] = self._find_reached(resource.owner)
        return known.get(function, frozenset())

    @cached_property
    def own_tasks(self) -> frozenset[str]:
        """The coroutines that objects start as tasks of their own and do not wait for."""
        return find_own_tasks(self)

    @cached_property
    def _reached_sharing(self) -> dict[str, dict[str, frozenset[int]]]:
        return {}

    def _find_reached(self, owner: str) -> dict[str, frozenset[int]]:
        family = self.scope.family(owner)
        own = {pair for pair, class_ in self._calls_on_new.items() if class_ in family}
        return self.spread(own) if own else self.reached

    def _of_each(self, resource: Resource) -> bool:
        """Whether each object has what the attribute holds for itself: it is set anew, or its contents were made by the class."""
        owner, attribute = resource.owner, resource.path
        started = [
            built for class_ in self.scope.lineage(owner) for name, built in class_.attributes if name == attribute
        ]
        if not _PLAIN.issuperset(started):
            return False  # all objects start with what the class has
        writes = [write for _, write in self.scope.attribute_writes(owner, attribute)]
        if all(write.how in ("=", "+=") for write in writes):
            return True
        return all(write.shape not in ("other", "") for write in writes if write.how == "=")

    @cached_property
    def _calls_on_new(self) -> dict[tuple[str, str], str]:
        """The caller and the method of all calls that are made on new objects only, with the class of the object."""
        found: dict[tuple[str, str], str] = {}
        shared: set[tuple[str, str]] = set()
        for callee, sites in self.callers.items():
            method = self.scope.functions.get(callee)
            for caller, call in sites if method is not None and method.owner else ():
                pair = (caller.qualname, callee)
                if method is not None and self._on_new(call, caller, method):
                    found[pair] = method.owner
                else:
                    shared.add(pair)
        return {pair: owner for pair, owner in found.items() if pair not in shared}

    def _on_new(self, call: CallSite, caller: FunctionFacts, method: FunctionFacts) -> bool:
        """Whether the receiver was made for the call (`Job(row).run()`), belongs to the run that calls it, was taken out of a queue, or is
        what a constructor is building."""
        receiver, dot, name = call.callee.rpartition(".")
        if not dot or not {"classmethod", "staticmethod"}.isdisjoint(method.decorators) or name in BUILDERS:
            return False
        if "." not in receiver and (_taken_out(receiver, caller) or self.confined(receiver, caller)):
            return True
        if "." not in receiver and self.scope.names_in(caller.qualname).class_named(receiver) is not None:
            return any(made.callee == receiver and made.line == call.line for made in caller.calls)
        owner, self_name = enclosing_self(caller, self.scope)
        if caller.name not in BUILDERS or not owner or receiver != self_name:
            return False
        return not any(_hands_out(other, self_name) for other in caller.calls if other.line < call.line)

    def starts_first(self, thread: Root, method: int) -> bool:
        """Whether a public method by which its object comes into use is what leads to the start of the thread: what it does comes before.

        `open` makes the socket and starts the reader; that somebody opens the object again while it runs, nothing says.
        """
        unit = self.scope.functions.get(self.roots[method].unit)
        if unit is None or not unit.owner or first_word(unit.name) not in BRINGS_UP or thread.many or thread.body:
            return False
        sites = self.started_with.get(thread.unit, ())
        return bool(sites) and all(method in self.reached.get(site.caller.qualname, ()) for site in sites)

    def of_alternatives(self, first: int, second: int, one: str, other: str) -> bool:
        """Whether two public methods of one object each start a thread or task of their own, and both come to the same function.

        `run` and `run_iter`: callers take the one or the other; that both would be under way on one object, nothing says. What
        sets up an object may well do both: `start_reader` and `start_writer`.
        """
        left, right = (self._outer_method(self.roots[number]) for number in (first, second))
        if left is None or right is None or left is right or left.owner != right.owner:
            return False
        if not any({first, second} <= self.reached.get(name, frozenset()) for name in (one, other)):
            return False
        callers = [{caller.qualname for caller, _ in self.callers.get(m.qualname, ())} for m in (left, right)]
        return (
            callers[0].isdisjoint(callers[1]) and left.qualname not in callers[1] and right.qualname not in callers[0]
        )

    def _outer_method(self, root: Root) -> FunctionFacts | None:
        """The public method in which what it starts stands, if it is known as that and starts one for each call."""
        unit = self.scope.functions.get(root.unit)
        if unit is None or not unit.parent or root.many or root.public or root.handler or root.called or root.told:
            return None
        outer = self.scope.functions.get(self.outermost(unit))
        if outer is None or not outer.owner or outer.name.startswith("_"):
            return None
        return None if first_word(outer.name) in self.scope.models.lifecycle else outer


_PLAIN = frozenset({"none", "false", "true", "constant"})
"""Values of a class that nothing changes in place: who sets the attribute of an object leaves them to the others."""


def _taken_out(name: str, caller: FunctionFacts) -> bool:
    """Whether a local name holds an item that the function took out of a collection, as a job out of a queue: others take others.

    What a dictionary's `get` gives stays there, but for that a key is named.
    """
    built = {made for local, made in caller.locals_built if local == name}
    made = built.pop() if len(built) == 1 else ""
    last = made.rpartition(".")[2]
    if last != "get" or "queue" not in made.lower():
        return last in _TAKES
    sites = (site for site in caller.calls if site.callee == made)
    return all("=" in argument for site in sites for argument in site.arguments)


_TAKES = frozenset({"popleft", "get_nowait", "pop"})
"""Last names of calls that take something out of a collection: what one of them gives, none of the others gets."""


def _hands_out(call: CallSite, self_name: str) -> bool:
    """Whether a call gets the object or a part of it, or starts the thread that the object is."""
    given = (argument.lstrip("*").rpartition("=")[2] for argument in call.arguments)
    return call.callee == f"{self_name}.start" or any(path.partition(".")[0] == self_name for path in given)
