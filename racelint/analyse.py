"""The analysis of one module behind four calls: `collect`, `build_index`, `nominated`, `find_races`.

`run.py` and the flake8 plugin call these and nothing deeper. libcst is imported only when a definition is nominated.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace

from racelint.evidence import Concurrency, Outside
from racelint.facts import FunctionFacts, ModuleFacts, collect_facts
from racelint.finding import Confidence, Finding, World
from racelint.index import Index
from racelint.models.loader import load_models
from racelint.nominate import nominate
from racelint.rule import Rule
from racelint.source import Source


def collect(source: Source, tree: ast.Module | None = None) -> ModuleFacts:
    """Facts of one module; `tree` is its `ast.parse` if it is there already.

    Raises SyntaxError, ValueError (NUL bytes), RecursionError or MemoryError as `ast.parse` does.
    """
    return collect_facts(source, tree)


def build_index(modules: Iterable[ModuleFacts]) -> Index:
    """Join the facts of many modules."""
    return Index(tuple(modules))


def nominated(facts: ModuleFacts, index: Index, models: tuple[str, ...] = ()) -> bool:
    """Whether any definition of the module can hold a race at all."""
    return bool(facts.functions) and bool(_candidates(facts, index, models)[1])


def _candidates(facts: ModuleFacts, index: Index, models: tuple[str, ...]) -> tuple[Concurrency, list[FunctionFacts]]:
    """The nominated definitions of a module; the last answer is kept, because `find_races` asks again what `nominated` asked."""
    global _last
    if _last is None or _last[0] is not facts or _last[1] is not index or _last[2] != models:
        concurrency = _outside(index, models).concurrency(facts)
        _last = (facts, index, models, concurrency, nominate(concurrency.scope, concurrency))
    return _last[3], _last[4]


def _outside(index: Index, models: tuple[str, ...]) -> Outside:
    """What the modules of an index do with each other; kept as long as the index is the same."""
    global _project
    if _project is None or _project[0] is not index or _project[1] != models:
        _project = (index, models, Outside(index, load_models(models)))
    return _project[2]


_project: tuple[Index, tuple[str, ...], Outside] | None = None
_last: tuple[ModuleFacts, Index, tuple[str, ...], Concurrency, list[FunctionFacts]] | None = None


def find_races(
    source: Source,
    facts: ModuleFacts,
    index: Index,
    rules: Sequence[Rule],
    models: tuple[str, ...] = (),
    least: Confidence = Confidence.LOW,
) -> list[Finding]:
    """Findings of `rules` in one module, unsuppressed, sorted by `sort_key`: all that are at least as certain as `least`.

    Some less certain ones may be among them; in a file with comments that silence findings all are, so that no comment is
    called unused. One place gets one finding of a rule, the most certain one.
    """
    concurrency, candidates = _candidates(facts, index, models)
    scope = concurrency.scope
    if least is not Confidence.LOW and "racelint:" not in source.text and "noqa" not in source.text:
        candidates = [function for function in candidates if concurrency.can_be_sure(function)]
    if not candidates:
        return []
    from racelint.edits import repaired
    from racelint.flow.summaries import Program
    from racelint.pattern import Module

    program = Program(source, scope, concurrency)
    module = Module(program, candidates)
    found = _distinct([finding for rule in rules for finding in rule.find(module)])
    with_repairs = (repaired(program, one) if one.confidence.rank >= least.rank else one for one in found)
    return sorted(with_repairs, key=lambda finding: finding.sort_key)


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
            home, other = (finding, known) if _at_home(finding) > _at_home(known) else (known, finding)
            if other.confidence.rank > home.confidence.rank:
                home = replace(home, confidence=other.confidence, evidence=other.evidence)
            best[key] = home
        findings = list(best.values())
    explained = {finding.trace[-1].span for finding in findings if finding.code in GUARD_RULES}
    return [
        f
        for f in findings
        if f.world is not World.THREADS or f.code in GUARD_RULES or f.trace[-1].span not in explained
    ]


GUARD_RULES = ("RL601", "RL602")
"""They say why a change between threads is not guarded, so a second finding about the same change says nothing more."""


def _same_race(finding: Finding) -> tuple[object, ...]:
    return (finding.trace[0].span, finding.trace[-1].span)


def _same_place(finding: Finding) -> tuple[object, ...]:
    return (finding.code, finding.line, finding.column)


def _at_home(finding: Finding) -> bool:
    return finding.span == finding.trace[-1].span
