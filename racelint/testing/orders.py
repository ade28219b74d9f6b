"""What an order of two calls comes to, and whether it is one that the calls have one after the other."""

from __future__ import annotations

import ast
import importlib
import linecache
import shutil
import types
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from racelint.testing.observe import ALIASES, PLAIN, Leaf, leaves, of_folder, of_module, same_objects

Shared = TypeVar("Shared")

RESULTS = "the results"
"""How the leaf begins that says whether the two results are equal."""
PLACES = 300
"""Places at which the first call is stopped; one with more is not tried to the end, and that is an error."""


class RaceFound(AssertionError):
    """An order of the two calls ends as neither of them after the other does."""


class Unfinished(AssertionError):
    """The test shows nothing yet: something in it must be filled in."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: what it returned, or what it raised."""

    value: object = None
    error: BaseException | None = None
    never: bool = False
    """It was given up."""

    def seen(self) -> tuple[str, object]:
        """What can be seen of it: how it ended, and with what."""
        if self.never:
            return "does not end", None
        return ("raises", self.error) if self.error is not None else ("returns", self.value)


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the first call was stopped."""

    line: int
    text: str

    def __str__(self) -> str:
        """The place, for people."""
        return f"line {self.line}, `{self.text}`" if self.line else "its first step"


@dataclass(slots=True)
class Passed:
    """What a run went through."""

    lines: set[str] = field(default_factory=set)
    """The text of the lines of the module that were reached, as far as can be told."""
    stop: Stop | None = None
    """Where the first call was stopped, if it came so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What can be seen when both calls have ended."""

    leaves: Counter[Leaf]
    passed: Passed
    ended: tuple[Ended, Ended]


@dataclass(frozen=True, slots=True)
class Case(Generic[Shared]):
    """What `check_tasks` and `check_threads` are given."""

    start: Callable[[Path], Shared]
    module: types.ModuleType
    folder: Path
    fresh: bool
    through: tuple[str, str] | None
    """A function and a line in it."""
    found_in: str
    """The `digest` of the module in which the race was found."""
    observe: Callable[[Shared], object] | None

    @property
    def file(self) -> str:
        """The file under test."""
        return self.module.__file__ or ""

    def prepare(self, number: int) -> Path:
        """An empty folder, and the module as it was when it was imported."""
        if self.fresh:
            for name in [name for name in vars(self.module) if not name.startswith("__")]:
                delattr(self.module, name)
            importlib.reload(self.module)
        folder = self.folder / f"order-{number}"
        folder.mkdir()
        return folder

    def outcome(self, shared: Shared, folder: Path, ended: tuple[Ended, Ended], passed: Passed) -> Outcome:
        """What can be seen now; the folder is taken away."""
        seen: dict[str, object] = {}
        for call, one in zip(("the first call", "the second call"), ended, strict=True):
            how, what = one.seen()
            seen[f"{call} {how}"] = what
        if self.observe is not None:
            seen["observed"] = self.observe(shared)
        else:
            top = of_module(self.module) if self.fresh else {}
            seen |= {
                "shared": shared if not isinstance(shared, Path) else None,
                "files": of_folder(folder),
                "module": top,
            }
        found = [leaf for name, value in seen.items() for leaf in leaves(value, (name,))]
        if self.observe is None:
            found += same_objects(self._named(shared, ended))
            found += _alike(*ended)
        shutil.rmtree(folder, ignore_errors=True)
        return Outcome(Counter(found), passed, ended)

    def _named(self, shared: Shared, ended: tuple[Ended, Ended]) -> Iterable[tuple[str, object]]:
        yield "the first result", ended[0].value
        yield "the second result", ended[1].value
        yield from ((f".{name}", value) for name, value in getattr(shared, "__dict__", {}).items())
        if self.fresh:
            yield from of_module(self.module).items()


def _alike(one: Ended, other: Ended) -> list[Leaf]:
    """Whether two calls return the same: a number that is given out twice is seen even if it is another in each run."""
    if not isinstance(one.value, PLAIN) or not isinstance(other.value, PLAIN):
        return []
    return [(RESULTS, "are equal" if one.value == other.value else "differ")]


def text_at(file: str, line: int) -> str:
    """A line of a file, without blanks around it and without what follows a `#`."""
    return bare(linecache.getline(file, line))


def bare(line: str) -> str:
    """What lines are compared by: comments come and go."""
    return line.partition("#")[0].strip()


Run = Callable[[str, int | None], Outcome]
"""Runs both calls anew: "first" or "second" goes first; the first is stopped at a place, or None."""


def compare(case: Case[Shared], rivals: Mapping[str, Run], harm: str) -> None:
    """Raises RaceFound at the first order that is none of the two without a stop, Unfinished if nothing was shown."""
    __tracebackhide__ = True  # pytest shows the line of the test, not ours
    reached: set[str] = set()
    places = 0
    for name, run in rivals.items():
        serial = {order: (_ending(run, order, name), _ending(run, order, name)) for order in ("first", "second")}
        noise = _Noise(serial.values())
        allowed = [noise.without(before) for before, _ in serial.values()]
        reached.update(*(one.passed.lines for both in serial.values() for one in both))
        for place in range(1, PLACES + 1):
            outcome = run("first", place)
            reached |= outcome.passed.lines
            if outcome.passed.stop is None:
                break
            places += 1
            seen = noise.without(outcome)
            if seen not in allowed:
                raise RaceFound(_told(name, harm, outcome, seen, allowed))
        else:
            raise Unfinished(f"there are more than {PLACES} places to stop at: let the calls do less work")
    _finished(case, reached, places, [outcome for both in serial.values() for outcome in both])


def _ending(run: Run, order: str, name: str) -> Outcome:
    """One call after the other. Raises Unfinished if they do not end by themselves."""
    __tracebackhide__ = True
    outcome = run(order, None)
    if any(ended.never for ended in outcome.ended):
        raise Unfinished(f"a call does not end by itself, even when {name} does not come in between: call what does")
    return outcome


class _Noise:
    """What differs from run to run of the same order, such as times and random names."""

    def __init__(self, pairs: Iterable[tuple[Outcome, Outcome]]) -> None:
        self._ways: set[tuple[str, ...]] = set()
        for one, other in pairs:
            self._learn(one.leaves, other.leaves)

    def _learn(self, one: Counter[Leaf], other: Counter[Leaf]) -> None:
        differing = [*(one - other), *(other - one)]
        known = [{leaf[:-1] for leaf in leaves} for leaves in (one, other)]
        for way in {leaf[:-1] for leaf in differing}:
            if way in known[0] and way in known[1]:
                self._ways.add(way)
            else:  # a key that is made up: all that is beside it may be
                there = known[1] if way in known[0] else known[0]
                self._ways.add(max((_common(way, other) for other in there), key=len, default=()))

    def without(self, outcome: Outcome) -> Counter[Leaf]:
        """The leaves; of what is noise, only how many there are."""
        if not self._ways:
            return outcome.leaves
        kept: Counter[Leaf] = Counter()
        for leaf, number in outcome.leaves.items():
            way = next((leaf[:end] for end in range(len(leaf)) if leaf[:end] in self._ways), None)
            kept[leaf if way is None else (*way, "…")] += number
        return kept


def _common(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return tuple(one[:same])


def _finished(case: Case[Shared], reached: set[str], places: int, serial: Sequence[Outcome]) -> None:
    """Raises Unfinished if the code of the finding was not run."""
    __tracebackhide__ = True
    errors = {repr(ended.error) for one in serial for ended in one.ended if ended.error is not None}
    why = f"; the calls ended with {', '.join(sorted(errors))}" if errors else ""
    if case.through is not None and case.through[1] not in reached and _is_in(case.file, *case.through):
        raise Unfinished(f"`{case.through[1]}` was not reached{why}: give `start` and the calls what leads there")
    if not places:
        raise Unfinished(f"the first call has no place to stop at{why}: give it what makes it wait")
    if case.found_in == digest("".join(linecache.getlines(case.file))):
        raise Unfinished(
            f"nothing is lost in {places} order{'s' if places > 1 else ''}{why}, but the module is as it was when the race was found: change what the "
            "calls are given, or `observe` what they lose (without `found_in` this passes)"
        )


def digest(text: str) -> str:
    """What tells whether code has changed; comments and blanks do not matter."""
    lines = (bare(line) for line in text.splitlines())
    return f"{zlib.crc32(chr(10).join(line for line in lines if line).encode('utf-8', 'surrogatepass')):08x}"


def _is_in(file: str, function: str, text: str) -> bool:
    """Whether a line is in a function of a file."""
    lines = linecache.getlines(file)
    body: list[ast.stmt] = ast.parse("".join(lines)).body
    node: ast.stmt | None = None
    for name in function.split("."):
        node = next((one for one in body if getattr(one, "name", "") == name), None)
        body = getattr(node, "body", [])
    return node is not None and any(bare(line) == text for line in lines[node.lineno - 1 : node.end_lineno])


def _told(name: str, harm: str, outcome: Outcome, seen: Counter[Leaf], allowed: Sequence[Counter[Leaf]]) -> str:
    nearest = min(allowed, key=lambda one: (one - seen).total() + (seen - one).total())
    lines = [f"{harm}: the first call is stopped at {outcome.passed.stop}, and {name} runs from beginning to end"]
    lines += [f"  missing:    {text}" for text in _differing(nearest, seen)]
    lines += [f"  unexpected: {text}" for text in _differing(seen, nearest)]
    lines.append("  one after the other, in either order, the two calls never end like that")
    return "\n".join(lines)


def _differing(one: Counter[Leaf], other: Counter[Leaf]) -> list[str]:
    """What only the one has; what follows from values that are shown is shown only if there are none."""
    left = sorted((one - other).items())
    plain = [(leaf, number) for leaf, number in left if leaf[0] not in (RESULTS, ALIASES)]
    return [_shown(leaf, number) for leaf, number in plain or left]


def _shown(leaf: Leaf, number: int) -> str:
    way = "".join(leaf[:-1]).replace("json", "")
    return f"{way} {leaf[-1]}" + (f" ({number} times)" if number > 1 else "")
