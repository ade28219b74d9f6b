"""State by key: `.balance` for an attribute of whatever object, `CACHE` for a name that is not local.

Two keys are equal if two resources may be, so nothing is lost where types are not known. How a function gets at the object says
which evidence counts: its own object, one that was handed in, or one that anybody may have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from racelint.evidence import Concurrency
from racelint.facts import FunctionFacts, Write
from racelint.resolve import MAPPERS, enclosing_self, is_model_class
from racelint.words import of_application

Reach: TypeAlias = int
"""How the holder of a key is reached, the sum of these ways; a plain number, as many are joined for each definition."""

NOWHERE = 0
"""Not at all: no shared state, such as an attribute of an imported module."""
OWN = 1
"""Through `self`, `cls` or the name of a class of the module."""
GIVEN = 2
"""Through an argument, or a local name whose type is not known."""
ANY = 4
"""Through a global, a captured variable or what one of these holds."""

Keys = dict[str, Reach]


_ENTRIES = frozenset({"get", "setdefault"})
"""Methods that give what a collection holds."""

Span: TypeAlias = "tuple[int, int, int, int]"
"""Suspension points before the first and the last touch, the first look and the last change."""
AT_ONCE = (0, 0, 0, 0)
"""Everything before the first suspension point."""


def joined(one: Span, other: Span) -> Span:
    """The span of two that are of one thing."""
    return (min(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), max(one[3], other[3]))


def _widen(spans: dict[str, Span], key: str, span: Span) -> None:
    known = spans.get(key)
    spans[key] = span if known is None else joined(known, span)


class StateKeys:
    """The keys that the functions of one module look at and change."""

    def __init__(self, concurrency: Concurrency) -> None:
        self.scope, self.concurrency = concurrency.scope, concurrency
        self._reach: dict[tuple[str, str, bool], Reach] = {}
        self._reads: dict[tuple[str, bool], Keys] = {}
        self._callees: dict[str, frozenset[str]] = {}
        self._changes: dict[tuple[str, bool], dict[str, list[Write]]] = {}
        self._spans: dict[tuple[str, bool], dict[str, Span]] = {}
        self.maps_rows = bool(self.scope.libraries & MAPPERS)

    def reads(self, function: FunctionFacts, handed: bool) -> Keys:
        """What a function looks at itself; `handed` is whether it is a helper, whose arguments may be anything."""
        known = self._reads.get((function.qualname, handed))
        if known is None:
            known = self._reads[function.qualname, handed] = {}
            for path in function.reads:
                root, dot, rest = path.partition(".")
                reach = self.reach(root, function, handed)
                if reach and (dot or reach & ANY):
                    if reach == OWN and self.is_of_class(root, rest):
                        reach |= ANY
                    key = "." + rest if dot else root
                    known[key] = known.get(key, NOWHERE) | reach
        return known

    def is_of_class(self, root: str, rest: str) -> bool:
        """Whether a path may mean what all objects of a class have, also those that are made for one request."""
        return root == "cls" or root in self.scope.classes or rest.partition(".")[0] in self.scope.held_by_all

    def changes(self, function: FunctionFacts, handed: bool) -> dict[str, list[Write]]:
        """What a function changes itself, by key."""
        known = self._changes.get((function.qualname, handed))
        if known is None:
            known = self._changes[function.qualname, handed] = {}
            for write in function.writes:
                for key in self._written(write, function, handed):
                    known.setdefault(key, []).append(write)
        return known

    def _written(self, write: Write, function: FunctionFacts, handed: bool) -> Iterator[str]:
        root, dot, rest = write.path.partition(".")
        reach = self.reach(root, function, handed)
        if dot and reach:
            yield "." + rest.partition(".")[0]
            if rest.count(".") == 1:  # of an object that this one holds
                yield "." + rest.rpartition(".")[2]
        if root in function.outer_names or root not in function.local_names:
            if reach & ANY:
                yield root
        elif not dot and write.how not in ("=", "+=", "del"):  # changes what an attribute or a global holds
            for local, built in function.locals_built:
                if local == root and not self._is_made_by(built, function):
                    # an entry of a collection, as `rooms.get` or `rooms[…]` gives it
                    collection, _, method = built.rpartition(".")
                    holder, dot, part = (collection if method in _ENTRIES else built).partition(".")
                    if dot:
                        yield "." + part.partition(".")[0]
                    elif holder in self.scope.module_names or function.parent:  # not what a call makes
                        yield holder

    def _is_made_by(self, built: str, function: FunctionFacts) -> bool:
        """Whether an object that an attribute holds makes the value, by a method that is none of a collection or of the module."""
        return (
            built.count(".") > 1
            and built.rpartition(".")[2] not in _ENTRIES
            and built in self._called(function)
            and not self.concurrency.target(built, function)
        )

    def _called(self, function: FunctionFacts) -> frozenset[str]:
        known = self._callees.get(function.qualname)
        if known is None:
            known = self._callees[function.qualname] = frozenset(call.callee for call in function.calls)
        return known

    def span(self, key: str, function: FunctionFacts, handed: bool) -> Span:
        """How many suspension points of a function stand before the places where it touches the key itself."""
        known = self._spans.get((function.qualname, handed))
        if known is None:
            known = self._spans[function.qualname, handed] = self._find_spans(function, handed)
        return known.get(key, AT_ONCE)

    def _find_spans(self, function: FunctionFacts, handed: bool) -> dict[str, Span]:
        if not function.spans:
            return {}
        spans = {name: (first, last, look, change) for name, first, last, look, change in function.spans}
        found: dict[str, Span] = {}
        for path in function.reads:
            root, dot, rest = path.partition(".")
            _widen(found, "." + rest if dot else root, spans.get(path, AT_ONCE))
            _widen(found, root, spans.get(path, AT_ONCE))
        for write in function.writes:
            path = ".".join(write.path.split(".", 2)[:2])
            for key in self._written(write, function, handed):
                _widen(found, key, spans.get(path, AT_ONCE))
        return found

    def reach(self, root: str, function: FunctionFacts, handed: bool) -> Reach:
        """How a function gets at the object that a name stands for."""
        key = (function.qualname, root, handed)
        known = self._reach.get(key)
        if known is None:
            known = self._reach[key] = self._find_reach(root, function, handed)
        return known

    def _find_reach(self, root: str, function: FunctionFacts, handed: bool) -> Reach:
        owner, self_name = enclosing_self(function, self.scope)
        if (owner and root == self_name) or root == "cls" or root in self.scope.classes:
            return OWN
        if root in function.outer_names or root not in function.local_names:
            imports = self.scope.names_in(function.qualname).imports
            return NOWHERE if root in imports and root not in function.global_names else ANY
        annotations = dict(function.params)
        if root in annotations:
            if handed:
                return ANY | GIVEN
            type_name = self.scope.annotated_type(annotations[root])
            of_row = self.maps_rows and is_model_class(type_name)
            shown = not type_name or type_name.startswith(":") or of_row or of_application(f"{root}.app")
            return GIVEN if shown else NOWHERE
        built = [built for local, built in function.locals_built if local == root]
        if not built or handed or any(self._may_be_shared(path, function) for path in built):
            return ANY | GIVEN
        return GIVEN if self.maps_rows or self._is_own(root, function) else NOWHERE

    def _may_be_shared(self, path: str, function: FunctionFacts) -> bool:
        """Whether what a local name was made from may be something that others have, too: not if an imported function made it."""
        root = path.partition(".")[0]
        if root in self.scope.imports:
            return False
        if root in self.scope.classes:
            return "." in path
        return root not in function.local_names or root == enclosing_self(function, self.scope)[1] or "." not in path

    def _is_own(self, name: str, function: FunctionFacts) -> bool:
        return self.concurrency.local_type(name, function).startswith(":")
