"""How strong the evidence can be at most that two functions run at once: `Concurrency.overlap`, cheap and never too low."""

from __future__ import annotations

from collections.abc import Iterable

from racelint.evidence import Concurrency, Root
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.frozen import dataclass
from racelint.keys import ANY, GIVEN, OWN, Reach

RANKS = {Confidence.LOW: 0, Confidence.MEDIUM: 1, Confidence.HIGH: 2}
NOBODY = -1
"""Below all ranks: no two units run at once."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What starts a function in one world."""

    roots: frozenset[int]
    public: int
    """The rank of the strongest root that is public only; `NOBODY` if there is none."""
    other: int
    """The same of all other roots."""
    near: bool
    """One of these is neither in another module nor only documented: beside it, a public name says more than alone."""
    once: bool
    """There is one root, and it does not run twice at once."""

    @property
    def rank(self) -> int:
        """That of the strongest root."""
        return max(self.public, self.other)


class Meetings:
    """The functions of one module and what starts them."""

    def __init__(self, concurrency: Concurrency) -> None:
        self.concurrency = concurrency
        self._runs: dict[tuple[str, World, Reach], Runs] = {}

    def runs(self, function: FunctionFacts, world: World, reach: Reach = ANY) -> Runs:
        """What starts a function in a world, as far as it matters for a resource that is reached so."""
        key = (function.qualname, world, reach)
        known = self._runs.get(key)
        if known is None:
            known = self._runs[key] = self._find_runs(function, world, reach)
        return known

    def _find_runs(self, function: FunctionFacts, world: World, reach: Reach) -> Runs:
        numbers, public, other, near, many = [], NOBODY, NOBODY, False, False
        for number in self.concurrency.reached.get(function.qualname, ()):
            root = self.concurrency.roots[number]
            rank = RANKS[root.strength]
            if root.world != world.value or not (ways := self._ways(root, reach, function.owner)):
                continue
            numbers.append(number)
            many = many or root.many
            if not root.public:
                other = max(other, rank)
                near = near or not (root.called or root.documented)
                continue
            if rank and not ways & ANY and self._outside_of_classes(root.unit):
                rank = 0
            if not rank and world is World.THREADS and ways & ANY and self._guards_globals(root.unit):
                rank = RANKS[Confidence.MEDIUM]
            public = max(public, rank)
        return Runs(frozenset(numbers), public, other, near, len(numbers) == 1 and not many)

    def _ways(self, root: Root, reach: Reach, owner: str) -> Reach:
        """The ways on which runs from the root meet others in a method of `owner`: not on their own object, nor on what a
        framework hands them."""
        if root.own_object and not self.concurrency.of_another_object(root, owner):
            reach &= ~OWN
        if root.handler or root.called:
            reach &= ~GIVEN
        return reach

    def _outside_of_classes(self, qualname: str) -> bool:
        unit = self.concurrency.scope.functions.get(qualname)
        return unit is not None and not unit.owner

    def _guards_globals(self, qualname: str) -> bool:
        """Whether a function of a module that has locks may change state of the module which a lock guards elsewhere."""
        return self.concurrency.has_locks and self._outside_of_classes(qualname)

    def meeting(self, one: FunctionFacts, others: Iterable[Runs], world: World, reach: Reach = ANY) -> int:
        """The rank that the evidence for a run at once with one of others has at most, as `Concurrency.overlap` has it; `NOBODY` for none."""
        left = self.runs(one, world, reach)
        return max((self._both(left, right) for right in others), default=NOBODY)

    def kinds(self, functions: Iterable[FunctionFacts], world: World, reach: Reach) -> list[Runs]:
        """How functions are started, each way once: hundreds of methods of one class are mostly started alike."""
        found: dict[object, Runs] = {}
        for function in functions:
            runs = self.runs(function, world, reach)
            found.setdefault((runs.public, runs.other, runs.near, runs.roots if runs.once else bool(runs.roots)), runs)
        return list(found.values())

    def _both(self, left: Runs, right: Runs) -> int:
        if not left.roots or not right.roots or (left.once and left.roots == right.roots):
            return NOBODY
        rank = min(left.rank, right.rank)
        if rank == 0 and not self.concurrency.unlikely:
            mixed = (left.public >= 0 and right.near) or (left.near and right.public >= 0)
            return 1 if mixed else 0
        return rank
