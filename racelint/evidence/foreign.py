"""Calls of functions that other modules of the project define."""

from __future__ import annotations

from enum import Enum

from racelint.expressions import expression
from racelint.facts import FunctionFacts, ModuleFacts
from racelint.frozen import dataclass, replace
from racelint.grafts import is_grafted
from racelint.index import Located
from racelint.resolve import Scope, enclosing_self


class Receiver(Enum):
    """Whose state a call works on."""

    NONE = "the module's"
    SHARED = "an object that a module holds"
    SELF = "the caller's own object"
    HELD = "an object that the caller's object holds"
    GIVEN = "an argument"
    OWN = "an object that the caller built"


@dataclass(frozen=True, slots=True)
class Target:
    """A function of another module that a path means."""

    module: ModuleFacts
    function: FunctionFacts
    receiver: Receiver


def foreign(path: str, caller: FunctionFacts, scope: Scope) -> Target | None:
    """The function of another module that a dotted path in `caller` means."""
    first, _, rest = path.partition(".")
    if not first:
        return None
    owner, self_name = enclosing_self(caller, scope)
    if owner and first == self_name and rest:
        return _of_self(owner, rest, scope)
    if first in caller.local_names or caller.parent:
        found = _of_local(first, rest, caller, scope)
        if found is not None or first in caller.local_names:
            return found
    if first in scope.from_project:
        return _of_module(path, scope)
    return (
        _of_module(path, scope)
        if rest and scope.assigned.get(first, "").partition(".")[0] in scope.from_project
        else None
    )


def _of_self(owner: str, rest: str, scope: Scope) -> Target | None:
    class_ = scope.classes.get(owner)
    attribute, dot, method = rest.partition(".")
    if class_ is None or "." in method:
        return None
    if not dot:
        known = scope.method(owner, attribute)
        if known is None or not is_grafted(known.qualname):
            return None
        return _method((scope.facts, class_), attribute, scope, Receiver.SELF)
    if not scope.from_project:
        return None
    holder = scope.index.attribute_class((scope.facts, class_), attribute)
    return _method(holder, method, scope, Receiver.HELD)


def _of_local(name: str, rest: str, caller: FunctionFacts, scope: Scope) -> Target | None:
    if not scope.from_project:
        return None
    if "." in rest or any(local == name and _IN_APPLICATION.search(built) for local, built in caller.locals_built):
        return _in_application(f"{name}.{rest}" if "." in rest else f"app.{rest}", scope)
    if not rest:
        return None
    seen: FunctionFacts | None = caller
    for _ in range(5):
        if seen is None:
            return None
        for local, built in seen.locals_built:
            if local == name:
                return _method(scope.index.class_named(built, scope.facts), rest, scope, Receiver.OWN)
        annotation = dict(seen.params).get(name)
        if annotation:
            given = scope.index.class_named(annotation, scope.facts)
            kept = given is not None and any(given[1] is known for _, known in scope.index.in_applications)
            return _method(given, rest, scope, Receiver.SHARED if kept else Receiver.GIVEN)
        seen = scope.functions.get(seen.parent)
    return None


_IN_APPLICATION = expression(r"(^|\.)(app|application)(\.state\.\w+|\.get)$")
"""How a local name gets what an application keeps: `request.app["desk"]`, `request.app.state.desk`."""


def _in_application(path: str, scope: Scope) -> Target | None:
    """The method of an object that an application keeps, which a path through the application means."""
    found = scope.index.method_in_application(path)
    if found is None or found[0].path == scope.facts.path:
        return None
    return Target(found[0], found[1], Receiver.SHARED)


def _of_module(path: str, scope: Scope) -> Target | None:
    found = scope.index.meaning(path, scope.facts)
    if found is None or not found.name:
        return None
    table = scope.index.table(found.module)
    function = table.functions.get(found.name)
    if function is not None and not function.owner:
        return Target(found.module, function, Receiver.NONE) if found.module.path != scope.facts.path else None
    holder, _, method = found.name.rpartition(".")
    class_ = table.classes.get(holder)
    if class_ is not None:
        return _of_class((found.module, class_), method, scope)
    if holder in table.assigned:
        return _method(scope.index.class_named(table.assigned[holder], found.module), method, scope, Receiver.SHARED)
    return None


def _of_class(class_: Located, name: str, scope: Scope) -> Target | None:
    """`Class.method`, and `Class().method`, which is written alike in facts: what is no class method has a new object."""
    found = _method(class_, name, scope, Receiver.NONE)
    if found is None or {"classmethod", "staticmethod"} & set(found.function.decorators):
        return found
    return replace(found, receiver=Receiver.OWN)


def _method(holder: Located | None, name: str, scope: Scope, receiver: Receiver) -> Target | None:
    found = scope.index.method(holder, name) if holder is not None else None
    if found is None or found[0].path == scope.facts.path:
        return None
    return Target(found[0], found[1], receiver)
