"""Where a definition touches state: on which sides of its suspension points, helpers that it calls included; from facts alone.

Time is counted in half steps of the definition's own suspension points: what stands behind `n` of them is at `2 n`, what a helper
does between its own ones, while the definition waits for it, is at an odd number. Two touches at one time have no switch between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from racelint.facts import CallSite, FunctionFacts
from racelint.facts.gathered import UNCHANGED, UNSEEN
from racelint.keys import OWN, Span, StateKeys, joined
from racelint.store_calls import THREAD_CALLS

NEVER: Span = (UNSEEN, UNCHANGED, UNSEEN, UNCHANGED)
"""The span of what is not touched."""


class Helpers(Protocol):
    """Says what a definition runs besides its own text."""

    def targets(self, callee: str, function: FunctionFacts, handed: bool) -> Iterable[FunctionFacts]:
        """The functions of the module that a call may run."""

    def properties_read(self, function: FunctionFacts) -> Iterable[FunctionFacts]:
        """The properties whose names the function reads."""


class Spans:
    """The times at which the definitions of one module touch state."""

    def __init__(self, helpers: Helpers, keys: StateKeys, depth: int) -> None:
        self.helpers, self.keys, self.depth = helpers, keys, depth
        self.own = frozenset(function.qualname for function in keys.scope.facts.functions)
        self._sites: dict[tuple[str, bool], list[tuple[FunctionFacts, int, int]]] = {}
        self._known: dict[tuple[str, bool, int, tuple[str, ...]], Span] = {}

    def switches_between(self, function: FunctionFacts, keys: tuple[str, ...]) -> bool:
        """Whether others may run between two places where a definition, or a helper that it calls, touches one of the keys.

        Not if both stand in one call of one method of the module, which touches its own object: it is looked at by itself, and
        whatever starts the definition starts it, too.
        """
        first, last, _, _ = self._span(function, False, keys, self.depth)
        return first < last and not self._all_in_one_method(function, keys, self.depth)

    def changes_later(self, function: FunctionFacts, key: str) -> bool:
        """Whether others may run between a place where the key is looked at and one where it is changed; else as above."""
        _, _, look, change = self._span(function, False, (key,), self.depth)
        return look < change and not self._all_in_one_method(function, (key,), self.depth)

    def _all_in_one_method(self, function: FunctionFacts, keys: tuple[str, ...], depth: int) -> bool:
        if not depth or any(self._touches(key, function, False) for key in keys):
            return False
        touching = [
            (helper, low == high)
            for helper, low, high in self._helpers(function, False)
            if self._span(helper, True, keys, self.depth - 1) != NEVER
        ]
        if len(touching) != 1 or not touching[0][1]:
            return False
        helper = touching[0][0]
        if helper.qualname not in self.own or not helper.is_async or not helper.owner:
            return False
        return all(self._of_own_object(key, helper) for key in keys) or self._all_in_one_method(helper, keys, depth - 1)

    def _of_own_object(self, key: str, function: FunctionFacts) -> bool:
        """Whether the function itself touches the key, and only through its own object."""
        roots = {path.partition(".")[0] for path in function.reads if "." + path.partition(".")[2] == key}
        roots |= {write.path.partition(".")[0] for write in self.keys.changes(function, True).get(key, ())}
        return bool(roots) and all(self.keys.reach(root, function, True) == OWN for root in roots)

    def _touches(self, key: str, function: FunctionFacts, handed: bool) -> bool:
        return key in self.keys.reads(function, handed) or key in self.keys.changes(function, handed)

    def _span(self, function: FunctionFacts, handed: bool, keys: tuple[str, ...], depth: int) -> Span:
        question = (function.qualname, handed, depth, keys)
        known = self._known.get(question)
        if known is not None:
            return known
        found = NEVER
        for key in keys:
            if self._touches(key, function, handed):
                first, last, look, change = self.keys.span(key, function, handed)
                found = joined(found, (_doubled(first), _doubled(last), _doubled(look), _doubled(change)))
        if depth:
            for helper, low, high in self._helpers(function, handed):
                inner = self._span(helper, True, keys, depth - 1)
                if inner != NEVER:
                    first, look = (_outside(low, time, helper) for time in (inner[0], inner[2]))
                    last, change = (_outside(high, time, helper) for time in (inner[1], inner[3]))
                    found = joined(found, (first, last, look, change))
        self._known[question] = found
        return found

    def _helpers(self, function: FunctionFacts, handed: bool) -> list[tuple[FunctionFacts, int, int]]:
        """The helpers that a function calls, with the suspension points before the first and the last call of each."""
        question = (function.qualname, handed)
        known = self._sites.get(question)
        if known is None:
            found: dict[str, tuple[FunctionFacts, int, int]] = {}
            for helper, low, high in self._calls(function, handed):
                _, first, last = found.get(helper.qualname, (helper, low, high))
                found[helper.qualname] = helper, min(first, low), max(last, high)
            known = self._sites[question] = list(found.values())
        return known

    def _calls(self, function: FunctionFacts, handed: bool) -> Iterator[tuple[FunctionFacts, int, int]]:
        for call in function.calls:
            for path in _run_by(call):
                for helper in self.helpers.targets(path, function, handed):
                    if helper.stub or helper.yields:
                        continue
                    waited = call.awaited or not helper.is_async
                    low, high = _when(call, function) if waited else (0, function.switches)
                    yield helper, low, high
        for helper in self.helpers.properties_read(function):
            yield helper, 0, function.switches


def _run_by(call: CallSite) -> Iterator[str]:
    """The paths of what a call runs while the caller waits."""
    yield call.callee
    if call.callee.rpartition(".")[2] in THREAD_CALLS:
        yield from call.arguments


def _when(call: CallSite, function: FunctionFacts) -> tuple[int, int]:
    """The suspension points before the first and the last time that the call is made."""
    first = last = call.switches
    if call.looped:
        for begin, end in function.loops:
            if begin <= call.switches <= end:
                first, last = min(first, begin), max(last, end)
    return first, last


def _doubled(switches: int) -> int:
    """A time of a definition itself."""
    return switches if switches in (UNSEEN, UNCHANGED) else 2 * switches


def _outside(switches: int, inner: int, helper: FunctionFacts) -> int:
    """A time of a helper, called behind so many suspension points, as one of its caller."""
    if inner in (UNSEEN, UNCHANGED):
        return inner
    if inner == 0:
        return 2 * switches
    return 2 * switches + (2 if inner == 2 * helper.switches else 1)
