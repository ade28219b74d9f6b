"""Which expressions name shared state, and which values one unit owns alone."""

from __future__ import annotations

import libcst as cst

from racelint.events import Kind, Resource, Value
from racelint.facts import FunctionFacts
from racelint.frozen import replace
from racelint.grafts import is_grafted
from racelint.resolve import Scope, enclosing_self

CONTAINERS = frozenset(
    [
        "dict",
        "list",
        "set",
        "deque",
        "collections.deque",
        "defaultdict",
        "collections.defaultdict",
        "collections.OrderedDict",
        "OrderedDict",
        "collections.Counter",
        "Counter",
        "weakref.WeakSet",
        "weakref.WeakValueDictionary",
    ]
)

UPDATES = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "appendleft",
        "extendleft",
        "sort",
        "reverse",
        "rotate",
        "move_to_end",
        "setdefault",
    ]
)
REMOVALS = frozenset(["pop", "popitem", "remove", "discard", "clear", "popleft", "get_nowait"])
COUNTED = "counted"
"""What is known of the number of a collection's elements: the collection."""
CONTAINER_READS = frozenset(["get", "keys", "values", "items", "copy", "index", "count"])


LAZY = {"enumerate": "", "reversed": "", "iter": "", "iteritems": "items", "itervalues": "values", "iterkeys": "keys"}
"""Functions that go through a collection while a loop goes through their result, with the view of it that only mappings have."""


def lazily_taken(node: cst.BaseExpression) -> tuple[cst.BaseExpression, str] | None:
    """The collection that a call such as `enumerate(self.jobs)` goes through while a loop takes from it, and the view of it."""
    if not isinstance(node, cst.Call) or len(node.args) != 1 or node.args[0].star or node.args[0].keyword:
        return None
    function = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    return (
        (node.args[0].value, LAZY[function.value])
        if isinstance(function, cst.Name) and function.value in LAZY
        else None
    )


def attribute_resource(scope: Scope, owner: str, attribute: str, shown: str) -> Resource:
    """The resource behind `self.attribute` (or `cls.`, or `Owner.`) in a class of the module."""
    return Resource(Kind.ATTRIBUTE, scope.defining_class(owner, attribute), attribute, shown)


def part_of(value: Value, attribute: str, shown: str) -> Resource | None:
    """The resource behind an attribute of the object that another resource holds."""
    if value.ref is None:
        return None
    if value.type.startswith(":"):
        return Resource(value.ref.kind, value.type[1:], attribute, shown)
    return replace(value.ref, path=f"{value.ref.path}.{attribute}", name=shown, key="")


def item_of(resource: Resource, key: str) -> Resource:
    """The resource behind one entry of a collection."""
    if resource.key:
        return replace(resource, path=f"{resource.path}[]", name=f"{resource.name}[{resource.key}]", key=key)
    return replace(resource, key=key)


def global_resource(scope: Scope, name: str, function: FunctionFacts | None = None) -> Resource:
    """A module-level name; as it is seen in `function`, if that may be one of another module."""
    grafted = function is not None and is_grafted(function.qualname)
    owner = scope.names_in(function.qualname).facts.path if function is not None and grafted else ""
    return Resource(Kind.GLOBAL, owner, name, name)


def captured_resource(scope: Scope, function: FunctionFacts, name: str) -> Resource | None:
    """A variable of an enclosing function, if `name` is one and several functions can reach it."""
    parent = function.parent
    for _ in range(5):
        enclosing = scope.functions.get(parent)
        if enclosing is None:
            return None
        if name in enclosing.local_names and name not in enclosing.outer_names:
            owner, self_name = enclosing_self(enclosing, scope)
            if owner and name == self_name:
                return None
            return Resource(Kind.CAPTURED, enclosing.qualname, name, name)
        parent = enclosing.parent
    return None


def changed_by_others(scope: Scope, name: str) -> bool:
    """Whether a module-level name is rebound or its object, or an entry of it, changed by any function."""
    return (
        name in scope.rebound_globals
        or name in scope.changed_by_local_names
        or any(
            write.path.partition(".")[0] == name and name not in function.local_names
            for function in scope.facts.functions
            for write in function.writes
        )
    )
