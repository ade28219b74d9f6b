"""Whose object a name holds that nothing says the type of: by what is asked of it, or by what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from racelint.facts import FunctionFacts
from racelint.resolve import Scope
from racelint.words import WORD


def is_meant(scope: Scope, name: str, around: Iterable[FunctionFacts], owner: str, common: frozenset[str]) -> bool:
    """Whether a name means an object of the class, although the method that is called of it is one that many objects have (`common`).

    All that the functions `around` the call ask of it is there in the class, some of that in no other object; or the name has the
    words of the class: `topic_log` is a `TopicLog`.
    """
    if _called_like(name, owner):
        return True
    asked = _asked(name, around)
    return not asked <= common and asked <= _members(scope, owner)


def can_mean(scope: Scope, name: str, around: Iterable[FunctionFacts], owner: str) -> bool:
    """Whether all that the functions `around` a call ask of what a name holds is there in the class."""
    return _asked(name, around) <= _members(scope, owner)


def _asked(name: str, around: Iterable[FunctionFacts]) -> set[str]:
    """The methods and attributes that the functions use of what a name holds."""
    return {path[len(name) + 1 :].partition(".")[0] for path in _paths(name, around)}


def _called_like(name: str, owner: str) -> bool:
    mine, others = (
        [word.lower() for word in WORD.findall(text)] for text in (name, owner.rpartition(".")[2].rpartition("::")[2])
    )
    return len(mine) > 1 and others[-len(mine) :] == mine


def _paths(name: str, around: Iterable[FunctionFacts]) -> Iterator[str]:
    """The dotted paths from the name on that the functions use."""
    for function in around:
        paths = (*function.reads, *(w.path for w in function.writes), *(call.callee for call in function.calls))
        yield from (path for path in paths if path.startswith(name + "."))


def _members(scope: Scope, owner: str) -> frozenset[str]:
    """The methods and attributes of objects of the class."""
    found: set[str] = set()
    for class_ in scope.lineage(owner):
        methods = scope.methods.get(class_.qualname, {})
        found.update(methods, class_.fields, (name for name, _ in class_.attributes))
        for method in methods.values():
            found.update(write.path.split(".")[1] for write in method.writes if write.path.startswith("self."))
    return frozenset(found)
