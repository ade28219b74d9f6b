"""Evidence from other modules: who starts, registers and calls the functions of one module, how many at once, under which locks."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.data import Root
from racelint.evidence.digest import Digest, OutsideCall, digest_of
from racelint.evidence.foreign import Receiver
from racelint.evidence.overlap import Concurrency
from racelint.evidence.reaching import Neighbours
from racelint.facts import ModuleFacts
from racelint.finding import Confidence
from racelint.frozen import dataclass, replace
from racelint.index import Index
from racelint.models.data import Models
from racelint.resolve import Scope

MOST_LEVELS = 3
"""Modules on the way from where a unit starts to the function that is looked at."""
MOST_STEPS = 2000
"""Functions that are looked at on the ways back from one module."""
MOST_ROOTS = 6
"""Roots in other modules that are kept for one function; more say nothing new."""
KEPT = 1000
"""Modules whose evidence is kept until they are looked at themselves."""


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
    guarded: bool = False
    """A call on the way is made under a lock."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What other modules do with a function."""

    started: list[Root]
    calls: list[tuple[Digest, OutsideCall]]


class Outside:
    """What the modules of a project do with each other's functions."""

    def __init__(self, index: Index, models: Models) -> None:
        self.index, self.models = index, models
        self._digests: dict[str, Digest] = {}
        self._alone: dict[str, Concurrency] = {}
        self._using: dict[tuple[str, str], Uses] = {}
        self._mentions: dict[str, set[str]] = {}
        self._by_target: dict[str, dict[tuple[str, str], Uses]] = {}

    def concurrency(self, module: ModuleFacts) -> Concurrency:
        """The units of a module and what can run while they do, with what other modules do with them."""
        alone = self._seen_alone(module)
        if module.path in self._digests:  # nobody else asks for more
            self._alone.pop(module.path)
        if module.path not in self.index.users:
            return alone
        return alone.joined(lambda: Neighbours(tuple(self.roots_of(module)), self.held_around(module)))

    def _seen_alone(self, module: ModuleFacts) -> Concurrency:
        known = self._alone.get(module.path)
        if known is None or known.scope.facts is not module:
            scope = Scope(module, self.index, self.models)
            scope.graft_bases()
            known = self._alone[module.path] = Concurrency(scope)
            if len(self._alone) > KEPT:
                self._alone.pop(next(iter(self._alone)))
        return known

    def digest(self, module: ModuleFacts) -> Digest:
        """What a module does with the functions of others."""
        known = self._digests.get(module.path)
        if known is None:
            known = self._digests[module.path] = digest_of(self._seen_alone(module))
        return known

    def _uses(self, path: str, function: str) -> Uses:
        """What other modules do with a function of a module: those that use the module and write the function's name."""
        known = self._using.get((path, function))
        if known is None:
            known = self._using[path, function] = Uses([], [])
            mentioning = self._mentioning(function.rpartition(".")[2])
            for user in self.index.users.get(path, ()) if mentioning else ():
                found = self._targets(user).get((path, function)) if user.path in mentioning else None
                if found is not None:
                    known.started.extend(found.started)
                    known.calls.extend(found.calls)
        return known

    def _mentioning(self, name: str) -> set[str]:
        known = self._mentions.get(name)
        if known is None:
            known = self._mentions[name] = self.index.mentioning(name)
        return known

    def _targets(self, user: ModuleFacts) -> dict[tuple[str, str], Uses]:
        """By path and name: what a module does with the functions of others."""
        known = self._by_target.get(user.path)
        if known is None:
            known = self._by_target[user.path] = {}
            digest = self.digest(user)
            for where, root in digest.started:
                known.setdefault((where, root.unit), Uses([], [])).started.append(root)
            for call in digest.calls:
                known.setdefault(call.target, Uses([], [])).calls.append((digest, call))
        return known

    def held_around(self, module: ModuleFacts) -> dict[str, list[frozenset[str]]]:
        """By function of the module: what is held around each of its calls in other modules."""
        calls = {f.qualname: self._uses(module.path, f.qualname).calls for f in module.functions}
        return {name: [call.held for _, call in sites] for name, sites in calls.items() if sites}

    def roots_of(self, module: ModuleFacts) -> list[Root]:
        """Where units start, in other modules, that reach functions of this one."""
        found: dict[str, list[Root]] = {}
        todo = [_Way(module.path, function.qualname, function.qualname, None, 0) for function in module.functions]
        seen = set(todo)
        for way in todo:
            roots = found.setdefault(way.target, [])
            self._add_roots(way, roots)
            if way.level < MOST_LEVELS and len(todo) < MOST_STEPS and len(roots) < MOST_ROOTS:
                further = dict.fromkeys(self._callers(way))
                todo.extend(step for step in further if step not in seen)
                seen.update(further)
        return [root for name in sorted(found) for root in found[name]]

    def _add_roots(self, way: _Way, roots: list[Root]) -> None:
        """Adds the roots in other modules that start what the way has come to, or lead to a call of it."""
        uses = self._uses(way.path, way.function)
        for root in uses.started:
            if _new(root, way.own, way.guarded, roots):
                text = root.text if way.level == 0 else f"`{way.function}` in {way.path} leads to it; {root.text}"
                here = _at(way, root, way.own, text, way.guarded, called=way.level > 0)
                roots.append(replace(here, run=f"{way.path}::{way.function}: {root.text}"))
        for digest, call in uses.calls:
            own = _OWN.get(call.receiver) if way.own is None else way.own
            names, guarded = digest.leads_to.get(call.caller, frozenset()), way.guarded or call.locked
            for root in digest.roots:
                if root.unit in names and _new(root, own, guarded, roots):
                    near = root.unit == call.caller and way.level == 0
                    how = f"calls it on line {call.line}" if near else "leads to it"
                    text = f"`{root.unit}` in {digest.path} {how}; there {root.text}"
                    here = _at(way, root, own, text, guarded, called=True)
                    roots.append(replace(here, origin=digest.path, run=f"{digest.path}::{root.unit}: {root.text}"))

    def _callers(self, way: _Way) -> Iterator[_Way]:
        """The functions in other modules that lead to calls of what the way has come to."""
        for digest, call in self._uses(way.path, way.function).calls:
            own = _OWN.get(call.receiver) if way.own is None else way.own
            for name in sorted(digest.leads_to.get(call.caller, ())):
                yield _Way(digest.path, name, way.target, own, way.level + 1, way.guarded or call.locked)


_OWN = {Receiver.SHARED: False, Receiver.NONE: False, Receiver.OWN: True, Receiver.GIVEN: True}
"""Whether each run has an object of its own to call; of what is handed in that is not known, so nothing is built on it."""


def _at(way: _Way, root: Root, own: bool | None, text: str, guarded: bool, *, called: bool) -> Root:
    """A root in another module, as one of the function that it leads to."""
    own_object = root.own_object if own is None else own
    return replace(root, unit=way.target, text=text, own_object=own_object, called=called, guarded=guarded)


def _new(root: Root, own: bool | None, guarded: bool, roots: list[Root]) -> bool:
    """Whether a root says something that two of those that are known do not."""
    if len(roots) >= MOST_ROOTS or root.strength is Confidence.LOW:
        return False
    kind = (root.world, root.many, root.own_object if own is None else own, root.processes, guarded)
    same = 0
    for known in roots:
        same += (known.world, known.many, known.own_object, known.processes, known.guarded) == kind
    return same < 2
