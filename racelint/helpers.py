"""What the functions of a module run besides their own text, as far as flows follow it; from facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from racelint.evidence import Concurrency
from racelint.facts import FunctionFacts, is_property
from racelint.frozen import cached_property
from racelint.resolve import enclosing_self
from racelint.words import THREAD_CALLS

HELPER_DEPTH = 3
"""How deep helpers are followed, as in `flow`."""


class Helpers:
    """The helpers of the functions of one module."""

    def __init__(self, concurrency: Concurrency) -> None:
        self.scope, self.concurrency = concurrency.scope, concurrency
        self._walked: dict[tuple[str, bool], tuple[FunctionFacts, ...]] = {}

    def around(self, facts: FunctionFacts) -> tuple[FunctionFacts, ...]:
        """A definition and the helpers that are walked in place of their calls."""
        level = self._of(facts, False)
        if not level:
            return (facts,)
        found = {facts.qualname: facts}
        for _ in range(HELPER_DEPTH - 1):
            new = [function for function in level if function.qualname not in found]
            found.update((function.qualname, function) for function in new)
            level = tuple({f.qualname: f for caller in new for f in self._of(caller, True)}.values())
        found.update((function.qualname, function) for function in level if function.qualname not in found)
        return tuple(found.values())

    def _of(self, function: FunctionFacts, handed: bool) -> tuple[FunctionFacts, ...]:
        """The functions of the module that are walked where a function calls them, or reads a property of which they are the body.

        `handed` is whether it is a helper itself: then its arguments may be objects of the module, whatever they are called.
        """
        key = (function.qualname, handed)
        known = self._walked.get(key)
        if known is None:
            found = {f.qualname: f for f in self._run_by(function, handed) if not (f.stub or f.yields)}
            known = self._walked[key] = tuple(found.values())
        return known

    def _run_by(self, function: FunctionFacts, handed: bool) -> Iterator[FunctionFacts]:
        seen: set[str] = set()
        for call in function.calls:
            if call.callee not in seen:
                seen.add(call.callee)
                yield from self.targets(call.callee, function, handed)
            if call.callee.rpartition(".")[2] in THREAD_CALLS:
                for argument in call.arguments:
                    yield from self.targets(argument, function, handed)
        yield from self.properties_read(function)

    def properties_read(self, function: FunctionFacts) -> Iterator[FunctionFacts]:
        """The properties of the module that a function may run by reading an attribute of their name."""
        for path in function.reads & self._property_paths:
            yield from self._properties[path.partition(".")[2]]

    def targets(self, callee: str, function: FunctionFacts, handed: bool) -> Iterable[FunctionFacts]:
        """What a call may run as far as flows follow it: the receiver's type is known, or may come out of a helper."""
        receiver, dot, name = callee.rpartition(".")
        if not dot:
            return self.concurrency.target(callee, function)
        if name not in self._method_names:
            return ()
        root, dot, _ = receiver.partition(".")
        if not dot and not handed and self._untyped(root, function):
            return ()
        known = self.concurrency.target(callee, function)
        # `base.Record.__init__(self)` names the class, which is none of the module's
        if known or not dot or name == "__init__":
            return known
        return self._method_names[name]

    def _untyped(self, name: str, function: FunctionFacts) -> bool:
        """Whether nothing tells the type of a local name: it is an argument without annotation, or made by no helper."""
        if name not in function.local_names or name == enclosing_self(function, self.scope)[1]:
            return False
        if self.concurrency.local_type(name, function):
            return False
        return not any(
            local == name and self.concurrency.target(built, function) for local, built in function.locals_built
        )

    @cached_property
    def _method_names(self) -> dict[str, list[FunctionFacts]]:
        found: dict[str, list[FunctionFacts]] = {}
        for function in self.scope.every_function:
            if function.owner:
                found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def _properties(self) -> dict[str, list[FunctionFacts]]:
        found: dict[str, list[FunctionFacts]] = {}
        for function in self.scope.every_function:
            if function.owner and is_property(function):
                found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def _property_paths(self) -> frozenset[str]:
        """Paths of two parts, as in `reads`, that may run a property."""
        return frozenset(
            path
            for function in (self.scope.every_function if self._properties else ())
            for path in function.reads
            if path.partition(".")[2] in self._properties
        )
