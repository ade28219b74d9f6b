"""Files that one run has for itself."""

from __future__ import annotations

from racelint.events import Resource
from racelint.paths import is_own
from racelint.pattern.unit import Unit


def is_own_file(unit: Unit, resource: Resource) -> bool:
    """Whether nobody else knows the path: it is a temporary one, or has the number of the process in it."""
    return is_own(resource.path) or is_own(resource.name) or _own_attribute(unit, resource)


def _own_attribute(unit: Unit, resource: Resource) -> bool:
    """Whether an attribute of the object names the path, and each value that it gets is made of what nobody else has."""
    root, _, name = resource.path.partition(".")
    if root != "self" or not name.isidentifier() or not unit.facts.owner:
        return False
    writes = [
        (function, write)
        for function, write in unit.module.scope.attribute_writes(unit.facts.owner, name)
        if write.shape != "none"
    ]
    return bool(writes) and all(
        is_own(write.built_from) or any(call.line == write.line and is_own(call.callee) for call in function.calls)
        for function, write in writes
    )
