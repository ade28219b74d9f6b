"""Other functions of the module that do something to the path which a unit has, as they write down the same place."""

from __future__ import annotations

from racelint.events import Resource
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.pattern.unit import Unit

REMOVING = frozenset("remove unlink rmtree rmdir removedirs".split())


def removes_path(call: CallSite) -> bool:
    """Whether the call surely removes a path."""
    receiver, _, last = call.callee.rpartition(".")
    return last in REMOVING and (last != "remove" or receiver in ("", "os"))


def says_the_same_place(unit: Unit, function: FunctionFacts, resource: Resource) -> bool:
    """Whether another function writes down the very folder or file that the path begins with."""
    literals = _FOLDER.findall(resource.path)
    if not literals:
        return False
    text = "".join(unit.module.program.lines[function.first - 1 : function.last])
    return any(literal in text for literal in literals)


_FOLDER = expression(r"""["']/[^"']{3,}["']""")
"""A text that is an absolute path, of more than the root."""
