"""Documents with nothing in them yet, which are written where the file was found missing: nobody misses anything meanwhile."""

from __future__ import annotations

from racelint.events import Access
from racelint.expressions import expression
from racelint.facts import CallSite
from racelint.pattern.unit import Unit


def begins_document(unit: Unit, write: Access) -> bool:
    """Whether a function writes the file that is handed nothing, asks nobody for the content, and is called only where the file was
    found missing just before: all that come write the same."""
    scope = unit.module.scope
    function = scope.functions.get(write.place.unit, unit.facts)
    if function.params[bool(function.owner) :] or any(not _PLAIN.search(call.callee) for call in function.calls):
        return False
    sites = unit.module.concurrency.callers.get(function.qualname, ())
    return (
        bool(sites)
        and len(sites) == len(scope.index.calls.get(function.name, ()))
        and all(_found_missing(unit, call, write.resource.path) for _, call in sites)
    )


def _found_missing(unit: Unit, call: CallSite, path: str) -> bool:
    """Whether the call stands in the body of an `if` that asks whether the path is missing."""
    if not call.arms or call.arms[-1][1] != 0:
        return False
    line = unit.module.program.lines[call.arms[-1][0] - 1]
    return path in line and _MISSING.search(line) is not None


_MISSING = expression(r"\bif\s+not\s+[^()]*(\(|\.)?.*\b(exists|isfile|is_file|lexists)\(")
_PLAIN = expression(
    r"(^|\.)(open|dump|dumps|write|write_text|safe_dump|encode|now|utcnow|today|isoformat|strftime|time|mkdir|makedirs|dirname)$"
)
"""Calls by which a document is put together and written that says at most when it was begun."""
