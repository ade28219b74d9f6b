"""The analysis of one module behind three calls: `collect`, `build_index`, `find_races`.

`run.py` and the flake8 plugin call these and nothing deeper.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from racelint.facts import ModuleFacts, collect_facts
from racelint.finding import Finding
from racelint.index import Index
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


def nominated(facts: ModuleFacts, index: Index) -> bool:
    """Whether any definition of the module can hold a race at all; libcst is imported for no other module."""
    return False


def find_races(source: Source, facts: ModuleFacts, index: Index, rules: Sequence[Rule]) -> list[Finding]:
    """Every finding of `rules` in one module, of all confidences, unsuppressed, sorted by `sort_key`."""
    return []
