"""One `ast` pass over a module: what exists and who touches it, as plain data."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from racelint.source import Source


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    path: str


def collect_facts(source: Source, tree: ast.Module | None = None) -> ModuleFacts:
    if tree is None:
        tree = ast.parse(source.text)
    return ModuleFacts(source.path)
