"""Objects that a function makes and keeps for itself, with the helpers that it hands them to."""

from __future__ import annotations

from racelint.events import Resource
from racelint.evidence.handed_alike import HandedAlike
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts, Write
from racelint.frozen import cached_property

MOST_STEPS = 4
"""How far it is followed who hands an object to whom."""

_NAMES = expression(r"(?<![.\w])[A-Za-z_]\w*")

_ONLY_LOOKS = frozenset(
    "bool format getattr hasattr id isinstance len print repr setattr sorted str sum type vars".split()
)
"""Functions that keep nothing of what they are given."""

_RECORDS = frozenset({"dataclass", "define", "mutable", "frozen", "attrs", "s"})
"""Last names of decorators of classes whose names are what each object is handed and keeps: those of `dataclasses` and of attrs."""


class Confined(HandedAlike):
    """Which names hold an object that nobody but one run of a unit has."""

    def confined(self, name: str, function: FunctionFacts, steps: int = MOST_STEPS) -> bool:
        """Whether a name of a function holds a new object each time: it has made it, or whoever calls it has, and nobody keeps it."""
        key = (function.qualname, name)
        known = self._known_confined.get(key)
        if known is None:
            self._known_confined[key] = False  # for recursion
            known = self._known_confined[key] = (
                self._handed_new(name, function, steps)
                if name in (parameter for parameter, _ in function.params)
                else self._makes_new(name, function) and self._keeps(name, function, MOST_STEPS)
            )
        return known

    @cached_property
    def _known_confined(self) -> dict[tuple[str, str], bool]:
        return {}

    def _foreign_writers(self, resource: Resource) -> list[tuple[FunctionFacts, Write]]:
        found = super()._foreign_writers(resource)
        return [(function, w) for function, w in found if not self.confined(w.path.partition(".")[0], function)]

    def _handed_new(self, name: str, function: FunctionFacts, steps: int) -> bool:
        """Whether all callers of a function, of which every one is known, hand it such an object; itself, it may hand on its own."""
        sites = [
            (caller, call)
            for caller, call in self.callers.get(function.qualname, ())
            if not _hands_on(name, caller, call, function)
        ]
        if not sites or not steps or any(write.path == name for write in function.writes):
            return False
        if any(root.unit == function.qualname and not root.public for root in self.roots):
            return False
        given = [_given(name, call, function) for _, call in sites]
        return all(
            path
            and caller is not self.scope.facts.module_body
            and (self.confined(path, caller, steps - 1) or self._not_yet_out(path, caller, call))
            for path, (caller, call) in zip(given, sites, strict=True)
        )

    def _not_yet_out(self, name: str, function: FunctionFacts, call: CallSite) -> bool:
        """Whether a name holds a new object that the function hands out only after a call, and not in a loop that comes back to it."""
        if not self._makes_new(name, function):
            return False
        out = [c for c in function.calls if not self._only_lent(name, c, function, MOST_STEPS)]
        out += [started for started, _ in self.spawning_calls(function)]
        if any(c.line <= call.line or (c.looped and name not in function.made_anew) for c in out):
            return False
        kept = [write.line for write in function.writes if write.built_from == name or _may_hold(write, name, function)]
        return all(line > call.line for line in kept) and not self._reached_within(name, function)

    def _makes_new(self, name: str, function: FunctionFacts, steps: int = MOST_STEPS) -> bool:
        """Whether all that a local name is bound to is an object of a class of the project that is made there, or for it."""
        made = [built for local, built in function.locals_built if local == name]
        bound = [write for write in function.writes if write.path == name]
        if not made or len(made) != len(bound) or name in function.outer_names | function.loop_names:
            return False
        begun = [built for built in made if not built.startswith(f"{name}.")]
        if len(begun) < len(made) and not self._goes_on(name, begun, made, function):
            return False
        return bool(begun) and all(self._gives_new(built, function, steps) for built in begun)

    def _goes_on(self, name: str, begun: list[str], made: list[str], function: FunctionFacts) -> bool:
        """Whether the name holds the object that it began with whenever it is bound to what a method of that gives: `query = query.where(…)`."""
        classes = {class_ for built in begun if (class_ := self._chain(built, function)[0])}
        calls = [call.callee for call in function.calls]
        return len(classes) == 1 and all(
            built in calls and all(self._gives_itself(class_, method) for method in built.split(".")[1:])
            for class_ in classes
            for built in made
            if built not in begun
        )

    def _chain(self, built: str, function: FunctionFacts) -> tuple[str, list[str]]:
        """The class of the project by which a chain of calls begins, and the methods that are called then: `Query().where(…).limit(…)`;
        "" if it begins by none."""
        parts, names = built.split("."), self.scope.names_in(function.qualname)
        for number in range(len(parts), 0, -1):
            class_ = names.class_named(".".join(parts[:number]))
            if class_ is not None:
                return class_.qualname, parts[number:]
        return "", []

    def _gives_itself(self, owner: str, name: str) -> bool:
        """Whether a method gives its own object, which it leaves to nobody else, and nothing else."""
        method = self.scope.method(owner, name)
        if method is None or method.decorators or not method.params or not method.returned:
            return False
        return set(method.returned) == {method.params[0][0]} and self._keeps_own(method, MOST_STEPS)

    def _gives_new(self, built: str, function: FunctionFacts, steps: int) -> bool:
        """Whether what is called is such a class, or a function that returns a new object each time and leaves it to nobody else."""
        class_ = self.scope.names_in(function.qualname).class_named(built)
        if class_ is not None:
            return self._hides(class_.qualname)
        owner, methods = self._chain(built, function)
        if owner and all(self._gives_itself(owner, method) for method in methods):
            # the class itself has to be called: its method may be handed an object
            begin = built.removesuffix("." + ".".join(methods))
            return self._hides(owner) and any(call.callee == begin for call in function.calls)
        targets = self.target(built, function)
        if len(targets) != 1 or not steps or targets[0].decorators or targets[0].yields or not targets[0].returned:
            return False
        maker = targets[0]
        return all(
            self._gives_new(path[:-2], maker, steps - 1)
            if path.endswith("()")
            else self._makes_new(path, maker, steps - 1) and self._keeps(path, maker, steps - 1)
            for path in maker.returned
        )

    def _hides(self, qualname: str) -> bool:
        """Whether objects of a class are known to nobody but who makes them: their constructor tells nobody of them."""
        constructor = self.scope.method(qualname, "__init__")
        return constructor is None or self._keeps_own(constructor, MOST_STEPS)

    def _keeps_own(self, method: FunctionFacts, steps: int) -> bool:
        """Whether a method leaves its object to nobody."""
        return bool(method.params) and self._keeps(method.params[0][0], method, steps)

    def _keeps(self, name: str, function: FunctionFacts, steps: int) -> bool:
        """Whether a function leaves what a local name or parameter holds to nobody who has it longer than the call takes.

        What it starts, or what is called back later, may have it in a way that facts do not tell of.
        """
        if function.yields or not steps or self.spawning_calls(function):
            return False
        if any(write.built_from == name or _may_hold(write, name, function) for write in function.writes):
            return False
        if self._reached_within(name, function):
            return False
        return all(self._only_lent(name, call, function, steps) for call in function.calls)

    def _reached_within(self, name: str, function: FunctionFacts) -> bool:
        """Whether a function within the function reads the name."""
        inner = f"{function.qualname}."
        return any(f.qualname.startswith(inner) and name in f.reads for f in self.scope.facts.functions)

    def _is_part(self, path: str) -> bool:
        """Whether a path leads over an attribute which the module sets in its objects: no method, which would take its object along."""
        holder, _, rest = path.partition(".")
        return holder.isidentifier() and rest.partition(".")[0] in self._set_attributes

    @cached_property
    def _set_attributes(self) -> frozenset[str]:
        functions = self.scope.facts.functions
        written = {write.path.rpartition(".")[2] for f in functions for write in f.writes if "." in write.path}
        fields = {
            name
            for class_ in self.scope.facts.classes
            if not _RECORDS.isdisjoint(decorator.rpartition(".")[2] for decorator in class_.decorators)
            for name, built in class_.attributes
            if built != "other"  # a method under a second name
        }
        return frozenset((written | fields) - {function.name for function in functions if function.owner})

    def _only_lent(self, name: str, call: CallSite, function: FunctionFacts, steps: int) -> bool:
        """Whether a call does not get the object, or hands it to a function of the module that does not keep it."""
        targets = self.target(call.callee, function)
        own = call.callee.rpartition(".")[0] == name
        if own and not (targets and all(self._keeps_own(target, steps - 1) for target in targets)):
            return False  # a method of a base that is out of view may start a thread
        given = [argument.partition("=")[2] or argument for argument in call.arguments]
        if not any(name in _NAMES.findall(path) and not self._is_part(path) for path in given):
            return True
        if call.callee in _ONLY_LOOKS:
            return True
        if len(targets) == 1 and _hands_on(name, function, call, targets[0]):
            return True
        return len(targets) == 1 and all(
            bool(parameters := [parameter for parameter, _ in target.params if _given(parameter, call, target) == name])
            and all(self._keeps(parameter, target, steps - 1) for parameter in parameters)
            for target in targets
        )


