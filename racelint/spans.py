"""Where a definition touches state: on which sides of its suspension points, helpers that it calls included; from facts alone.

Time is counted in half steps of the definition's own suspension points: what stands behind `n` of them is at `2 n`, what a helper
does between its own ones, while the definition waits for it, is at an odd number. Two touches at one time have no switch between.
"""

from __future__ import annotations

from collections.abc import Iterator

from racelint.facts import CallSite, FunctionFacts
from racelint.facts.gathered import UNCHANGED, UNSEEN
from racelint.helpers import HELPER_DEPTH, Helpers
from racelint.keys import Span, StateKeys, joined
from racelint.words import THREAD_CALLS

NEVER: Span = (UNSEEN, UNCHANGED, UNSEEN, UNCHANGED)
"""The span of what is not touched."""


class Spans:
    """The times at which the definitions of one module touch state."""

    def __init__(self, helpers: Helpers, keys: StateKeys) -> None:
        self.helpers, self.keys = helpers, keys
        self.own = frozenset(function.qualname for function in keys.scope.facts.functions)
        self._sites: dict[tuple[str, bool], list[tuple[FunctionFacts, int, int]]] = {}
        self._known: dict[tuple[str, bool, int, tuple[str, ...]], Span] = {}
        self._left: dict[tuple[str, tuple[str, ...]], bool] = {}
        self._called: dict[str, list[tuple[FunctionFacts, bool]]] = {}

    def switches_between(self, function: FunctionFacts, keys: tuple[str, ...]) -> bool:
        """Whether others may run between two places where a definition, or a helper that it calls, touches one of the keys.

        Not if the definition leaves the keys to one helper (`left_to_one`).
        """
        first, last, _, _ = self._span(function, False, keys, HELPER_DEPTH)
        return first < last and not self.left_to_one(function, keys)

    def changes_later(self, function: FunctionFacts, key: str) -> bool:
        """Whether others may run between a place where the key is looked at and one where it is changed; else as above."""
        _, _, look, change = self._span(function, False, (key,), HELPER_DEPTH)
        return look < change and not self.left_to_one(function, (key,))

    def left_to_one(self, function: FunctionFacts, keys: tuple[str, ...]) -> bool:
        """Whether all that a definition does with the keys happens in one call of one function of the module.

        That one is looked at by itself: whatever starts the definition starts it, too, and it gets at the keys as it does from here.
        """
        question = (function.qualname, keys)
        known = self._left.get(question)
        if known is None:
            known = self._left[question] = self._find_left(function, keys)
        return known

    def _find_left(self, function: FunctionFacts, keys: tuple[str, ...]) -> bool:
        if any(self._touches(key, function, False) for key in keys):
            return False
        found: FunctionFacts | None = None
        for helper, once in self._runs(function):
            if self._span(helper, True, keys, HELPER_DEPTH - 1) == NEVER:
                continue
            if found is not None or not once:
                return False
            found = helper
        if found is None or found.parent or found.qualname not in self.own:
            return False
        if found.qualname not in self.keys.concurrency.callees.get(function.qualname, ()):
            return False  # of all that is called so
        return all(self._same_ways(key, found) for key in keys)

    def _runs(self, function: FunctionFacts) -> list[tuple[FunctionFacts, bool]]:
        """The helpers that a definition calls, one entry a call, and whether that is waited for and made once."""
        known = self._called.get(function.qualname)
        if known is None:
            known = [
                (helper, not call.looped and (call.awaited or not helper.is_async) and path == call.callee)
                for call in function.calls
                for path in _run_by(call)
                for helper in self.helpers.targets(path, function, False)
                if not (helper.stub or helper.yields)
            ]
            known += [(helper, False) for helper in self.helpers.properties_read(function)]
            self._called[function.qualname] = known
        return known

    def _same_ways(self, key: str, function: FunctionFacts) -> bool:
        """Whether a function gets at the objects that have the key in the same ways if it is called by another one."""
        roots = {path.partition(".")[0] for path in function.reads if "." + path.partition(".")[2] == key}
        roots |= {write.path.partition(".")[0] for write in self.keys.changes(function, True).get(key, ())}
        return all(self.keys.reach(root, function, True) == self.keys.reach(root, function, False) for root in roots)

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
