"""The analysis of one module behind four calls: `collect`, `build_index`, `nominated`, `find_races`.

`run.py` and the flake8 plugin call these and nothing deeper. libcst is imported only when a definition is nominated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from racelint.expressions import expression
from racelint.facts import FunctionFacts, ModuleFacts, collect_facts
from racelint.facts.source_text import as_written
from racelint.finding import Confidence, Finding, Fix, NearMiss, Role, Span, World
from racelint.frozen import dataclass, replace
from racelint.index import Index
from racelint.need import Nominee
from racelint.rule import Rule
from racelint.source import Source

if TYPE_CHECKING:
    from racelint.evidence import Concurrency, Outside
    from racelint.flow.summaries import Program
    from racelint.pattern.module import Module

Failed = Callable[[Exception], None]
"""Takes a mistake of ours, so that the rest goes on."""


def collect(source: Source, tree: ast.Module | None = None) -> ModuleFacts:
    """Facts of one module; `tree` is its `ast.parse` if it is there already.

    Raises SyntaxError, ValueError (NUL bytes), RecursionError or MemoryError as `ast.parse` does.
    """
    return collect_facts(source, tree)


def build_index(modules: Iterable[ModuleFacts], whole: bool = True) -> Index:
    """Join the facts of many modules; `whole` is whether they are all there are, as far as anybody has looked."""
    return Index(tuple(modules), whole)


def nominated(
    facts: ModuleFacts,
    index: Index,
    rules: Sequence[Rule],
    models: tuple[str, ...] = (),
    least: Confidence = Confidence.LOW,
) -> Nominated | None:
    """The definitions of a module in which the rules may find a race that is at least as certain as `least`; None for none."""
    needs = {need for rule in rules for need in rule.needs}
    if not facts.functions or not needs:
        return None
    from racelint.nominate import nominate  # a third of a start, and what a cache remembers is not asked for

    concurrency = _outside(index, models).concurrency(facts)
    definitions = nominate(concurrency.scope, concurrency, needs, least)
    return Nominated(concurrency, definitions, least) if definitions else None


def _outside(index: Index, models: tuple[str, ...]) -> Outside:
    """What the modules of an index do with each other; kept as long as the index is the same."""
    from racelint.evidence import Outside
    from racelint.models.loader import load_models

    global _project
    if _project is None or _project[0] is not index or _project[1] != models:
        _project = (index, models, Outside(index, load_models(models)))
    return _project[2]


_project: tuple[Index, tuple[str, ...], Outside] | None = None


@dataclass(frozen=True, slots=True)
class Nominated:
    """What is worth parsing in a module."""

    concurrency: Concurrency
    definitions: list[Nominee]
    least: Confidence
    """The confidence that was asked for."""


def _raised(error: Exception) -> None:
    raise error


def find_races(
    source: Source,
    nominees: Nominated,
    rules: Sequence[Rule],
    runtime: str | None = "racelint.runtime",
    failed: Failed = _raised,
) -> list[Finding]:
    """Findings of `rules` in one module, unsuppressed, sorted by `sort_key`; fixes import helpers from the module `runtime`, and
    there are none if that is None.

    Some may be less certain than what was asked for when the definitions were nominated. One place gets one finding of a rule,
    the most certain one. A mistake of ours in a definition, a rule or a repair is handed to `failed`, and costs no more than
    that.
    """
    from racelint.flow.summaries import Program
    from racelint.pattern.module import Module

    concurrency = nominees.concurrency
    program = Program(source, concurrency.scope, concurrency)
    module = Module(program, nominees.definitions, failed=failed)
    met = frozenset().union(*(nominee.needs for nominee in nominees.definitions))
    asked = [rule for rule in rules if not met.isdisjoint(rule.needs)]  # the others need not even be imported
    found = _distinct(
        [finding for rule in asked for finding in _by_rule(rule, module, failed) if not _elsewhere(finding)]
    )
    found = [_where_it_stands(finding, concurrency.scope.facts) for finding in found]
    if any(rule.code == LIMIT for rule in rules):
        found = [*found, *(_limit(program, facts, why) for facts, why in module.incomplete)]
    if runtime is not None and any(_is_sure(finding, nominees) for finding in found):
        from racelint.edits import Repairs

        repairs = Repairs(program, runtime, failed)
        found = [repairs.repaired(one) if _is_sure(one, nominees) else one for one in found]
    module.close()
    return sorted(map(_as_written, found), key=lambda finding: finding.sort_key)


def _as_written(finding: Finding) -> Finding:
    """The finding with the properties that it names as they are written."""
    if "@" not in f"{finding.symbol}{finding.message}{finding.evidence}":
        return finding
    told = as_written(finding.symbol), as_written(finding.message), as_written(finding.evidence)
    return replace(finding, symbol=told[0], message=told[1], evidence=told[2])


def _by_rule(rule: Rule, module: Module, failed: Failed) -> Iterator[Finding]:
    """What a rule finds; what it has found stands, if it fails then."""
    try:
        yield from rule.find(module.as_seen_by(rule))
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001 - a mistake of ours is told, and the rest goes on
        failed(error)


def _is_sure(finding: Finding, nominees: Nominated) -> bool:
    """Whether the finding is as certain as was asked for, so that it may be shown."""
    return finding.confidence.rank >= nominees.least.rank


def find_near_misses(
    source: Source,
    nominees: Nominated,
    rules: Sequence[Rule],
    found: Iterable[Finding],
    failed: Failed = _raised,
) -> list[NearMiss]:
    """What would be findings beside those of `found`, were it not for what makes it safe; by place.

    As slow as `find_races`: all rules are run once more. Mistakes of ours are handed to `failed`.
    """
    from racelint.flow.summaries import Program
    from racelint.pattern.doubts import Doubts
    from racelint.pattern.module import Module

    program = Program(source, nominees.concurrency.scope, nominees.concurrency)
    module = Module(program, nominees.definitions, Doubts(), failed)
    doubtful = [one for rule in rules for one in _by_rule(rule, module, failed) if one.evidence and not _elsewhere(one)]
    known = {key(one) for one in found for key in (_same_race, _same_place)}
    misses = (one for one in _distinct(doubtful) if known.isdisjoint((_same_race(one), _same_place(one))))
    return sorted(
        (NearMiss(one.path, one.line, one.column, one.code, one.evidence) for one in misses),
        key=lambda miss: miss.sort_key,
    )


LIMIT = "RL902"


def _limit(program: Program, facts: FunctionFacts, why: str) -> Finding:
    """The RL902 of a definition: it stands at its name, and holds in all worlds."""
    line = next((n for n in range(facts.first, facts.last + 1) if _HEAD.match(program.lines[n - 1])), facts.first)
    head = program.lines[line - 1]
    name = as_written(facts.name)
    column = head.find(name) + 1
    return Finding(
        code=LIMIT,
        name="analysis-limit",
        path=program.source.path,
        symbol=facts.qualname,
        span=Span(line, max(column, 1), line, max(column, 1) + len(name)),
        world=World.TASKS,
        resource="",
        confidence=Confidence.HIGH,
        message=f"`{name}` {why}",
        harm="not analysed",
        evidence="",
        trace=(),
        fix=Fix("split it"),
    )


_HEAD = expression(r"\s*(?:async\s+)?def\b")


def _elsewhere(finding: Finding) -> bool:
    """Whether all of the race happens in one call of a helper of another module, where it is reported."""
    return len(finding.trace) > 1 and len({(step.span, step.text) for step in finding.trace}) == 1


def _where_it_stands(finding: Finding, facts: ModuleFacts) -> Finding:
    """A race that was reported at the call of a helper of the module, moved into the helper if all of it stands there."""
    lines = {step.span.line for step in finding.trace}
    at = next((s for s in reversed(finding.trace) if s.role in (Role.WRITE, Role.ACT)), finding.trace[0])
    if len(finding.trace) < 2 or finding.span in {step.span for step in finding.trace}:
        return finding
    around = [f for f in facts.functions if f.first <= min(lines) and max(lines) <= f.last]
    if not around or any(f.qualname == finding.symbol for f in around):
        return finding
    return replace(finding, symbol=max(around, key=lambda f: f.first).qualname, span=at.span)


def _distinct(findings: list[Finding]) -> Iterable[Finding]:
    """One finding for one pair of accesses and one for one place: that of the unit they stand in, the most certain one.

    A helper's race is seen again in every unit that calls the helper; the certainty of the callers is kept.
    """
    best: dict[tuple[object, ...], Finding] = {}
    for key_of in (_same_race, _same_place):
        best = {}
        for finding in findings:
            key = key_of(finding)
            known = best.get(key)
            if known is None:
                best[key] = finding
                continue
            surer = known.confidence is Confidence.LOW and finding.confidence is not known.confidence
            later = _precedence(finding), surer and finding.code != known.code
            home, other = (finding, known) if later > (_precedence(known), False) else (known, finding)
            if other.confidence.rank > home.confidence.rank:
                home = replace(home, confidence=other.confidence, evidence=other.evidence)
            best[key] = home
        findings = list(best.values())
    explained = {finding.trace[-1].span for finding in findings if finding.code in GUARD_RULES}
    surest: dict[Span, Finding] = {}
    for finding in findings:
        span = finding.trace[-1].span
        if finding.world is World.THREADS and span in explained:
            surest[span] = max(surest.get(span, finding), finding, key=lambda one: one.confidence.rank)
    return [
        _as_sure_as(f, surest.get(f.trace[-1].span, f)) if f.code in GUARD_RULES else f
        for f in findings
        if f.world is World.TASKS or f.code in GUARD_RULES or f.trace[-1].span not in explained
    ]


def _as_sure_as(finding: Finding, other: Finding) -> Finding:
    """The finding that explains a change, with the certainty of one that shows the same change to be lost whoever holds the lock.

    Less than surely it does not show that: who is known by being public alone may come before the others.
    """
    if finding.world is not World.THREADS or other.confidence is not Confidence.HIGH:
        return finding
    return replace(finding, confidence=other.confidence, evidence=other.evidence)


GUARD_RULES = ("RL601", "RL602")
"""They say why a change between threads or processes is not guarded, so a second finding about the same change says nothing more."""


def _same_race(finding: Finding) -> tuple[object, ...]:
    return (finding.trace[0].span, finding.trace[-1].span, finding.code == COPIES_RULE and _at_home(finding))


COPIES_RULE = "RL402"
"""Says that processes have copies, whatever threads of one process lose among themselves: no lock helps against that."""


def _same_place(finding: Finding) -> tuple[object, ...]:
    return (finding.code, finding.line, finding.column)


def _precedence(finding: Finding) -> tuple[bool, bool]:
    """What is told of a race that is seen in several ways: first why the lock that is there does not help, then what stands at the act."""
    told = finding.code == ROW_LOCK_RULE or (finding.code == QUEUE_RULE and _LOST_LOCK in finding.message)
    return told, _at_home(finding)


ROW_LOCK_RULE = "RL604"
"""Says why the lock that a race's first access takes keeps nobody out of it."""

QUEUE_RULE = "RL502"
_LOST_LOCK = "the lock that it is chosen with"
"""So RL502 begins to say the same of an item of a queue."""


def _at_home(finding: Finding) -> bool:
    return finding.span == finding.trace[-1].span
