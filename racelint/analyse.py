"""The analysis of one module behind four calls: `collect`, `build_index`, `nominated`, `find_races`.

`run.py` and the flake8 plugin call these and nothing deeper. libcst is imported only when a definition is nominated.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from racelint.evidence import Concurrency
from racelint.facts import ModuleFacts, collect_facts
from racelint.finding import Finding
from racelint.index import Index
from racelint.models.loader import load_models
from racelint.nominate import nominate
from racelint.resolve import Scope
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
    if not facts.functions:
        return False
    scope = Scope(facts, index, load_models(models))
    return bool(nominate(scope, Concurrency(scope)))


def find_races(
    source: Source, facts: ModuleFacts, index: Index, rules: Sequence[Rule], models: tuple[str, ...] = ()
) -> list[Finding]:
    """Every finding of `rules` in one module, of all confidences, unsuppressed, sorted by `sort_key`.

    One place gets one finding of a rule, the most certain one.
    """
    scope = Scope(facts, index, load_models(models))
    concurrency = Concurrency(scope)
    candidates = nominate(scope, concurrency)
    if not candidates:
        return []
    from racelint.flow.summaries import Program
    from racelint.pattern import Module

    module = Module(Program(source, scope, concurrency), candidates)
    best: dict[tuple[str, int, int], Finding] = {}
    for rule in rules:
        for finding in rule.find(module):
            key = (finding.code, finding.line, finding.column)
            if key not in best or finding.confidence.rank > best[key].confidence.rank:
                best[key] = finding
    return sorted(best.values(), key=lambda finding: finding.sort_key)
