"""Changes of a dictionary that set what is there already to another value: its size stays, and who iterates it goes on."""

from __future__ import annotations

import re

from racelint.events import Resource
from racelint.expressions import expression
from racelint.facts import FunctionFacts, Write
from racelint.pattern.unit import Unit
from racelint.resolve import CONSTRUCTORS


def keeps_size(unit: Unit, resource: Resource, function: FunctionFacts, write: Write) -> bool:
    """Whether an entry that is set is surely, or very likely, there: it was read before, or all were made with the dictionary."""
    if write.how != "[]" or "::" in function.qualname or resource.key or "[]" in resource.path:
        return False
    return _read_before(unit, function, write) or _made_whole(unit, resource)


def _read_before(unit: Unit, function: FunctionFacts, write: Write) -> bool:
    """Whether the function has read the entry by its key before: `if self.states[job] == READY: self.states[job] = BUSY`."""
    lines = unit.module.program.lines
    entry = re.match(rf"\s*{re.escape(write.path)}\[([\w.]+)\]\s*=[^=]", lines[write.line - 1])
    if entry is None:
        return False
    read = re.compile(rf"(?<![\w.]){re.escape(write.path)}\[{re.escape(entry[1])}\](?!\s*=[^=])")
    before = lines[function.line : write.line - 1]
    asked = re.compile(rf"\bin\s+{re.escape(write.path)}\b")
    set_there = re.compile(rf"\b(del|pop|{re.escape(entry[1])}\s*=[^=])")
    for line in reversed(before):
        if set_there.search(line) or asked.search(line) or _OTHER_WAY.match(line):
            return False  # it may be another key by then, or have been taken out, or the reading was on another way than this
        if read.search(line):
            return not _LEAVES.match(line)
    return False


_OTHER_WAY = expression(r"\s*(except|else|elif)\b")
_LEAVES = expression(r"\s*(return|raise|yield)\b")


def _made_whole(unit: Unit, resource: Resource) -> bool:
    """Whether the dictionary is made with an entry for each of some keys, and entries are only ever set: `dict.fromkeys(range(9))`."""
    scope, concurrency = unit.module.scope, unit.module.concurrency
    if resource.owner not in scope.classes:
        return False
    writes = [write for _, write in concurrency.writers(resource)]
    if not writes or any(write.how not in ("=", "[]") for write in writes):
        return False
    made = [
        write
        for method in scope.methods.get(resource.owner, {}).values()
        for write in method.writes
        if write.path == f"self.{resource.path}" and write.how == "=" and method.name in CONSTRUCTORS
    ]
    lines = unit.module.program.lines
    return bool(made) and all(_OF_EACH.search(lines[write.line - 1]) is not None for write in made)


_OF_EACH = expression(r"=\s*(?:dict\.fromkeys\(|\{\s*(\w+)\s*:.*\bfor\s+\1\s+in\b)")
