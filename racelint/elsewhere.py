"""Helpers of other modules: which function of the project a call means, as far as that is certain."""

from __future__ import annotations

from racelint.evidence.foreign import Receiver, Target, foreign
from racelint.facts import FunctionFacts
from racelint.grafts import shown_name
from racelint.resolve import Home, Scope

MOST = 100
"""Helpers of other modules that are taken over for one module."""


class Elsewhere:
    """The helpers of other modules that the definitions of one module call."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._known: dict[tuple[str, str], FunctionFacts | None] = {}
        self._at_once: dict[tuple[str, str], bool] = {}

    def helper(self, path: str, caller: FunctionFacts) -> FunctionFacts | None:
        """The function of another module that a dotted path in `caller` means, taken over; None if it is not certain."""
        key = (path, caller.qualname)
        if key not in self._known:
            self._known[key] = self._find(path, caller) if len(self._known) < MOST * 20 else None
        return self._known[key]

    def at_once(self, path: str, caller: FunctionFacts) -> bool:
        """Whether a dotted path in `caller` means a step of an interface that is done without letting other tasks run."""
        key = (path, caller.qualname)
        if key not in self._at_once:
            target = self._target(path, caller)
            quiet = self.scope.index.quiet
            self._at_once[key] = target is not None and quiet.at_once(target.module, target.function)
        return self._at_once[key]

    def _target(self, path: str, caller: FunctionFacts) -> Target | None:
        home = self.scope.names_in(caller.qualname)
        if isinstance(home, Home):
            written = home.own.functions.get(shown_name(caller.qualname))
            return foreign(path, written, home.own) if written is not None else None
        return foreign(path, caller, self.scope) if self.scope.reaches_out else None

    def _find(self, path: str, caller: FunctionFacts) -> FunctionFacts | None:
        target = self._target(path, caller)
        if target is None or target.function.stub or not self._certain(target):
            return None
        if target.module.path == self.scope.facts.path:
            return self.scope.functions.get(target.function.qualname)
        return self.scope.graft_function(target.module, target.function)

    def _certain(self, target: Target) -> bool:
        """Whether no class of the project puts another method in its place."""
        function = target.function
        if not function.owner or target.receiver is Receiver.OWN:
            return True
        return (target.module.path, function.owner, function.name) not in self.scope.index.overridden
