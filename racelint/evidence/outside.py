"""Evidence from other modules: who starts, registers and calls the functions of one module, how many at once, under which locks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from racelint.evidence.data import Root
from racelint.evidence.digest import Digest, OutsideCall, digest_of
from racelint.evidence.foreign import Receiver
from racelint.evidence.overlap import Concurrency, Neighbours
from racelint.facts import ModuleFacts
from racelint.finding import Confidence
from racelint.index import Index
from racelint.models.loader import Models
from racelint.resolve import Scope

MOST_LEVELS = 3
"""Modules on the way from where a unit starts to the function that is looked at."""
MOST_STEPS = 400
"""Calls that are followed backwards for one module."""
MOST_ROOTS = 6
"""Roots in other modules that are kept for one function; more say nothing new."""
KEPT = 64
"""Modules whose evidence is kept to be used again."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A function on the way back from the one that is looked at."""

    path: str
    function: str
    target: str
    """The function of the module that is looked at."""
    own: bool | None
    """Whether each run of the root has an object of its own; None as long as the way has not told."""
    level: int


class Outside:
    """What the modules of a project do with each other's functions."""

    def __init__(self, index: Index, models: Models) -> None:
        self.index, self.models = index, models
        self._digests: dict[str, Digest] = {}
        self._alone: dict[str, Concurrency] = {}
        self._using: dict[str, list[Digest]] = {}

    def concurrency(self, module: ModuleFacts) -> Concurrency:
        """The units of a module and what can run while they do, with what other modules do with them."""
        alone = self._seen_alone(module)
        if module.path not in self.index.users:
            return alone
        return alone.joined(Neighbours(tuple(self.roots_of(module)), self.held_around(module)))

    def _seen_alone(self, module: ModuleFacts) -> Concurrency:
        known = self._alone.get(module.path)
        if known is None or known.scope.facts is not module:
            known = self._alone[module.path] = Concurrency(Scope(module, self.index, self.models))
            if len(self._alone) > KEPT:
                self._alone.pop(next(iter(self._alone)))
        return known

    def digest(self, module: ModuleFacts) -> Digest:
        """What a module does with the functions of others."""
        known = self._digests.get(module.path)
        if known is None:
            known = self._digests[module.path] = digest_of(self._seen_alone(module))
        return known

    def _users(self, path: str) -> list[Digest]:
        """The digests of the modules that call or start anything that a module defines."""
        known = self._using.get(path)
        if known is None:
            digests = [self.digest(user) for user in self.index.users.get(path, ())]
            known = self._using[path] = [digest for digest in digests if path in digest.targets]
        return known

    def held_around(self, module: ModuleFacts) -> dict[str, list[frozenset[str]]]:
        """By function of the module: what is held around each of its calls in other modules."""
        found: dict[str, list[frozenset[str]]] = {}
        for digest in self._users(module.path):
            for call in digest.calls:
                if call.target[0] == module.path:
                    found.setdefault(call.target[1], []).append(call.held)
        return found

    def roots_of(self, module: ModuleFacts) -> list[Root]:
        """Where units start, in other modules, that reach functions of this one."""
        found: dict[str, list[Root]] = {}
        todo = [_Way(module.path, function.qualname, function.qualname, None, 0) for function in module.functions]
        seen = set(todo)
        steps = 0
        while todo and steps < MOST_STEPS:
            way = todo.pop(0)
            for further, root in self._back(way):
                steps += 1
                if root is not None:
                    _keep(found.setdefault(way.target, []), root)
                elif further not in seen and further.level <= MOST_LEVELS:
                    seen.add(further)
                    todo.append(further)
        return [root for name in sorted(found) for root in found[name]]

    def _back(self, way: _Way) -> Iterator[tuple[_Way, Root | None]]:
        """The roots that start what the way has come to, and the functions of other modules that call it."""
        for digest in self._users(way.path):
            for path, root in digest.started:
                if path == way.path and root.unit == way.function:
                    text = root.text if way.level == 0 else f"`{way.function}` in {way.path} leads to it; {root.text}"
                    yield way, _at(way, root, text, called=way.level > 0)
            for call in digest.calls:
                if call.target == (way.path, way.function):
                    yield from _above(digest, call, way)


def _above(digest: Digest, call: OutsideCall, way: _Way) -> Iterator[tuple[_Way, Root | None]]:
    """The roots in the caller's module that lead to the call, and the functions on the way there."""
    names = digest.leads_to.get(call.caller, frozenset())
    own = _OWN.get(call.receiver) if way.own is None else way.own
    for root in digest.roots:
        if root.unit in names:
            how = f"calls it on line {call.line}" if root.unit == call.caller and way.level == 0 else "leads to it"
            text = f"`{root.unit}` in {digest.path} {how}; there {root.text}"
            yield way, _at(replace(way, own=own), root, text, called=True)
    for name in sorted(names):
        yield _Way(digest.path, name, way.target, own, way.level + 1), None


_OWN = {Receiver.SHARED: False, Receiver.NONE: False, Receiver.OWN: True, Receiver.GIVEN: True}
"""Whether each run has an object of its own to call; of what is handed in that is not known, so nothing is built on it."""


def _at(way: _Way, root: Root, text: str, called: bool) -> Root:
    """A root in another module, as one of the function that it leads to."""
    own = root.own_object if way.own is None else way.own
    return replace(root, unit=way.target, text=text, own_object=own, called=called)


def _keep(roots: list[Root], root: Root) -> None:
    """Adds a root that says something new."""
    same = [r for r in roots if (r.world, r.own_object, r.processes) == (root.world, root.own_object, root.processes)]
    if len(roots) < MOST_ROOTS and len(same) < 2 and root.strength is not Confidence.LOW:
        roots.append(root)
