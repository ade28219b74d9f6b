"""What the calls of a module mean: which functions they call, and who calls whom."""

from __future__ import annotations

from collections import deque
from functools import cache
from io import TextIOWrapper

from racelint.evidence.meant import can_mean, is_meant
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import cached_property
from racelint.index.application import APPLICATION, IN_APPLICATION, OF_APPLICATIONS
from racelint.resolve import Scope, enclosing_self
from racelint.words import EVERYWHERE, first_word, named_after

MOST_ALIKE = 3
"""Classes of a module with a coroutine method that a call may mean, each of which what is called may be an object of."""


class Targets:
    """The calls of one module, and what they mean."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._names: set[str] = set()
        self._counted = 0
        self._targets: dict[tuple[str, str], list[FunctionFacts]] = {}

    def target(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """The functions of this module that a dotted path in `caller` may mean."""
        if "::" not in caller.qualname and last_name(path) not in self._defined and ("." in path or not self._callable):
            return []
        known = self._targets.get((path, caller.qualname))
        if known is None:
            known = self._targets[path, caller.qualname] = self._find_target(path, caller)
        return known

    @cached_property
    def _callable(self) -> bool:
        """Whether objects of any class of the module can be called, whatever name holds them."""
        return any(function.owner and function.name == "__call__" for function in self.scope.facts.functions)

    @property
    def _defined(self) -> set[str]:
        """The last names of all functions and classes that are here, or were taken over by now."""
        if self._counted != (counted := len(self.scope.functions) + len(self.scope.classes)):
            self._counted = counted
            self._names = set(map(last_name, (*self.scope.functions, *self.scope.classes)))
        return self._names

    def _find_target(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        scope, names = self.scope, self.scope.names_in(caller.qualname)
        path = path.lstrip("*")
        if "=" in path:
            path = path.partition("=")[2]
        first, _, rest = path.partition(".")
        if not rest:
            prefix = caller
            hidden = False
            for _ in range(6):
                inside = prefix.qualname
                nested = scope.functions.get(f"{inside}.{first}") if inside else names.function_named(first)
                if nested is not None and not nested.owner:
                    return [nested]
                hidden = any(parameter == first for parameter, _ in prefix.params)
                if hidden or not prefix.qualname:
                    break  # a parameter hides what the module has under its name
                prefix = scope.functions.get(prefix.parent, scope.facts.module_body)
            class_ = names.class_named(first) if not hidden else None
            if class_ is not None:
                return [
                    made
                    for name in ("__new__", "__init__", "__post_init__")
                    if (made := scope.method(class_.qualname, name))
                ]
            called = scope.method(self.local_type(first, caller).removeprefix(":"), "__call__")
            return [called] if called is not None else []
        owner, self_name = enclosing_self(caller, scope)
        if first == "super" and owner:
            above = scope.inherited_method(owner, rest)
            return [above] if above is not None else []
        if first == self_name and owner:
            if "." not in rest:
                found = scope.method(owner, rest)
                return [found] if found else []
            attribute, _, method = rest.partition(".")
            type_name, receiver = scope.attribute_type(owner, attribute), attribute
        elif (class_ := names.class_named(first)) is not None:
            type_name, method, receiver = ":" + class_.qualname, rest, first
        else:
            type_name, method, receiver = self.local_type(first, caller), rest, first
        if "." in method:
            home = scope.index.method_in_application(path)
            if home is None:
                return self._kept_under_name(path, caller)
            return [home[1]] if home[0] is scope.facts else []
        if type_name.startswith(":"):
            found = scope.method(type_name[1:], method)
            return [found] if found else []
        if type_name or first in names.imports or names is not scope:
            return []
        named = self._by_method_name.get(method, [])
        if method in _of_builtins() and not (caller.is_async and all(function.is_async for function in named)):
            held = "" if first == self_name else receiver
            around = self._nests.get(self.outermost(caller), (caller,)) if held and named else ()
            return [f for f in named if held and is_meant(scope, held, around, f.owner, _of_builtins())]
        if method in EVERYWHERE:
            return [function for function in named if named_after(receiver, function.owner)]
        if [function.qualname for function in named] == [caller.qualname]:
            return []  # who calls a method of its own name on another object hands on to its parts
        return named

    def _kept_under_name(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """The coroutine method that a path through an application means, where nothing shows what it keeps under that name.

        That is the one of the only class of the module that is named after the entry (`request.app["desk"].book`, `FrontDesk.book`).
        """
        if IN_APPLICATION.search(path) is None or self.scope.libraries.isdisjoint(OF_APPLICATIONS):
            return []
        holder, _, method = path.rpartition(".")
        attribute = holder.rpartition(".")[2]
        names = {name.strip('"') for name in caller.reads if name[:1] == '"'} | {attribute} - APPLICATION
        named = [f for f in self._by_method_name.get(method, ()) if any(named_after(name, f.owner) for name in names)]
        return named if len(named) == 1 and named[0].is_async else []

    @cached_property
    def _nests(self) -> dict[str, list[FunctionFacts]]:
        """By the outermost function all functions in it, itself included."""
        found: dict[str, list[FunctionFacts]] = {}
        for function in self.scope.facts.functions:
            found.setdefault(self.outermost(function), []).append(function)
        return found

    def outermost(self, function: FunctionFacts) -> str:
        """The qualified name of the function or method in which a nested function stands, or its own."""
        while function.parent and function.parent in self.scope.functions:
            function = self.scope.functions[function.parent]
        return function.qualname

    @cached_property
    def kept_by_application(self) -> frozenset[str]:
        """The classes of the module of which one object lives as long as the application."""
        path, index = self.scope.facts.path, self.scope.index
        shown = frozenset(class_.qualname for home, class_ in index.in_applications if home.path == path)
        if self.scope.libraries.isdisjoint(OF_APPLICATIONS):
            return shown
        return shown | {
            method.owner
            for caller in self.scope.facts.functions
            for call in caller.calls
            if call.awaited and IN_APPLICATION.search(call.callee) and index.method_in_application(call.callee) is None
            for method in self._kept_under_name(call.callee, caller)
        }

    def keeps(self, qualname: str) -> bool:
        """Whether the module holds an object of the class by one of its names."""
        return qualname in self.scope.classes and self._kept(qualname)

    def _kept(self, qualname: str) -> bool:
        """Whether a module-level name, or the application, holds an object of the class."""
        names = {
            c.qualname
            for c in self.scope.facts.classes
            if qualname in {b.qualname for b in self.scope.lineage(c.qualname)}
        }
        built = {value for _, value in self.scope.facts.assigned}
        return bool(names & built) or not names.isdisjoint(self.kept_by_application)

    def local_type(self, name: str, function: FunctionFacts) -> str:
        """The type of a local name, a parameter or a module-level name as far as assignments tell."""
        names = self.scope.names_in(function.qualname)
        seen: FunctionFacts | None = function
        for _ in range(5):
            if seen is None:
                break
            made = [names.built_type(built) for local, built in seen.locals_built if local == name]
            if made:  # or what it is said to be: `db: Redis = request.app["redis"]`
                return next((one for one in made if one in self.scope.models.types), made[0])
            for parameter, annotation in seen.params:
                if parameter == name:
                    return names.annotated_type(annotation)
            seen = self.scope.functions.get(seen.parent)
        built_from = names.assigned.get(name, "")
        return names.built_type(built_from) if built_from else ""

    @cached_property
    def _by_method_name(self) -> dict[str, list[FunctionFacts]]:
        found: dict[str, list[FunctionFacts]] = {}
        for function in self.scope.facts.functions:
            if function.owner and not function.name.startswith("__"):
                found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def callers(self) -> dict[str, list[tuple[FunctionFacts, CallSite]]]:
        """Every call site of each function, within this module."""
        found: dict[str, list[tuple[FunctionFacts, CallSite]]] = {}
        for caller in (*self.scope.every_function, self.scope.facts.module_body):
            for call in caller.calls:
                for callee in self._precise(call.callee, caller):
                    found.setdefault(callee.qualname, []).append((caller, call))
                    for other in self.overriding(callee) if callee.owner and call.callee.count(".") == 1 else ():
                        found.setdefault(other.qualname, []).append((caller, call))
        return found

    def overriding(self, method: FunctionFacts) -> list[FunctionFacts]:
        """The methods that derived classes of the module have in its place, if it is a step that they are to fill in."""
        return self._steps.get((method.owner, method.name), []) if method.stub else []

    @cached_property
    def _steps(self) -> dict[tuple[str, str], list[FunctionFacts]]:
        """By class and name: what derived classes of the module define under the name of a method of the module that has no body.

        A base class of another module has too many children to say that any two of its methods meet in one of them.
        """
        scope = self.scope
        here = {class_.qualname for class_ in scope.facts.classes}
        found: dict[tuple[str, str], list[FunctionFacts]] = {}
        for class_ in scope.facts.classes:
            own = scope.methods.get(class_.qualname, {}) if class_.bases else {}
            for base in scope.lineage(class_.qualname)[1:] if own else ():
                if base.qualname not in here:
                    continue
                for name, method in own.items():
                    stub = scope.methods.get(base.qualname, {}).get(name)
                    if stub is not None and stub.stub:
                        found.setdefault((base.qualname, name), []).append(method)
        return found

    def _precise(self, path: str, caller: FunctionFacts) -> list[FunctionFacts]:
        """`target` without guesses by the method's name alone unless few classes have such a method, and all else that is asked.

        Of those the ones that what it is called on is named after, if there are any: a `meter` may be a `GasMeter` or a `WaterMeter`.
        """
        found = self.target(path, caller)
        owners = {function.owner for function in found}
        if len(owners) < 2:
            return found
        holder, _, method = path.rpartition(".")
        if not holder or len(owners) > MOST_ALIKE or not all(function.is_async for function in found):
            return []
        if method in EVERYWHERE or first_word(method) in self.scope.models.lifecycle:
            return []  # any object may have such a method, one of another module, too
        around = self._nests.get(self.outermost(caller), [caller])
        able = [function for function in found if can_mean(self.scope, holder, around, function.owner)]
        return [f for f in able if named_after(holder.rpartition(".")[2], f.owner)] or able


def last_name(path: str) -> str:
    """The last name of a dotted path, also of one that is an argument: `*self.run`, `target=run`."""
    name = path.rpartition(".")[2]
    if "=" in name or "*" in name or ":" in name:
        name = name.rpartition("=")[2].rpartition(":")[2].lstrip("*")
    return name


@cache
def _of_builtins() -> frozenset[str]:
    """Methods that what is not known is as likely to have as a class of the module; coroutines it has none."""
    from pathlib import Path  # a hundredth of a second, and few files come to this

    return frozenset(name for kind in (dict, list, set, str, deque, TextIOWrapper, Path) for name in dir(kind))