def _may_hold(write: Write, name: str, function: FunctionFacts) -> bool:
    """Whether a list, dictionary or set that is written out may have the object in it: it is not made before the object is, and
    the function names it alone somewhere."""
    if write.shape != "display" or name not in function.references:
        return False
    made = min((bound.line for bound in function.writes if bound.path == name), default=0)
    return write.line >= made or name in function.made_anew


def _hands_on(name: str, caller: FunctionFacts, call: CallSite, function: FunctionFacts) -> bool:
    """Whether a function calls itself with what it was given itself for a parameter, and for no other one."""
    if caller.qualname != function.qualname or name not in (parameter for parameter, _ in function.params):
        return False
    named = [a for a in call.arguments if name in _NAMES.findall(a.partition("=")[2] or a)]
    return len(named) == 1 and _given(name, call, function) == name


def _given(name: str, call: CallSite, function: FunctionFacts) -> str:
    """The local name that a call hands over for a parameter of a function; "" if it is none."""
    by_name = next((given for given in call.arguments if given.startswith(f"{name}=")), "")
    if by_name:
        path = by_name.partition("=")[2]
    else:
        own = bool(function.owner) and "staticmethod" not in function.decorators
        place = [parameter for parameter, _ in function.params].index(name) - int(own)
        plain = [given for given in call.arguments if "=" not in given]
        path = plain[place] if 0 <= place < len(plain) else ""
        if any(given.startswith("*") for given in plain[: place + 1]):
            return ""
    return path if path.isidentifier() else ""
