"""Steps that interfaces of the project ask for, and that whoever fills them in does without ever letting other tasks run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from racelint.expressions import expression
from racelint.facts import CallSite, ClassFacts, FunctionFacts, ModuleFacts
from racelint.index.processes import OF_TESTS
from racelint.index.tables import Table
from racelint.words import STAND_INS

Located = tuple[ModuleFacts, ClassFacts]
Method = tuple[ModuleFacts, FunctionFacts]

_INTERFACES = frozenset({"Protocol", "ABC"})
"""Last names of bases of classes that say what others are to have."""

_EMPTY = _INTERFACES | {"Generic", "object"}
"""Last names of bases of other modules that have no steps themselves."""

_KEEP = frozenset({"override", "final", "abstractmethod"})
"""Last names of decorators that leave a coroutine as it is."""

_IN_MEMORY = expression(rf"(?i){STAND_INS}|noop|example")
"""Parts of the names of classes that stand in for one that waits: an interface with no other is there for those of its users."""

_NOT_IMPLEMENTED = "NotImplementedError"


class Classes(Protocol):
    """What is asked of the index."""

    modules: tuple[ModuleFacts, ...]

    def table(self, module: ModuleFacts) -> Table: ...

    def lineage(self, located: Located) -> list[Located]: ...

    def method(self, located: Located, name: str) -> Method | None: ...

    def class_named(self, path: str, module: ModuleFacts) -> Located | None: ...

    def attribute_class(self, located: Located, attribute: str) -> Located | None: ...


class Quiet:
    """Which coroutine methods never let other tasks run, as far as the classes of the project are all there are."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self._known: dict[tuple[str, str], bool] = {}
        self._filling: dict[tuple[str, str], list[Located]] = {}

    def at_once(self, module: ModuleFacts, step: FunctionFacts) -> bool:
        """Whether awaiting a step of an interface never lets other tasks run, whoever of the project fills it in.

        Somebody does, and not only in memory: such a class stands in for those that are still to come.
        """
        key = (module.path, step.qualname)
        if key not in self._known:
            self._known[key] = self._filled_in(module, step, {key})
        return self._known[key]

    def _filled_in(self, module: ModuleFacts, step: FunctionFacts, asked: set[tuple[str, str]]) -> bool:
        owner = self._classes.table(module).classes.get(step.owner)
        if owner is None or not _is_asked_for(step, owner):
            return False
        found = [(class_, self._classes.method(class_, step.name)) for class_ in self._filling_in((module, owner))]
        own = [(class_, method) for class_, method in found if method is not None and method[1] is not step]
        return (
            any(not (_IN_MEMORY.search(class_[1].name) or method[1].stub) for class_, method in own)
            and all(self._is_quiet(class_, method, asked) for class_, method in own)
            and not any(
                self._has_from_outside(class_) for class_, method in found if method is None or method[1] is step
            )
        )

    def _has_from_outside(self, class_: Located) -> bool:
        """Whether a class may have what it does not define from a base that is not the project's."""
        return any(
            base.rpartition(".")[2] not in _EMPTY and self._classes.class_named(base, module) is None
            for module, one in self._classes.lineage(class_)
            for base in one.bases
        )

    def _filling_in(self, interface: Located) -> list[Located]:
        """The classes that are derived from an interface, and those that have most of what a protocol asks for."""
        key = (interface[0].path, interface[1].qualname)
        if key not in self._filling:
            self._filling[key] = list(self._find_filling(interface))
        return self._filling[key]

    def _find_filling(self, interface: Located) -> Iterator[Located]:
        protocol = any(base.rpartition(".")[2] == "Protocol" for base in interface[1].bases)
        steps = self._classes.table(interface[0]).methods.get(interface[1].qualname, {})
        wanted = frozenset(name for name, method in steps.items() if method.stub)
        for module in self._classes.modules:
            for class_ in () if OF_TESTS.search(module.path) else module.classes:
                if class_ is interface[1]:
                    continue
                lineage = self._classes.lineage((module, class_)) if class_.bases else [(module, class_)]
                has = (
                    wanted & frozenset(name for _, one in lineage for name in one.methods) if protocol else frozenset()
                )
                if any(one is interface[1] for _, one in lineage) or (has and len(has) * 2 >= len(wanted)):
                    yield module, class_

    def _is_quiet(self, class_: Located, method: Method, asked: set[tuple[str, str]]) -> bool:
        """Whether a coroutine method awaits nothing but others such, of its own object or of what that holds.

        Those that are `asked` about already are such, as far as is known.
        """
        module, function = method
        if (module.path, function.qualname) in asked:
            return True
        asked.add((module.path, function.qualname))
        if (
            not function.is_async
            or function.yields
            or any(d.rpartition(".")[2] not in _KEEP for d in function.decorators)
        ):
            return False
        awaited = [call for call in function.calls if call.awaited]
        return len(awaited) == function.switches and all(self._runs_on(class_, method, call, asked) for call in awaited)

    def _runs_on(self, class_: Located, method: Method, call: CallSite, asked: set[tuple[str, str]]) -> bool:
        """Whether what a method awaits does not wait."""
        first, _, rest = call.callee.partition(".")
        holder, _, name = rest.rpartition(".")
        found: tuple[Located, Method | None] = (class_, None)
        if first == "super" and not holder:
            above = self._above(class_, method)
            found = class_, self._classes.method(above, name) if above is not None else None
        elif first == "self" and not holder:
            found = class_, self._classes.method(class_, name)
        elif (
            first == "self"
            and "." not in holder
            and (held := self._classes.attribute_class(class_, holder)) is not None
        ):
            found = held, self._classes.method(held, name)
        if found[1] is None:
            return False
        if found[1][1].stub and _is_asked_for(found[1][1], found[0][1]):
            return self._filled_in(*found[1], asked)
        return self._is_quiet(found[0], found[1], asked)

    def _above(self, class_: Located, method: Method) -> Located | None:
        """The class from which `super()` of a method looks: the only base of the one that the method is written in."""
        owner = self._classes.table(method[0]).classes.get(method[1].owner)
        lineage = self._classes.lineage((method[0], owner)) if owner is not None else []
        return lineage[1] if owner is not None and len(owner.bases) == 1 and len(lineage) > 1 else None


def _is_asked_for(function: FunctionFacts, owner: ClassFacts) -> bool:
    """Whether a coroutine method without a body is a step of an interface, and no hook that may be left out."""
    return (
        function.stub
        and function.is_async
        and (
            any(base.rpartition(".")[2] in _INTERFACES for base in owner.bases)
            or any(decorator.rpartition(".")[2] == "abstractmethod" for decorator in function.decorators)
            or _NOT_IMPLEMENTED in function.references
            or any(call.callee == _NOT_IMPLEMENTED for call in function.calls)
        )
    )
